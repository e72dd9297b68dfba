"""Reading of class folders and label tables."""

import os
import unicodedata
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.errors import LabelError
from popclass.formats.csv_io import burst_columns, recording_columns
from popclass.labels import LabelRow, read_labels
from popclass.schema import event_columns

HEAD = "file,start_s,end_s,label,subject,site,recorded_at\n"


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def table(folder: Path, text: str) -> Path:
    touch(folder, "a.wav", "b.wav")
    (folder / "labels.csv").write_text(text, encoding="utf-8")
    return folder


def refusal(source: Path) -> str:
    with pytest.raises(LabelError) as caught:
        read_labels(source)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_class_folders_any_depth(tmp_path):
    touch(
        tmp_path,
        "cavitation/b.WAV",
        "cavitation/deep/er/a.m4a",
        "snapping/c.flac",
        "hip-snap_2/d.ogg",
        "snapping/notes.txt",
        "snapping/._c.flac",
        "snapping/.hidden/e.wav",
        ".git/f.wav",
    )
    labels = read_labels(tmp_path)
    assert {(r.name, r.whole) for r in labels.recordings} == {
        ("cavitation/b.WAV", "cavitation"),
        ("cavitation/deep/er/a.m4a", "cavitation"),
        ("hip-snap_2/d.ogg", "hip-snap_2"),
        ("snapping/c.flac", "snapping"),
    }
    assert labels.warnings == ()
    assert all(r.path.is_file() for r in labels.recordings)


def test_class_folders_without_audio(tmp_path):
    touch(tmp_path, "cavitation/a.wav", "other/b.wav", "papers/c.pdf", "loose.wav")
    labels = read_labels(tmp_path)
    assert len(labels.recordings) == 2
    assert any("papers" in w for w in labels.warnings)
    assert any("loose.wav" in w for w in labels.warnings)


def test_class_folders_one_class(tmp_path):
    touch(tmp_path, "cavitation/a.wav")
    assert "only 'cavitation'" in refusal(tmp_path)


def test_class_folders_no_audio(tmp_path):
    assert "none with audio" in refusal(tmp_path)


@pytest.mark.parametrize("name", ["nan", "Cavitation", "hip snap", "höft"])
def test_class_folders_bad_name(tmp_path, name):
    touch(tmp_path, f"{name}/a.wav", "other/b.wav")
    message = refusal(tmp_path)
    assert f"'{name}' cannot be a class" in message
    assert "are read as classes" in message


def test_class_folders_uncertain(tmp_path):
    touch(tmp_path, "uncertain/a.wav", "other/b.wav", "snapping/c.wav")
    labels = read_labels(tmp_path)
    assert [recording.whole for recording in labels.recordings] == ["other", "snapping"]
    assert [warning.brief for warning in labels.warnings] == [
        "clips without a class are ignored; move them into class folders"
    ]


def test_class_folders_clips_index(tmp_path):
    touch(tmp_path, "other/a-1.wav", "snapping/b-1.wav", "snapping/c.wav")
    rows = "snapping/a-1.wav,day 1/a.wav,P1\nsnapping/b-1.wav,b.wav,\n"  # a-1.wav was moved since
    (tmp_path / "clips.csv").write_text("file,recording,subject\n" + rows)
    labels = read_labels(tmp_path)
    assert [(each.source, each.subject) for each in labels.recordings] == [
        ("day 1/a.wav", "P1"),
        ("b.wav", None),
        (None, None),
    ]
    assert labels.warnings == ()


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "file,recording\n1,2,3\n", ""])
def test_class_folders_other_clips_table(tmp_path, text):
    touch(tmp_path, "other/a.wav", "snapping/b.wav")
    (tmp_path / "clips.csv").write_text(text)
    assert [each.source for each in read_labels(tmp_path).recordings] == [None, None]


def test_read_labels_missing_source(tmp_path):
    assert "no such folder" in refusal(tmp_path / "nowhere")
    touch(tmp_path, "labels.xlsx")
    assert ".csv" in refusal(tmp_path / "labels.xlsx")


