"""popclass.pipeline: one recording from file or array to labelled events."""

import numpy as np
import pytest
import recordings
import soundfile as sf

import popclass
from popclass.errors import AudioError, ModelError, UsageError
from popclass.features import FrontEnd
from popclass.model.model import Model
from popclass.pipeline import analyze, classify, extract_events, extract_features, load_model
from popclass.results import event_columns

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


# Classifying


def test_a_recording_gives_labelled_events(model):
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
def test_an_array_gives_what_the_file_gives(model, tmp_path, ending):
    path = recordings.write(tmp_path / f"take.{ending}", ["cavitation", "snapping"])
    samples, rate = sf.read(path, dtype="float32")
    from_file, from_array = classify(path, model=model), classify(samples, model=model, sample_rate=rate)
    assert from_array.events == from_file.events
    assert (from_file.recording, from_array.recording) == (str(path), "array")
    with path.open("rb") as file:
        assert classify(file, model=model).events == from_file.events


def test_whole_numbers_are_taken_for_samples(model):
    samples = recordings.samples(["cavitation", "snapping"])
    as_int = np.round(samples * 32768).astype(np.int16)
    floats, ints = (classify(each, model=model, sample_rate=RATE) for each in (as_int / 32768, as_int))
    assert ints.events == floats.events


def test_zero_events_are_a_result_with_all_its_columns(model):
    result = classify(np.random.default_rng(0).normal(0, 0.01, RATE), model=model, sample_rate=RATE)
    assert result.events == ()
    assert list(result.rows()) == []
    assert result.cavities_needed == 0
    assert list(result.to_dataframe().columns) == list(event_columns(model.classes))


def test_an_event_at_the_first_sample(model):
    samples = np.random.default_rng(1).normal(0, 0.002, RATE)
    samples[:2880] += 0.5 * recordings.sound("cavitation", np.random.default_rng(2))
    event = classify(samples, model=model, sample_rate=RATE).events[0]
    assert event.start_s == pytest.approx(0, abs=0.001)
    assert event.start_s >= 0
    assert event.event == event.burst == 1


def test_the_model_can_be_named_by_its_file(model, model_file):
    samples = recordings.samples(["cavitation"])
    assert classify(samples, model=model_file, sample_rate=RATE) == classify(samples, model=model, sample_rate=RATE)
    assert load_model(model) is model


def test_site_subject_and_thresholds_reach_the_result(model):
    samples = recordings.samples(["cavitation", "cavitation"], seed=60)
    plain = classify(samples, model=model, sample_rate=RATE, site="MCP", subject="P1")
    assert (plain.site, plain.subject) == ("mcp", "P1")
    assert plain.cavities_needed == 1 or "refractory" in [event.timing for event in plain.events]
    strict = classify(samples, model=model, sample_rate=RATE, min_probability=1.0)
    assert {event.label for event in strict.events} <= {"uncertain", "cavitation"}
    assert {
        event.timing for event in classify(samples, model=model, sample_rate=RATE, cavities=2, site="mcp").events
    } == {"consistent"}


def test_an_analysis_needs_no_other_recording(model):
    analysis = analyze(recordings.samples(["cavitation", "snapping"]), model, sample_rate=RATE, name="a name")
    assert analysis.recording == "a name"
    assert analysis.acoustic.shape == analysis.contextual.shape == (len(analysis.events), len(model.classes))
    np.testing.assert_array_equal(analysis.contextual, analysis.acoustic)  # this model knows no context
    assert not any(event.label for event in analysis.events)


def test_features_are_those_the_model_asks_for(model):
    samples = recordings.samples(["cavitation", "snapping"])
    X, names = extract_features(samples, model=model, sample_rate=RATE)
    assert names == model.frontend.names
    assert X.shape == (2, len(names))
    np.testing.assert_array_equal(X, extract_events(samples, model.frontend, sample_rate=RATE).features)


# What is refused


def test_an_array_needs_its_sample_rate(model):
    with pytest.raises(UsageError, match="sample_rate"):
        classify(np.zeros(RATE), model=model)


def test_what_is_wrong_with_a_recording_is_said(model, tmp_path):
    with pytest.raises(AudioError, match="no such file"):
        classify(tmp_path / "none.wav", model=model)
    with pytest.raises(AudioError, match="silence"):
        classify(np.zeros(RATE), model=model, sample_rate=RATE)


def test_options_are_checked_before_anything_is_heard(model, tmp_path):
    for options in ({"site": "tail"}, {"cavities": 0}):
        with pytest.raises(UsageError):
            classify(tmp_path / "none.wav", model=model, **options)


def test_a_model_that_is_none_is_said(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"no model")
    with pytest.raises(ModelError, match=r"m\.onnx"):
        classify(np.zeros(RATE), model=tmp_path / "m.onnx", sample_rate=RATE)


# Real recordings


class TestRealRecordings:
    def test_the_wrist_crack_is_the_strongest_event_within_2_ms(self, realdata, model):
        result = popclass.classify(realdata / "cracks" / "wrist_crack.wav", model=model)
        strongest = max(result.events, key=lambda event: event.snr_db)
        assert strongest.start_s == pytest.approx(3.0191, abs=0.002)
        assert any("DC offset" in warning for warning in result.warnings)

    def test_four_cracks_are_four_clicks_of_one_burst(self, realdata, model):
        result = popclass.classify(realdata / "cracks" / "four_cracks.wav", model=model)
        loud = [event for event in result.events if event.snr_db > 20]
        assert [event.start_s for event in loud] == pytest.approx([0.0310, 0.0372, 0.1263, 0.2188], abs=0.002)
        assert len({event.burst for event in loud}) == 1

    @pytest.mark.parametrize(
        "name", [f"{kind}{part}" for kind in ("Knuckle", "Nail_tap", "Nail_tip_tap", "Pad") for part in ("", "-test")]
    )
    def test_every_tap_of_a_phones_m4a_is_found(self, realdata, frontend, name):
        """Labels begin about 10 ms before the tap."""
        folder = realdata / "negatives" / "taps"
        starts = np.loadtxt(folder / f"{name}.txt", usecols=0, ndmin=1)
        found = np.array([event.start_s for event in extract_events(folder / f"{name}.m4a", frontend).events])
        late = np.array([found[np.abs(found - start - 0.01).argmin()] - start for start in starts])
        assert len(starts) > 5
        assert np.abs(late).max() <= 0.015
