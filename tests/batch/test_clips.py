"""Tests of popclass.batch.clips: selection, stretches, files, sources that are gone, and training on the result."""

import csv
import json
import os
import shutil

import numpy as np
import pytest
import recordings
import soundfile as sf

import popclass
from popclass.batch.clips import Clips, _wav, clip_name, cut_clips
from popclass.errors import LabelError, OutputError, UsageError
from popclass.extraction import extract_events
from popclass.labels import read_labels

NOT_UTF8 = os.fsdecode(b"caf\xe9.wav")


@pytest.fixture(scope="module")
def archive(tmp_path_factory, model):
    """A folder of recordings and the results of its batch."""
    root = tmp_path_factory.mktemp("clips")
    for index in range(6):
        kinds = ["cavitation", "snapping", "other", "snapping"]
        recordings.write(root / "in" / f"day {index % 2}" / f"hip{index // 2}.wav", kinds, seed=index, seconds=1.5)
    recordings.write(root / "in" / "LOUD.FLAC", ["snapping", "other"])
    recordings.write(root / "in" / "plain.wav", ["other"]).rename(root / "in" / NOT_UTF8)
    subjects = "".join(f"day 0/hip{index}.wav,P{index}\n" for index in range(3))
    (root / "in" / "manifest.csv").write_text("file,subject\n" + subjects)
    popclass.classify_folder(root / "in", root / "results", model=model, manifest=root / "in" / "manifest.csv")
    return root


@pytest.fixture
def copy(archive, tmp_path):
    """A copy whose recordings and results may be changed."""
    shutil.copytree(archive, tmp_path / "copy")
    return tmp_path / "copy"