def test_read_table_folder_or_file(tmp_path):
    table(
        tmp_path,
        HEAD
        + "a.wav,1.25,1.5,cavitation,P01,hip,2026-11-22T10:15:00+01:00\n"
        + "a.wav,0.5,,snapping,P01,,\n"
        + "b.wav,,,,P02,,\n",
    )
    labels = read_labels(tmp_path)
    assert labels == read_labels(tmp_path / "labels.csv")
    a, b = labels.recordings
    assert a.rows == (LabelRow(0.5, 0.5, "snapping"), LabelRow(1.25, 1.5, "cavitation"))
    assert (a.subject, a.site, a.recorded_at) == ("P01", "hip", datetime.fromisoformat("2026-11-22T10:15:00+01:00"))
    assert (a.verified, b.verified, b.rows, b.subject) == (False, True, (), "P02")


def test_read_table_time_without_label(tmp_path):
    """It may be forgotten; a recording without times and label is verified, which is no doubt."""
    rows = "a.wav,0.5,,cavitation,,,\na.wav,1.5,1.6,,,,\na.wav,2.5,, ,,,\nb.wav,,,,,,\n"
    labels = read_labels(table(tmp_path, HEAD + rows))
    (note,) = labels.warnings
    path = tmp_path / "labels.csv"
    assert note.startswith("2 rows with a time but no label: nothing but 'other' there")
    assert note.endswith(f"{path}, row 3, {path}, row 4")
    assert str(tmp_path) not in note.brief
    assert [row.label for row in labels.recordings[0].rows] == ["cavitation", "", ""]


@pytest.mark.parametrize("columns", [event_columns, burst_columns, recording_columns])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_read_table_of_results(tmp_path, columns, delimiter):
    path = tmp_path / "events.csv"
    path.write_text(delimiter.join(columns(("cavitation", "other"))) + "\n")
    assert "events.csv: these are results of popclass, not labels; save labels from a report" in refusal(path)


def test_read_table_whole_clip(tmp_path):
    labels = read_labels(table(tmp_path, "file,start_s,end_s,label\na.wav,,,cavitation\nb.wav,,,other\n"))
    assert [r.whole for r in labels.recordings] == ["cavitation", "other"]


def test_read_table_tolerated_variants(tmp_path):
    table(tmp_path, "")
    text = "\ufeffLabel, file ,start_s,end_s,note\r\ncavitation, a.wav , 0.5,0.6\r\n\r\n,,,,\r\n"
    (tmp_path / "labels.csv").write_bytes(text.encode("utf-8"))
    (only,) = read_labels(tmp_path).recordings
    assert (only.name, only.rows) == ("a.wav", (LabelRow(0.5, 0.6, "cavitation"),))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a.wav,1,2,Cavitation,,,", "row 2: 'Cavitation' cannot be a class"),
        ("a.wav,1,2,uncertain,,,", "row 2: 'uncertain' cannot be a class"),
        ("a.wav,2,1,cavitation,,,", "row 2: ends at 1 s, before it starts at 2 s"),
        ("a.wav,,1,cavitation,,,", "an end without a start"),
        ("a.wav,one,2,cavitation,,,", "start_s is 'one'; give seconds"),
        ("a.wav,nan,2,cavitation,,,", "start_s is 'nan'"),
        ("a.wav,-1,2,cavitation,,,", "start_s is '-1'"),
        (",1,2,cavitation,,,", "row 2: no file"),
        ("c.wav,1,2,cavitation,,,", "c.wav not found"),
        ("a.wav,1,2,cavitation,,,,x", "8 fields"),
        ("a.wav,1,2,cavitation,P1,,\na.wav,3,4,cavitation,P2,,", "row 3: subject 'P2' contradicts 'P1'"),
        ("a.wav,1,2,cavitation,,,yesterday", "recorded_at 'yesterday'"),
        ("a.wav,,,cavitation,,,\na.wav,1,2,snapping,,,", "labelled as a whole and has other labels"),
        ("a.wav,,,cavitation,,,\na.wav,,,snapping,,,", "labelled as a whole and has other labels"),
        ('a.wav,1,2,"cavitation,,,', "cannot be read as CSV"),
        ("", "no rows"),
    ],
)
def test_read_table_bad_row(tmp_path, rows, message):
    assert message in refusal(table(tmp_path, HEAD + rows + "\n"))


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("file;start_s,end_s;label", "separate the columns by one of them"),
        ("file,start,end_s,label", "column start_s is missing"),
        ("", "column file is missing"),
        ("file,start_s,end_s,label,label", "named twice"),
    ],
)
def test_read_table_bad_header(tmp_path, head, message):
    assert message in refusal(table(tmp_path, head + "\na.wav,1,2,cavitation\n"))


