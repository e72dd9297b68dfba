"""Label tracks and selection tables beside recordings."""

import pickle
import shutil
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.errors import LabelError
from popclass.labels import LabelRow, read_labels
from popclass.labels.records import Note
from popclass.labels.validation import overlaps

DATA = Path(__file__).parents[1] / "data"
HEAD = "Selection\tBegin Time (s)\tEnd Time (s)\tLabel\n"


def put_all(folder: Path, texts: dict[str, str]) -> Path:
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8", newline="")
    return folder


def refusal(source: Path) -> str:
    with pytest.raises(LabelError) as caught:
        read_labels(source)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def rows(source: Path) -> dict[str, tuple[LabelRow, ...]]:
    return {recording.name: recording.rows for recording in read_labels(source).recordings}


def files(source: Path) -> list[Path]:
    return list(read_labels(source).files)


def test_track_dialects(tmp_path):
    put_all(tmp_path, {"a.wav": ""})
    shutil.copy(DATA / "labels" / "audacity_dialects.txt", tmp_path / "a.txt")
    assert rows(tmp_path) == {
        "a.wav": (
            LabelRow(0.25, 0.25, "cavitation"),
            LabelRow(1.5, 1.75, "snapping"),
            LabelRow(2.0, 2.0, "other"),
        )
    }


def test_track_empty_verified(tmp_path):
    head = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\n"
    put_all(tmp_path, {"a.wav": "", "a.txt": "", "b.m4a": "", "b.Table.1.selections.txt": head, "c.wav": ""})
    put_all(tmp_path, {"c.txt": "1\t1\tcavitation"})
    assert [(r.name, r.verified, len(r.rows)) for r in read_labels(tmp_path).recordings] == [
        ("a.wav", True, 0),
        ("b.m4a", True, 0),
        ("c.wav", False, 1),
    ]


def test_track_without_recording(tmp_path):
    put_all(tmp_path, {"p1/a.wav": "", "p1/a.txt": "1\t1\tcavitation", "p1/b.wav": "", "old.txt": "1\t2\tsnapping"})
    put_all(tmp_path, {"notes.txt": "Recorded on Monday,\nthe left knee.\n"})
    labels = read_labels(tmp_path)
    assert [r.name for r in labels.recordings] == ["p1/a.wav"]
    without, stray = labels.warnings
    assert without == "1 recording without a label track ignored: p1/b.wav"
    assert stray == "1 label track without a recording ignored: old.txt"


def test_raven_several_tables(tmp_path):
    table = "Annotation\tEnd Time (s)\tBegin Time (s)\tSelection\nsnapping\t2.5\t2\t1\n"
    put_all(
        tmp_path, {"a.b.wav": "", "a.wav": "", "a.txt": "", "a.b.Table.1.selections.txt": HEAD + "1\t1\t1.5\tother\n"}
    )
    put_all(tmp_path, {"a.b.selections.txt": table, "a.b.Table.2.selections.txt": HEAD})
    assert rows(tmp_path) == {"a.b.wav": (LabelRow(1, 1.5, "other"), LabelRow(2, 2.5, "snapping")), "a.wav": ()}


def test_raven_paths(tmp_path):
    put_all(tmp_path, {"p01/take.wav": "", "p02/take.wav": "", "p03/take.wav": ""})
    shutil.copy(DATA / "labels" / "raven_several.txt", tmp_path / "study.txt")
    labels = read_labels(tmp_path)
    assert {r.name: r.rows for r in labels.recordings} == {
        "p01/take.wav": (LabelRow(0.5, 0.512, "cavitation"),),
        "p02/take.wav": (LabelRow(1.25, 1.3, "snapping"), LabelRow(2.0, 2.0, "cavitation")),
    }
    assert labels.warnings == ("1 recording without a label track ignored: p03/take.wav",)
    assert read_labels(tmp_path / "study.txt").recordings == labels.recordings
    assert read_labels(tmp_path / "p02" / ".." / "study.txt").recordings[1].rows == labels.recordings[1].rows


