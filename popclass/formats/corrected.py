"""Label tracks and selection tables that somebody may have corrected by hand, and that must not be lost.

The how-to has the user correct the very file that `classify --format audacity` or `raven` wrote. The same command once
more would write what was found over what was corrected. So for these two formats a file that is there is replaced only
by what it holds already. Some of it shows before the work is done: lines that popclass would never write.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from popclass.errors import OutputError
from popclass.formats.raven import raven
from popclass.utils.files import STDOUT
from popclass.utils.text import one_line, visible

_LABEL = re.compile(r"\d+\.\d{6}\t\d+\.\d{6}\t[^\t]+ (0\.\d\d|1\.00)")


def refuse_corrected(format: str, target: str | os.PathLike[str]) -> None:
    """Find out before the work whether `target` certainly holds what popclass did not write.

    Parameters
    ----------
    format : str
        Only `audacity` and `raven` are ever corrected by hand; nothing is refused for others.
    target : path or "-"

    Raises
    ------
    OutputError
        Where it does. A file that could be popclass's own is looked at again by `refuse_change`.
    """
    written_by_us = _OURS.get(format)
    if written_by_us is not None and (there := _content(target)) is not None and not written_by_us(there):
        raise _differs(target)


def refuse_change(format: str, target: str | os.PathLike[str], text: Iterable[str]) -> str:
    """The text to write; refused where `target` is there and holds anything else.

    Raises
    ------
    OutputError
    """
    whole = "".join(text)
    if format in _OURS and _content(target) not in (None, visible(whole).encode()):
        raise _differs(target)
    return whole


def _content(target: str | os.PathLike[str]) -> bytes | None:
    """What stands in a file, None where there is none; one that cannot be read counts as different."""
    path = Path(target)
    if os.fspath(target) == STDOUT or not path.is_file():
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise OutputError(
            f"{one_line(os.fspath(target))} cannot be read to see whether it was corrected: {error.strerror}"
        ) from error


def _differs(target: str | os.PathLike[str]) -> OutputError:
    return OutputError(
        f"{one_line(os.fspath(target))} is there already and holds something else than what was found, such as "
        "corrected labels; choose another name, or move it away"
    )


def _is_track(content: bytes) -> bool:
    return all(_LABEL.fullmatch(line) for line in content.decode("utf-8", "replace").split("\n")[:-1])


def _is_table(content: bytes) -> bool:
    return content.startswith("".join(raven([])).encode())


_OURS: dict[str, Callable[[bytes], bool]] = {"audacity": _is_track, "raven": _is_table}