@pytest.mark.parametrize("head", ["file,start_s,label", "file,start_s,label,subject"])
def test_read_table_points(tmp_path, head):
    labels = read_labels(table(tmp_path, f"{head}\na.wav,0.5,cavitation\nb.wav,,other\n"))
    a, b = labels.recordings
    assert a.rows == (LabelRow(0.5, 0.5, "cavitation"),)
    assert a.rows[0].where.endswith("labels.csv, row 2")
    assert (b.whole, b.where.endswith("labels.csv, row 3")) == ("other", True)
    assert labels.warnings == ()


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("participant", "did you mean subject?"),
        ("subjct", "did you mean subject?"),
        ("date", "did you mean recorded_at?"),
        ("microphone", ""),
    ],
)
def test_read_table_unknown_column(tmp_path, column, message):
    text = f"file,start_s,end_s,label,{column}\na.wav,1,2,cavitation,x\n"
    warning, unnamed = read_labels(table(tmp_path, text)).warnings
    assert unnamed == "1 recording that no table of labels names ignored: b.wav"
    assert warning.startswith(f"a column is ignored: '{column}' in ")
    assert warning.endswith(f"labels.csv; {message}" if message else "labels.csv")
    assert str(tmp_path) not in warning.brief


@pytest.mark.parametrize("name", ["end", "stop", "end_sec"])
def test_read_table_misnamed_end(tmp_path, name):
    error = refusal(table(tmp_path, f"file,start_s,{name},label\na.wav,1,2,cavitation\n"))
    assert f"column end_s is missing; needed are file, start_s, label, found: file, start_s, {name}, label" in error
    assert f"did you mean it by '{name}'? Rename it end_s" in error


@pytest.mark.parametrize("text", ["Cavitation", "OTHER", "Snapping ", "Snaping"])
def test_read_table_capitals(tmp_path, text):
    meant = {"c": "cavitation", "o": "other", "s": "snapping"}[text[0].lower()]
    assert f"did you mean '{meant}'?" in refusal(table(tmp_path, HEAD + f"a.wav,1,2,{text},,,\n"))
    (tmp_path / "labels.csv").unlink()
    touch(tmp_path, f"{text.strip()}/a.wav", "noise/b.wav")
    assert f"did you mean '{meant}'?" in refusal(tmp_path)


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=200))
def test_read_table_any_text(tmp_path_factory, text):
    folder = tmp_path_factory.mktemp("labels")
    for head in ("", HEAD):
        (folder / "labels.csv").write_text(head + text, encoding="utf-8", errors="replace", newline="")
        assert one_line_at_most(folder)


def one_line_at_most(folder: Path) -> bool:
    try:
        read_labels(folder)
    except LabelError as error:
        return "\n" not in str(error)
    return True


