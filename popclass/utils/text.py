r"""Safe display of any text: valid Unicode on one line.

Names of files may hold bytes that are not UTF-8, which Python represents as lone surrogates. They may also hold line
breaks, terminal escape sequences and marks of writing direction. `visible` escapes the bytes only and is used in
results. `one_line` escapes all of these and is used in messages.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_SHOWN = 3  # names in a message that could list hundreds
_SURROGATES = re.compile("[\ud800-\udfff]+")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    r"""Return the text as valid Unicode: a byte that is not UTF-8 becomes ``\xNN``.

    In a locale other than UTF-8, Python also represents valid UTF-8 as surrogates. These are decoded, so that a name is
    the same text in every locale.

    Examples
    --------
    >>> visible("caf\udce9.wav"), visible("caf\udcc3\udca9.wav")
    ('caf\\xe9.wav', 'café.wav')
    """
    return _SURROGATES.sub(_as_text, text)


def _as_text(match: re.Match[str]) -> str:
    try:
        return match[0].encode("ascii", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # surrogates that do not represent bytes
        return "".join(
            f"\\x{ord(c) - 0xDC00:02x}" if "\udc80" <= c <= "\udcff" else f"\\u{ord(c):04x}" for c in match[0]
        )


def one_line(text: str) -> str:
    r"""Return `visible` text with tabs, line breaks and other control characters escaped.

    Examples
    --------
    >>> one_line("two\nlines.wav")
    'two\\nlines.wav'
    """
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), visible(text))


def counted(count: int, noun: str) -> str:
    """Return a number and its noun, with an s unless the number is one.

    Examples
    --------
    >>> counted(1, "label"), counted(2, "recording")
    ('1 label', '2 recordings')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def abbreviated(names: Sequence[str]) -> str:
    """Return the first three of many names, and the number of further ones.

    Examples
    --------
    >>> abbreviated(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    shown = ", ".join(one_line(name) for name in names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
