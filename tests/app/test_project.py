"""The files of a project."""

import os
import shutil

import pytest
import recordings

from popclass.app.labels import LabelTable
from popclass.app.manifest import Manifest
from popclass.app.project import Project
from popclass.errors import LabelError, OutputError, UsageError
from popclass.labels import read_labels


def rows_of(project, observer=""):
    found = read_labels(project.labels_path(observer))
    return {(each.name, row.start_s, row.end_s, row.label) for each in found.recordings for row in each.rows}


def test_recordings_found_by_hand(project):
    assert project.recordings() == ("a.wav", "knee/b.wav")


def test_open_twice(project):
    with pytest.raises(OutputError, match="open in another popclass app"):
        Project(project.folder)


def test_open_twice_without_cache(project):
    """The folder that may be deleted at any time does not hold the lock."""
    shutil.rmtree(project.cache_dir)
    with pytest.raises(OutputError, match="open in another popclass app"):
        Project(project.folder)


def test_remains_of_a_killed_app(tmp_path):
    for name, age in (("old", 3600), ("new", 0)):
        path = tmp_path / f".popclass-{name}.part"
        path.touch()
        os.utime(path, (path.stat().st_mtime - age,) * 2)
    with Project(tmp_path):
        assert [path.name for path in tmp_path.glob("*.part")] == [".popclass-new.part"]


def test_open_again_after_end(tmp_path):
    for _ in range(2):
        with Project(tmp_path):
            pass


@pytest.mark.parametrize(
    "name",
    ["../x.wav", "/etc/x.wav", ".hidden.wav", "a/../../x.wav", "con.wav", "a\0.wav", "a?.wav", " .wav", "x" * 250],
)
def test_free_path_refused(project, name):
    with pytest.raises(UsageError):
        project.free_path(name if name.endswith(".wav") else name + ".wav")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("knee./a.wav", "the folder 'knee.' begins or ends with a dot; rename it"),
        ("s/ knee/a.wav", "the folder ' knee' begins or ends with a blank; rename it"),
        ("nul/a.wav", "the folder 'nul' has a name that Windows reserves; rename it"),
        ("knee//a.wav", "the folder '' has an empty name; rename it"),
        ("knee/.a.wav", "the file begins or ends with a dot; rename it"),
        ("a?.wav", 'the file has a control character, or one of <>:"|?*, in its name; rename it'),
        ("x" * 200 + ".wav", "the file has a name of more than 200 bytes; rename it"),
    ],
)
def test_new_path_says_which_part(project, name, message):
    with pytest.raises(UsageError) as refused:
        project.new_path(name)
    assert str(refused.value) == f"'{name[:80]}' cannot be the name of a recording: {message}"


@pytest.mark.parametrize("name", ["a/" * 32, "a\\" * 1200, f"{'x' * 190}/" * 6, "\u00fc" * 96 + "/" + "x/" * 2000])
def test_new_path_too_long(project, name):
    with pytest.raises(UsageError, match="at most 31 folders and 1,000 bytes; move the file"):
        project.new_path(f"{name}a.wav")


def test_new_path_longest(project):
    assert project.free_path("a/" * 31 + "a.wav").parent.is_dir()
    assert project.free_path(f"{'x' * 190}/" * 5 + "a.wav").parent.is_dir()


def test_new_path_makes_nothing(project):
    assert project.new_path("hip/left/a.wav") == project.recordings_dir / "hip" / "left" / "a.wav"
    assert sorted(os.listdir(project.recordings_dir)) == ["a.wav", "knee"]


def test_new_path_below_a_file(project):
    with pytest.raises(UsageError, match=r"'a\.wav' is a file; rename the folder"):
        project.new_path("a.wav/b/c.wav")


def test_free_path_other_kind_of_file(project):
    with pytest.raises(UsageError, match="not a recording by its name"):
        project.free_path("notes.pdf")


def test_free_path_never_replaces(project):
    assert project.free_path("a.wav").name == "a (2).wav"
    assert project.free_path("Hüfte (links) 1.m4a").name == "Hüfte (links) 1.m4a"