def test_read_tables_downloads(tmp_path):
    """One for each page, side by side with a `labels.csv`; files that are no labels stay what they are."""
    touch(tmp_path, "recordings/a.wav", "recordings/b.wav", "recordings/c.wav")
    (tmp_path / "pages").mkdir()
    for page, name in {"a-1f": "a", "b-2e": "b"}.items():
        rows = HEAD + f"../recordings/{name}.wav,0.5,0.6,cavitation,P1,hip,\n"
        (tmp_path / "pages" / f"{page}.labels.csv").write_text(rows)
    (tmp_path / "pages" / "labels.csv").write_text(HEAD + "../recordings/c.wav,,,,,,\n")
    (tmp_path / "pages" / "events.csv").write_text("recording,event\n")
    labels = read_labels(tmp_path / "pages")
    assert [(r.name, len(r.rows), r.verified) for r in labels.recordings] == [
        ("../recordings/a.wav", 1, False),
        ("../recordings/b.wav", 1, False),
        ("../recordings/c.wav", 0, True),
    ]
    assert [path.name for path in labels.files] == [
        "a-1f.labels.csv",
        "b-2e.labels.csv",
        "labels.csv",
    ]


def test_read_tables_recording_twice(tmp_path):
    touch(tmp_path, "a.wav")
    (tmp_path / "x.labels.csv").write_text(HEAD + "a.wav,0.5,0.6,cavitation,,,\n")
    (tmp_path / "y.labels.csv").write_text(HEAD + "./a.wav,0.5,0.6,snapping,,,\n")
    error = refusal(tmp_path)
    assert all(part in error for part in ("y.labels.csv", "a.wav", "also labelled in x.labels.csv"))


@pytest.mark.parametrize(
    "name", ["x.labels (1).csv", "x.labels(2).csv", "x.labels-2.csv", "x.labels 3.csv", "labels (1).csv"]
)
def test_read_tables_second_download(tmp_path, name):
    """Its corrections are newer than those of the file that would be read."""
    table(tmp_path, HEAD + "a.wav,0.5,0.6,cavitation,,,\n")
    (tmp_path / name).write_text(HEAD + "b.wav,0.5,0.6,snapping,,,\n")
    error = refusal(tmp_path)
    assert name in error
    assert f"second download of {'x.labels.csv' if name.startswith('x') else 'labels.csv'}" in error


@pytest.mark.parametrize("name", ["labels-2.csv", "labels 2.csv", "events (1).csv", "recordings.csv"])
def test_read_tables_other_names(tmp_path, name):
    table(tmp_path, HEAD + "a.wav,0.5,0.6,cavitation,,,\n")
    (tmp_path / name).write_text("anything\n")
    assert [r.name for r in read_labels(tmp_path).recordings] == ["a.wav"]


@pytest.mark.parametrize("other", ["./a.wav", "sub/../a.wav", "{folder}/a.wav", "sub/./../a.wav"])
def test_read_table_one_recording_two_spellings(tmp_path, other):
    (touch(tmp_path, "a.wav") / "sub").mkdir()
    text = f"file,start_s,label\na.wav,0.5,cavitation\n{other.format(folder=tmp_path)},1.7,snapping\n"
    (only,) = read_labels(table(tmp_path, text)).recordings
    assert only.name == "a.wav"
    assert [row.label for row in only.rows] == ["cavitation", "snapping"]


@pytest.mark.parametrize("moment", ["2026-11-22", "20261122", "2026-W47-7"])
def test_read_table_date_alone(tmp_path, moment):
    touch(tmp_path, "a.wav")
    refused = refusal(table(tmp_path, f"file,start_s,label,recorded_at\na.wav,0.5,cavitation,{moment}\n"))
    assert "is not a date and time: write it like" in refused


@pytest.mark.parametrize("name", ["Labels.csv", "LABELS.CSV", "Hip.Labels.csv"])
def test_read_table_name_in_capitals(tmp_path, name):
    touch(tmp_path, "a.wav", "a.txt")
    (tmp_path / "a.txt").write_text("0.5\t0.5\tsnapping\n")
    (tmp_path / name).write_text("file,start_s,label\na.wav,0.5,cavitation\n")
    labels = read_labels(tmp_path)
    assert labels.recordings[0].classes == {"cavitation"}
    assert "the label tracks beside recordings are ignored" in labels.warnings[0]


