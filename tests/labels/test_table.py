"""Labels from a CSV: columns of recordings."""

import pytest

from popclass.errors import LabelError
from popclass.labels.read import read_labels
from popclass.labels.write import write_table

HEADER = "file,start_s,label,x_sensor,side,x_note\n"


@pytest.fixture
def table(tmp_path):
    """Function that writes a table of labels for `a.wav` and `b.wav` with the columns of HEADER."""

    def write(*rows):
        for name in ("a.wav", "b.wav"):
            (tmp_path / name).touch()
        (tmp_path / "labels.csv").write_text(HEADER + "\n".join(rows) + "\n")
        return tmp_path

    return write


def test_read_side_and_own_columns(table):
    labels = read_labels(table("a.wav,1,snapping,piezo,Left,", "a.wav,2,other,,Left,", "b.wav,1,other,nan,,loud"))
    first, second = labels.recordings
    assert (first.side, first.extra) == ("left", {"x_sensor": "piezo"})
    assert (second.side, second.extra) == (None, {"x_note": "loud"})
    assert labels.warnings == ()


def test_read_own_column_that_differs(table):
    labels = read_labels(table("a.wav,1,snapping,piezo,,x", "a.wav,2,other,phone,,x"))
    assert labels.recordings[0].extra == {"x_note": "x"}
    assert "'x_sensor' has several values in a recording and is ignored there: a.wav" in labels.warnings


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["a.wav,1,other,,middle,"], "row 2: side 'middle' is not left or right"),
        (["a.wav,1,other,,left,", "a.wav,2,other,,right,"], "side 'right' contradicts 'left'"),
    ],
)
def test_read_side_refused(table, rows, message):
    with pytest.raises(LabelError, match=message):
        read_labels(table(*rows))


def test_write_table_keeps_own_columns(table):
    folder = table("a.wav,1,snapping,piezo,right,", "b.wav,1,other,,,loud")
    before = read_labels(folder).recordings
    write_table(read_labels(folder), folder, force=True)
    assert (
        (folder / "labels.csv")
        .read_text()
        .startswith("file,start_s,end_s,label,subject,site,recorded_at,side,x_sensor,x_note\n")
    )
    assert read_labels(folder).recordings == before
