"""Good recordings under names that break tables, terminals, shells and spreadsheets."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from bad_inputs.kinds import Kind, Outcome, holding
from bad_inputs.sources import good

GROUP = "Names"


def kinds() -> Iterator[Kind]:
    for name, (what, file) in _names().items():
        yield _named(name, what, file)
    what = "nothing but dots before the ending: a hidden file"
    for count in (0, 1, 2):
        yield _named(f"dots-{count + 1}", what, b"." * count + b".wav", in_batch=Outcome.SKIPPED)
    yield _named("hidden", "a hidden file", b".hip.wav", in_batch=Outcome.SKIPPED)
    yield _named("space-after", "a space after the ending: a recording by its content", b"hip.wav ")


def _named(name: str, what: str, file: bytes, *, in_batch: Outcome | None = None) -> Kind:
    make = holding(partial(good, "wav"))
    return Kind(f"name-{name}", GROUP, what, make, Outcome.ACCEPTED, file=file, in_batch=in_batch)


def _names() -> dict[str, tuple[str, bytes]]:
    formula = "the beginning of a formula of a spreadsheet"
    direction = "marks that turn the direction of writing"
    control = "control characters"
    escape = "an escape sequence of a terminal"
    broken = "bytes that are no UTF-8"
    return {
        "newline": ("a line break", b"left\nknee.wav"),
        "newline-first": ("a line break", b"\nknee.wav"),
        "return": ("a line break", b"left\rknee.wav"),
        "crlf": ("a line break", b"left\r\nknee.wav"),
        "line-separator": ("a line break", "left\u2028knee.wav".encode()),
        "next-line": ("a line break", "left\u0085knee.wav".encode()),
        "tab": ("a tab", b"left\tknee.wav"),
        "tab-first": ("a tab", b"\tknee.wav"),
        "quote": ("quotation marks", b'"left" knee.wav'),
        "apostrophe": ("quotation marks", b"it's.wav"),
        "comma": ("separators of tables", b"left,knee;1.wav"),
        "backslash": ("a backslash", b"left\\knee.wav"),
        "backslash-n": ("a backslash", b"left\\nknee.wav"),
        "backslash-x": ("what stands for a byte that is no UTF-8", b"caf\\xe8.wav"),
        "bell": (control, b"left\aknee.wav"),
        "backspace": (control, b"left\b\b\b\bright.wav"),
        "delete": (control, b"left\x7fknee.wav"),
        "all-controls": (control, bytes(range(1, 32)) + b".wav"),
        "csi": ("a control sequence in one byte (C1)", "left\u009b2Jknee.wav".encode()),
        "red": (escape, b"\x1b[31mred\x1b[0m.wav"),
        "clear": (escape, b"\x1b[2J\x1b[H.wav"),
        "title": (escape, b"\x1b]0;title\a.wav"),
        "link": (escape, b"\x1b]8;;x:y\x1b\\z.wav"),
        "equals": (formula, b"=1+1.wav"),
        "equals-call": (formula, b"=HYPERLINK(1).wav"),
        "plus": (formula, b"+1.wav"),
        "minus": (formula, b"-1.wav"),
        "at": (formula, b"@SUM(1).wav"),
        "wide-equals": (formula, "\uff1d1.wav".encode()),
        "option": ("a dash, like an option", b"--help.wav"),
        "option-short": ("a dash, like an option", b"-o.wav"),
        "dash": ("a dash, like an option", b"-.wav"),
        "double-dash": ("a dash, like an option", b"--.wav"),
        "byte-ff": (broken, b"left\xffknee.wav"),
        "latin-1": (broken, b"caf\xe9.wav"),
        "truncated": (broken, b"caf\xc3.wav"),
        "overlong": (broken, b"a\xc0\xafb.wav"),
        "surrogate": (broken, b"a\xed\xa0\x80b.wav"),
        "many-bytes": (broken, bytes(range(128, 256)) + b".wav"),
        "right-to-left": (direction, "left\u202evaw.exe.wav".encode()),
        "isolate": (direction, "\u2066left\u2069.wav".encode()),
        "marks": (direction, "a\u200eb\u200fc\u061c.wav".encode()),
        "zero-width": ("characters without width", "a\u200bb\u200dc\ufeff.wav".encode()),
        "composed": ("an accent in one character", "caf\u00e9 2.wav".encode()),
        "decomposed": ("an accent of its own", "cafe\u0301 2.wav".encode()),
        "emoji": ("pictures", "\U0001f9b4\U0001f50a.wav".encode()),
        "hebrew": ("another script", "\u05d1\u05e8\u05da.wav".encode()),
        "long": ("255 bytes", b"x" * 251 + b".wav"),
        "long-wide": ("255 bytes", "\u4e00".encode() * 83 + b"xx.wav"),
        "space-first": ("spaces", b" hip.wav"),
        "spaces": ("spaces", b"   .wav"),
        "upper-case": ("an ending in upper case", b"HIP.WAV"),
        "two-endings": ("two endings", b"hip.m4a.wav"),
        "percent": ("what programs fill in", b"%s%n%d.wav"),
        "braces": ("what programs fill in", b"{0}{name}.wav"),
        "shell": ("what a shell would do", b"$(touch hurt)`touch hurt`;&|.wav"),
        "glob": ("what a shell would do", b"[a-z]?.wav"),
        "markup": ("markup of terminals and pages", b"[bold red]x[&].wav"),
        "html": ("markup of terminals and pages", b"<img src=x onerror=alert(1)>.wav"),
        "json": ("markup of terminals and pages", b'{"a": [1].wav'),
        "null-text": ("words of programs", b"null.wav"),
        "nan": ("words of programs", b"nan.wav"),
        "con": ("words of programs", b"CON.wav"),
        "stdin": ("words of programs", b"stdin.wav"),
    }
