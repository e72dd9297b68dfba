"""What has the name of a recording and is no file: links, folders, pipes, devices, sockets, forbidden files."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

from bad_inputs.kinds import Kind, Make, Outcome, accepted, holding, refused
from bad_inputs.sources import good

GROUP = "Links, folders, pipes, devices"
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
"""Nothing is forbidden to this user."""


def kinds() -> Iterator[Kind]:
    yield refused(
        GROUP, "link-dangling", "a link that leads nowhere", _link("nowhere.bin"), "is a link whose target is missing"
    )
    loop = ("too many levels",)
    yield refused(GROUP, "link-loop", "a link to itself", _link("link-loop.wav"), *loop)
    yield refused(GROUP, "link-loop-of-two", "two links that lead to each other", _loop_of_two, *loop)
    yield Kind(
        *("folder", GROUP, "a folder with the name of a recording", Path.mkdir, Outcome.REFUSED, ("is a folder",)),
        in_batch=Outcome.SKIPPED,
    )
    yield Kind(
        *("link-to-folder", GROUP, "a link to the folder it lies in", _link("."), Outcome.REFUSED, ("is a folder",)),
        in_batch=Outcome.SKIPPED,
    )
    in_batch = ("is a pipe, not a file",)
    nobody = ("is a pipe without a writer",)
    yield Kind("pipe", GROUP, "a named pipe without a writer", os.mkfifo, Outcome.REFUSED, nobody, batch_says=in_batch)
    for name in ("zero", "null", "full", "random", "tty"):
        make = _link(f"/dev/{name}")
        reasons = ("is a device", "cannot be read", "no such file", "is a link")
        yield refused(GROUP, f"device-{name}", "a device, or a link to one", make, *reasons, of=f"/dev/{name}")
    yield refused(GROUP, "socket", "a socket", _socket, "is a socket")
    yield refused(GROUP, "sparse", "a file of 1 TiB without content", _sparse, "cannot be read as audio")
    yield refused(
        GROUP, "process", "a file of the kernel that says it is empty", _link("/proc/self/status"), "is empty"
    )
    if not ROOT:
        yield refused(
            GROUP, "forbidden", "a file that may not be read", _forbidden, "cannot be read (permission denied)"
        )
    yield accepted(GROUP, "link", "a link to a recording elsewhere", _link_to_good)


def _link(target: str) -> Make:
    return lambda path: path.symlink_to(target)


def _loop_of_two(path: Path) -> None:
    other = path.with_suffix(".other")
    path.symlink_to(other)
    other.symlink_to(path)


def _socket(path: Path) -> None:
    """Bound by a short relative name: an address of a socket holds a hundred bytes."""
    before = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path.name)
    finally:
        os.chdir(before)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


def _forbidden(path: Path) -> None:
    holding(good("wav"))(path)
    path.chmod(0)


def _link_to_good(path: Path) -> None:
    target = path.with_name(".link.target")
    holding(good("flac"))(target)
    path.symlink_to(target)
