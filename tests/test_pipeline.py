"""Pipeline of one recording: extraction, analysis, labels."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
import recordings
import soundfile as sf
from hypothesis import given
from hypothesis import strategies as st
from sounds import detected

import popclass
from popclass.errors import AudioError, ModelError, PopclassError, UsageError
from popclass.extraction import BURST_GAP_S, SOUNDS_AT_ONCE, EventExtractor, extract_events, number_events
from popclass.features import FrontEnd
from popclass.model.model import Model
from popclass.pipeline import analyze, classify, classify_session, extract_features, load_model
from popclass.results import Event
from popclass.schema import event_columns

RATE = recordings.RATE


@pytest.fixture(scope="session")
def model_file(tmp_path_factory):
    return recordings.make_model(tmp_path_factory.mktemp("model") / "small.onnx")


@pytest.fixture(scope="session")
def model(model_file):
    return Model.load(model_file)


@pytest.fixture(scope="session")
def frontend():
    return FrontEnd.build()


# Extraction


def test_extract_events(frontend):
    samples = recordings.samples(["cavitation", "snapping", "other"], seconds=1.2)
    extraction = extract_events(samples, frontend, sample_rate=RATE)
    assert [event.onset for event in extraction.events] == [sound.event.onset for sound in detected(samples, RATE)]
    assert extraction.features.shape == (len(extraction.events), len(frontend.names))
    assert (extraction.info.duration_s, extraction.info.sample_rate, extraction.info.channels) == (1.2, RATE, 1)


def test_extract_events_order(frontend):
    samples = np.concatenate([recordings.samples(["cavitation"] * 3, seed=seed) for seed in range(40)])
    extraction = extract_events(samples, frontend, sample_rate=RATE)
    assert len(extraction.events) > 100
    assert len(extraction.features) == len(extraction.events)
    onsets = [event.onset for event in extraction.events]
    assert onsets == sorted(onsets)
    assert [event.event for event in extraction.events] == list(range(1, len(onsets) + 1))
    levels = extraction.features[:, frontend.names.index("snr")]
    np.testing.assert_allclose(levels, np.clip([event.snr_db for event in extraction.events], -10, 60))


def test_extract_events_progress(frontend, tmp_path):
    path = recordings.write(tmp_path / "a.wav", seconds=3)
    seen = []
    extract_events(path, frontend, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (3 * RATE, 3 * RATE)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_extract_events_on_sounds(frontend):
    x = recordings.samples(["cavitation", "snapping", "other"] * 50, seconds=46)
    parts = []
    extraction = extract_events(x, frontend, sample_rate=RATE, on_sounds=lambda some: parts.append(list(some)))
    sounds = [sound for part in parts for sound in part]
    assert len(extraction.events) > SOUNDS_AT_ONCE, "more than are extracted at a time"
    assert len(parts) > 1
    assert max(map(len, parts)) <= SOUNDS_AT_ONCE
    onsets = [event.onset for event in extraction.events]
    assert [sound.event.onset for sound in sounds] == onsets
    for sound in sounds:  # the samples are those around that very onset
        at = sound.event.onset - sound.clip_start
        np.testing.assert_array_equal(sound.clip[at : at + 48], x[sound.event.onset : sound.event.onset + 48])
    without = extract_events(x, frontend, sample_rate=RATE)
    np.testing.assert_array_equal(without.features, extraction.features)
    assert without.events == extraction.events


def test_extract_events_on_sounds_without_events(frontend):
    def never(some):
        raise AssertionError

    assert extract_events(recordings.samples([]), frontend, sample_rate=RATE, on_sounds=never).events == ()


# Several recordings


def several():
    """Recordings with none, few and more sounds than are extracted together, at several rates."""
    many = np.concatenate([recordings.samples(["cavitation"] * 3, seed=seed) for seed in range(20)])
    few = [recordings.samples([kind] * 2, seed=seed) for seed, kind in enumerate(recordings.KINDS)]
    return [(few[0], RATE), (recordings.samples([]), RATE), (few[1], 44100), (many, RATE), (few[2], RATE)]


@pytest.mark.parametrize("order", [1, -1])
def test_event_extractor_recordings_independent(frontend, order):
    extractor = EventExtractor(frontend)
    given = several()[::order]
    for samples, rate in given:
        extractor.add(samples, sample_rate=rate)
    together = extractor.finish()
    assert len(together) == len(given)
    assert max(len(each.events) for each in together) > SOUNDS_AT_ONCE
    for one, (samples, rate) in zip(together, given, strict=True):
        alone = extract_events(samples, frontend, sample_rate=rate)
        assert one.events == alone.events
        assert one.features.shape == alone.features.shape
        assert one.features.tobytes() == alone.features.tobytes()


@pytest.mark.parametrize("many", [False, True])
def test_event_extractor_unusable_recording(frontend, many):
    extractor = EventExtractor(frontend)
    first, last = recordings.samples(["snapping"] * 2), recordings.samples(["other"] * 2, seed=1)
    broken = np.concatenate([recordings.samples(["cavitation"] * 3, seed=seed) for seed in range(20 if many else 2)])
    broken[-1] = np.nan
    extractor.add(first, sample_rate=RATE)
    with pytest.raises(AudioError, match="not a number"):
        extractor.add(broken, sample_rate=RATE)
    extractor.add(last, sample_rate=RATE)
    together = extractor.finish()
    assert len(together) == 2
    for one, samples in zip(together, (first, last), strict=True):
        np.testing.assert_array_equal(one.features, extract_events(samples, frontend, sample_rate=RATE).features)


def test_event_extractor_no_recordings(frontend):
    assert EventExtractor(frontend).finish() == []


# Bursts


def events_at(onsets, rate=1000):
    return [Event(int(onset), int(onset), int(onset) + 1, rate, 1, 20.0, -20.0) for onset in onsets]


def test_number_events():
    numbered = number_events(events_at([0, 250, 501, 502, 752, 1100]))
    assert [event.event for event in numbered] == [1, 2, 3, 4, 5, 6]
    assert [event.burst for event in numbered] == [1, 1, 2, 2, 2, 3]


@given(gaps=st.lists(st.integers(1, 600), max_size=30), rate=st.sampled_from([8000, 44100, 192000]))
def test_number_events_burst_gap(gaps, rate):
    onsets = np.cumsum([0, *gaps]) * rate // 1000
    bursts = [event.burst for event in number_events(events_at(onsets, rate))]
    new = [1 + int((np.diff(onsets[: index + 1]) > BURST_GAP_S * rate).sum()) for index in range(len(onsets))]
    assert bursts == new


def test_number_events_none():
    assert number_events([]) == ()


# Classification


def test_classify(model):
    result = classify(
        recordings.samples(["cavitation", "snapping", "other"], seed=50, seconds=1.2), model=model, sample_rate=RATE
    )
    begun = [min(result.events, key=lambda event: abs(event.start_s - at)) for at in (0.2, 0.5, 0.8)]
    assert [event.start_s for event in begun] == pytest.approx([0.2, 0.5, 0.8], abs=0.002)
    assert [event.acoustic_label for event in begun] == ["cavitation", "snapping", "other"]
    for event in result.events:
        assert sum(event.probabilities.values()) == pytest.approx(1)
        assert event.probabilities[event.acoustic_label] == max(event.probabilities.values())
        assert 0 <= event.novelty <= 1


@pytest.mark.parametrize("ending", ["wav", "flac"])
def test_classify_array_and_file(model, tmp_path, ending):
    path = recordings.write(tmp_path / f"a.{ending}", ["cavitation", "snapping"])
    samples, rate = sf.read(path, dtype="float32")
    from_file, from_array = classify(path, model=model), classify(samples, model=model, sample_rate=rate)
    assert from_array.events == from_file.events
    assert (from_file.recording, from_array.recording) == (str(path), "array")
    with path.open("rb") as file:
        assert classify(file, model=model).events == from_file.events


def test_classify_integers(model):
    samples = recordings.samples(["cavitation", "snapping"])
    as_int = np.round(samples * 32768).astype(np.int16)
    floats, ints = (classify(each, model=model, sample_rate=RATE) for each in (as_int / 32768, as_int))
    assert ints.events == floats.events


def test_classify_zero_events(model):
    result = classify(np.random.default_rng(0).normal(0, 0.01, RATE), model=model, sample_rate=RATE)
    assert result.events == ()
    assert list(result.rows()) == []
    assert result.cavities_needed == 0
    assert list(result.to_dataframe().columns) == list(event_columns(model.classes))


def test_classify_event_at_first_sample(model):
    samples = np.random.default_rng(1).normal(0, 0.002, RATE)
    samples[:2880] += 0.5 * recordings.sound("cavitation", np.random.default_rng(2))
    event = classify(samples, model=model, sample_rate=RATE).events[0]
    assert event.start_s == pytest.approx(0, abs=0.001)
    assert event.start_s >= 0
    assert event.event == event.burst == 1


def test_classify_model_path(model, model_file):
    samples = recordings.samples(["cavitation"])
    assert classify(samples, model=model_file, sample_rate=RATE) == classify(samples, model=model, sample_rate=RATE)
    assert load_model(model) is model


def test_classify_options(model):
    samples = recordings.samples(["cavitation", "cavitation"], seed=60)
    plain = classify(samples, model=model, sample_rate=RATE, site="MCP", subject="P1")
    assert (plain.site, plain.subject) == ("mcp", "P1")
    assert plain.cavities_needed == 1 or "refractory" in [event.timing for event in plain.events]
    strict = classify(samples, model=model, sample_rate=RATE, min_probability=1.0)
    assert {event.label for event in strict.events} <= {"uncertain", "cavitation"}
    assert {
        event.timing for event in classify(samples, model=model, sample_rate=RATE, cavities=2, site="mcp").events
    } == {"consistent"}


def test_analyze(model):
    analysis = analyze(recordings.samples(["cavitation", "snapping"]), model, sample_rate=RATE, name="a name")
    assert analysis.info.name == "a name"
    assert analysis.acoustic.shape == analysis.contextual.shape == (len(analysis.events), len(model.classes))
    np.testing.assert_array_equal(analysis.contextual, analysis.acoustic)  # this model has no context
    assert not any(event.label for event in analysis.events)


def test_extract_features(model):
    samples = recordings.samples(["cavitation", "snapping"])
    X, names = extract_features(samples, model=model, sample_rate=RATE)
    assert names == model.frontend.names
    assert X.shape == (2, len(names))
    np.testing.assert_array_equal(X, extract_events(samples, model.frontend, sample_rate=RATE).features)


def test_extract_features_with_times(model):
    samples = recordings.samples(["cavitation", "snapping"])
    X, _, times = extract_features(samples, model=model, sample_rate=RATE, with_times=True)
    np.testing.assert_array_equal(X, extract_features(samples, model=model, sample_rate=RATE)[0])
    assert times.tolist() == [event.start_s for event in classify(samples, model=model, sample_rate=RATE).events]


def test_extract_features_with_times_no_events(model):
    quiet = np.random.default_rng(0).normal(0, 0.01, RATE)
    assert extract_features(quiet, model=model, sample_rate=RATE, with_times=True)[2].shape == (0,)


def test_classify_list(model):
    samples = recordings.samples(["cavitation"])
    expected = classify(samples.astype(np.float64), model=model, sample_rate=RATE)
    assert classify(samples.tolist(), model=model, sample_rate=RATE) == expected


def test_classify_session_order(model, tmp_path):
    samples = recordings.samples(["cavitation"])
    path = recordings.write(tmp_path / "a.wav", ["cavitation"])
    starts = ["2026-01-01T10:05:00", "2026-01-01T10:00:00"]
    later, earlier = classify_session([path, (samples, RATE)], subject="P", site="mcp", recorded_at=starts, model=model)
    assert (later.recording, earlier.recording) == (str(path), "array 2")
    assert later.session is earlier.session
    assert later.session.recordings == ("array 2", str(path))
    assert {event.timing for event in classify(path, site="mcp", model=model).events} == {"consistent"}
    assert {event.timing for event in later.events} == {"refractory"}


def test_classify_side(model):
    result = classify(recordings.samples(["cavitation"]), sample_rate=RATE, model=model, side="Left")
    assert {row["side"] for row in result.rows()} == {"left"}
    assert set(result.to_dataframe()["side"]) == {"left"}


def test_classify_session_sides(model):
    """One side for all is one timeline; left and right are two."""
    sources = [(recordings.samples(["cavitation"]), RATE)] * 3
    starts = [f"2026-11-22T10:0{minute}:00Z" for minute in (0, 2, 4)]
    options = {"subject": "P1", "site": "knee", "recorded_at": starts, "model": model}
    both = classify_session(sources, side=["left", "right", "left"], **options)
    assert [len(result.session.recordings) for result in both] == [2, 1, 2]
    assert both[0].session is both[2].session is not both[1].session
    assert [len(result.session.recordings) for result in classify_session(sources, side="right", **options)] == [3] * 3
    for wrong in (["left"], ["left", "right", "middle"], "middle"):
        with pytest.raises(UsageError, match="side"):
            classify_session(sources, side=wrong, **options)


def test_classify_session_refused(model):
    pair = (np.zeros(RATE), RATE)
    for sources, options in (("a.wav", {}), ([pair], {"recorded_at": []}), ([pair], {"site": "tail"})):
        with pytest.raises(UsageError):
            classify_session(sources, subject="P", model=model, **options)
    with pytest.raises(AudioError, match="array 1"):
        classify_session([pair], subject="P", model=model)


def test_classify_logs_warnings(model, caplog):
    samples = recordings.samples(["cavitation"]) + 0.1
    result = classify(samples, model=model, sample_rate=RATE)
    assert result.warnings
    assert caplog.messages == [f"array: {warning}" for warning in result.warnings]
    assert {record.name for record in caplog.records} == {"popclass"}


def test_to_dataframe_types(model):
    found = classify(recordings.samples(["cavitation"]), model=model, sample_rate=RATE)
    none = classify(np.random.default_rng(0).normal(0, 0.01, RATE), model=model, sample_rate=RATE)
    types = found.to_dataframe().dtypes.astype(str)
    assert types.equals(none.to_dataframe().dtypes.astype(str))
    assert types[["event", "start_s", "label", "subject", "recorded_at"]].tolist() == [
        *("Int64", "float64", "category", "string", "datetime64[ns, UTC]")
    ]


def test_recording_result_repr(model):
    result = classify(recordings.samples(["cavitation"] * 2), model=model, sample_rate=RATE, site="mcp")
    assert all(len(repr(each)) < 100 and "\n" not in repr(each) for each in (result, *result.events))
    named = replace(result, info=replace(result.info, name="<b>.wav"))
    assert "<b>" not in named._repr_html_()
    assert named._repr_html_().count("<tr>") == 1 + len(result.events)


# Errors


@pytest.mark.parametrize(
    "options",
    [
        *({"recorded_at": value} for value in ("yesterday", 5, date(2026, 1, 1))),
        *({"model": b"junk"}, {"model": 3}, {"site": 3}, {"subject": 7}, {"cavities": "2"}, {"refractory": "20min"}),
        *({"min_probability": value} for value in ("0.5", [0.5], float("nan"))),
        *(
            {"sample_rate": value}
            for value in (float("nan"), float("inf"), -RATE, 0, "48000", 1j, np.array([RATE, RATE]))
        ),
    ],
    ids=str,
)
def test_classify_wrong_option(options):
    samples = recordings.samples(["cavitation"])
    with pytest.raises(PopclassError):
        classify(samples, **{"sample_rate": RATE, **options})


@pytest.mark.parametrize(
    "source", [np.zeros((9, 2, 2)), np.array(1.0), [[1, 2], [3]], ["a"], np.zeros(9, complex)], ids=str
)
def test_classify_wrong_samples(source, model):
    with pytest.raises(PopclassError, match=r"samples|array"):
        classify(source, sample_rate=RATE, model=model)


def test_classify_array_without_sample_rate(model):
    with pytest.raises(UsageError, match="sample_rate"):
        classify(np.zeros(RATE), model=model)


def test_classify_unusable_recording(model, tmp_path):
    with pytest.raises(AudioError, match="no such file"):
        classify(tmp_path / "none.wav", model=model)
    with pytest.raises(AudioError, match="silence"):
        classify(np.zeros(RATE), model=model, sample_rate=RATE)


def test_classify_options_checked_first(model, tmp_path):
    for options in ({"site": "tail"}, {"cavities": 0}):
        with pytest.raises(UsageError):
            classify(tmp_path / "none.wav", model=model, **options)


def test_classify_unusable_model(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"no model")
    with pytest.raises(ModelError, match=r"m\.onnx"):
        classify(np.zeros(RATE), model=tmp_path / "m.onnx", sample_rate=RATE)


# Real recordings


class TestRealRecordings:
    def test_wrist_crack(self, realdata, model):
        result = popclass.classify(realdata / "cracks" / "wrist_crack.wav", model=model)
        strongest = max(result.events, key=lambda event: event.snr_db)
        assert strongest.start_s == pytest.approx(3.0191, abs=0.002)
        assert any("DC offset" in warning for warning in result.warnings)

    def test_four_cracks(self, realdata, model):
        result = popclass.classify(realdata / "cracks" / "four_cracks.wav", model=model)
        loud = [event for event in result.events if event.snr_db > 20]
        assert [event.start_s for event in loud] == pytest.approx([0.0310, 0.0372, 0.1263, 0.2188], abs=0.002)
        assert len({event.burst for event in loud}) == 1

    @pytest.mark.parametrize(
        "name", [f"{kind}{part}" for kind in ("Knuckle", "Nail_tap", "Nail_tip_tap", "Pad") for part in ("", "-test")]
    )
    def test_phone_taps(self, realdata, frontend, name):
        """Labels begin about 10 ms before the tap."""
        folder = realdata / "negatives" / "taps"
        starts = np.loadtxt(folder / f"{name}.txt", usecols=0, ndmin=1)
        found = np.array([event.start_s for event in extract_events(folder / f"{name}.m4a", frontend).events])
        late = np.array([found[np.abs(found - start - 0.01).argmin()] - start for start in starts])
        assert len(starts) > 5
        assert np.abs(late).max() <= 0.015