def test_read_labels_single_file(tmp_path):
    put_all(tmp_path, {"a.wav": "", "a.txt": "1\t1\tcavitation", "b.wav": "", "c.wav": ""})
    put_all(
        tmp_path,
        {"b.txt": "1\t1\tCrack?", "both.txt": HEAD.replace("\n", "\tBegin File\n") + "1\t1\t2\tother\tc.wav\n"},
    )
    for source in ("a.wav", "a.txt"):
        assert rows(tmp_path / source) == {"a.wav": (LabelRow(1, 1, "cavitation"),)}
    assert rows(tmp_path / "c.wav") == {"c.wav": (LabelRow(1, 2, "other"),)}
    put_all(tmp_path, {"d.wav": ""})
    assert "d.txt (Audacity) or d.selections.txt (Raven)" in refusal(tmp_path / "d.wav")
    put_all(tmp_path, {"e.txt": "1\t1\tcavitation"})
    assert "no recording beside it has this name; e.wav" in refusal(tmp_path / "e.txt")


def test_read_labels_files(tmp_path):
    put_all(
        tmp_path,
        {
            "a.wav": "",
            "a.txt": "1\t1\tcavitation\n",
            "a.selections.txt": "Begin Time (s)\tEnd Time (s)\tLabel\n",
            "in/b.wav": "",
            "in/b.txt": "",
            "notes.txt": "nothing to do with it\n",
        },
    )
    inside = [tmp_path / name for name in ("a.selections.txt", "a.txt", "in/b.txt")]
    assert files(tmp_path) == inside
    assert files(tmp_path / "a.wav") == inside[:2]
    assert files(tmp_path / "a.txt") == inside[1:2]
    (tmp_path / "labels.csv").write_text("file,start_s,label\na.wav,,cavitation\n")
    assert files(tmp_path) == files(tmp_path / "labels.csv") == [tmp_path / "labels.csv"]


def test_read_labels_files_class_folders(tmp_path):
    put_all(tmp_path, {"cavitation/a.wav": "", "other/b.wav": ""})
    assert files(tmp_path) == []


def test_track_bad_class_names(tmp_path):
    put_all(tmp_path, {"a.wav": "", "a.txt": "1\t1\tCrack?\n2\t2\tcavitation\n3\t3\t\n", "b.wav": ""})
    put_all(tmp_path, {"b.txt": "1\t1\tuncertain 0.45\n2\t2\tCrack?\n"})
    a, b = tmp_path / "a.txt", tmp_path / "b.txt"
    assert refusal(tmp_path) == (
        f"{a}, row 1: 'Crack?' (2 times) cannot be a class, nor can '' (1 time, first in {a}, row 3), "
        f"'uncertain' (1 time, first in {b}, row 1); allowed are "
        "lower-case letters, digits, _ and -, but not uncertain, nan, none, null, na; "
        "a sound that you cannot name is 'unsure'"
    )


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"a.wav": "", "a.txt": "1\t1\tcavitation\nat 5\tpop\n"}, "a.txt, row 2: expected start TAB end TAB label"),
        ({"a.wav": "", "a.txt": "-0.5\t1\tcavitation\n"}, "a.txt, row 1: 'cavitation' starts at -0.5 s, before"),
        (
            {"a.wav": "", "a.flac": "", "a.txt": "1\t1\tother\n"},
            "may belong to any of a.flac, a.wav; rename it a.flac.txt",
        ),
        (
            {"a.wav": "", "a.selections.txt": HEAD + "1\tone\t2\tother\n"},
            "a.selections.txt, row 2: the begin and the end",
        ),
        ({"a.wav": "", "x.txt": HEAD + "1\t1\t2\tother\n"}, "expected a folder per class"),
        (
            {"a.wav": "", "x.txt": HEAD.replace("\n", "\tBegin File\n") + "1\t1\t2\tother\tz.wav\n"},
            "expected a folder per class",
        ),
        (
            {
                "a.wav": "",
                "b.wav": "",
                "x.txt": HEAD.replace("\n", "\tBegin File\n") + "1\t1\t2\tx\ta.wav\n2\t3\t4\tx\tb.wav\n",
            },
            "x.txt: selections in 2 recordings, but no column 'File Offset (s)'",
        ),
        (
            {"p/a.wav": "", "q/a.wav": "", "x.txt": HEAD.replace("\n", "\tBegin File\n") + "1\t1\t2\tx\ta.wav\n"},
            "'a.wav' may be any of",
        ),
    ],
)
def test_track_refused(tmp_path, texts, message):
    assert message in refusal(put_all(tmp_path, texts))