@pytest.mark.parametrize(("in_table", "on_disk"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_read_table_unicode_forms(tmp_path, in_table, on_disk):
    touch(tmp_path, unicodedata.normalize(on_disk, "knöchel/rück.wav"))
    name = unicodedata.normalize(in_table, "knöchel/rück.wav")
    (only,) = read_labels(table(tmp_path, f"file,start_s,label\n{name},0.5,cavitation\n")).recordings
    assert only.path.is_file()


@pytest.mark.parametrize(
    "text",
    [
        "file,start_s,label,,\na.wav,0.5,cavitation,,\n,,,,\n",
        "file,,start_s,,label\na.wav,,0.5,,cavitation\n",
    ],
)
def test_read_table_empty_headers(tmp_path, text):
    touch(tmp_path, "a.wav")
    (only,) = read_labels(table(tmp_path, text)).recordings
    assert [row.label for row in only.rows] == ["cavitation"]


def test_read_table_value_without_header(tmp_path):
    touch(tmp_path, "a.wav")
    assert "4 fields" in refusal(table(tmp_path, "file,start_s,label,\na.wav,0.5,cavitation,P07\n"))


@pytest.mark.parametrize("name", ["nan", "none", "null", "na"])
def test_read_table_missing_value(tmp_path, name):
    touch(tmp_path, "a.wav")
    assert f"'{name}' cannot be a class" in refusal(table(tmp_path, f"file,start_s,label\na.wav,0.5,{name}\n"))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("train/cavitation/a.wav", "test/snapping/a.wav"),
        ("Train/click/a.wav", "Test/pop/a.wav"),
        ("P01/cavitation/a.wav", "P02/other/a.wav"),
        ("a/Cavitation/a.wav", "b/Other/a.wav"),
        ("fold1/click/a.wav", "fold2/pop/a.wav"),
        ("train_set/click/a.wav", "test_set/pop/a.wav"),
    ],
)
def test_class_folders_one_level_below(tmp_path, first, second):
    refused = refusal(touch(tmp_path, first, second))
    assert "which seem to be the classes" in refused
    assert "labels.csv with their subjects" in refused


def test_class_folders_with_subjects_below(tmp_path):
    labels = read_labels(touch(tmp_path, "cavitation/P01/a.wav", "other/P01/b.wav"))
    assert [recording.whole for recording in labels.recordings] == ["cavitation", "other"]


def test_class_folders_shared_names_below(tmp_path):
    touch(tmp_path, "p1/click/a.wav", "p1/pop/b.wav", "p2/click/c.wav", "p2/pop/d.wav")
    (warning,) = read_labels(tmp_path).warnings
    assert warning.endswith("if these are the classes, write a labels.csv: click, pop")


def test_class_folders_unread_files(tmp_path):
    touch(tmp_path, "cavitation/a.wav", "other/b.wav", "label.csv", "other/b.TextGrid", "elsewhere.txt")
    (tmp_path / "cavitation" / "c").write_bytes(b"#!AMR\n")
    (tmp_path / "elsewhere.txt").write_text("0.5\t0.6\tsnapping\n")
    (tmp_path / "other" / "more").symlink_to("../cavitation")
    os.mkfifo(tmp_path / "pipe")
    labels = read_labels(tmp_path)
    assert [each.name for each in labels.recordings] == ["cavitation/a.wav", "other/b.wav"]
    assert [warning.rpartition(": ")[2] for warning in labels.warnings] == [
        "elsewhere.txt",
        "label.csv, other/b.TextGrid",
        "cavitation/c",
        "other/more",
    ]


@pytest.mark.parametrize("name", ["p1/labels.csv", "p2/deep/Hip.Labels.csv"])
def test_class_folders_with_table_below(tmp_path, name):
    refused = refusal(touch(tmp_path, "p1/a.wav", "p2/b.wav", name))
    assert f"labelled twice: by folders of classes, and in {name}" in refused


