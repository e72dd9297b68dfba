"""Tests of popclass.utils.folders."""

import pytest

from popclass.errors import OutputError
from popclass.utils.folders import check_new_folder, filling


def test_filling_empty_folder(tmp_path):
    with filling(tmp_path, "clips are") as part:
        (part / "inner").mkdir()
        (part / "inner" / "a.txt").touch()
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == ["inner", "inner/a.txt"]


def test_filling_failure(tmp_path):
    def fill():
        with filling(tmp_path / "out", "clips are") as part:
            (part / "a.txt").touch()
            raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match=r"cannot write .*out: No space left"):
        fill()
    assert not (tmp_path / "out").exists()


def test_filling_twice(tmp_path):
    with filling(tmp_path / "out", "clips are"), pytest.raises(OutputError, match="not empty"):
        check_new_folder(tmp_path / "out", "clips are")


def test_check_new_folder_parent(tmp_path):
    with pytest.raises(OutputError, match="create it first"):
        check_new_folder(tmp_path / "no" / "out", "clips are")