@pytest.mark.parametrize("separator", [",", ";"])
def test_raven_with_commas(tmp_path, separator):
    head = ["Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Label"]
    lines = [separator.join(head), separator.join(["1", "Waveform 1", "1", "1.0", "1.1", "cavitation"])]
    put_all(tmp_path, {"a.wav": "", "a.txt": "\n".join(lines)})
    with pytest.raises(LabelError, match=r"a\.txt, row 1: a Raven selection table .*not separated by tabs"):
        read_labels(tmp_path)


def test_track_full_name(tmp_path):
    put_all(tmp_path, {"a.wav": "", "a.flac": "", "a.wav.txt": "1\t1\tother\n", "a.flac.txt": ""})
    assert rows(tmp_path) == {"a.flac": (), "a.wav": (LabelRow(1, 1, "other"),)}


def test_track_in_class_folder(tmp_path):
    put_all(tmp_path, {"cavitation/a.wav": "", "snapping/b.wav": "", "knee.wav": "", "knee.txt": "1\t1\tcavitation"})
    assert "labelled twice: folders named like classes (cavitation, snapping) and label tracks (knee.txt)" in refusal(
        tmp_path
    )


def test_track_beside_table(tmp_path):
    put_all(
        tmp_path,
        {"a.wav": "", "a.txt": "1\t1\tcavitation", "labels.csv": "file,start_s,end_s,label\na.wav,2,3,other\n"},
    )
    labels = read_labels(tmp_path)
    assert labels.recordings[0].rows == (LabelRow(2, 3, "other"),)
    assert labels.warnings == (
        "labels were read from labels.csv; the label tracks beside recordings are ignored: a.wav",
    )


def test_track_duplicates_and_overlaps(tmp_path):
    track = "1\t2\tcavitation\n1\t2\tcavitation\n1.5\t1.5\tsnapping\n3\t4\tother\n4\t5\tsnapping\n"
    put_all(tmp_path, {"a.wav": "", "a.txt": track})
    labels = read_labels(tmp_path)
    assert len(labels.recordings[0].rows) == 4
    twice, over = labels.warnings
    assert twice == "labels that occur more than once are used once: a.wav, cavitation at 1-2 s"
    assert over.endswith(": a.wav, cavitation at 1-2 s and snapping at 1.5 s")


def test_overlaps_shared_time():
    assert overlaps([LabelRow(0, 2, "a"), LabelRow(1, 3, "a"), LabelRow(3, 4, "b")]) == []
    first, second, third = LabelRow(0, 9, "a"), LabelRow(1, 2, "b"), LabelRow(2, 3, "c")
    assert overlaps([first, second, third]) == [(first, second), (first, third)]
    point = LabelRow(5, 5, "a")
    assert overlaps([point, LabelRow(5, 5, "b")]) == [(point, LabelRow(5, 5, "b"))]


def test_track_numeric_labels(tmp_path):
    put_all(tmp_path, {"a.wav": "", "a.txt": "1\t1\t2\n2\t2\t10\n"})
    assert read_labels(tmp_path).warnings == ("labels that are only numbers (2, 10) are used as class names",)


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=120) | st.text("0123456789.,-\t\n\\\\ac", max_size=60), head=st.sampled_from(("", HEAD)))
def test_track_any_text(tmp_path_factory, text, head):
    folder = tmp_path_factory.mktemp("tracks")
    (folder / "a.wav").touch()
    (folder / "a.txt").write_text(head + text, encoding="utf-8", errors="replace", newline="")
    error = outcome(folder)
    assert error is None or ("a.txt" in error and "\n" not in error)


def outcome(folder: Path) -> str | None:
    """Return the error in reading the labels of the only recording in a folder; None if there is none."""
    try:
        (only,) = read_labels(folder).recordings
    except LabelError as error:
        return str(error)
    assert only.verified is not bool(only.rows)
    return None


def test_note_copy():
    note = Note("1 recording is left out", "jane: 1.wav")
    again = pickle.loads(pickle.dumps(note))
    assert (again, again.brief) == (note, note.brief)


def test_track_real_recordings(realdata):
    """Taps on a table, each labelled with its number; the licence beside them is not a track."""
    labels = read_labels(realdata / "negatives" / "taps")
    counts = {recording.name: len(recording.rows) for recording in labels.recordings}
    assert counts["Knuckle-test.m4a"] == 15
    assert counts["Knuckle.m4a"] == 30
    assert len(counts) == 8
    first = next(r for r in labels.recordings if r.name == "Knuckle-test.m4a").rows[0]
    assert first == LabelRow(1.144396, 1.254396, "1")
    assert [str(warning) for warning in labels.warnings] == [
        "labels that are only numbers (1, 2, 3 and 27 more) are used as class names"
    ]


