"""Named pipes with a timeout; devices and folders."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from popclass.audio.paths import kind_of, open_pipe, refuse_special
from popclass.errors import AudioError

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes")


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


def written_later(pipe: Path, pieces: list[bytes], *, before: float, between: float = 0.0) -> threading.Thread:
    def write() -> None:
        time.sleep(before)
        with pipe.open("wb", buffering=0) as file:
            for piece in pieces:
                time.sleep(between)
                file.write(piece)

    thread = threading.Thread(target=write)
    thread.start()
    return thread


@pytest.mark.parametrize(("before", "between"), [(0.0, 0.0), (0.3, 0.0), (0.1, 0.3)])
def test_open_pipe_late_writer(pipe: Path, before: float, between: float) -> None:
    writer = written_later(pipe, [b"one ", b"two ", b"three"], before=before, between=between)
    stream, first = open_pipe(str(pipe), seconds=5)
    with stream:
        assert first + b"".join(iter(lambda: stream.read(2), b"")) == b"one two three"
    writer.join()


def test_open_pipe_timeout(pipe: Path) -> None:
    began = time.monotonic()
    with pytest.raises(AudioError, match=r"without a writer after 0\.2 s"):
        open_pipe(str(pipe), seconds=0.2)
    assert 0.2 <= time.monotonic() - began < 2


def test_refuse_special_pipe(pipe: Path) -> None:
    with pytest.raises(AudioError, match="is a pipe, not a file"):
        refuse_special(pipe)
    with pytest.raises(OSError, match="No such device"):  # it has no reader
        os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)


def test_refuse_special_file_or_missing(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    for name in ("a", "b", "c" * 300, "\0"):
        refuse_special(tmp_path / name)


def test_kind_of(tmp_path: Path) -> None:
    assert kind_of(tmp_path.stat().st_mode) == "a folder"
    assert kind_of(os.stat("/dev/null").st_mode) == "a device"
