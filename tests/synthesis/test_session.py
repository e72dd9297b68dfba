"""Generated sessions."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from popclass.errors import UsageError
from popclass.results import CAVITATION, OTHER, SNAPPING
from popclass.synthesis import Session, Settings, draw_settings, generate_session, recorder, session_of
from popclass.synthesis import plan as planning
from popclass.synthesis import session as module
from popclass.synthesis.waves import SynthSound
from popclass.timing.sites import SITES

PLAIN = Settings(
    sensor="airborne close",
    room="open",
    device="flat",
    level="loud",
    background="pink",
    processing="none",
    codec="none",
    pitch="whole",
    duration="whole",
    site="lumbar",
    sample_rate=44100,
    bits=24,
)

# A rub or a swell has no sharp beginning, and a fault is not filtered.
SWELLING = (
    *("snap", "finger snap", "fault", "voiced", "unvoiced", "cloth rub", "cable rub", "puff", "cough", "call"),
    "rummage",
)


def generated(settings: Settings, seed: int) -> Session:
    return generate_session(np.random.default_rng(seed), settings)


@pytest.fixture(scope="module")
def sample() -> list[Session]:
    """Ten sessions of the generator as it is used."""
    return [session_of(4, index) for index in range(10)]


def test_session_of_same_seed() -> None:
    first, second = session_of(7, 0), session_of(7, 0)
    assert first.subject == second.subject
    for a, b in zip(first.recordings, second.recordings, strict=True):
        assert a.labels == b.labels
        assert a.recorded_at == b.recorded_at
        assert a.samples.tobytes() == b.samples.tobytes()


def test_generate_session_other_seed() -> None:
    assert generated(PLAIN, 1).subject != generated(PLAIN, 2).subject


def test_generate_session_global_random_state() -> None:
    np.random.seed(5)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = generated(PLAIN, 1)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002
    np.random.seed(6)  # noqa: NPY002
    assert generated(PLAIN, 1).recordings[0].samples.tobytes() == first.recordings[0].samples.tobytes()


def test_session_shape(sample: list[Session]) -> None:
    for session in sample:
        assert 3 <= len(session.recordings) <= 8
        times = [recording.recorded_at for recording in session.recordings]
        assert times == sorted(times)
        assert (times[-1] - times[0]).total_seconds() <= 3600
        for recording in session.recordings:
            assert recording.samples.dtype == np.float32
            assert recording.sample_rate == session.settings.sample_rate
            seconds = len(recording.samples) / recording.sample_rate
            assert 9.9 < seconds < 40.1 or 0.5 < seconds < planning.SHORT_S
            assert np.all(np.isfinite(recording.samples))
            assert np.max(np.abs(recording.samples)) <= 1.0


def test_recordings_do_not_overlap(sample: list[Session]) -> None:
    for session in sample:
        for earlier, later in pairwise(session.recordings):
            length = len(earlier.samples) / earlier.sample_rate
            assert (later.recorded_at - earlier.recorded_at).total_seconds() > length


def test_labels_ordered(sample: list[Session]) -> None:
    for session in sample:
        for recording in session.recordings:
            starts = [label.start_s for label in recording.labels]
            assert all(b - a >= recorder.MERGE_S for a, b in pairwise(starts))
            for label in recording.labels:
                assert 0.0 < label.start_s < label.end_s <= len(recording.samples) / recording.sample_rate
                assert label.label in (CAVITATION, SNAPPING, OTHER)
                assert (label.cavity is not None) == (label.label == CAVITATION)


@pytest.mark.parametrize("rate", [44100, 96000, 16000])
@pytest.mark.parametrize("sensor", ["airborne close", "contact"])
def test_labels_at_onsets(monkeypatch: pytest.MonkeyPatch, rate: int, sensor: str) -> None:
    """Without background, a tenth of the peak is reached within 1 ms of a label and not before it."""
    quiet = lambda self, length: np.zeros(length, dtype=np.float32)  # noqa: E731
    monkeypatch.setattr(recorder.Background, "render", quiet)
    monkeypatch.setattr(recorder, "convert", lambda rng, signal, bits: signal)
    checked = 0
    for seed in range(4):
        session = generated(replace(PLAIN, sensor=sensor, sample_rate=rate, room="small", device="phone"), seed)
        for recording in session.recordings:
            x = recording.samples - np.median(recording.samples)
            ends = [0.0, *(label.end_s + 0.4 for label in recording.labels)]
            for label, free in zip(recording.labels, ends, strict=False):
                if label.start_s < free or label.kind in SWELLING:
                    continue
                start = round(label.start_s * rate)
                lead = min(start, rate // 20)
                stretch = np.abs(x[start - lead : start + rate // 50])
                loud = np.flatnonzero(stretch >= 0.1 * stretch.max())[0] - lead
                assert abs(loud) <= 0.001 * rate, label
                checked += 1
    assert checked > 20


def test_refractory_period(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without exceptions, two pops of one cavity are at least 15 minutes apart; without the rule they are not."""
    monkeypatch.setattr(module, "PROGRAMS", {(CAVITATION,): 1.0})
    monkeypatch.setattr(planning.p, "SECOND_CAVITATION", replace(planning.p.SECOND_CAVITATION, high=0.0))
    gaps = [gap for seed in range(5) for site in ("mcp", "hand") for gap in _gaps(replace(PLAIN, site=site), seed)]
    assert min(gaps) >= 900.0 - 1.0
    monkeypatch.setattr(planning.p, "REFRACTORY", replace(planning.p.REFRACTORY, low=0.0, high=0.0))
    assert min(_gaps(replace(PLAIN, site="mcp"), 0)) < 900.0


