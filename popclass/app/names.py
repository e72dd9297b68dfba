"""Names that a project can give: to recordings, observers and models."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path

from popclass.audio.paths import AUDIO_SUFFIXES
from popclass.errors import UsageError
from popclass.utils.text import one_line

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")  # of observers and models
LONGEST_NAME = 200  # bytes of one part of a path; most systems allow 255
MOST_PARTS = 32  # of a path below the folder of recordings
LONGEST_PATH = 1000  # bytes of all parts
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")  # names that Windows does not allow


def check_name(name: str, what: str) -> str:
    """Return a name of an observer or a model, if it can be part of a file name; else raise UsageError.

    Examples
    --------
    >>> check_name("anna", "an observer")
    'anna'
    """
    if not NAME.fullmatch(name):
        allowed = "lower-case letters, digits, _ and -, at most 40"
        raise UsageError(f"'{one_line(name)[:40]}' cannot be the name of {what}: allowed are {allowed}")
    return name


def recording_parts(name: str) -> list[str]:
    """Return the folders and the file of a new recording, which every system can have; else raise UsageError.

    Parameters
    ----------
    name : str
        A file name, or a path below the folder of recordings with `/`.

    Examples
    --------
    >>> recording_parts("left hip/walk.m4a")
    ['left hip', 'walk.m4a']
    """
    parts = unicodedata.normalize("NFC", name).replace("\\", "/").split("/")
    shown = f"'{one_line(name)[:80]}'"
    if len(parts) > MOST_PARTS or len(os.fsencode("/".join(parts))) > LONGEST_PATH:
        allowed = f"at most {MOST_PARTS - 1} folders and {LONGEST_PATH:,} bytes"
        raise UsageError(f"{shown} is too long for the path of a recording: allowed are {allowed}; move the file")
    for at, part in enumerate(parts, start=1):
        if fault := _name_fault(part):
            which = "the file" if at == len(parts) else f"the folder '{one_line(part)[:80]}'"
            raise UsageError(f"{shown} cannot be the name of a recording: {which} {fault}; rename it")
    if Path(parts[-1]).suffix.lower() not in AUDIO_SUFFIXES:
        known = "wav, flac, m4a, mp3, ogg, opus, webm and others"
        raise UsageError(f"{shown} is not a recording by its name; known are {known}")
    return parts


def _name_fault(part: str) -> str | None:
    """Return the reason why some systems cannot have a part of a path; None if all can."""
    if not part.strip():
        return "has an empty name"
    if part != part.strip():
        return "begins or ends with a blank"
    if part.startswith(".") or part.endswith("."):
        return "begins or ends with a dot"
    if len(os.fsencode(part)) > LONGEST_NAME:
        return f"has a name of more than {LONGEST_NAME} bytes"
    if _RESERVED.fullmatch(part):
        return "has a name that Windows reserves"
    if any(ord(each) < 32 or each in '<>:"|?*\x7f' for each in part):
        return 'has a control character, or one of <>:"|?*, in its name'
    return None
