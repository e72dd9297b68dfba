"""Any name can be printed: valid Unicode, on one line, without what a terminal would obey."""

from __future__ import annotations

import os
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from popclass.utils.text import one_line, visible


@given(st.binary())
def test_any_bytes_of_a_name_become_unicode(name: bytes) -> None:
    text = os.fsdecode(name)
    assert visible(text) == name.decode("utf-8", "backslashreplace")
    assert visible(visible(text)) == visible(text)


@given(st.text(st.characters(codec=None)))
def test_nothing_that_is_obeyed_is_left_on_a_line(text: str) -> None:
    line = one_line(text)
    assert line.splitlines() in ([line], [])
    assert not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in line)
    assert not any(
        unicodedata.bidirectional(c) in ("LRO", "RLO", "LRE", "RLE", "PDF", "LRI", "RLI", "FSI", "PDI") for c in line
    )


def test_what_is_harmless_stays() -> None:
    text = "hip, \u05d1\u05e8\u05da, caf\u00e9, \U0001f9b4\u200d\U0001f50a.wav"
    assert one_line(text) == text
