"""Tests of popclass.batch.worker: progress, and the progress output of the command."""

import io
import re
import sys

import numpy as np
import pytest
import recordings
import soundfile as sf

from popclass.batch import classify_folder
from popclass.batch.worker import BatchProgress, Outcome, ProgressCounter
from popclass.cli import console as messages
from popclass.cli import main
from popclass.model.model import Model
from popclass.utils.files import Stamp


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = recordings.make_model(tmp_path_factory.mktemp("model") / "small.onnx")
    return Model.load(path), path


@pytest.fixture
def folder(tmp_path):
    for index in range(4):
        recordings.write(tmp_path / "in" / f"{index}.wav", ["cavitation"], seed=index)
    (tmp_path / "in" / "broken.wav").write_bytes(b"RIFF")
    return tmp_path / "in"


def test_progress_counter_share():
    reports = []
    count = ProgressCounter({"a": Stamp(300, 0), "b": Stamp(100, 0)}, resumed=2, report=reports.append)
    count.add([Outcome("b", line="{}", audio_s=10.0)])
    count.add([Outcome("a", reason="broken")])
    assert [(now.done, now.total, now.failed, now.audio_s, now.share) for now in reports] == [
        (3, 4, 0, 10.0, 0.25),
        (4, 4, 1, 10.0, 1.0),
    ]


def test_batch_progress_speed():
    now = BatchProgress(done=0, total=5, failed=0, audio_s=0.0, elapsed_s=3.0, share=0.0)
    assert now.speed is None
    now = BatchProgress(done=1, total=5, failed=0, audio_s=90.0, elapsed_s=3.0, share=0.25)
    assert now.speed == 30.0


def test_classify_folder_progress(folder, model, tmp_path):
    reports = []
    result = classify_folder(folder, tmp_path / "out", model=model[0], progress=reports.append)
    assert (reports[-1].done, reports[-1].total, reports[-1].failed, reports[-1].share) == (5, 5, 1, 1.0)
    assert reports[-1].audio_s == result.audio_s == pytest.approx(4.0)
    assert [now.share for now in reports] == sorted(now.share for now in reports)
    reports.clear()
    again = classify_folder(folder, tmp_path / "out", model=model[0], progress=reports.append)
    assert (reports[-1].done, reports[-1].total, again.audio_s) == (5, 5, 0.0)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_main_progress_bar(folder, model, tmp_path, monkeypatch):
    monkeypatch.setattr(messages, "SHOWN_AFTER_S", 0.0)
    monkeypatch.setenv("COLUMNS", "160")
    line = ["batch", str(folder), "-o", str(tmp_path / "out"), "--model", str(model[1]), "--jobs", "1"]
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert main(line) == 1
    assert re.search(r"5 of 5 files, 1 failed, 0\.0 h, [\d,]+x", sys.stderr.getvalue())
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert main([*line, "--quiet", "--fresh"]) == 1
    assert "files" not in sys.stderr.getvalue()
    assert sys.stderr.getvalue().startswith("popclass: broken.wav: cannot be read as audio")


def test_summary_speed(tmp_path):
    from popclass.batch import BatchResult
    from popclass.cli.batch import _summary

    little = BatchResult((), (), tmp_path, audio_s=60.0, elapsed_s=1.0)
    much = BatchResult((), (), tmp_path, audio_s=7200.0, elapsed_s=8.0)
    assert "times real time" not in _summary(little)
    assert "; 2.0 h of audio in 8 s, 900 times real time; " in _summary(much)


def test_summary_joints(tmp_path, model):
    from popclass.cli.batch import _summary

    pop = recordings.samples(["cavitation"], seconds=2.0)
    for name, pops in {"one/a.wav": 3, "all/a.wav": 2, "all/b.wav": 1, "all/c.wav": 1}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        sf.write(tmp_path / name, np.tile(pop, pops), recordings.RATE)

    def joints(folder, manifest=None):
        result = classify_folder(tmp_path / folder, tmp_path / "out", model=model[0], manifest=manifest, fresh=True)
        return _summary(result).split("; ")[2:-1]

    assert joints("one") == ["at least 3 joints must have popped, if each burst is one joint cavity"]
    assert joints("all") == ["in a.wav at least 2 joints must have popped, if each burst is one joint cavity"]
    (tmp_path / "manifest.csv").write_text(
        "file,subject,recorded_at\n"
        + "".join(f"all/{each}.wav,P1,2026-11-24T10:0{at}:00+00:00\n" for at, each in enumerate("abc"))
    )
    three = "in 3 recordings of one timeline (a.wav, b.wav, c.wav)"
    assert joints("all", tmp_path / "manifest.csv") == [
        f"{three} at least 4 joints must have popped, if each burst is one joint cavity"
    ]
    (tmp_path / "all" / "a.wav").unlink()
    assert joints("all") == [], "each recording needs one joint, as their counts say"