def events(root):
    with (root / "results" / "events.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def index(folder):
    with (folder / "clips.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_cut_clips_all(archive, tmp_path):
    made = cut_clips(archive / "results", tmp_path / "out")
    found = {(row["recording"], row["event"], row["label"], row["p_label"]) for row in index(tmp_path / "out")}
    assert found == {(row["recording"], row["event"], row["label"], row["p_label"]) for row in events(archive)}
    files = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.wav")}
    assert files == {clip.file for clip in made.clips} == {row["file"] for row in index(tmp_path / "out")}
    assert all(clip.file.startswith(f"{clip.label}/") for clip in made.clips)
    assert (made.failed, made.recordings, sum(made.labels.values())) == ((), 8, len(files))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted({*found_labels(made), "clips.csv"})


def found_labels(made):
    return {clip.label for clip in made.clips}


def test_cut_clips_samples_and_times(archive, tmp_path):
    made = cut_clips(archive / "results", tmp_path / "out")
    ends = {(row["recording"], int(row["event"])): float(row["end_s"]) for row in events(archive)}
    for clip in made.clips:
        name = NOT_UTF8 if "caf" in clip.recording else clip.recording
        whole, rate = sf.read(os.fsencode(archive / "in" / name), dtype="int16")
        samples, own_rate = sf.read(tmp_path / "out" / clip.file, dtype="int32")
        first = round((clip.start_s - clip.onset_s) * rate)
        assert own_rate == rate
        assert np.array_equal(samples, whole[first : first + len(samples)].astype(np.int32) << 16)
        assert clip.onset_s <= 0.1
        assert clip.start_s - clip.onset_s + len(samples) / rate <= ends[clip.recording, clip.event] + 0.2501
        if not clip.cut:
            assert clip.onset_s == pytest.approx(0.1, abs=1e-4)


def test_cut_clips_strongest(archive, tmp_path, model):
    made = cut_clips(archive / "results", tmp_path / "out")
    for clip in made.clips:
        found = extract_events(tmp_path / "out" / clip.file, model.frontend).events
        best = max(found, key=lambda event: event.snr_db)
        assert clip.strongest == (abs(best.start_s - clip.onset_s) <= 0.005)
    assert sum(clip.strongest for clip in made.clips) >= 0.9 * len(made.clips)


def test_cut_clips_louder_neighbours(tmp_path, model):
    samples = np.random.default_rng(0).normal(0, 0.001, 96_000)
    for at, level in ((40_000, 0.5), (43_000, 0.05), (46_000, 0.5)):  # a quiet one between, 62 ms from each
        samples[at : at + 48] += level * np.hanning(48) * np.sin(np.arange(48))
    (tmp_path / "in").mkdir()
    sf.write(tmp_path / "in" / "a.wav", samples, 48_000)
    popclass.classify_folder(tmp_path / "in", tmp_path / "results", model=model)
    clips = {clip.event: clip for clip in cut_clips(tmp_path / "results", tmp_path / "out").clips}
    assert [clips[number].cut for number in (1, 2, 3)] == ["", "start end", ""]
    assert all(clip.strongest for clip in clips.values())
    length = sf.info(tmp_path / "out" / clips[2].file).frames
    assert clips[2].start_s * 48_000 + length - clips[2].onset_s * 48_000 < 46_000


def test_cut_clips_lossy_format(tmp_path, model, encode):
    (tmp_path / "in").mkdir()
    source = encode(tmp_path / "in" / "a.m4a", "aac", recordings.samples(["other", "snapping"], seconds=2.0), 48_000)
    popclass.classify_folder(tmp_path / "in", tmp_path / "results", model=model)
    made = cut_clips(tmp_path / "results", tmp_path / "out")
    with popclass.audio.recording.open_recording(source) as recording:
        whole = np.concatenate(list(recording.blocks()))[:, 0]
    for clip in made.clips:
        samples, rate = sf.read(tmp_path / "out" / clip.file, dtype="float32")
        first = round((clip.start_s - clip.onset_s) * rate)
        assert np.array_equal(samples, whole[first : first + len(samples)])
    assert len(made.clips) >= 2


def test_cut_clips_channel(tmp_path, model):
    mono = recordings.samples(["other"], seconds=1.0)
    noise = np.random.default_rng(1).normal(0, 0.002, len(mono))
    (tmp_path / "in").mkdir()
    sf.write(tmp_path / "in" / "a.wav", np.stack([noise, mono], axis=1), 48_000, subtype="PCM_24")
    popclass.classify_folder(tmp_path / "in", tmp_path / "results", model=model)
    made = cut_clips(tmp_path / "results", tmp_path / "out")
    whole = sf.read(tmp_path / "in" / "a.wav", dtype="int32")[0][:, 1]
    samples = sf.read(tmp_path / "out" / made.clips[0].file, dtype="int32")[0]
    first = round((made.clips[0].start_s - made.clips[0].onset_s) * 48_000)
    assert np.array_equal(samples, whole[first : first + len(samples)])


def test_cut_clips_labels(archive, tmp_path):
    made = cut_clips(archive / "results", tmp_path / "out", labels=["other", "uncertain"])
    assert found_labels(made) <= {"other", "uncertain"}
    assert made.labels.keys() == {"other", "uncertain"}
    assert made.labels["other"] == sum(row["label"] == "other" for row in events(archive)) > 0


def test_cut_clips_between(archive, tmp_path):
    made = cut_clips(archive / "results", tmp_path / "out", between=(0.5, 0.9))
    assert len(made.clips) == sum(0.5 <= float(row["p_label"]) <= 0.9 for row in events(archive))


def test_cut_clips_nothing_selected(archive, tmp_path):
    made = cut_clips(archive / "results", tmp_path / "out", between=(0, 0))
    assert (made.clips, made.failed, set(made.labels.values())) == ((), (), {0})
    assert index(tmp_path / "out") == []


def test_cut_clips_count(archive, tmp_path):
    made = cut_clips(archive / "results", tmp_path / "out", count=3)
    again = cut_clips(archive / "results", tmp_path / "again", count=3)
    assert made.clips == again.clips
    assert max(made.labels.values()) == 3
    for clip in made.clips:
        assert (tmp_path / "out" / clip.file).read_bytes() == (tmp_path / "again" / clip.file).read_bytes()
    one = cut_clips(archive / "results", tmp_path / "one", labels=["other"], count=3)
    assert one.clips == tuple(clip for clip in made.clips if clip.label == "other")


def test_cut_clips_count_spread(archive, tmp_path):
    of_other = {row["recording"] for row in events(archive) if row["label"] == "other"}
    made = cut_clips(archive / "results", tmp_path / "out", labels=["other"], count=len(of_other))
    assert {clip.recording for clip in made.clips} == of_other


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"labels": ["creak"]}, r"no label 'creak'.*cavitation \(\d+ events?\).*uncertain \("),
        ({"labels": "other"}, "give a list of labels"),
        ({"between": (0.9, 0.1)}, "lower probability comes first"),
        ({"between": (0.5, 1.1)}, "from 0 to 1"),
        ({"between": (float("nan"), 1)}, "from 0 to 1"),
        ({"count": 0}, "from 1 on"),
        ({"recordings": "nowhere"}, "no such folder as nowhere"),
    ],
)
def test_cut_clips_wrong_parameter(archive, tmp_path, settings, message):
    with pytest.raises(UsageError, match=message):
        cut_clips(archive / "results", tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()


def test_cut_clips_folder_in_use(archive, tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(OutputError, match="not empty"):
        cut_clips(archive / "results", tmp_path)


def test_cut_clips_no_results(tmp_path):
    with pytest.raises(UsageError, match="no results of a batch"):
        cut_clips(tmp_path, tmp_path / "out")


def test_cut_clips_no_journal(copy, tmp_path):
    (copy / "results" / "journal.jsonl").unlink()
    with pytest.raises(UsageError, match=r"journal\.jsonl is missing"):
        cut_clips(copy / "results", tmp_path / "out")


def test_cut_clips_label_outside(copy, tmp_path):
    table = copy / "results" / "events.csv"
    table.write_text(table.read_text().replace(",other,", ",../other,"))
    with pytest.raises(LabelError, match="cannot be a class"):
        cut_clips(copy / "results", tmp_path / "out")


def test_cut_clips_moved(copy, archive, tmp_path):
    (archive / "in").rename(archive / "away")
    try:
        with pytest.raises(UsageError, match=r"no such folder as .*in; name their folder with --recordings"):
            cut_clips(copy / "results", tmp_path / "out")
        made = cut_clips(copy / "results", tmp_path / "out", recordings=copy / "in")
    finally:
        (archive / "away").rename(archive / "in")
    assert (made.failed, len(made.clips)) == ((), len(events(copy)))


def test_cut_clips_missing_and_changed(copy, tmp_path):
    (copy / "in" / "LOUD.FLAC").unlink()
    recordings.write(copy / "in" / "day 1" / "hip0.wav", ["other"], seed=99, seconds=1.5)
    made = cut_clips(copy / "results", tmp_path / "out", recordings=copy / "in")
    assert [line.split(";")[0] for line in made.failed] == [
        "LOUD.FLAC: is no longer there",
        "day 1/hip0.wav: has changed since the batch",
    ]
    assert made.recordings == 6
    left = {row["recording"] for row in events(copy)} - {"LOUD.FLAC", "day 1/hip0.wav"}
    assert {clip.recording for clip in made.clips} == left


def test_cut_clips_journal_ahead(copy, tmp_path, model):
    target = copy / "in" / "day 1" / "hip0.wav"
    recordings.write(target, ["other"], seed=99, seconds=1.5)
    table = (copy / "results" / "events.csv").read_bytes()
    journal = (copy / "results" / "journal.jsonl").read_bytes()
    popclass.classify_folder(copy / "in", copy / "other", model=model)
    newer = (copy / "other" / "journal.jsonl").read_bytes().split(b"\n", 1)[1]
    (copy / "results" / "journal.jsonl").write_bytes(journal + newer)  # as if a later run had been interrupted
    assert (copy / "results" / "events.csv").read_bytes() == table
    made = cut_clips(copy / "results", tmp_path / "out", recordings=copy / "in")
    assert [line.split(":")[0] for line in made.failed] == ["day 1/hip0.wav"]


def test_cut_clips_damaged_first_line(copy, tmp_path):
    path = copy / "results" / "journal.jsonl"
    path.write_bytes(b"{\n" + path.read_bytes().split(b"\n", 1)[1])
    with pytest.raises(UsageError, match="name their folder with --recordings"):
        cut_clips(copy / "results", tmp_path / "out")


def test_cut_clips_parquet(archive, copy, tmp_path, model):
    pytest.importorskip("pyarrow")
    popclass.classify_folder(archive / "in", tmp_path / "results", model=model, to="parquet")
    made = cut_clips(tmp_path / "results", tmp_path / "out")
    assert len(made.clips) == len(events(archive))


@pytest.mark.slow
def test_cut_clips_then_train(archive, tmp_path):
    made = cut_clips(archive / "results", tmp_path / "out")
    labels = read_labels(tmp_path / "out")
    by_file = {clip.file: clip for clip in made.clips}
    for each in labels.recordings:
        clip = by_file[each.name]
        assert (each.whole, each.source, each.subject) == (clip.label, clip.recording, clip.subject)
    kept = [clip for clip in made.clips if clip.label != "uncertain"]
    assert len(labels.recordings) == len(kept)
    assert {each.subject for each in labels.recordings} >= {"P0", None}
    model = popclass.train(tmp_path / "out", folds=2, base="none")
    assert set(model.classes) == {clip.label for clip in kept}


def test_cut_clips_then_batch(archive, tmp_path, model):
    made = cut_clips(archive / "results", tmp_path / "out")
    result = popclass.classify_folder(tmp_path / "out", tmp_path / "again", model=model)
    assert (len(result.recordings), result.failed) == (len(made.clips), ())
    assert list(json.loads((tmp_path / "again" / "run.json").read_text())["skipped"]) == ["clips.csv"]


def test_clip_name_unique():
    names = {
        clip_name(name, 1, 2.0) for name in ("a/hip.wav", "b/hip.wav", "a/HIP.wav", "a/hip.flac", "?.wav", "!.wav")
    }
    assert len({name.lower() for name in names}) == 6


@pytest.mark.parametrize(
    "name", ["=1+1.wav", "-rf.wav", "..", "a\nb.wav", "con.wav", "語" * 200 + ".wav", "a" * 250, "\udce9.wav"]
)
def test_clip_name_safe(name):
    made = clip_name(name, 1, 0.5)
    assert made[0].isalnum()
    assert len(made.encode()) <= 255
    assert not set(made) & set('\n/\\:*?"<>|=')


def test_clip_name_order():
    assert clip_name("a.wav", 9, 9.5) < clip_name("a.wav", 10, 10.5)


@pytest.mark.parametrize("values", [[0, 0.5, -1, 1 - 2**-23], [0.1, 0.5], [0.5, 1.5], [-1.0, 1.0]])
def test_wav_exact(values, tmp_path):
    samples = np.array(values * 1000, np.float32)
    (tmp_path / "a.wav").write_bytes(_wav(samples, 8000))
    found, rate = sf.read(tmp_path / "a.wav", dtype="float32")
    assert np.array_equal(found, samples)
    assert rate == 8000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"results_dir": None}, "results cannot be of type NoneType"),
        ({"out_dir": 3}, "a folder of clips cannot be of type int"),
        ({"recordings": b"x"}, "a folder of recordings cannot be of type bytes"),
    ],
)
def test_cut_clips_wrong_type(archive, tmp_path, arguments, message):
    with pytest.raises(UsageError, match=message):
        cut_clips(**({"results_dir": archive / "results", "out_dir": tmp_path / "clips"} | arguments))


def test_clips_repr(tmp_path):
    assert repr(Clips(tmp_path, (), {"other": 2, "snapping": 0}, (), 1)) == f"<Clips in '{tmp_path}': 2 other>"
