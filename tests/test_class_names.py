"""Class names of a user in all outputs."""

from dataclasses import replace

import pytest
import recordings
import soundfile

from popclass.cli import main
from popclass.extraction import extract_events
from popclass.features import FrontEnd
from popclass.formats.write import FORMATS
from popclass.metrics.tables import describe
from popclass.pipeline import classify
from popclass.training.fit import fit
from popclass.training.model_card import card
from popclass.training.settings import FitConfig

NAMES = {"cavitation": "my-pop", "snapping": "snap_hip2", "other": "other"}


@pytest.fixture(scope="module")
def trained():
    frontend = FrontEnd.build()
    tables, labels, groups = [], [], []
    for index in range(30):
        kind = recordings.KINDS[index % 3]
        found = extract_events(recordings.samples([kind] * 2, seed=index), frontend, sample_rate=recordings.RATE)
        tables += [*found.features]
        labels += [NAMES[kind]] * len(found.events)
        groups += [str(index)] * len(found.events)
    return fit(tables, labels, groups, frontend, FitConfig(classifier="logistic", folds=3))


@pytest.fixture(scope="module")
def place(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    trained.save(folder / "own.onnx")
    soundfile.write(folder / "a.wav", recordings.samples(["cavitation", "snapping"], seed=99), recordings.RATE)
    return folder


def test_own_names_card(trained):
    text = card(trained) + describe(trained.info["scores"])
    assert all(f"| {name} |" in text for name in NAMES.values())


@pytest.mark.parametrize("format", sorted(FORMATS))
def test_own_names_events(trained, place, format):
    result = classify(place / "a.wav", model=trained)
    named = [event.gain(label=name, p_label=0.9) for event, name in zip(result.events, NAMES.values(), strict=False)]
    text = "".join(FORMATS[format]([replace(result, events=tuple(named))]))
    assert len(named) >= 2
    assert all(event.label in text for event in named)
    assert "cavitation" not in set(result.counts())


def test_own_names_batch(place, tmp_path):
    assert main(["batch", str(place), "--model", str(place / "own.onnx"), "-o", str(tmp_path / "results")]) == 0
    for name in ("recordings.csv", "bursts.csv"):
        header = (tmp_path / "results" / name).read_text().splitlines()[0].split(",")
        assert {*NAMES.values()} <= {*header}
    header = (tmp_path / "results" / "events.csv").read_text().splitlines()[0].split(",")
    assert {f"posterior_{name}" for name in NAMES.values()} <= {*header}


def test_own_names_page(trained, place, tmp_path):
    argv = ["classify", str(place / "a.wav"), "--model", str(place / "own.onnx"), "-o", str(tmp_path / "a.csv")]
    assert main([*argv, "--report", str(tmp_path / "page.html")]) == 0
    text = (tmp_path / "page.html").read_text()
    assert '"my-pop"' in text
    assert '"snap_hip2"' in text
