"""What a class may be called, and how all texts that cannot be one are told at once.

A track of an hour may hold twenty misspelt labels. Whoever corrects them wants to see every one, not the first.
"""

from __future__ import annotations

from difflib import get_close_matches

from popclass.errors import LabelError
from popclass.formats.text import one_line
from popclass.model import CLASS_NAME
from popclass.results import CAVITATION, OTHER, SNAPPING, UNCERTAIN

STANDARD = (CAVITATION, SNAPPING, OTHER)
ALIKE = 0.8  # of the ratio of difflib, from which a name is taken for another misspelt: othr, ohter, snaping

_ALLOWED = "allowed are lower-case letters, digits, _ and -"
_LONGEST = 40  # characters of a text in a message


def check_class_name(name: str, where: str = "class") -> None:
    """Raise LabelError if a class may not be called `name`; `where` begins the message."""
    if reason := _objection(name):
        raise LabelError(f"{where}: '{_shown(name)}' cannot be a class; {reason}{_hint(name)}")


def _objection(name: str) -> str | None:
    if name == UNCERTAIN:
        return "it is what popclass says when it does not know"
    if not name:
        return "give the label the name of its class"
    return None if CLASS_NAME.fullmatch(name) else _ALLOWED


def _hint(text: str) -> str:
    """What one may have meant by a text that cannot be a class, as the end of a message."""
    meant = get_close_matches(text.strip().casefold(), STANDARD, n=1, cutoff=ALIKE)
    return f"; did you mean '{meant[0]}'?" if meant else ""


class Names:
    """Takes the texts of labels one by one and remembers those that cannot be a class.

    Examples
    --------
    >>> names = Names()
    >>> for row, text in enumerate(["cavitation", "Crack?", "pop!", "Crack?"], start=1):
    ...     names.take(text, f"row {row}")
    >>> names.check()
    Traceback (most recent call last):
    popclass.errors.LabelError: row 2: 'Crack?' (2 times) cannot be a class, nor can 'pop!' (1 time, first in row 3); \
allowed are lower-case letters, digits, _ and -, but not uncertain
    """

    def __init__(self) -> None:
        self._refused: dict[str, tuple[int, str]] = {}

    def take(self, text: str, where: str) -> None:
        """Look at the text of a label that stands at `where`."""
        if _objection(text) is not None:
            count, first = self._refused.get(text, (0, where))
            self._refused[text] = (count + 1, first)

    def check(self) -> None:
        """Raise LabelError if any of the texts cannot be a class, with all of them, how often and where the first is.

        Raises
        ------
        LabelError
        """
        if not self._refused:
            return
        (text, (count, first)), *others = self._refused.items()
        if not others:
            times = "" if count == 1 else f" ({_times(count)})"
            raise LabelError(f"{first}: '{_shown(text)}'{times} cannot be a class; {_objection(text)}{_hint(text)}")
        listed = ", ".join(f"'{_shown(other)}' ({_times(n)}, first in {where})" for other, (n, where) in others)
        raise LabelError(
            f"{first}: '{_shown(text)}' ({_times(count)}) cannot be a class, nor can {listed}; {_ALLOWED}, "
            f"but not {UNCERTAIN}{_hint(text)}"
        )


def _times(count: int) -> str:
    return "1 time" if count == 1 else f"{count} times"


def _shown(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..."
