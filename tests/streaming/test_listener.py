"""Tests of popclass.streaming.listener."""

import copy
import itertools
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import recordings
from hypothesis import given, settings
from hypothesis import strategies as st

import popclass
from popclass.errors import AudioError, UsageError
from popclass.metadata import Metadata
from popclass.model.model import Model
from popclass.pipeline import analyze
from popclass.postprocess import postprocess
from popclass.schema import COUNT_BY
from popclass.streaming import Listener

RATE = 12_000
BEGAN = datetime(2026, 11, 24, 10, tzinfo=UTC)


@pytest.fixture(scope="module")
def model():
    """Return the default model with a context window shorter than the streams."""
    default = Model.default()
    info = copy.deepcopy(default.info)
    info["context"]["likeness"]["window_s"] = 1.5
    return Model(default.graph, info)


@pytest.fixture(scope="module")
def eager(model):
    """Return the same model, for which cavitations are more frequent."""
    info = copy.deepcopy(model.info)
    info["calibration"]["bias"][model.classes.index("cavitation")] += 1.5
    return Model(model.graph, info)


def stream(seed, *, seconds=12.0, bursts=8, channels=1, rate=RATE):
    """Return noise with bursts of 1-5 sounds of three kinds, some of them similar; the last may be at the very end."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 0.002, (round(seconds * rate), channels))
    kinds = [recordings.sound(kind, rng)[::4] for kind in recordings.KINDS for _ in range(2)]
    for begin in np.sort(rng.uniform(0, seconds, bursts)):
        for gap in np.cumsum(rng.choice([0.007, 0.03, 0.2], rng.integers(1, 6))):
            sound = kinds[rng.integers(len(kinds))]
            at = round((begin + gap) * rate)
            part = x[at : at + len(sound), rng.integers(channels)]
            part += rng.choice([0.01, 0.1, 0.4]) * sound[: len(part)]
    return x.astype(np.float32)


def listen(listener, samples, cuts):
    """Return all reports for a stream cut into blocks, and the last revision of each number."""
    reports = [event for block in np.split(samples, cuts) for event in listener.feed(block)] + listener.close()
    return reports, {event.event: event for event in reports}


def assert_same(live, event):
    """Assert equal labels and positions, and equal numbers but for rounding."""
    words = ("event", "burst", "onset", "peak", "end", "channel", "label", "acoustic_label", "timing", "timing_reason")
    for name in words:
        assert getattr(live, name) == getattr(event, name), name
    for name, step in {
        "p_label": 1e-4,
        "novelty": 1e-4,
        "snr_db": 1e-2,
        "peak_dbfs": 1e-2,
        "since_cavitation_s": 1e-6,
    }.items():
        assert getattr(live, name) == pytest.approx(getattr(event, name), abs=step), name
    assert live.probabilities == pytest.approx(event.probabilities, abs=1e-4)


def confirmed(last):
    """Return the events that were not withdrawn, in order."""
    return [last[number] for number in sorted(last) if not last[number].withdrawn]


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    cuts=st.lists(st.integers(0, 12 * RATE), max_size=12),
    channels=st.sampled_from([1, 2]),
    site=st.sampled_from([None, "mcp", "wrist"]),
    refractory=st.sampled_from([0.3, 1.0, 3.0, 1200.0]),
    least=st.sampled_from([None, 0.0, 0.7]),
)
def test_feed_last_revisions_match_classify(model, seed, cuts, channels, site, refractory, least):
    samples = stream(seed, channels=channels)
    options = {"model": model, "site": site, "refractory": refractory, "min_probability": least}
    reports, last = listen(Listener(RATE, channels=channels, **options), samples, sorted(cuts))
    whole = popclass.classify(samples, sample_rate=RATE, **options).events
    assert [event.event for event in confirmed(last)] == [event.event for event in whole]
    for live, event in zip(confirmed(last), whole, strict=True):
        assert_same(live, event)
    for number in last:  # no revision is missing or equals the one before
        mine = [event for event in reports if event.event == number]
        assert [event.revision for event in mine] == list(range(len(mine)))
        plain = [event.plain() for event in mine]
        assert all(one != other for one, other in itertools.pairwise(plain))


@pytest.mark.slow
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000), cuts=st.lists(st.integers(0, 12 * RATE), max_size=30))
def test_feed_any_block_size(model, seed, cuts):
    samples = stream(seed)
    at_once, _ = listen(Listener(RATE, model=model, site="mcp"), samples, [])
    in_parts, _ = listen(Listener(RATE, model=model, site="mcp"), samples, sorted(cuts))
    assert in_parts == at_once


@pytest.mark.slow
def test_feed_latency(model):
    late = []
    for seed in range(6):
        samples = stream(seed, seconds=8, bursts=6)
        listener = Listener(RATE, model=model)
        first, known = {}, {}
        for at in range(0, len(samples), 60):
            for event in listener.feed(samples[at : at + 60]):
                known[event.event] = event
                first.setdefault(event.onset, listener.time_s)
        for event in listener.close():
            known[event.event] = event
        ends = {event.onset: event.end_s for event in confirmed(known)}
        seen = np.array(sorted(first))
        for onset, end in ends.items():  # a later revision may move an onset by some samples
            near = seen[np.abs(seen - onset).argmin()]
            if end < 7.5:
                late.append(first[int(near)] - end)
    assert len(late) > 40
    assert np.quantile(late, 0.95) <= 0.150


@pytest.mark.slow
def test_pending_events_bounded(model):
    listener = Listener(RATE, model=model, site="mcp", refractory=1.0)
    most = 0
    for seed in range(30):
        listener.feed(stream(seed, bursts=4))
        most = max(most, listener.pending_events)
    reports = listener.close()
    assert reports[-1].event > 150
    assert most < 60


@pytest.mark.slow
@pytest.mark.parametrize("count_by", COUNT_BY)
def test_save_session_and_resume(eager, tmp_path, count_by):
    """A resumed stream gets the labels that a common timeline of both recordings gives it."""
    related = 0
    for seed in range(10, 18):
        streams = [stream(seed, bursts=4, seconds=6), stream(seed + 100, bursts=4, seconds=6)]
        starts = [BEGAN, BEGAN + timedelta(seconds=7)]
        options = {"model": eager, "site": "mcp", "subject": "P1", "refractory": 8.0, "count_by": count_by}
        first = Listener(RATE, recorded_at=starts[0], **options)
        listen(first, streams[0], [5000])
        first.save_session(tmp_path / "session.json")
        second = Listener(RATE, recorded_at=starts[1], resume=tmp_path / "session.json", **options)
        _, last = listen(second, streams[1], [20_000])
        metadata = [Metadata(site="mcp", subject="P1", recorded_at=start) for start in starts]
        extractions = [analyze(samples, eager, sample_rate=RATE, name=str(at)) for at, samples in enumerate(streams)]
        rules = {"refractory_s": 8.0, "count_by": count_by}
        whole = postprocess(extractions, metadata, eager, **rules)[1].events
        for live, event in zip(confirmed(last), whole, strict=True):
            assert_same(live, event)
        alone = popclass.classify(streams[1], sample_rate=RATE, **(options | {"subject": None})).events
        related += [event.timing for event in alone] != [event.timing for event in whole]
    assert related > 0, "the first stream changed a label"


def test_frequencies(model, tmp_path):
    """Estimated from all events, those of earlier streams included."""
    assert Listener(RATE, model=model).frequencies is None
    options = {"model": model, "subject": "P1", "class_frequencies": "estimate"}
    first = Listener(RATE, recorded_at=BEGAN, **options)
    listen(first, stream(3), [5000])
    first.save_session(tmp_path / "session.json")
    assert sum(first.frequencies.values()) == pytest.approx(1)
    whole = popclass.classify(stream(3), sample_rate=RATE, **options).session.frequencies
    assert first.frequencies == pytest.approx(whole, abs=0.003)
    second = Listener(RATE, recorded_at=BEGAN + timedelta(seconds=20), resume=tmp_path / "session.json", **options)
    listen(second, stream(4), [5000])
    metadata = [Metadata(subject="P1", recorded_at=BEGAN + timedelta(seconds=s)) for s in (0, 20)]
    analyses = [analyze(stream(seed), model, sample_rate=RATE, name=str(seed)) for seed in (3, 4)]
    session = postprocess(analyses, metadata, model, class_frequencies="estimate")[1].session
    assert second.frequencies == pytest.approx(session.frequencies, abs=0.003)


def test_feed_no_events(model):
    listener = Listener(RATE, model=model)
    assert listener.feed(np.random.default_rng(0).normal(0, 0.01, 5 * RATE)) == []
    assert listener.close() == []
    assert listener.close() == []
    silent = Listener(RATE, model=model)
    assert silent.feed(np.zeros(2 * RATE, np.int16)) == []
    assert silent.close() == []
    assert "silence" in silent.warnings[0]


def test_feed_and_options_invalid(model):
    listener = Listener(RATE, model=model)
    for block in (np.zeros((10, 2)), np.zeros((2, 2, 2)), np.array(["a"])):
        with pytest.raises(UsageError):
            listener.feed(block)
    with pytest.raises(AudioError, match="NaN"):
        listener.feed(np.full(10, np.nan))
    listener.close()
    with pytest.raises(UsageError, match="closed"):
        listener.feed(np.zeros(10))
    for options in (
        {"sample_rate": 4000},
        {"channels": 9},
        {"site": "tail"},
        {"refractory": 0},
        {"min_probability": 2},
    ):
        with pytest.raises(UsageError):
            Listener(model=model, **options)
    with pytest.raises(UsageError, match="recorded_at"):
        Listener(model=model, resume="session.json")


def test_rest_s_first_free_cavity(samples):
    listener = Listener(recordings.RATE, cavities=1, refractory=100.0)
    assert listener.rest_s == 0
    for block in np.array_split(samples, 50):
        listener.feed(block)
    listener.close()
    events = popclass.classify(samples, sample_rate=recordings.RATE, cavities=1, refractory=100.0).events
    took = [event.start_s for event in events if event.timing == "consistent"]
    assert listener.rest_s == pytest.approx(max(took[-1] + 100 - 4.5, 0) if took else 0)