def _gaps(settings: Settings, seed: int) -> list[float]:
    """Seconds between successive pops of each cavity of a session."""
    moments = defaultdict(list)
    for recording in generated(settings, seed).recordings:
        for label in recording.labels:
            moments[label.cavity].append(recording.recorded_at.timestamp() + label.start_s)
    return [b - a for times in moments.values() for a, b in pairwise(times)]


def test_cavities_of_site(sample: list[Session]) -> None:
    for session in sample:
        used = {label.cavity for recording in session.recordings for label in recording.labels} - {None}
        assert len(used) <= SITES[session.settings.site].cavities
        assert all(cavity < SITES[session.settings.site].cavities for cavity in used)


def _planned(count: int) -> list[tuple[Settings, SynthSound]]:
    """Return the plans of many sessions, without their recordings."""
    found = []
    for index in range(count):
        rng = np.random.default_rng([11, index])
        settings = replace(draw_settings(rng), sample_rate=44100, codec="none")
        planner = planning.Planner(rng, settings, (CAVITATION, SNAPPING, OTHER))
        for start in planning.draw_starts(rng):
            found += [(settings, sound) for sound in planner.plan(start, 20.0)]
    return found


@pytest.mark.slow
def test_levels_independent_of_class() -> None:
    """Levels have one distribution for all classes, over 60 dB, and no factor of the settings prefers a class."""
    planned = _planned(120)
    gestures: dict[str, dict[tuple[int, float], float]] = defaultdict(dict)
    for settings, sound in planned:
        gestures[sound.label].setdefault((id(settings), round(sound.time_s)), sound.level_db)
    levels = {label: np.sort(list(values.values())) for label, values in gestures.items()}
    grid = np.linspace(-6.0, 58.0, 129)
    shares = {label: np.searchsorted(values, grid) / len(values) for label, values in levels.items()}
    for label in (CAVITATION, SNAPPING):
        assert np.max(np.abs(shares[label] - shares[OTHER])) < 0.13
    everything = np.concatenate(list(levels.values()))
    assert np.percentile(everything, 99) - np.percentile(everything, 1) > 55.0


def test_classes_on_both_sensor_paths() -> None:
    found = {(sound.label, settings.contact) for settings, sound in _planned(40)}
    assert found == {(label, contact) for label in (CAVITATION, SNAPPING, OTHER) for contact in (True, False)}


def test_no_digital_silence(sample: list[Session]) -> None:
    """Lossy codecs mute near silence; nothing else leaves runs of zeros."""
    for session in (session for session in sample if session.settings.codec == "none"):
        for recording in session.recordings:
            if any(label.kind == "fault" for label in recording.labels):
                continue
            quiet = np.flatnonzero(recording.samples != 0.0)
            assert np.max(np.diff(quiet)) < max(0.002 * recording.sample_rate, 20)


@pytest.mark.parametrize("change", [{"sensor": "telepathy"}, {"codec": "mp3", "sample_rate": 96000}])
def test_settings_refused(change: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="choose"):
        replace(PLAIN, **change)  # type: ignore[arg-type]