@pytest.mark.parametrize("name", ["", "..", "../p/recordings/a.wav", "knee", "none.wav", "/etc/hostname", "a.wav\0"])
def test_path_outside(project, name):
    with pytest.raises(UsageError, match="no recording of this project"):
        project.path(name)


def test_path_link_outside(project, tmp_path):
    (tmp_path / "secret.wav").write_bytes(b"x")
    (project.recordings_dir / "link.wav").symlink_to(tmp_path / "secret.wav")
    with pytest.raises(UsageError, match="no recording"):
        project.path("link.wav")


def test_label_read_by_train(project):
    project.label([("a.wav", 0.2, 0.25, "cavitation"), ("knee/b.wav", 0.2, 0.2, "unsure")])
    assert rows_of(project) == {
        ("recordings/a.wav", 0.2, 0.25, "cavitation"),
        ("recordings/knee/b.wav", 0.2, 0.2, "unsure"),
    }


def test_label_replaced_and_removed(project):
    project.label([("a.wav", 0.2, 0.25, "cavitation"), ("a.wav", 0.5, 0.55, "other")])
    project.label([("a.wav", 0.2, 0.24, "snapping"), ("a.wav", 0.5, 0.55, "")])
    assert rows_of(project) == {("recordings/a.wav", 0.2, 0.24, "snapping")}


def test_label_keeps_rows_of_others(project):
    """Rows that an editor wrote in the meantime stay, other columns included."""
    project.label([("a.wav", 0.2, 0.25, "cavitation")])
    text = project.labels_path().read_text().splitlines()
    header, row = text[0] + ",x_room", text[1] + ","
    other = "recordings/knee/b.wav,0.100000,0.150000,other,P7,knee,,big" if len(text[0].split(",")) == 7 else None
    project.labels_path().write_text("\n".join([header, row, other]) + "\n")
    project.label([("a.wav", 0.5, 0.55, "other")])
    found = {each.name: each for each in read_labels(project.labels_path()).recordings}
    assert len(found["recordings/a.wav"].rows) == 2
    assert (found["recordings/knee/b.wav"].subject, found["recordings/knee/b.wav"].extra) == ("P7", {"x_room": "big"})


def test_label_observers_apart(project):
    project.label([("a.wav", 0.2, 0.25, "cavitation")])
    project.label([("a.wav", 0.2, 0.25, "snapping")], "anna")
    assert project.observers() == ["", "anna"]
    assert [row[3] for row in rows_of(project)] == ["cavitation"]
    assert [row[3] for row in rows_of(project, "anna")] == ["snapping"]


@pytest.mark.parametrize("observer", ["../x", "Anna", "a b", "x" * 41])
def test_label_wrong_observer(project, observer):
    with pytest.raises(UsageError, match="allowed are"):
        project.label([("a.wav", 0.2, 0.25, "cavitation")], observer)


@pytest.mark.parametrize(
    "row", [("a.wav", -1, 0, "other"), ("a.wav", 2, 1, "other"), ("a.wav", 0, float("inf"), "other")]
)
def test_label_wrong_time(project, row):
    with pytest.raises(UsageError, match="no interval"):
        project.label([row])


@pytest.mark.parametrize("label", ["uncertain", "a b", "=1+1", "nan"])
def test_label_wrong_name(project, label):
    with pytest.raises(UsageError, match="the label of "):
        project.label([("a.wav", 0.2, 0.25, label)])
    assert not project.labels_path().exists()


def test_label_not_written(project, monkeypatch):
    """The labels before stay if the disk is full."""
    project.label([("a.wav", 0.2, 0.25, "cavitation")])
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OutputError, match="No space left"):
        project.label([("a.wav", 0.5, 0.55, "other")])
    assert len(rows_of(project)) == 1
    assert project.label_counts() == {"cavitation": 1}


def test_label_metadata_of_manifest(project):
    project.describe(["a.wav"], {"subject": "P1", "site": "hip"})
    project.label([("a.wav", 0.2, 0.25, "cavitation")])
    [found] = read_labels(project.labels_path()).recordings
    assert (found.subject, found.site) == ("P1", "hip")


