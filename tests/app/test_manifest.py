"""The manifest of a project."""

import pytest
import recordings

from popclass.app.manifest import Manifest, cells_of
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
    with pytest.raises(LabelError, match=r"column file is missing; a manifest has file and any of subject"):
        project.describe(["a.wav"], {"subject": "P2"})
    assert project.manifest_path.read_text() == "name,subject\na.wav,P1\n"


NFC, NFD = "h\u00fcfte.wav", "hu\u0308fte.wav"


def subjects_and_sites(project):
    found = read_manifest(project.manifest_path, project.recordings_dir, project.recordings(), site=None)
    return {name: (each.subject, each.site) for name, each in found.items()}


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("recordings\\a.wav", "a.wav"),
        ("recordings\\knee\\b.wav", "knee/b.wav"),
        (f"recordings/{NFC}", NFD),
        ("recordings//knee/../a.wav", "a.wav"),
    ],
)
def test_describe_file_spelled_otherwise(project, file, name):
    """A row is found as it is read: with slashes of Windows, or another Unicode form."""
    recordings.write(project.recordings_dir / NFD)
    project.manifest_path.write_text(f"file;subject\n{file};P1\n", encoding="utf-8")
    project.describe([name], {"site": "hip"})
    assert subjects_and_sites(project) == {name: ("P1", "hip")}


@pytest.mark.parametrize("named", ["a.wav", "link.wav"])
def test_describe_link_inside(project, named):
    """A recording and a link to it have a row each."""
    (project.recordings_dir / "link.wav").symlink_to("a.wav")
    project.describe(["a.wav"], {"subject": "P1"})
    project.describe(["link.wav"], {"subject": "P2"})
    project.describe([named], {"site": "hip"})
    sites = {each: "hip" if each == named else None for each in ("a.wav", "link.wav")}
    assert subjects_and_sites(project) == {"a.wav": ("P1", sites["a.wav"]), "link.wav": ("P2", sites["link.wav"])}


def test_describe_through_a_linked_folder(project):
    """A recording that a row names by way of a link keeps this row."""
    (project.recordings_dir / "linked").symlink_to("knee")
    project.manifest_path.write_text("file,subject\nrecordings/linked/b.wav,P1\n")
    project.describe(["knee/b.wav"], {"site": "hip"})
    assert subjects_and_sites(project) == {"knee/b.wav": ("P1", "hip")}


def test_describe_unusable_manifest_stays(project):
    table = "file,subject\nrecordings/a.wav,P1\nrecordings\\a.wav,P2\n"
    project.manifest_path.write_text(table)
    with pytest.raises(LabelError, match=r"row 3: .* is named before"):
        project.describe(["knee/b.wav"], {"subject": "P3"})
    assert project.manifest_path.read_text() == table


def test_describe_checks_the_new_text(project, monkeypatch):
    """A change that could not be read back is not written."""
    project.describe(["a.wav"], {"subject": "P1"})
    before = project.manifest_path.read_text()
    monkeypatch.setattr(Manifest, "_changed", lambda *_: before + "recordings/./a.wav,P2\n")
    with pytest.raises(LabelError, match=r"recordings\.csv is left as it is; with this change, .* is named before"):
        project.describe(["a.wav"], {"subject": "P2"})
    assert project.manifest_path.read_text() == before
    assert [path.name for path in project.folder.glob("*recordings.csv")] == ["recordings.csv"]


def test_describe_written_in_the_meantime(project, monkeypatch):
    """Rows that an editor adds while a change is made are kept."""
    project.describe(["a.wav"], {"subject": "P1"})
    check = Manifest._check

    def then_edited(self, *given):
        check(self, *given)
        if "P7" not in project.manifest_path.read_text():
            with project.manifest_path.open("a") as file:
                file.write("recordings/knee/b.wav,P7\n")

    monkeypatch.setattr(Manifest, "_check", then_edited)
    project.describe(["a.wav"], {"site": "hip"})
    assert subjects_and_sites(project) == {"a.wav": ("P1", "hip"), "knee/b.wav": ("P7", None)}


@pytest.mark.parametrize("missing", ["a/" * 2000 + "x.wav", "a\\" * 2000 + "x.wav", "a\0.wav"])
def test_describe_keeps_rows_of_impossible_files(project, missing):
    project.manifest_path.write_text(f"file,subject\n{missing},P9\nrecordings/a.wav,P1\n")
    project.describe(["a.wav"], {"site": "hip"})
    assert project.manifest_path.read_text() == f"file,subject,site\n{missing},P9,\nrecordings/a.wav,P1,hip\n"
