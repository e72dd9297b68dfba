"""popclass.postprocess: labels after timing, doubt said openly, nothing dropped."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.errors import UsageError
from popclass.pipeline import number_events
from popclass.postprocess import Metadata, posteriors, postprocess
from popclass.results import CONSISTENT, REFRACTORY, UNCERTAIN, UNCHECKED, Analysis, Event, RecordingInfo

CLASSES = ("cavitation", "snapping", "other")
MODEL = SimpleNamespace(classes=CLASSES, thresholds=SimpleNamespace(min_probability=(0.5,) * 3, novelty=0.99))
START = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
CRACK, SNAP, TAP = (0.9, 0.08, 0.02), (0.1, 0.8, 0.1), (0.05, 0.05, 0.9)
RATE = 48000


def heard(onsets_s, chances, *, novelty=None, name="take.wav", recorded_at=None, contextual=None, warnings=()):
    """An analysis of a recording with events at these times, with these probabilities."""
    events = [
        Event(round(s * RATE), round(s * RATE) + 5, round(s * RATE) + 200, RATE, 1, 20.0, -20.0) for s in onsets_s
    ]
    acoustic = np.array(chances, dtype=float).reshape(len(events), 3)
    return Analysis(
        RecordingInfo(
            name,
            sample_rate=RATE,
            channels=1,
            duration_s=(onsets_s[-1] if len(onsets_s) else 0) + 1.0,
            recorded_at=recorded_at,
            warnings=warnings,
        ),
        events=number_events(events),
        acoustic=acoustic,
        contextual=acoustic if contextual is None else np.array(contextual, dtype=float).reshape(len(events), 3),
        novelty=np.full(len(events), 0.5) if novelty is None else np.array(novelty),
    )


def labels(result):
    return [event.label for event in result.events]


def timing(result):
    return [event.timing for event in result.events]


def one(analysis, around=None, **options):
    return postprocess([analysis], [Metadata() if around is None else around], MODEL, **options)[0]


# A single recording


def test_zero_events_are_a_result():
    result = one(heard([], []))
    assert result.events == ()
    assert result.counts() == {"cavitation": 0, "snapping": 0, "other": 0, "uncertain": 0}
    assert result.cavities_needed == 0


def test_an_event_at_the_first_sample_is_one_like_others():
    result = one(heard([0.0, 2.0], [CRACK, SNAP]))
    assert labels(result) == ["cavitation", "snapping"]
    assert result.events[0].start_s == 0.0
    assert result.events[0].since_cavitation_s is None
    assert result.events[1].since_cavitation_s == 2.0


def test_every_event_gains_its_fields():
    event = one(heard([1.0], [CRACK], novelty=[0.3])).events[0]
    assert event.probabilities == dict(zip(CLASSES, CRACK, strict=True))
    assert (event.label, event.acoustic_label, event.timing) == ("cavitation", "cavitation", CONSISTENT)
    assert event.p_label == pytest.approx(0.9)
    assert event.novelty == 0.3


def test_warnings_of_the_recording_are_kept():
    assert one(heard([], [], warnings=("DC offset",))).warnings == ("DC offset",)


# Doubt


def test_a_label_that_is_not_likely_enough_is_uncertain():
    analysis = heard([1.0], [(0.45, 0.4, 0.15)])
    assert labels(one(analysis)) == [UNCERTAIN]
    assert one(analysis).events[0].acoustic_label == "cavitation"
    assert labels(one(analysis, min_probability=0.4)) == ["cavitation"]
    assert labels(one(analysis, min_probability=0)) == ["cavitation"]


@pytest.mark.parametrize(("novelty", "label"), [(0.98, "cavitation"), (0.99, UNCERTAIN), (1.0, UNCERTAIN)])
def test_a_sound_unlike_all_in_training_is_uncertain(novelty, label):
    event = one(heard([1.0], [CRACK], novelty=[novelty])).events[0]
    assert (event.label, event.acoustic_label) == (label, "cavitation")


def test_a_novel_sound_occupies_no_cavity():
    """A sound nobody knows must not cost the next crack its label."""
    around = Metadata(site="mcp")
    result = one(heard([1.0, 60.0], [CRACK, (0.7, 0.2, 0.1)], novelty=[1.0, 0.5]), around)
    assert labels(result) == [UNCERTAIN, "cavitation"]
    assert timing(result) == [UNCHECKED, CONSISTENT]
    assert result.cavities_needed == 1


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000), events=st.integers(0, 12), least=st.floats(0, 1), site=st.sampled_from([None, "mcp"])
)
def test_no_event_is_dropped_and_the_acoustic_label_is_that_of_the_sound(seed, events, least, site):
    rng = np.random.default_rng(seed)
    analysis = heard(
        np.sort(rng.uniform(0, 60, events)), rng.dirichlet(np.ones(3), events), novelty=rng.uniform(0, 1, events)
    )
    result = one(analysis, Metadata(site=site), min_probability=least)
    assert [event.onset for event in result.events] == [event.onset for event in analysis.events]
    for event, chances in zip(result.events, analysis.acoustic, strict=True):
        assert event.acoustic_label == CLASSES[int(chances.argmax())]
        assert event.label in (*CLASSES, UNCERTAIN)
        assert 0 <= event.p_label <= 1
        assert (event.label == UNCERTAIN) == (event.novelty >= 0.99 or event.p_label < least)


# Timing


def test_a_second_crack_of_one_knuckle_is_relabelled_where_the_sound_allows():
    result = one(heard([1.0, 61.0], [CRACK, (0.6, 0.35, 0.05)]), Metadata(site="mcp"))
    assert labels(result) == ["cavitation", "snapping"]
    assert timing(result) == [CONSISTENT, REFRACTORY]
    assert result.events[1].acoustic_label == "cavitation"
    assert result.cavities_needed == 1


def test_a_second_crack_that_is_beyond_doubt_is_flagged_and_stays():
    result = one(heard([1.0, 61.0], [CRACK, (0.98, 0.01, 0.01)]), Metadata(site="mcp"))
    assert labels(result) == ["cavitation", "cavitation"]
    assert sorted(timing(result)) == [CONSISTENT, REFRACTORY]
    assert result.cavities_needed == 2


def test_where_the_site_is_unknown_nothing_is_relabelled():
    result = one(heard([1.0, 61.0], [CRACK, (0.6, 0.35, 0.05)]))
    assert labels(result) == ["cavitation", "cavitation"]
    assert timing(result) == [CONSISTENT, REFRACTORY]


def test_where_the_site_is_unknown_a_burst_is_checked_as_one():
    """That is what the check assumes; how many cavities three cracks need does not depend on it."""
    result = one(heard([1.0, 1.03, 1.1], [CRACK] * 3))
    assert timing(result) == [CONSISTENT] * 3
    assert result.cavities_needed == 3


@pytest.mark.parametrize("around", [{}, {"site": "mcp"}, {"cavities": 2}, {"site": "neck"}], ids=str)
def test_cracks_beyond_doubt_need_the_same_cavities_whatever_is_assumed(around):
    result = one(heard([1.0, 1.006, 1.05, 1.09], [(0.98, 0.01, 0.01)] * 4), Metadata(**around))
    assert labels(result) == ["cavitation"] * 4
    assert result.cavities_needed == 4


def test_why_timing_says_so_is_told_with_the_event():
    result = one(heard([1.0, 301.0], [CRACK, (0.6, 0.35, 0.05)]), Metadata(site="mcp"))
    assert result.events[0].timing_reason == ""
    assert result.events[1].timing_reason == (
        "5.0 min after a crack, and the one joint cavity rests 20min; more likely soft tissue"
    )


def test_a_region_takes_as_many_cracks_as_it_has_cavities():
    times = [1.0, 1.03, 1.06, 1.1]
    assert timing(one(heard(times, [CRACK] * 4), Metadata(site="neck"))) == [CONSISTENT] * 4
    few = one(heard(times, [CRACK] * 4), Metadata(site="neck", cavities=3))
    assert timing(few).count(REFRACTORY) == 1
    assert one(heard(times, [CRACK] * 4), Metadata(site="neck")).cavities_needed == 4


def test_after_the_refractory_period_the_joint_may_crack_again():
    analysis = heard([1.0, 1201.0], [CRACK, CRACK])
    assert timing(one(analysis, Metadata(site="mcp"))) == [CONSISTENT, CONSISTENT]
    assert timing(one(analysis, Metadata(site="mcp"), refractory_s=1201)).count(REFRACTORY) == 1


def test_snaps_and_taps_are_not_checked():
    assert timing(one(heard([1.0, 2.0], [SNAP, TAP]), Metadata(site="mcp"))) == [UNCHECKED, UNCHECKED]


def test_since_counts_from_the_burst_before_and_not_within_one():
    result = one(heard([1.0, 1.1, 5.0, 8.0], [CRACK, CRACK, SNAP, CRACK]), Metadata(site="neck"))
    assert [event.since_cavitation_s for event in result.events] == [None, None, 4.0, 7.0]


def test_what_company_made_of_the_sound_is_the_label_and_the_sound_stays_the_acoustic_one():
    event = one(heard([1.0], [CRACK], contextual=[SNAP])).events[0]
    assert (event.label, event.acoustic_label) == ("snapping", "cavitation")
    assert event.p_label == pytest.approx(0.8)
    assert event.timing == UNCHECKED


def test_classes_without_cavitation_are_not_checked():
    model = SimpleNamespace(classes=("a", "b", "c"), thresholds=MODEL.thresholds)
    result = postprocess([heard([1.0, 2.0], [CRACK, CRACK])], [Metadata(site="mcp")], model)[0]
    assert labels(result) == ["a", "a"]
    assert timing(result) == [UNCHECKED, UNCHECKED]
    assert result.cavities_needed == 0


# Several recordings


def two(**second):
    """Two recordings of 10:00 and 10:05, a crack in each, the second less clear."""
    takes = [
        heard([2.0], [CRACK], name="one.wav", recorded_at=START),
        heard([3.0], [(0.6, 0.35, 0.05)], name="two.wav", recorded_at=START + timedelta(minutes=5)),
    ]
    around = {"subject": "P1", "site": "mcp"}
    return takes, [Metadata(**around), Metadata(**{**around, **second})]


def test_recordings_of_one_subject_and_site_share_a_timeline():
    takes, around = two()
    first, second = postprocess(takes, around, MODEL)
    assert (labels(first), labels(second)) == (["cavitation"], ["snapping"])
    assert timing(second) == [REFRACTORY]
    assert second.events[0].since_cavitation_s == pytest.approx(301.0)
    assert [result.recording for result in (first, second)] == ["one.wav", "two.wav"]
    assert second.subject == "P1"


def test_recordings_of_one_timeline_say_what_they_need_together():
    takes = [
        heard([2.0, 2.05], [CRACK] * 2, name="one.wav", recorded_at=START),
        heard([3.0], [CRACK], name="two.wav", recorded_at=START + timedelta(minutes=5)),
        heard([3.0], [CRACK], name="late.wav", recorded_at=START + timedelta(minutes=50)),
    ]
    results = postprocess(takes, [Metadata(site="neck", subject="P1")] * 3, MODEL)
    assert [result.cavities_needed for result in results] == [2, 1, 1]
    (session,) = {result.session for result in results}
    assert (session.recordings, session.cavities) == (("one.wav", "two.wav", "late.wav"), 12)
    assert (session.refractory_s, session.cavities_needed) == (1200.0, 3)
    alone = postprocess(takes, [Metadata(site="neck")] * 3, MODEL)
    assert [result.session.cavities_needed for result in alone] == [2, 1, 1]


def test_the_order_in_which_recordings_are_given_does_not_matter():
    takes, around = two()
    assert postprocess(takes[::-1], around[::-1], MODEL) == postprocess(takes, around, MODEL)[::-1]


@pytest.mark.parametrize("second", [{"subject": "P2"}, {"subject": None}, {"site": "hip"}])
def test_recordings_of_others_do_not(second):
    takes, around = two(**second)
    assert [timing(result) for result in postprocess(takes, around, MODEL)] == [[CONSISTENT], [CONSISTENT]]


def test_what_is_said_about_the_start_outweighs_the_recording():
    takes, around = two(recorded_at=START + timedelta(hours=1))
    second = postprocess(takes, around, MODEL)[1]
    assert timing(second) == [CONSISTENT]
    assert second.recorded_at == START + timedelta(hours=1)


def test_recordings_that_overlap_say_so():
    takes, around = two(recorded_at=START + timedelta(seconds=1))
    assert "overlaps in time with one.wav" in postprocess(takes, around, MODEL)[1].warnings[0]


def test_a_recording_without_a_start_is_checked_by_itself():
    takes, around = two()
    takes[1] = heard([3.0], [CRACK], name="two.wav")
    second = postprocess(takes, around, MODEL)[1]
    assert timing(second) == [CONSISTENT]
    assert "no starting time" in second.warnings[0]


chosen = st.sampled_from([CRACK, (0.6, 0.35, 0.05), (0.5, 0.5, 0.0), SNAP])
some_takes = st.lists(
    st.tuples(st.lists(st.tuples(st.integers(0, 5), chosen), max_size=4), st.integers(0, 3)), min_size=1, max_size=4
)


def sessions(drawn, subject):
    """Recordings of one subject at a site of two cavities; times in whole minutes, so that ties are common."""
    takes = []
    for index, (sounds, minutes) in enumerate(drawn):
        onsets = [60.0 * at for at, _ in sorted(sounds)]
        began = START + timedelta(minutes=5 * minutes)
        chances = [chance for _, chance in sorted(sounds)]
        takes.append(heard(onsets, chances, name=f"{subject}{index}.wav", recorded_at=began))
    return takes, [Metadata(site="si", subject=subject)] * len(takes)


@settings(max_examples=200, deadline=None)
@given(some_takes, some_takes, st.randoms(use_true_random=False))
def test_an_unrelated_subject_and_the_order_given_change_nothing(drawn, others, random):
    takes, around = sessions(drawn, "anna")
    alone = {result.recording: result for result in postprocess(takes, around, MODEL)}
    more, around_more = sessions(others, "ben")
    both = [*zip(takes, around, strict=True), *zip(more, around_more, strict=True)]
    random.shuffle(both)
    together = postprocess(*(list(column) for column in zip(*both, strict=True)), MODEL)
    assert {result.recording: result for result in together if result.subject == "anna"} == alone


def said(results):
    """What is said of the events of each recording, by name."""
    return {result.recording: (result.events, result.cavities_needed) for result in results}


@settings(max_examples=100, deadline=None)
@given(some_takes, st.integers(-10_000, 10_000), st.text(min_size=1, max_size=5))
def test_neither_the_day_nor_the_name_of_the_subject_matters(drawn, days, name):
    takes, around = sessions(drawn, "anna")
    later = [replace(take, recorded_at=take.recorded_at + timedelta(days=days)) for take in takes]
    renamed = [replace(each, subject=name) for each in around]
    assert said(postprocess(later, renamed, MODEL)) == said(postprocess(takes, around, MODEL))


@settings(max_examples=100, deadline=None)
@given(some_takes, st.lists(st.integers(-60, 60), min_size=1, max_size=3))
def test_recordings_in_which_nothing_is_heard_change_nothing_of_the_others(drawn, minutes):
    takes, around = sessions(drawn, "anna")
    silent = [
        heard([], [], name=f"silent{index}.wav", recorded_at=START + timedelta(minutes=each))
        for index, each in enumerate(minutes)
    ]
    more = postprocess([*silent, *takes], [around[0]] * (len(silent) + len(takes)), MODEL)
    assert all(not result.events for result in more[: len(silent)])
    assert said(more[len(silent) :]) == said(postprocess(takes, around, MODEL))


@settings(max_examples=200, deadline=None)
@given(some_takes, st.integers(1, 3))
def test_no_event_is_lost_and_cracks_beyond_the_cavities_are_flagged(drawn, cavities):
    """Of the cracks within one period that bear no flag, across recordings, there are no more than cavities."""
    takes, around = sessions(drawn, "anna")
    results = postprocess(takes, [replace(each, cavities=cavities) for each in around], MODEL)
    assert [len(result.events) for result in results] == [len(take.events) for take in takes]
    unflagged = [
        (take.recorded_at - START).total_seconds() + event.start_s
        for take, result in zip(takes, results, strict=True)
        for event in result.events
        if event.timing == CONSISTENT
    ]
    for at in unflagged:
        assert sum(at <= other < at + 1200 for other in unflagged) <= cavities
    flagged = [event for result in results for event in result.events if event.timing == REFRACTORY]
    assert all(event.acoustic_label == "cavitation" and event.timing_reason for event in flagged)


# What is refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_probability": 1.01}, "min probability 1.01 is out of range: allowed is 0 to 1"),
        ({"min_probability": -0.1}, "allowed is 0 to 1"),
        ({"min_probability": float("nan")}, "allowed is 0 to 1"),
        ({"refractory_s": -1.0}, "refractory"),
    ],
)
def test_parameters_out_of_range_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        one(heard([1.0], [CRACK]), **options)


@pytest.mark.parametrize(("around", "message"), [({"site": "tail"}, "tail"), ({"cavities": 0}, "cavities")])
def test_circumstances_out_of_range_are_refused(around, message):
    with pytest.raises(UsageError, match=message):
        Metadata(**around)


def test_probabilities_are_those_the_labels_were_taken_from():
    first = heard([0.5], [CRACK], name="a", recorded_at=START)
    second = heard([0.5, 2.0], [CRACK, SNAP], name="b", recorded_at=START + timedelta(minutes=4))
    around = [Metadata(site="mcp", subject="P1")] * 2
    tables = posteriors([second, first], around, MODEL)
    results = postprocess([second, first], around, MODEL)
    for table, result in zip(tables, results, strict=True):
        assert table.sum(axis=1) == pytest.approx(1.0)
        assert table.max(axis=1).tolist() == [event.p_label for event in result.events]
    assert tables[0][0, 0] < CRACK[0]  # a second crack within the period
    assert tables[1][0] == pytest.approx(CRACK)
    assert posteriors([heard([], [])], [Metadata()], MODEL)[0].shape == (0, 3)