def test_describe_labels_follow(project):
    """Training holds out by subject, so labels that were given before the subject was stated name it, too."""
    project.label([("a.wav", 0.2, 0.25, "cavitation"), ("knee/b.wav", 0.2, 0.25, "other")])
    project.label([("a.wav", 0.2, 0.25, "snapping")], "anna")
    project.describe(["a.wav"], {"subject": "P1", "side": "left"})
    for observer in project.observers():
        found = {each.name: each for each in read_labels(project.labels_path(observer)).recordings}
        assert (found["recordings/a.wav"].subject, found["recordings/a.wav"].side) == ("P1", "left")
    assert read_labels(project.labels_path()).recordings[1].subject is None


def subjects(project, observer=""):
    return {each.name: each.subject for each in read_labels(project.described_labels(observer)).recordings}


def both_labelled(project):
    project.label([("a.wav", 0.2, 0.25, "cavitation"), ("knee/b.wav", 0.2, 0.25, "other")])


@pytest.mark.parametrize("again", [False, True])
def test_described_labels_manifest_of_an_editor(project, again):
    """Subjects that an editor wrote into the manifest reach labels, which training reads; also after a new start."""
    both_labelled(project)
    project.manifest_path.write_text("file,subject\nrecordings/a.wav,P1\nrecordings\\knee\\b.wav,P2\n")
    if again:
        project._tables.clear()
        project._followed.clear()
    assert subjects(project) == {"recordings/a.wav": "P1", "recordings/knee/b.wav": "P2"}


def test_label_manifest_of_an_editor(project):
    both_labelled(project)
    project.manifest_path.write_text("file,subject\nrecordings/knee/b.wav,P2\n")
    project.label([("a.wav", 0.5, 0.55, "other")])
    assert {each.subject for each in read_labels(project.labels_path()).recordings} == {None, "P2"}


def test_described_labels_of_an_editor(project):
    """Labels that an editor adds get the subject of a manifest that stayed the same."""
    project.describe(["a.wav", "knee/b.wav"], {"subject": "P1"})
    project.label([("a.wav", 0.2, 0.25, "cavitation")])
    with project.labels_path().open("a") as file:
        file.write("recordings/knee/b.wav,0.3,,other,,,\n")
    assert subjects(project) == {"recordings/a.wav": "P1", "recordings/knee/b.wav": "P1"}


def test_described_labels_keep_their_own(project):
    """What the manifest leaves open, and recordings that it does not name, stay as the table has them."""
    rows = "recordings/a.wav,0.2,other,P1,big\nrecordings/knee/b.wav,0.2,other,P2,\n"
    table = f"file,start_s,label,subject,x_room\n{rows}"
    project.labels_path().write_text(table)
    project.manifest_path.write_text("file,subject,site,x_room\nrecordings/a.wav,,,\n")
    assert subjects(project) == {"recordings/a.wav": "P1", "recordings/knee/b.wav": "P2"}
    assert project.labels_path().read_text() == table  # not written again
    project.describe(["a.wav"], {"site": "hip"})
    [found, _] = read_labels(project.labels_path()).recordings
    assert (found.subject, found.site, found.extra) == ("P1", "hip", {"x_room": "big"})


@pytest.mark.parametrize("by_editor", [False, True])
def test_described_labels_subject_removed(project, by_editor):
    both_labelled(project)
    project.describe(["a.wav", "knee/b.wav"], {"subject": "P1"})
    if by_editor:
        project.manifest_path.write_text("file,subject\nrecordings/a.wav,\nrecordings/knee/b.wav,P1\n")
    else:
        project.describe(["a.wav"], {"subject": None})
    assert subjects(project) == {"recordings/a.wav": None, "recordings/knee/b.wav": "P1"}


def test_describe_killed_before_the_labels(project, monkeypatch):
    both_labelled(project)
    change = Manifest.change
    with monkeypatch.context() as patched:

        def then_killed(*given):
            change(*given)
            patched.setattr(LabelTable, "change", None)

        patched.setattr(Manifest, "change", then_killed)
        with pytest.raises(TypeError):
            project.describe(["a.wav"], {"subject": "P1"})
    project.__exit__()
    with Project(project.folder) as again:
        assert subjects(again)["recordings/a.wav"] == "P1"


