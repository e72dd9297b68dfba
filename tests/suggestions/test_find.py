"""Suggestions for a folder of recordings, and their table."""

import csv
import json
from pathlib import Path

import pytest
import recordings

from popclass.errors import LabelError, OutputError, UsageError
from popclass.labels import read_labels
from popclass.labels.matching import match
from popclass.model.model import Model
from popclass.suggestions import suggest

SOUNDS = ["cavitation", "snapping", "snapping", "other", "snapping"]
HOSTILE = ("=cmd.wav", "a\nb.wav", '"q", x.wav')


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return Model.load(recordings.make_model(tmp_path_factory.mktemp("model") / "small.onnx"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("data") / "in"
    for seed, name in enumerate(("a.wav", "b.wav", "c.wav")):
        recordings.write(place / name, SOUNDS, seed=seed, seconds=2.0)
    return place


@pytest.fixture(scope="module")
def found(folder, model):
    return suggest(folder, model=model, count=6)


def places(found):
    return [(each.sound.recording, each.sound.event.onset) for each in found.suggestions]


def write_labels(path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("file", "start_s", "end_s", "label", "subject"), *rows])
    return path


def test_suggest_spread_over_recordings(found):
    assert len(set(places(found))) == 6
    names = [name for name, _ in places(found)]
    assert {name: names.count(name) >= 1 for name in ("a.wav", "b.wav", "c.wav")} == dict.fromkeys(names, True)
    assert found.sounds >= 15
    assert found.failed == ()


def test_suggest_repeats(folder, model, found):
    assert places(suggest(folder, model=model, count=6)) == places(found)


def test_suggest_similar(found):
    for each in found.suggestions:
        onsets = [sound.event.onset for sound in each.similar]
        assert {sound.recording for sound in each.similar} <= {each.sound.recording}
        assert each.sound.event.onset not in onsets
        assert len(set(onsets)) == len(onsets) <= each.similar_found


def test_suggest_labelled_left_out(folder, model, found, tmp_path):
    """Every sound but those of c.wav is labelled, some as unsure; similar sounds with a label are not offered."""
    every = suggest(folder, model=model, count=100)
    rows = [
        ("in/" + each.sound.recording, f"{each.sound.event.start_s:.6f}", f"{each.sound.end_s:.6f}", label, "P1")
        for at, each in enumerate(every.suggestions)
        if each.sound.recording != "c.wav"
        for label in ["unsure" if at % 2 else "other"]
    ]
    labels = write_labels(folder.parent / "labels.csv", rows)
    left = suggest(folder, model=model, count=100, labels=labels)
    names = {each.sound.recording for each in left.suggestions}
    assert names == {sound.recording for each in left.suggestions for sound in each.similar} | names == {"c.wav"}
    assert len(left.suggestions) == len(every.suggestions) - len(rows)
    assert left.counts["unsure"] + left.counts["other"] == len(rows)
    assert left.infos["a.wav"].subject == "P1"


def test_suggest_clip_folders(model, tmp_path):
    """A labelled clip has no further sound to label."""
    for kind in recordings.KINDS:
        recordings.write(tmp_path / "in" / kind / "1.wav", [kind, kind], seed=1)
    recordings.write(tmp_path / "in" / "new.wav", SOUNDS[:3], seed=2)
    left = suggest(tmp_path / "in", model=model, labels=tmp_path / "in")
    assert {each.sound.recording for each in left.suggestions} == {"new.wav"}
    assert sum(left.counts.values()) == 3


def test_suggest_manifest_subjects(folder, model):
    manifest = folder.parent / "manifest.csv"
    manifest.write_text("file,subject,site\nin/a.wav,P1,hip\nin/b.wav,P1,hip\nin/c.wav,P2,hip\n")
    told = []
    found = suggest(folder, model=model, count=4, manifest=manifest, notice=told.append)
    subjects = [found.infos[name].subject for name, _ in places(found)]
    assert sorted(subjects) == ["P1", "P1", "P2", "P2"]
    assert told == []


def test_suggest_bad_files(folder, model, tmp_path):
    recordings.write(tmp_path / "in" / "a.wav", SOUNDS[:3])
    (tmp_path / "in" / "bad.wav").write_bytes(b"RIFF")
    found = suggest(tmp_path / "in", model=model)
    assert [line.partition(":")[0] for line in found.failed] == ["bad.wav"]
    assert list(found.infos) == ["a.wav"]


def test_suggest_missed_labels(folder, model):
    told = []
    labels = write_labels(folder.parent / "missed.csv", [("in/a.wav", "0.001", "", "other", "")])
    suggest(folder, model=model, labels=labels, notice=told.append)
    assert told == ["1 earlier label without a sound within reach"]


@pytest.mark.parametrize("settings", [{"count": 0}, {"count": 501}, {"count": 2.5}, {"seed": -1}])
def test_suggest_out_of_range(folder, model, settings):
    with pytest.raises(UsageError, match="is out of range"):
        suggest(folder, model=model, **settings)


def test_suggest_no_recordings(model, tmp_path):
    with pytest.raises(UsageError, match="no recordings here"):
        suggest(tmp_path, model=model)
    with pytest.raises(LabelError):
        suggest(tmp_path, model=model, labels=tmp_path / "nowhere.csv")


def test_table_round_trip(found, tmp_path):
    """Each row returns to its own sound; until it is filled in, no sound is trained on."""
    found.save(tmp_path / "t.csv")
    rows = list(csv.DictReader((tmp_path / "t.csv").open(newline="")))
    assert [row["label"] for row in rows] == ["unsure"] * 6
    assert list(rows[0]) == ["file", "start_s", "end_s", "label", "subject", "site", "recorded_at"]
    wanted = {name: {o for n, o in places(found) if n == name} for name, _ in places(found)}
    for recording in read_labels(tmp_path / "t.csv").recordings:
        events = [each.sound.event for each in suggestions_of(found, recording.path.name)]
        assert set(match(events, recording, partial=True).labels) == {None}
        filled = tmp_path / "t.csv"
        assert {round(row.start_s * recordings.RATE) for row in recording.rows} == wanted[recording.path.name]
        assert filled.exists()


def suggestions_of(found, name):
    return [each for each in found.suggestions if each.sound.recording == name]


def test_table_hostile_names(model, tmp_path):
    for seed, name in enumerate(HOSTILE):
        recordings.write(tmp_path / name, SOUNDS[:3], seed=seed)
    found = suggest(tmp_path, model=model)
    found.save(tmp_path / "t.csv")
    text = (tmp_path / "t.csv").read_text()
    assert not any(line.startswith(("=", '"=')) for line in text.splitlines())
    assert {each.path.name for each in read_labels(tmp_path / "t.csv").recordings} == set(HOSTILE)


def test_table_holds_earlier_labels(folder, model, tmp_path):
    labels = write_labels(folder.parent / "own.csv", [("in/a.wav", "0.2", "0.25", "snapping", "P1")])
    found = suggest(folder, model=model, count=2, labels=labels)
    found.save(tmp_path / "t.csv")
    read = {Path(each.path).name: each for each in read_labels(tmp_path / "t.csv").recordings}
    assert "snapping" in [row.label for row in read["a.wav"].rows]
    assert read["a.wav"].subject == "P1"


def test_save_refuses(found, tmp_path):
    with pytest.raises(UsageError, match=r"end the name in one"):
        found.save(tmp_path / "page.txt")
    (tmp_path / "mine.html").write_text("<!doctype html><title>mine</title>")
    with pytest.raises(OutputError, match=r"exists already, and popclass did not write it"):
        found.save(tmp_path / "mine.html")
    (tmp_path / "t.csv").write_text("mine")
    with pytest.raises(OutputError, match="may hold labels"):
        found.save(tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == "mine"


def test_save_stdout(found, capfd):
    found.save("-")
    assert capfd.readouterr().out.count("unsure") == 6


def test_suggest_own_columns(folder, model, tmp_path):
    """`side` and the user's own columns of a manifest and of earlier labels come back in table and page."""
    manifest = folder.parent / "own.csv"
    manifest.write_text("file,subject,side,x_day\nin/a.wav,P1,left,1\nin/b.wav,P1,right,1\nin/c.wav,P1,left,2\n")
    found = suggest(folder, model=model, count=6, manifest=manifest)
    found.save(tmp_path / "next.csv")
    rows = list(csv.DictReader((tmp_path / "next.csv").open(newline="")))
    days = {"a.wav": ("left", "1"), "b.wav": ("right", "1"), "c.wav": ("left", "2")}
    assert len(rows) == 6
    assert all((row["side"], row["x_day"]) == days[Path(row["file"]).name] for row in rows)
    again = suggest(folder, model=model, count=2, labels=tmp_path / "next.csv")
    again.save(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text("utf-8")
    data = json.loads(page.split('id="data">')[1].split("</script>")[0])
    assert data["more"] == ["side", "x_day"]
    assert sorted(tuple(row[7:]) for row in data["rows"]) == sorted(days[Path(row["file"]).name] for row in rows)
