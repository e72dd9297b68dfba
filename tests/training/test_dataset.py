"""Labelled recordings as a table of features."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile as sf
from labelled_clips import RATE, noise, put, ring

from popclass.detection import Detector
from popclass.errors import LabelError
from popclass.labels import read_labels
from popclass.training import dataset as samples_module
from popclass.training.dataset import RATE as MFCC_RATE
from popclass.training.dataset import SAMPLES, MfccTable, collect, cut_clips, mfcc_statistics


def test_collect_clips(clips, frontend):
    samples = collect(read_labels(clips), frontend)
    assert sorted(samples.labels) == ["cavitation"] * 6 + ["other"] * 6 + ["snapping"] * 6
    assert samples.X.shape == (18, len(frontend.names))
    assert [name.split("/")[0] for name in samples.recordings] == samples.labels
    assert samples.provenance()["events_left_out"] >= 18, "the quieter sound of each clip is ignored"
    assert samples.warnings == []
    assert hashlib.sha256((clips / "other" / "0.wav").read_bytes()).hexdigest() in samples.provenance()["sha256"]


def test_collect_broken_and_silent_clips(clips, frontend):
    (clips / "other" / "broken.wav").write_text("this is no audio")
    sf.write(clips / "snapping" / "nothing.wav", noise(0.5, 99), RATE)
    samples = collect(read_labels(clips), frontend)
    assert len(samples.labels) == 18
    broken, silent = samples.warnings
    assert broken.startswith("1 recording skipped because not readable")
    assert "broken.wav" in broken
    assert silent.endswith("snapping/nothing.wav")


def test_collect_unsure_clips(clips, frontend):
    (clips / "snapping").rename(clips / "Unsure")
    samples = collect(read_labels(clips), frontend)
    assert sorted(samples.labels) == ["cavitation"] * 6 + ["other"] * 6
    assert samples.provenance()["recordings"] == 12


def test_collect_processes(clips, frontend, monkeypatch):
    (clips / "other" / "broken.wav").write_text("this is no audio")
    alone = collect(read_labels(clips), frontend)
    monkeypatch.setattr(samples_module, "PARALLEL_FROM", 1)
    together = collect(read_labels(clips), frontend)
    assert np.array_equal(alone.X, together.X)
    assert (alone.labels, alone.recordings, alone.warnings) == (together.labels, together.recordings, together.warnings)


@pytest.fixture
def session(tmp_path):
    """A recording with two labelled sounds and an unlabelled one, and one verified to hold nothing."""
    wave = put(noise(4, 1), 1.0, ring(2000, 0.001))
    wave = put(wave, 2.0, ring(400, 0.012))
    sf.write(tmp_path / "a.wav", put(wave, 3.0, ring(3500, 0.006)), RATE)
    sf.write(tmp_path / "b.wav", put(noise(1, 2), 0.5, ring(3500, 0.006)), RATE)
    (tmp_path / "labels.csv").write_text(
        "file,start_s,end_s,label,subject\n"
        "a.wav,0.995,1.01,cavitation,P1\na.wav,1.99,2.05,snapping,P1\na.wav,3.5,3.6,snapping,P1\nb.wav,,,,P2\n"
    )
    return tmp_path


def test_collect_partial(session, frontend):
    samples = collect(read_labels(session), frontend)
    assert samples.labels == ["cavitation", "snapping", "other", "other"]
    assert samples.subjects == ["P1", "P1", "P1", "P2"]
    assert any("1 label skipped because no event was detected" in warning for warning in samples.warnings)
    assert (samples.uncovered("other"), samples.uncovered(None)) == ([1, 1], [0, 0])
    assert samples.by_class("missed") == {"snapping": 1}
    assert [
        (recording.name, len(matched.missed), len(matched.uncovered)) for recording, matched in samples.matches
    ] == [
        ("a.wav", 1, 1),
        ("b.wav", 0, 1),
    ]
    assert "2 events outside of all labels, labelled 'other': a.wav 1, b.wav 1" in samples.warnings
    partial = collect(read_labels(session), frontend, partial=True)
    assert (partial.uncovered("other"), partial.uncovered(None)) == ([0, 1], [1, 0])
    provenance = partial.provenance()
    assert (provenance["uncovered_other"], provenance["uncovered_left_out"]) == (1, 1)
    assert provenance["labels_without_event_by_class"] == {"snapping": 1}
    assert partial.labels == ["cavitation", "snapping", "other"]
    assert partial.recordings == ["a.wav", "a.wav", "b.wav"], "what is verified stays other"


def test_collect_label_beyond_end(session, frontend):
    with (session / "labels.csv").open("a") as file:
        file.write("b.wav,500,501,cavitation,P2\n")
    with pytest.raises(LabelError, match=r"row 6: the label cavitation at 500-501 s .*b\.wav, which lasts 1\.000 s"):
        collect(read_labels(session), frontend)


def test_collect_label_ends_late(session, frontend):
    with (session / "labels.csv").open("a") as file:
        file.write("b.wav,0.49,1.5,snapping,P2\n")
    samples = collect(read_labels(session), frontend)
    where = f"{session / 'labels.csv'}, row 6 (snapping at 0.49-1.5 s)"
    assert f"1 label with an end after that of the recording: {where}" in samples.warnings
    assert samples.labels.count("snapping") == 2


def test_collect_overridden_label(session, frontend):
    with (session / "labels.csv").open("a") as file:
        file.write("b.wav,0.5,0.5,cavitation,P2\nb.wav,0.499,0.51,snapping,P2\n")
    text = (session / "labels.csv").read_text().replace("b.wav,,,,P2\n", "")
    (session / "labels.csv").write_text(text)
    samples = collect(read_labels(session), frontend)
    assert (samples.by_class("missed"), samples.by_class("lost")) == ({"snapping": 1}, {"snapping": 1})
    expected = "1 label skipped because another label took its event (snapping 1): b.wav 1"
    assert expected in samples.warnings
    assert samples.provenance()["labels_overridden"] == 1


def test_mfcc_statistics_equals_librosa():
    import librosa

    rng = np.random.default_rng(0)
    clips = rng.normal(0, 1, (5, SAMPLES)) * np.array([[1], [1e-5], [0.3], [1e-3], [1e-2]])  # loud beside quiet
    clips[2, 1000:] = 0
    clips = clips.astype(np.float32)
    for row, clip in zip(mfcc_statistics(clips), clips, strict=True):
        alone = librosa.feature.mfcc(y=clip, sr=MFCC_RATE)
        np.testing.assert_allclose(row, np.concatenate([alone.mean(axis=1), alone.std(axis=1)]), rtol=1e-4, atol=1e-2)


def test_mfcc_table_batches():
    clips = np.random.default_rng(1).normal(size=(300, SAMPLES)).astype(np.float32)
    some = MfccTable()
    for at in range(0, 300, 7):
        some.add(clips[at : at + 7])
    np.testing.assert_allclose(some.finish(), mfcc_statistics(clips), rtol=1e-5, atol=1e-4)
    assert MfccTable().finish().shape == (0, 40)


def test_cut_clips_at_end():
    wave = np.random.default_rng(0).normal(0, 1e-3, (48_000, 1)).astype(np.float32)
    wave[45_000:45_100, 0] += 0.5
    detector = Detector(48_000, 1)
    sounds = detector.feed(wave) + detector.flush()
    clips = cut_clips(sounds)
    assert clips.shape == (len(sounds), SAMPLES)
    assert np.abs(clips[-1]).max() > 0.1
    assert not clips[-1, -500:].any()


@pytest.mark.slow
def test_mfcc_statistics_threads():
    """A matrix product of several threads rounds in another way, and a model would have other bytes."""
    code = (
        "import hashlib, numpy as np; from popclass.training.dataset import SAMPLES, mfcc_statistics; "
        "clips = np.random.default_rng(0).normal(size=(300, SAMPLES)).astype(np.float32); "
        "print(hashlib.sha256(mfcc_statistics(clips).tobytes()).hexdigest())"
    )
    digests = set()
    for threads in ("1", "2"):
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        digests.add(
            subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True).stdout
        )
    assert len(digests) == 1