@pytest.mark.parametrize("observer", ["", "anna"])
def test_describe_broken_labels(project, observer):
    """Nothing is changed if the labels of any observer could not follow."""
    project.describe(["a.wav"], {"subject": "P1"})
    for each in ("", "anna"):
        project.label([("a.wav", 0.2, 0.25, "cavitation")], each)
    with project.labels_path(observer).open("a") as file:
        file.write("recordings/a.wav,abc,2,other,,,\n")
    before = project.manifest_path.read_text()
    with pytest.raises(LabelError, match="start_s is 'abc'"):
        project.describe(["a.wav"], {"subject": "P2"})
    assert project.manifest_path.read_text() == before


def test_label_link_inside(project):
    """A recording and a link to it have labels of their own."""
    (project.recordings_dir / "link.wav").symlink_to("a.wav")
    for name in ("link.wav", "a.wav", "link.wav", "a.wav"):
        start = 0.1 * (1 + len(rows_of(project)) if project.labels_path().exists() else 1)
        project.label([(name, start, start, "other")])
    counts = {each.name: len(each.rows) for each in read_labels(project.labels_path()).recordings}
    assert counts == {"recordings/a.wav": 2, "recordings/link.wav": 2}


def test_label_keeps_labels_of_two_paths_to_one_file(project):
    """Labels that an editor gave to a recording by two paths stay."""
    (project.recordings_dir / "linked").symlink_to("knee")
    rows = "recordings/linked/b.wav,0.1,other\nrecordings/knee/b.wav,0.2,other\n"
    project.labels_path().write_text(f"file,start_s,label\n{rows}")
    project.label([("knee/b.wav", 0.5, 0.5, "other"), ("a.wav", 0.5, 0.5, "other")])
    assert sorted(row[1] for row in rows_of(project)) == [0.1, 0.2, 0.5, 0.5]


def test_labels_all_removed(project):
    project.label([("a.wav", 0.2, 0.25, "cavitation")])
    project.label([("a.wav", 0.2, 0.25, "")])
    project._tables.clear()  # as after a new start
    assert project.label_counts() == {}


def test_label_keeps_what_is_not_read(project):
    """Columns of an editor, and rows of recordings that are not there."""
    table = "file,start_s,label,note\nrecordings/a.wav,0.2,other,loud\nrecordings/gone.wav,0.3,snapping,soft\n"
    project.labels_path().write_text(table)
    project.label([("a.wav", 0.5, 0.5, "cavitation")])
    lines = project.labels_path().read_text().splitlines()
    assert [line.endswith(",loud") for line in lines] == [False, True, False, False]
    assert lines[-1] == "recordings/gone.wav,0.3,,snapping,,,,soft"
    assert project.label_counts() == {"other": 1, "cavitation": 1}
    assert project.missing() == ["recordings/gone.wav"]


def test_missing_recording_back(project):
    project.labels_path().write_text("file,start_s,label\nrecordings/c.wav,0.3,snapping\n")
    assert project.label_counts() == {}
    recordings.write(project.recordings_dir / "c.wav")
    assert project.label_counts() == {"snapping": 1}
    assert [path.name for path in project.folder.glob(".labels*")] == []


def test_label_of_a_recording_labelled_whole(project):
    project.labels_path().write_text("file,start_s,label\nrecordings/a.wav,,other\n")
    with pytest.raises(UsageError, match="as a whole"):
        project.label([("a.wav", 0.2, 0.2, "other")])
    assert len(read_labels(project.labels_path()).recordings) == 1


def test_links_to_other_places(project, tmp_path):
    recordings.write(tmp_path / "other" / "c.wav")
    (project.recordings_dir / "link").symlink_to(tmp_path / "other")
    (project.recordings_dir / "c.wav").symlink_to(tmp_path / "other" / "c.wav")
    assert project.recordings() == ("a.wav", "knee/b.wav")
    with pytest.raises(UsageError, match="outside"):
        project.free_path("link/d.wav")


def test_name_too_long(project):
    with pytest.raises(UsageError, match="no recording"):
        project.path("x" * 5000)