@pytest.mark.parametrize("file", [r"sub\a.wav", r"sub\..\sub\a.wav", r".\sub\a.wav"])
def test_read_table_back_slashes(tmp_path, file):
    touch(tmp_path, "sub/a.wav")
    (only,) = read_labels(table(tmp_path, f"file,start_s,label\n{file},0.5,cavitation\n")).recordings
    assert only.name == "sub/a.wav"


def test_read_table_utf16(tmp_path):
    touch(tmp_path, "kn\u00f6chel.wav")
    text = 'file,start_s,label,subject\r\nkn\u00f6chel.wav,"0,5",cavitation,Jo\u0308rg\r\n'
    (tmp_path / "labels.csv").write_bytes(text.encode("utf-16"))
    (only,) = read_labels(tmp_path).recordings
    assert (only.rows[0].start_s, only.subject) == (0.5, "J\u00f6rg")


def test_read_table_file_in_older_encoding(tmp_path):
    (tmp_path / "labels.csv").write_bytes("file,start_s,label\nHüfte.wav,0.5,cavitation\n".encode("cp1252"))
    assert r"labels.csv: file 'H\xfcfte.wav' is not UTF-8: save the table as UTF-8" in refusal(tmp_path)


def test_read_labels_workbook(tmp_path):
    (tmp_path / "labels.XLSX").write_bytes(b"PK\x03\x04")
    assert refusal(tmp_path / "labels.XLSX").endswith("is an Excel workbook; save it as CSV UTF-8 (.csv)")


def test_read_labels_pipe(tmp_path):
    touch(tmp_path, "a.wav", "a.txt")
    os.mkfifo(tmp_path / "other.txt")
    assert [each.verified for each in read_labels(tmp_path).recordings] == [True]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("file;start_s;end_s;label\r\na.wav;0,5;0,75;other\r\n", "utf-8-sig"),
        ("file\tstart_s\tend_s\tlabel\r\na.wav\t0,5\t0,75\tother\r\n", "utf-16"),
        ('file;start_s;end_s;label;"a,b"\na.wav;0.5;0,75;other;"x;y"\n', "utf-8"),
    ],
)
def test_read_table_spreadsheet_delimiters(tmp_path, text, encoding):
    table(tmp_path, "")
    (tmp_path / "labels.csv").write_bytes(text.encode(encoding))
    assert read_labels(tmp_path).recordings[0].rows == (LabelRow(0.5, 0.75, "other"),)


def test_read_table_several_capitals(tmp_path):
    message = refusal(table(tmp_path, HEAD + "a.wav,1,2,Cavitation,,,\na.wav,3,4,SNAPPING,,,\n"))
    assert message.endswith("did you mean 'cavitation', 'snapping'?")


def test_class_folders_unsure(tmp_path):
    touch(tmp_path, "cavitation/a.wav", "other/b.wav", "Unsure/c.wav", "Unsure/d.wav")
    labels = read_labels(tmp_path)
    assert [each.whole for each in labels.recordings if each.name.startswith("Unsure/")] == ["unsure", "unsure"]
    assert [each.whole for each in labels.recordings if each.classes] == ["cavitation", "other"]
    assert labels.warnings == ("2 sounds labelled 'unsure' left out: Unsure/c.wav 1, Unsure/d.wav 1",)


def test_class_folders_one_class_unsure(tmp_path):
    touch(tmp_path, "cavitation/a.wav", "unsure/c.wav")
    assert "only 'cavitation'" in refusal(tmp_path)


def test_table_unsure(tmp_path):
    labels = read_labels(table(tmp_path, HEAD + "a.wav,1,2,UNSURE,,,\na.wav,3,4,cavitation,,,\nb.wav,,,Unsure,,,\n"))
    a, b = labels.recordings
    assert [row.label for row in a.rows] == ["unsure", "cavitation"]
    assert (a.classes, b.whole, b.classes) == ({"cavitation"}, "unsure", set())
    assert labels.warnings == ("2 sounds labelled 'unsure' left out: a.wav 1, b.wav 1",)
