"""Validation of labels: misspelt classes and clips cut from one recording."""

from pathlib import Path

import pytest

from popclass.errors import LabelError
from popclass.labels import LabelledRecording, LabelRow
from popclass.labels.validation import check_spelling, same_content, sibling_clips


def labelled(*names):
    rows = [LabelRow(i, i, name, f"labels.csv, row {i + 2}") for i, name in enumerate(names)]
    return [LabelledRecording(Path("a.wav"), "a.wav", tuple(rows))]


@pytest.mark.parametrize("slip", ["othr", "ohter", "others", "snaping", "snappin", "cavitaton", "cavitations"])
def test_check_spelling_slip(slip):
    meant = {"o": "other", "s": "snapping", "c": "cavitation"}[slip[0]]
    with pytest.raises(LabelError, match=rf"row 3: '{slip}' \(2 labels\); did you mean '{meant}'\?") as caught:
        check_spelling(labelled("cavitation", slip, slip))
    assert f"--own-class {slip}" in str(caught.value)
    assert check_spelling(labelled("cavitation", slip, slip), own_classes=[slip]) == []


@pytest.mark.parametrize("name", ["click", "crepitus", "snapping-hip", "cavitation_2", "non-other", "tendon", "rub"])
def test_check_spelling_own_classes(name):
    assert check_spelling(labelled("cavitation", "snapping", "other", "other", name)) == []


def test_check_spelling_frequent_label():
    (note,) = check_spelling(labelled("crepitus", "crepitus", "crepitis", "other"))
    assert note.endswith("'crepitis' (1 label) beside 'crepitus' (2 labels), labels.csv, row 4")
    assert "labels.csv" not in note.brief
    assert check_spelling(labelled("crepitus", "crepitus", "crepitis"), own_classes=["crepitis"]) == []
    assert check_spelling(labelled("pop-1", "pop-1", "pop-2")) == []


def test_check_spelling_folder_name():
    with pytest.raises(LabelError, match=r"^snaping/a\.wav: 'snaping' \(1 label\)"):
        check_spelling([LabelledRecording(Path("x"), "snaping/a.wav", whole="snaping")])


def clips(*names, **fields):
    return [LabelledRecording(Path(name), name, whole="cavitation", **fields) for name in names]


def test_sibling_clips_counter():
    names = [f"cavitation/four_cracks_{i}.wav" for i in range(1, 5)]
    (note,) = sibling_clips([*clips(*names), *clips("other/four_cracks_9.wav", "other/door.wav")])
    assert note.startswith("5 clips may be cut from 1 recording")
    assert "column subject" in note
    assert "four_cracks" not in note.brief


@pytest.mark.parametrize("names", [("a/1.wav", "a/2.wav"), ("a/P07.wav", "a/P08.wav"), ("a/knee_1.wav", "a/hip_1.wav")])
def test_sibling_clips_plain_names(names):
    assert sibling_clips(clips(*names)) == []


def test_sibling_clips_known_subject():
    assert sibling_clips(clips("a/knee_1.wav", "a/knee_2.wav", subject="P07")) == []
    rows = (LabelRow(0.5, 0.5, "cavitation"),)
    assert sibling_clips([LabelledRecording(Path(n), n, rows) for n in ("knee_1.wav", "knee_2.wav")]) == []


def clip(folder, name, label, content):
    (folder / name).write_bytes(content)
    return LabelledRecording(folder / name, name, whole=label)


def test_same_content(tmp_path):
    clips = [
        clip(tmp_path, "a.wav", "cavitation", b"one"),
        clip(tmp_path, "b.wav", "snapping", b"one"),
        clip(tmp_path, "c.wav", "other", b"two"),
        clip(tmp_path, "d.wav", "other", b"two"),
    ]
    assert same_content(clips) == [
        "recordings with the same content count more than once; keep one of them: c.wav and d.wav",
        "recordings with the same content have different classes; correct one of them: a.wav and b.wav",
    ]
    assert same_content(clips[1:3]) == []
