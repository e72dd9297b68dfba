"""Keys that label an event, the same on all pages: the first letter of a class, unless a page uses it otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from string import ascii_lowercase

from popclass.labels.records import UNSURE
from popclass.schema import OTHER

UNSURE_KEY = "u"
TAKEN = "adefgjklnpvxz"  # letters with another meaning on some page


def label_keys(classes: Iterable[str]) -> dict[str, str]:
    """Return the key of each class and of `unsure`: the first letter of its name that is free.

    Examples
    --------
    >>> label_keys(["cavitation", "snapping", "click", "other"])
    {'unsure': 'u', 'cavitation': 'c', 'snapping': 's', 'other': 'o', 'click': 'i'}
    """
    keys = {UNSURE: UNSURE_KEY}
    used = {UNSURE_KEY, *TAKEN}
    standard = [name for name in ("cavitation", "snapping", OTHER) if name in classes]  # keep theirs
    for name in dict.fromkeys((*standard, *classes)):
        letters = [each for each in (*name, *ascii_lowercase) if each in ascii_lowercase]
        free = next((each for each in letters if each not in used), None)
        if free is not None:
            keys[name] = free
            used.add(free)
    return keys
