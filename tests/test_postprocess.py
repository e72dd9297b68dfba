"""Labels after context and timing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.errors import UsageError
from popclass.extraction import number_events
from popclass.info import RecordingInfo
from popclass.metadata import Metadata
from popclass.postprocess import posteriors, postprocess
from popclass.results import Analysis, Event
from popclass.schema import CONSISTENT, COUNT_BY, REFRACTORY, UNCERTAIN, UNCHECKED

CLASSES = ("cavitation", "snapping", "other")
MODEL = SimpleNamespace(
    classes=CLASSES,
    thresholds=SimpleNamespace(min_probability=(0.5,) * 3, novelty=0.99, weights=(1.0,) * 3),
    frequencies=np.array([0.1, 0.1, 0.8]),
)
START = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
POP, SNAP, TAP = (0.9, 0.08, 0.02), (0.1, 0.8, 0.1), (0.05, 0.05, 0.9)
RATE = 48000


def analysis_of(
    onsets_s, probabilities, *, novelty=None, name="hip.wav", recorded_at=None, contextual=None, warnings=()
):
    """An analysis of a recording with events at these times, with these probabilities."""
    events = [
        Event(round(s * RATE), round(s * RATE) + 5, round(s * RATE) + 200, RATE, 1, 20.0, -20.0) for s in onsets_s
    ]
    acoustic = np.array(probabilities, dtype=float).reshape(len(events), 3)
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


def labelled_with(weights, probabilities, novelty=0.5):
    thresholds = SimpleNamespace(min_probability=(0.0,) * 3, novelty=0.99, weights=weights)
    model = SimpleNamespace(classes=CLASSES, thresholds=thresholds, frequencies=MODEL.frequencies)
    (result,) = postprocess([analysis_of([1.0], [probabilities], novelty=[novelty])], [Metadata()], model)
    return result.events[0]


def test_postprocess_weights():
    faint = (0.15, 0.1, 0.75)
    event = labelled_with((4.0, 4.0, 0.5), faint)
    assert (event.label, event.timing) == ("cavitation", CONSISTENT)
    assert event.p_label == event.posteriors["cavitation"] == pytest.approx(0.15)
    assert labelled_with((1.0, 1.0, 1.0), faint).label == "other"
    assert labelled_with((4.0, 4.0, 0.5), faint, novelty=0.995).label == UNCERTAIN


def labels(result):
    return [event.label for event in result.events]


def timing(result):
    return [event.timing for event in result.events]


def one(analysis, metadata=None, **options):
    return postprocess([analysis], [Metadata() if metadata is None else metadata], MODEL, **options)[0]


# A single recording


def test_postprocess_no_events():
    result = one(analysis_of([], []))
    assert result.events == ()
    assert result.counts() == {"cavitation": 0, "snapping": 0, "other": 0, "uncertain": 0}
    assert result.cavities_needed == 0


def test_postprocess_event_at_zero():
    result = one(analysis_of([0.0, 2.0], [POP, SNAP]))
    assert labels(result) == ["cavitation", "snapping"]
    assert result.events[0].start_s == 0.0
    assert result.events[0].since_cavitation_s is None
    assert result.events[1].since_cavitation_s == 2.0


def test_postprocess_event_fields():
    event = one(analysis_of([1.0], [POP], novelty=[0.3])).events[0]
    assert event.probabilities == dict(zip(CLASSES, POP, strict=True))
    assert (event.label, event.acoustic_label, event.timing) == ("cavitation", "cavitation", CONSISTENT)
    assert event.p_label == pytest.approx(0.9)
    assert event.novelty == 0.3


def test_postprocess_keeps_warnings():
    assert one(analysis_of([], [], warnings=("DC offset",))).warnings == ("DC offset",)


# Doubt


def test_min_probability():
    analysis = analysis_of([1.0], [(0.45, 0.4, 0.15)])
    assert labels(one(analysis)) == [UNCERTAIN]
    assert one(analysis).events[0].acoustic_label == "cavitation"
    assert labels(one(analysis, min_probability=0.4)) == ["cavitation"]
    assert labels(one(analysis, min_probability=0)) == ["cavitation"]


@pytest.mark.parametrize(("novelty", "label"), [(0.98, "cavitation"), (0.99, UNCERTAIN), (1.0, UNCERTAIN)])
def test_novelty_threshold(novelty, label):
    event = one(analysis_of([1.0], [POP], novelty=[novelty])).events[0]
    assert (event.label, event.acoustic_label) == (label, "cavitation")


def test_novelty_threshold_other():
    """What is unlike the training data may still be called what it most likely is: no sound of a joint."""
    assert labels(one(analysis_of([1.0], [TAP], novelty=[1.0]))) == ["other"]


def test_posteriors_with_timing():
    """A cavitation without a free cavity is less likely, in the posteriors as well."""
    first, second = one(analysis_of([1.0, 61.0], [POP, (0.6, 0.35, 0.05)]), Metadata(site="mcp")).events
    assert first.posteriors == pytest.approx(first.probabilities)
    assert second.posteriors["cavitation"] < 0.3
    assert second.p_label == second.posteriors["snapping"]


def test_bursts_of_result():
    result = one(analysis_of([1.0, 1.03, 5.0, 9.0], [POP, (0.4, 0.3, 0.3), TAP, SNAP]), Metadata(site="neck"))
    assert [(burst.burst, burst.events, burst.cavities_needed) for burst in result.bursts] == [(1, 2, 1), (3, 1, 0)]
    assert [burst.expected_cavitations for burst in result.bursts] == [1.3, 0.1]
    assert result.expected_cavitations == pytest.approx(1.4)
    assert result.cavitations_low <= result.expected_cavitations <= result.cavitations_high


def test_novel_sound_takes_no_cavity():
    """A sound nobody knows must not cost the next cavitation its label."""
    metadata = Metadata(site="mcp")
    result = one(analysis_of([1.0, 60.0], [POP, (0.7, 0.2, 0.1)], novelty=[1.0, 0.5]), metadata)
    assert labels(result) == [UNCERTAIN, "cavitation"]
    assert timing(result) == [UNCHECKED, CONSISTENT]
    assert result.cavities_needed == 1


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000), events=st.integers(0, 12), least=st.floats(0, 1), site=st.sampled_from([None, "mcp"])
)
def test_postprocess_keeps_events(seed, events, least, site):
    rng = np.random.default_rng(seed)
    analysis = analysis_of(
        np.sort(rng.uniform(0, 60, events)), rng.dirichlet(np.ones(3), events), novelty=rng.uniform(0, 1, events)
    )
    result = one(analysis, Metadata(site=site), min_probability=least)
    assert [event.onset for event in result.events] == [event.onset for event in analysis.events]
    for event, probabilities in zip(result.events, analysis.acoustic, strict=True):
        assert event.acoustic_label == CLASSES[int(probabilities.argmax())]
        assert event.label in (*CLASSES, UNCERTAIN)
        assert 0 <= event.p_label <= 1
        novel = event.novelty >= 0.99 and max(event.posteriors, key=event.posteriors.get) != "other"
        assert (event.label == UNCERTAIN) == (novel or event.p_label < least)
        assert sum(event.posteriors.values()) == pytest.approx(1)
        assert event.p_label == max(event.posteriors.values())
        assert event.label in (UNCERTAIN, max(event.posteriors, key=event.posteriors.get))


# Timing


def test_refractory_relabelled():
    result = one(analysis_of([1.0, 61.0], [POP, (0.6, 0.35, 0.05)]), Metadata(site="mcp"))
    assert labels(result) == ["cavitation", "snapping"]
    assert timing(result) == [CONSISTENT, REFRACTORY]
    assert result.events[1].acoustic_label == "cavitation"
    assert result.cavities_needed == 1


def test_refractory_certain_is_flagged():
    result = one(analysis_of([1.0, 61.0], [POP, (0.98, 0.01, 0.01)]), Metadata(site="mcp"))
    assert labels(result) == ["cavitation", "cavitation"]
    assert sorted(timing(result)) == [CONSISTENT, REFRACTORY]
    assert result.cavities_needed == 2


def test_unknown_site_keeps_labels():
    result = one(analysis_of([1.0, 61.0], [POP, (0.6, 0.35, 0.05)]))
    assert labels(result) == ["cavitation", "cavitation"]
    assert timing(result) == [CONSISTENT, REFRACTORY]


@pytest.mark.parametrize(("count_by", "needed"), [("burst", 1), ("pop", 3)])
def test_unknown_site_burst_as_one(count_by, needed):
    """The check always assumes that; only the joints needed depend on the way of counting."""
    result = one(analysis_of([1.0, 1.03, 1.1], [POP] * 3), count_by=count_by)
    assert timing(result) == [CONSISTENT] * 3
    assert result.cavities_needed == needed


@pytest.mark.parametrize(("count_by", "needed"), [("burst", 1), ("pop", 4)])
@pytest.mark.parametrize("metadata", [{}, {"site": "mcp"}, {"cavities": 2}, {"site": "neck"}], ids=str)
def test_cavities_needed_any_site(metadata, count_by, needed):
    analysis = analysis_of([1.0, 1.006, 1.05, 1.09], [(0.98, 0.01, 0.01)] * 4)
    result = one(analysis, Metadata(**metadata), count_by=count_by)
    assert labels(result) == ["cavitation"] * 4
    assert result.cavities_needed == needed
    assert result.session.count_by == count_by


def test_count_by_burst_one_cavity():
    """The pops of a burst are not relabelled one by one; a burst too early pays the price once."""
    clear, weak = (0.9, 0.08, 0.02), (0.6, 0.35, 0.05)
    analysis = analysis_of([1.0, 1.03, 1.06, 61.0, 61.03, 181.0], [clear, weak, weak, (0.98, 0.01, 0.01), weak, weak])
    result = one(analysis, Metadata(site="mcp"))
    assert timing(result) == [CONSISTENT] * 3 + [REFRACTORY] * 3
    assert labels(result) == ["cavitation"] * 5 + ["snapping"]
    by_pop = one(analysis, Metadata(site="mcp"), count_by="pop")
    assert labels(by_pop)[1:3] == ["snapping"] * 2
    single = one(analysis_of([1.0, 181.0], [clear, weak]), Metadata(site="mcp"), count_by="pop")
    assert result.events[-1].p_label == single.events[-1].p_label


def test_class_frequencies_estimated():
    """Many taps make the same sound less likely a pop; the frequencies of two timelines are apart."""
    doubtful = (0.5, 0.1, 0.4)
    taps = analysis_of(np.arange(1.0, 301.0), [TAP] * 299 + [doubtful], name="taps.wav")
    pops = analysis_of(np.arange(1.0, 301.0), [POP] * 299 + [doubtful], name="pops.wav")
    kept = [postprocess([each], [Metadata()], MODEL)[0].events[-1] for each in (taps, pops)]
    assert [event.posteriors["cavitation"] for event in kept] == [pytest.approx(0.5)] * 2
    results = postprocess([taps, pops], [Metadata()] * 2, MODEL, class_frequencies="estimate")
    few, many = (result.events[-1] for result in results)
    assert few.posteriors["cavitation"] < 0.4 < 0.8 < many.posteriors["cavitation"]
    assert few.label == "other"
    assert few.probabilities["cavitation"] == many.probabilities["cavitation"] == 0.5
    for event in (few, many):
        assert sum(event.posteriors.values()) == pytest.approx(1)
    alone = one(pops, class_frequencies="estimate")
    assert results[1] == alone


def test_class_frequencies_of_session():
    analyses = [analysis_of([1.0], [POP], name=name, recorded_at=START) for name in ("a.wav", "b.wav")]
    results = postprocess(analyses, [Metadata(subject="P1")] * 2, MODEL, class_frequencies="estimate")
    first, second = (result.session.frequencies for result in results)
    assert first == second
    assert sum(first.values()) == pytest.approx(1)
    assert first["cavitation"] > MODEL.frequencies[0]
    assert one(analyses[0]).session.frequencies is None


def test_class_frequencies_invalid():
    with pytest.raises(UsageError, match="class frequencies 'mine'"):
        one(analysis_of([], []), class_frequencies="mine")


def test_count_by_invalid():
    with pytest.raises(UsageError, match="allowed are burst and pop"):
        one(analysis_of([], []), count_by="thrust")


def test_timing_reason():
    result = one(analysis_of([1.0, 301.0], [POP, (0.6, 0.35, 0.05)]), Metadata(site="mcp"))
    assert result.events[0].timing_reason == ""
    assert result.events[1].timing_reason == (
        "5.0 min after a cavitation, which makes the one joint cavity refractory for 20min; more likely soft tissue"
    )


def test_capacity_of_site():
    times = [1.0, 1.03, 1.06, 1.1]
    assert timing(one(analysis_of(times, [POP] * 4), Metadata(site="neck"))) == [CONSISTENT] * 4
    few = one(analysis_of(times, [POP] * 4), Metadata(site="neck", cavities=3), count_by="pop")
    assert timing(few).count(REFRACTORY) == 1


def test_refractory_period_over():
    analysis = analysis_of([1.0, 1201.0], [POP, POP])
    assert timing(one(analysis, Metadata(site="mcp"))) == [CONSISTENT, CONSISTENT]
    assert timing(one(analysis, Metadata(site="mcp"), refractory_s=1201)).count(REFRACTORY) == 1


def test_unchecked_classes():
    assert timing(one(analysis_of([1.0, 2.0], [SNAP, TAP]), Metadata(site="mcp"))) == [UNCHECKED, UNCHECKED]


def test_since_cavitation_by_burst():
    result = one(analysis_of([1.0, 1.1, 5.0, 8.0], [POP, POP, SNAP, POP]), Metadata(site="neck"))
    assert [event.since_cavitation_s for event in result.events] == [None, None, 4.0, 7.0]


def test_context_changes_label():
    event = one(analysis_of([1.0], [POP], contextual=[SNAP])).events[0]
    assert (event.label, event.acoustic_label) == ("snapping", "cavitation")
    assert event.p_label == pytest.approx(0.8)
    assert event.timing == UNCHECKED


def test_model_without_cavitation():
    model = SimpleNamespace(classes=("a", "b", "c"), thresholds=MODEL.thresholds, frequencies=MODEL.frequencies)
    result = postprocess([analysis_of([1.0, 2.0], [POP, POP])], [Metadata(site="mcp")], model)[0]
    assert labels(result) == ["a", "a"]
    assert timing(result) == [UNCHECKED, UNCHECKED]
    assert result.cavities_needed == 0


# Several recordings


def two(**second):
    """Two recordings of 10:00 and 10:05, a cavitation in each, the second less clear."""
    analyses = [
        analysis_of([2.0], [POP], name="one.wav", recorded_at=START),
        analysis_of([3.0], [(0.6, 0.35, 0.05)], name="two.wav", recorded_at=START + timedelta(minutes=5)),
    ]
    metadata = {"subject": "P1", "site": "mcp"}
    return analyses, [Metadata(**metadata), Metadata(**{**metadata, **second})]


def test_timeline_shared():
    analyses, metadata = two()
    first, second = postprocess(analyses, metadata, MODEL)
    assert (labels(first), labels(second)) == (["cavitation"], ["snapping"])
    assert timing(second) == [REFRACTORY]
    assert second.events[0].since_cavitation_s == pytest.approx(301.0)
    assert [result.recording for result in (first, second)] == ["one.wav", "two.wav"]
    assert second.subject == "P1"


def test_session_cavities_needed():
    analyses = [
        analysis_of([2.0, 2.05], [POP] * 2, name="one.wav", recorded_at=START),
        analysis_of([3.0], [POP], name="two.wav", recorded_at=START + timedelta(minutes=5)),
        analysis_of([3.0], [POP], name="late.wav", recorded_at=START + timedelta(minutes=50)),
    ]
    results = postprocess(analyses, [Metadata(site="neck", subject="P1")] * 3, MODEL, count_by="pop")
    assert [result.cavities_needed for result in results] == [2, 1, 1]
    (session,) = {result.session for result in results}
    assert (session.recordings, session.cavities) == (("one.wav", "two.wav", "late.wav"), 12)
    assert (session.refractory_s, session.cavities_needed) == (1200.0, 3)
    alone = postprocess(analyses, [Metadata(site="neck")] * 3, MODEL, count_by="pop")
    assert [result.session.cavities_needed for result in alone] == [2, 1, 1]


def test_postprocess_any_order():
    analyses, metadata = two()
    assert postprocess(analyses[::-1], metadata[::-1], MODEL) == postprocess(analyses, metadata, MODEL)[::-1]


@pytest.mark.parametrize("second", [{"subject": "P2"}, {"subject": None}, {"site": "hip"}])
def test_timeline_not_shared(second):
    analyses, metadata = two(**second)
    assert [timing(result) for result in postprocess(analyses, metadata, MODEL)] == [[CONSISTENT], [CONSISTENT]]


def test_metadata_start_overrides():
    analyses, metadata = two(recorded_at=START + timedelta(hours=1))
    second = postprocess(analyses, metadata, MODEL)[1]
    assert timing(second) == [CONSISTENT]
    assert second.recorded_at == START + timedelta(hours=1)


def test_overlap_warning():
    analyses, metadata = two(recorded_at=START + timedelta(seconds=1))
    assert "overlaps in time with one.wav" in postprocess(analyses, metadata, MODEL)[1].warnings[0]


def test_no_starting_time():
    analyses, metadata = two()
    analyses[1] = analysis_of([3.0], [POP], name="two.wav")
    second = postprocess(analyses, metadata, MODEL)[1]
    assert timing(second) == [CONSISTENT]
    assert "no starting time" in second.warnings[0]


chosen = st.sampled_from([POP, (0.6, 0.35, 0.05), (0.5, 0.5, 0.0), SNAP])
some_recordings = st.lists(
    st.tuples(st.lists(st.tuples(st.integers(0, 5), chosen), max_size=4), st.integers(0, 3)), min_size=1, max_size=4
)


def sessions(drawn, subject):
    """Recordings of one subject at a site of two cavities; times in whole minutes, so that ties are common."""
    analyses = []
    for index, (sounds, minutes) in enumerate(drawn):
        onsets = [60.0 * at for at, _ in sorted(sounds)]
        began = START + timedelta(minutes=5 * minutes)
        probabilities = [row for _, row in sorted(sounds)]
        analyses.append(analysis_of(onsets, probabilities, name=f"{subject}{index}.wav", recorded_at=began))
    return analyses, [Metadata(site="si", subject=subject)] * len(analyses)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(some_recordings, some_recordings, st.randoms(use_true_random=False))
def test_postprocess_unrelated_subject(drawn, others, random):
    analyses, metadata = sessions(drawn, "anna")
    alone = {result.recording: result for result in postprocess(analyses, metadata, MODEL)}
    more, metadata_more = sessions(others, "ben")
    both = [*zip(analyses, metadata, strict=True), *zip(more, metadata_more, strict=True)]
    random.shuffle(both)
    together = postprocess(*(list(column) for column in zip(*both, strict=True)), MODEL)
    assert {result.recording: result for result in together if result.subject == "anna"} == alone


def outcome(results):
    """Return the events of each recording and the cavities needed, by name."""
    return {result.recording: (result.events, result.cavities_needed) for result in results}


@settings(max_examples=100, deadline=None)
@given(some_recordings, st.integers(-10_000, 10_000), st.text(min_size=1, max_size=5))
def test_postprocess_day_and_name(drawn, days, name):
    analyses, metadata = sessions(drawn, "anna")
    shift = timedelta(days=days)
    later = [replace(each, info=replace(each.info, recorded_at=each.info.recorded_at + shift)) for each in analyses]
    renamed = [replace(each, subject=name) for each in metadata]
    assert outcome(postprocess(later, renamed, MODEL)) == outcome(postprocess(analyses, metadata, MODEL))


@settings(max_examples=100, deadline=None)
@given(some_recordings, st.lists(st.integers(-60, 60), min_size=1, max_size=3))
def test_postprocess_silent_recordings(drawn, minutes):
    analyses, metadata = sessions(drawn, "anna")
    silent = [
        analysis_of([], [], name=f"silent{index}.wav", recorded_at=START + timedelta(minutes=each))
        for index, each in enumerate(minutes)
    ]
    more = postprocess([*silent, *analyses], [metadata[0]] * (len(silent) + len(analyses)), MODEL)
    assert all(not result.events for result in more[: len(silent)])
    assert outcome(more[len(silent) :]) == outcome(postprocess(analyses, metadata, MODEL))


@settings(max_examples=200, deadline=None)
@given(some_recordings, st.integers(1, 3), st.sampled_from(COUNT_BY))
def test_postprocess_flags_beyond_capacity(drawn, cavities, count_by):
    """Of the cavitations within one period that bear no flag, across recordings, there are no more than cavities."""
    analyses, metadata = sessions(drawn, "anna")
    metadata = [replace(each, cavities=cavities) for each in metadata]
    results = postprocess(analyses, metadata, MODEL, count_by=count_by)
    assert [len(result.events) for result in results] == [len(analysis.events) for analysis in analyses]
    items = {}
    for place, (analysis, result) in enumerate(zip(analyses, results, strict=True)):
        for event in result.events:
            if event.timing == CONSISTENT:
                item = place, event.burst if count_by == "burst" else event.event
                items.setdefault(item, (analysis.info.recorded_at - START).total_seconds() + event.start_s)
    for at in items.values():
        assert sum(at <= other < at + 1200 for other in items.values()) <= cavities
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
def test_postprocess_refuses(options, message):
    with pytest.raises(UsageError, match=message):
        one(analysis_of([1.0], [POP]), **options)


@pytest.mark.parametrize(("metadata", "message"), [({"site": "tail"}, "tail"), ({"cavities": 0}, "cavities")])
def test_metadata_refuses(metadata, message):
    with pytest.raises(UsageError, match=message):
        Metadata(**metadata)


def test_posteriors_match_labels():
    first = analysis_of([0.5], [POP], name="a", recorded_at=START)
    second = analysis_of([0.5, 2.0], [POP, SNAP], name="b", recorded_at=START + timedelta(minutes=4))
    metadata = [Metadata(site="mcp", subject="P1")] * 2
    tables = posteriors([second, first], metadata, MODEL)
    results = postprocess([second, first], metadata, MODEL)
    for table, result in zip(tables, results, strict=True):
        assert table.sum(axis=1) == pytest.approx(1.0)
        assert table.max(axis=1).tolist() == [event.p_label for event in result.events]
    assert tables[0][0, 0] < POP[0]  # a second cavitation within the period
    assert tables[1][0] == pytest.approx(POP)
    assert posteriors([analysis_of([], [])], [Metadata()], MODEL)[0].shape == (0, 3)
