"""Recognition of files that are not recordings, by their first bytes, and the advice for each kind.

Used for messages, and to skip such files in a folder without a decoder.
"""

from __future__ import annotations

import os
import re

HEAD_BYTES = 1024
_SEARCHED_BYTES = 1 << 20

_ITSELF = "give the recording itself"
_KINDS: tuple[tuple[bytes, str, str], ...] = (
    (rb"(\xef\xbb\xbf)?\s*<(!doctype html|html|head|body)\b", "a web page", "download the recording again"),
    (rb"\xff\xd8\xff|\x89PNG|GIF8|BM.{4}\0{4}|RIFF.{4}WEBP|.{4}ftyp(hei|hev|mif|msf|avif)", "a picture", _ITSELF),
    (rb"(\xef\xbb\xbf)?recording[,;\t](event|burst|status)[,;\t]", "a table that popclass wrote", _ITSELF),
    (rb"%PDF", "a PDF document", _ITSELF),
    (rb"PK\x03\x04", "a ZIP archive or an office document", "unpack it, or give the recording itself"),
    (rb"\x1f\x8b|7z\xbc\xaf|Rar!|BZh|\xfd7zXZ", "an archive", "unpack it first"),
    (rb"SQLite format 3|\x89HDF|\x93NUMPY|PAR1|\x7fELF", "a file of data", _ITSELF),
    (rb"\0+\Z", "nothing but zeros", "copy or download it again"),
    (rb"\xff\xfe[^\0]\0|\xfe\xff\0[^\0]|[^\0-\x08\x0e-\x1a\x1c-\x1f\x7f]+\Z", "a text file", _ITSELF),
)
"""Pattern of the first bytes, in upper or lower case, name of the kind, and what to do."""


def foreign_kind(head: bytes) -> tuple[str, str] | None:
    r"""Return what a file is and what to do, if its first bytes show that it is not a recording.

    Parameters
    ----------
    head : bytes
        The first `HEAD_BYTES` of the file.

    Examples
    --------
    >>> foreign_kind(b"\x89PNG\r\n")
    ('a picture', 'give the recording itself')
    >>> foreign_kind(b"RIFF\0\0\0\0WAVE") is None
    True
    """
    found = (each for each in _KINDS if head and re.match(each[0], head, re.DOTALL | re.IGNORECASE))
    return next(((what, advice) for _, what, advice in found), None)


def lacks_beginning(path: str | os.PathLike[str]) -> bool:
    """Return True if the end of a file holds the index of an mp4, whose beginning is not there."""
    with open(path, "rb") as file:
        file.seek(max(file.seek(0, os.SEEK_END) - _SEARCHED_BYTES, 0))
        return re.search(rb"moov.{4}mvhd", file.read(), re.DOTALL) is not None
