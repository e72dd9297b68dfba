"""Tests of popclass.utils.text."""

from __future__ import annotations

import os
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from popclass.utils.text import counted, one_line, visible


@given(st.binary())
def test_visible_bytes(name: bytes) -> None:
    expected = name.decode("utf-8", "backslashreplace")
    assert visible(name.decode("utf-8", "surrogateescape")) == visible(os.fsdecode(name)) == expected
    assert visible(expected) == expected


def test_visible_other_surrogate() -> None:
    assert visible("a\ud83db") == "a\\ud83db"


@given(st.text(st.characters(codec=None)))
def test_one_line_control_characters(text: str) -> None:
    line = one_line(text)
    assert line.splitlines() in ([line], [])
    assert not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in line)
    assert not any(
        unicodedata.bidirectional(c) in ("LRO", "RLO", "LRE", "RLE", "PDF", "LRI", "RLI", "FSI", "PDI") for c in line
    )


def test_one_line_harmless() -> None:
    text = "hip, \u05d1\u05e8\u05da, caf\u00e9, \U0001f9b4\u200d\U0001f50a.wav"
    assert one_line(text) == text


def test_counted_plural() -> None:
    assert [counted(count, "label") for count in (0, 1, 2)] == ["0 labels", "1 label", "2 labels"]
