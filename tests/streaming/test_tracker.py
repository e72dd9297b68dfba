"""Tests of popclass.streaming.tracker."""

import copy
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.extraction import number_events
from popclass.label_rules import LabelRules
from popclass.model.model import Model
from popclass.pipeline import extract_features
from popclass.postprocess import assign_labels
from popclass.results import Event
from popclass.schema import COUNT_BY
from popclass.streaming import tracker
from popclass.streaming.session import History
from popclass.streaming.tracker import EventTracker, shown_values
from popclass.timing.timeline import Placed

RATE = 8000
SAMPLES = Path(__file__).resolve().parents[2] / "samples" / "labelled"


@pytest.fixture(scope="module")
def model():
    """Return the default model with a short context window."""
    default = Model.default()
    info = copy.deepcopy(default.info)
    info["context"]["likeness"]["window_s"] = 2.0
    return Model(default.graph, info)


@pytest.fixture(scope="module")
def table(model):
    """Return features of real recordings, half of them cavitation."""
    paths = [path for kind in ("cavitation", "snapping") for path in sorted((SAMPLES / kind).glob("*.flac"))[:12]]
    return np.concatenate([extract_features(path, model=model)[0] for path in paths])


def random_events(seed, table, events=120):
    """Return events in bursts, with features."""
    rng = np.random.default_rng(seed)
    gaps = rng.choice([0.008, 0.03, 0.2, 0.6, 2.0, 7.0], events, p=[0.15, 0.15, 0.2, 0.2, 0.2, 0.1])
    onsets = np.rint(np.cumsum(gaps) * RATE).astype(int)
    found = [Event(int(onset), int(onset), int(onset) + 20, RATE, 1, rng.uniform(0, 30), -20.0) for onset in onsets]
    return found, table[rng.integers(0, len(table), events)]


def label_at_once(model, events, features, rules):
    """Return all events labelled at once, as `popclass.postprocess` does it for a recording."""
    events = number_events(events)
    acoustic, novelty = model.probabilities(features), model.novelty(features)
    columns = [np.array([getattr(event, name) for event in events]) for name in ("start_s", "burst", "snr_db")]
    contextual = model.context.probabilities(features, model.include_novelty(acoustic, novelty), *columns)
    placed = Placed(columns[0], columns[1], np.zeros_like(columns[1]))
    labels = assign_labels(placed, contextual, novelty, rules.with_frequencies_of(contextual))
    return [labels.apply(at, event, model.classes, acoustic[at], novelty[at]) for at, event in enumerate(events)]


@pytest.mark.slow
@pytest.mark.parametrize("share", [1 / 1000, 0.3])
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    capacity=st.sampled_from([None, 1, 2, 5]),
    period_s=st.sampled_from([0.1, 1.0, 5.0, 30.0]),
    count_by=st.sampled_from(COUNT_BY),
)
def test_update_like_postprocess(model, table, share, seed, capacity, period_s, count_by):
    rules = LabelRules.of(model, capacity=capacity, refractory_s=period_s, count_by=count_by)
    before, tracker.UPDATE_SHARE = tracker.UPDATE_SHARE, share
    try:
        events, features = random_events(seed, table)
        history = History.empty(len(model.classes))
        event_tracker = EventTracker(model, RATE, rules, history)
        last, rng, at = {}, np.random.default_rng(seed), 0
        while at < len(events):
            some = int(rng.integers(1, 6))
            event_tracker.add(events[at : at + some], features[at : at + some])
            at += some
            until = events[at].onset if at < len(events) else events[-1].onset + RATE
            for event in event_tracker.update(until, last=at >= len(events)):
                assert event.event > 0
                assert event.revision == (last[event.event].revision + 1 if event.event in last else 0)
                last[event.event] = event
            assert event_tracker.final_events <= max(last, default=0)
    finally:
        tracker.UPDATE_SHARE = before
    whole = label_at_once(model, events, features, rules)
    # sums of arrays of other lengths may round differently
    wrong = [
        (one, other)
        for one, other in zip([last[event.event] for event in whole], whole, strict=True)
        if (one.label, one.timing, one.timing_reason) != (other.label, other.timing, other.timing_reason)
        or one.since_cavitation_s != pytest.approx(other.since_cavitation_s, abs=1e-6)
        or one.p_label != pytest.approx(other.p_label, abs=1e-4)
    ]
    assert not wrong


def test_update_estimated_frequencies(model, table):
    """While no event is final, labels are those of all events at once; counts of forgotten events are kept."""
    rules = LabelRules.of(model, capacity=2, refractory_s=5.0, class_frequencies="estimate")
    events, features = random_events(2, table, events=400)
    trackers = [EventTracker(model, RATE, rules, History.empty(len(model.classes))) for _ in range(2)]
    trackers[0].add(events, features)
    last = {event.event: event for event in trackers[0].update(events[-1].onset + RATE, last=True)}
    whole = label_at_once(model, events, features, rules)
    at_once = np.array(list(trackers[0].frequencies.values()))
    for at, event in enumerate(events):
        trackers[1].add([event], features[at : at + 1])
        list(trackers[1].update(event.onset + 1))
    assert len(trackers[1].rows) < 200
    assert trackers[1].history().class_counts.sum() == pytest.approx(400)
    # events that are forgotten count by the estimate of their time
    np.testing.assert_allclose(list(trackers[1].frequencies.values()), at_once, atol=0.1)
    assert [last[event.event].label for event in whole] == [event.label for event in whole]


def test_final_events(model, table):
    events, features = random_events(1, table, events=400)
    history = History.empty(len(model.classes))
    event_tracker = EventTracker(model, RATE, LabelRules.of(model, capacity=2, refractory_s=5.0), history)
    final = 0
    for at, event in enumerate(events):
        event_tracker.add([event], features[at : at + 1])
        assert all(each.event > final for each in event_tracker.update(event.onset + 1))
        final = event_tracker.final_events
    assert final > 200
    assert len(event_tracker.rows) < 200


def test_report_provisional_withdrawn(model, table):
    """A provisional event is not confirmed: the next ones get smaller numbers, and the last number is withdrawn."""
    events, features = random_events(2, table, events=3)
    event_tracker = EventTracker(
        model, RATE, LabelRules.of(model, capacity=1, refractory_s=5.0), History.empty(len(model.classes))
    )
    seen = list(event_tracker.report_provisional(events, features))
    assert [(event.event, event.revision) for event in seen] == [(1, 0), (2, 0), (3, 0)]
    assert list(event_tracker.report_provisional(events, features)) == [], "nothing is new"
    event_tracker.add(events[1:2], features[1:2])
    (first,) = event_tracker.update(events[1].onset + 1)
    assert (first.event, first.revision, first.onset) == (1, 1, events[1].onset)
    second, third = event_tracker.report_provisional(events[2:], features[2:])
    assert (second.event, second.revision, second.onset) == (2, 1, events[2].onset)
    assert (third.event, third.revision, third.withdrawn) == (3, 1, True)
    assert shown_values(first) != shown_values(seen[0])
