r"""How any text is written so that it stays what it is: valid Unicode, on one line, in the order it is read.

Names of files may hold bytes that are no UTF-8, which Python carries as lone surrogates, and any character but two:
line breaks, the escape sequences of terminals, marks that turn the direction of writing. `visible` writes the first as
``\xNN`` and is what results hold; `one_line` writes out all of them and is what messages hold.
"""

from __future__ import annotations

import re

_SURROGATES = re.compile("[\ud800-\udfff]+")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    r"""`text` as valid Unicode: a byte that is no UTF-8 becomes ``\xNN``.

    Where the locale is no UTF-8 one, Python takes the bytes of any name for such; they are text all the same, so that a
    name is written in the same way everywhere.

    Examples
    --------
    >>> visible("caf\udce9.wav"), visible("caf\udcc3\udca9.wav")
    ('caf\\xe9.wav', 'café.wav')
    """
    return _SURROGATES.sub(_as_text, text)


def _as_text(match: re.Match[str]) -> str:
    try:
        return match[0].encode("ascii", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # surrogates that stand for no bytes
        return "".join(
            f"\\x{ord(c) - 0xDC00:02x}" if "\udc80" <= c <= "\udcff" else f"\\u{ord(c):04x}" for c in match[0]
        )


def one_line(text: str) -> str:
    r"""`visible`, with tabs, line breaks and other control characters written out, so that it stays on one line.

    Examples
    --------
    >>> one_line("two\nlines.wav")
    'two\\nlines.wav'
    """
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), visible(text))


def counted(count: int, noun: str) -> str:
    """A number with its noun, which takes an s where there is not exactly one.

    Examples
    --------
    >>> counted(1, "label"), counted(2, "recording")
    ('1 label', '2 recordings')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
