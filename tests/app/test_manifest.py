"""The manifest of a project."""

import pytest

from popclass.app.manifest import cells_of
from popclass.batch.manifest import read_manifest
from popclass.errors import LabelError, UsageError


def test_describe_read_by_batch(project):
    project.describe(
        ["a.wav", "knee/b.wav"], {"subject": "P1", "site": "Knuckle", "side": "left", "symptoms": ["pain"]}
    )
    found = read_manifest(project.manifest_path, project.recordings_dir, project.recordings(), site=None)
    assert {(each.subject, each.site, each.side) for each in found.values()} == {("P1", "mcp", "left")}
    assert project.described(project.recordings())["a.wav"].symptoms == ("pain",)


def test_describe_keeps_other_cells(project):
    project.manifest_path.write_text(
        "file,subject,cavities,x_room\nrecordings/a.wav,P1,3,big\nrecordings/knee/b.wav,P2,,\n"
    )
    project.describe(["a.wav"], {"site": "hip"})
    found = read_manifest(project.manifest_path, project.recordings_dir, project.recordings(), site=None)
    a, b = found["a.wav"], found["knee/b.wav"]
    assert (a.subject, a.cavities, a.site, a.extra, b.subject) == ("P1", 3, "hip", {"x_room": "big"}, "P2")


def test_describe_unknown_again(project):
    project.describe(["a.wav"], {"subject": "P1", "site": "hip"})
    project.describe(["a.wav"], {"subject": None})
    [found] = read_manifest(project.manifest_path, project.recordings_dir, project.recordings(), site=None).values()
    assert (found.subject, found.site) == (None, "hip")


@pytest.mark.parametrize(
    "changes",
    [{"site": "moon"}, {"side": "up"}, {"symptoms": ["none such"]}, {"colour": "red"}, {"recorded_at": "soon"}],
)
def test_describe_wrong_value(project, changes):
    with pytest.raises(UsageError):
        project.describe(["a.wav"], changes)
    assert not project.manifest_path.exists()


@pytest.mark.parametrize("subject", ["=1+1", "#N/A", "a\nb", "a\0b", "x" * 201])
def test_describe_never_breaks_the_manifest(project, subject):
    """A cell that could not be read back is refused before it is written."""
    with pytest.raises(UsageError):
        project.describe(["a.wav"], {"subject": subject})
    assert not project.manifest_path.exists()


@pytest.mark.parametrize(
    ("subject", "message"),
    [
        ("=1+1", "subject '=1+1' begins like a spreadsheet formula; begin with a letter"),
        (" -x", "subject '-x' begins like a spreadsheet formula; begin with a letter"),
        ("nan", "subject is 'nan', a missing value; leave the cell empty"),
        ("a\nb", "a subject has at most 200 characters, all in one line"),
    ],
)
def test_cells_of_wrong_subject(subject, message):
    with pytest.raises(UsageError) as refused:
        cells_of({"subject": subject})
    assert str(refused.value) == message


def test_cells_of():
    """Names become those of the manifest; what is not known is empty, and a symptom is there once."""
    changes = {"site": "Knuckle", "subject": None, "recorded_at": "2026-11-30 10:15", "symptoms": ["pain", "Pain"]}
    assert cells_of(changes) == {
        "site": "mcp",
        "subject": "",
        "recorded_at": "2026-11-30T10:15:00",
        "symptoms": "pain",
    }


def test_describe_recording_named_twice(project):
    """Two names of one file are one row."""
    project.describe(["a.wav", "./a.wav"], {"subject": "P1"})
    assert project.manifest_path.read_text() == "file,subject\nrecordings/a.wav,P1\n"


def test_describe_table_without_files(project):
    project.manifest_path.write_text("name,subject\na.wav,P1\n")
    with pytest.raises(LabelError, match=r"column file is missing; columns are file, subject"):
        project.describe(["a.wav"], {"subject": "P2"})
    assert project.manifest_path.read_text() == "name,subject\na.wav,P1\n"
