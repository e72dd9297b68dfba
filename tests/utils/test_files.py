"""Tests of popclass.utils.files."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from popclass.errors import OutputError
from popclass.utils.files import NO_FILE, Stamp, check_writable, existing, write_bytes, write_synced, write_text


def test_write_text_utf8(tmp_path: Path) -> None:
    assert write_text(tmp_path / "a.txt", ["R\xfccken\n", "caf\udce9\n"])
    assert (tmp_path / "a.txt").read_bytes() == b"R\xc3\xbccken\ncaf\\xe9\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_write_bytes_unchanged(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a.bin", b"\r\n\xff")
    assert (tmp_path / "a.bin").read_bytes() == b"\r\n\xff"


def test_write_synced_changed_in_the_meantime(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    first = write_synced(path, "one", before=NO_FILE)
    assert first == Stamp.of(path)
    path.write_text("another")
    assert write_synced(path, "two", before=first) is None
    assert path.read_text() == "another"
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt"]
    assert write_synced(path, "two", before=Stamp.of(path)) == Stamp.of(path)
    assert path.read_text() == "two"


@pytest.mark.parametrize("separator", ["/", "\\"])
@pytest.mark.parametrize("folders", [200, 2000])
def test_existing_missing_deep(tmp_path: Path, separator: str, folders: int) -> None:
    found = existing(tmp_path / f"{f'a{separator}' * folders}x.wav")
    assert found.as_posix().replace("\\", "/") == f"{tmp_path.as_posix()}/{'a/' * folders}x.wav"


def test_write_text_interrupted(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("before")

    def pieces() -> Iterator[str]:
        yield "half"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_text(target, pieces())
    assert target.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_write_text_no_force(tmp_path: Path) -> None:
    target = tmp_path / "model.onnx"
    target.write_text("mine")
    for attempt in (lambda: check_writable(target, force=False), lambda: write_text(target, "yours", force=False)):
        with pytest.raises(OutputError, match=r"model\.onnx exists already; .*--force"):
            attempt()
    assert target.read_text() == "mine"


def test_write_text_no_force_race(tmp_path: Path) -> None:
    target = tmp_path / "model.onnx"

    def pieces() -> Iterator[str]:
        yield "yours"
        target.write_text("mine")

    with pytest.raises(OutputError, match="exists already"):
        write_text(target, pieces(), force=False)
    assert target.read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [("folder", "is a folder; name a file"), ("none/a.txt", "there is no folder .*none; create it first")],
)
def test_check_writable_missing_folder(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match=message):
        check_writable(tmp_path / name)
    with pytest.raises(OutputError, match=message):
        write_text(tmp_path / name, "text")


@pytest.mark.parametrize("name", ["x" * 300, "file/a.txt"])
def test_check_writable_system_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    for attempt in (lambda: check_writable(tmp_path / name), lambda: write_text(tmp_path / name, "text")):
        with pytest.raises(OutputError, match="cannot write") as caught:
            attempt()
        assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that allows no new files")
def test_check_writable_names_target() -> None:
    for attempt in (lambda: check_writable("/proc/events.csv"), lambda: write_text("/proc/events.csv", "text")):
        with pytest.raises(OutputError, match=r"^cannot write /proc/events\.csv: [^/]*$"):
            attempt()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_check_writable_protected(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("mine")
    target.chmod(0o400)
    with pytest.raises(OutputError, match="write-protected"):
        check_writable(target)


def test_check_writable_leaves_no_file(tmp_path: Path) -> None:
    check_writable(tmp_path / "a.txt")
    check_writable("-")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="permissions and links of POSIX")
def test_write_text_link_and_permissions(tmp_path: Path) -> None:
    target, link = tmp_path / "a.txt", tmp_path / "link.txt"
    target.write_text("before")
    target.chmod(0o640)
    link.symlink_to(target)
    write_text(link, "after")
    assert link.is_symlink()
    assert target.read_text() == "after"
    assert target.stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_write_text_new_file_permissions(tmp_path: Path) -> None:
    (tmp_path / "usual").write_text("")
    write_text(tmp_path / "new", "")
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes")
def test_write_text_named_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    check_writable(pipe, force=False)
    assert write_text(pipe, "through", force=False)
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert pipe.is_fifo()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
@pytest.mark.parametrize("text", ["short", "x" * 1_000_000])
def test_write_text_full_disk(text: str) -> None:
    with pytest.raises(OutputError, match="cannot write /dev/full: No space left on device"):
        write_text("/dev/full", text)


def _python(code: str, **streams: object) -> subprocess.Popen[bytes]:
    prelude = "from popclass.utils.files import *\n"
    return subprocess.Popen([sys.executable, "-c", prelude + code], stderr=subprocess.PIPE, **streams)  # type: ignore[call-overload,no-any-return]


def test_write_text_stdout_utf8() -> None:
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            "from popclass.utils.files import *; print('first'); write_text('-', 'R\\xfccken\\n')",
        ],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        check=True,
    )
    assert run.stdout.replace(b"\r\n", b"\n") == b"first\nR\xc3\xbccken\n"


def test_write_text_stdout_closed() -> None:
    code = "n = 0\nwhile write_text('-', 'x' * 1000): n += 1\nraise SystemExit(7)"
    run = _python(code, stdout=subprocess.PIPE)
    assert run.stdout is not None
    assert run.stderr is not None
    run.stdout.read(10)
    run.stdout.close()
    assert run.stderr.read() == b""
    assert run.wait() == 7


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_write_text_stdout_full() -> None:
    code = "try: write_text('-', 'x')\nexcept Exception as error: print(repr(error), file=sys.stderr)"
    with open("/dev/full", "wb") as full:
        run = _python("import sys\n" + code, stdout=full)
    _, errors = run.communicate()
    assert errors.decode().strip() == "OutputError('cannot write to standard output: No space left on device')"
    assert run.returncode == 0


def test_write_text_stdout_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert write_text("-", ["R\xfc", "cken"])
    assert sys.stdout.getvalue() == "R\xfccken"  # type: ignore[attr-defined]