@pytest.mark.parametrize("path", [r"C:\rec\b.wav", "/home/me/rec/b.wav", "b.wav", r"\\server\rec\b.wav"])
def test_raven_path_without_file(tmp_path, path):
    head = "Selection\tBegin Time (s)\tEnd Time (s)\tBegin Path\tFile Offset (s)\tAnnotation\n"
    text = f"{head}1\t0.5\t0.6\tC:\\rec\\a.wav\t0.5\tcavitation\n2\t3.1\t3.2\t{path}\t1.1\tsnapping\n"
    put_all(tmp_path, {"a.wav": "", "b.wav": "", "a.Table.1.selections.txt": text})
    found = rows(tmp_path)
    assert [(row.start_s, row.label) for row in found["a.wav"]] == [(0.5, "cavitation")]
    assert [(row.start_s, row.label) for row in found["b.wav"]] == [(1.1, "snapping")]


@pytest.mark.parametrize("folders", [("x", "y"), ("X", "Y"), ("x\u0308", "y\u0308")])
def test_raven_equal_names_and_numbers(tmp_path, folders):
    head = "Selection\tBegin Time (s)\tEnd Time (s)\tBegin Path\tFile Offset (s)\tAnnotation\n"
    first, second = (f"1\t0.5\t0.6\tC:\\rec\\{name}\\a.wav\t0.5\t" for name in folders)
    below = [unicodedata.normalize("NFC", name.lower()) for name in folders]
    texts = {f"{name}/a.wav": "" for name in below} | {"all.txt": f"{head}{first}cavitation\n{second}snapping\n"}
    found = read_labels(put_all(tmp_path, texts)).recordings
    assert {each.name: each.classes for each in found} == {
        f"{below[0]}/a.wav": {"cavitation"},
        f"{below[1]}/a.wav": {"snapping"},
    }


def test_raven_equal_selections_other_label(tmp_path):
    put_all(tmp_path, {"a.wav": "", "a.selections.txt": f"{HEAD}1\t1\t1.1\tcavitation\n1\t1\t1.1\tsnapping\n"})
    labels = read_labels(tmp_path)
    assert labels.recordings[0].classes == {"cavitation", "snapping"}
    assert "overlap" in labels.warnings[0]


@pytest.mark.parametrize(("recording", "track"), [("NFC", "NFD"), ("NFD", "NFC")])
@pytest.mark.parametrize("end", [".txt", ".wav.txt", ".Table.1.selections.txt"])
def test_track_unicode_forms(tmp_path, recording, track, end):
    text = "1\t1\tcavitation\n" if "selections" not in end else f"{HEAD}1\t1\t1.1\tcavitation\n"
    name = "knöchel"
    put_all(
        tmp_path,
        {unicodedata.normalize(recording, f"{name}.wav"): "", unicodedata.normalize(track, f"{name}{end}"): text},
    )
    assert [found.classes for found in read_labels(tmp_path).recordings] == [{"cavitation"}]


@pytest.mark.parametrize("head", [HEAD, HEAD.replace("\n", "\tBegin File\n")])
def test_raven_without_recording(tmp_path, head):
    row = "1\t1\t2\tother" + ("\tz.wav\n" if "File" in head else "\n")
    labels = read_labels(
        put_all(tmp_path, {"a.wav": "", "a.txt": "1\t2\tother\n", "z.Table.1.selections.txt": head + row})
    )
    assert [each.name for each in labels.recordings] == ["a.wav"]
    assert "1 label track without a recording ignored: z.Table.1.selections.txt" in labels.warnings
    assert "has this name; z.wav or the like" in refusal(tmp_path / "z.Table.1.selections.txt") or "File" in head


def test_track_row_without_label(tmp_path):
    message = refusal(put_all(tmp_path, {"a.wav": "", "a.txt": "1\t2\tother\n3\t4\t\n"}))
    assert message.endswith("a.txt, row 2 has no label; write one or delete it")


@pytest.mark.parametrize("text", ["1\t2\tUnsure\n", "1\t2\tunsure 0.40\n", HEAD + "1\t1\t2\tUNSURE\n"])
def test_track_unsure(tmp_path, text):
    put_all(tmp_path, {"a.wav": "", "a.txt": text})
    assert rows(tmp_path) == {"a.wav": (LabelRow(1, 2, "unsure"),)}
