"""In which order a model lists its classes, and how many events each needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from popclass.errors import LabelError
from popclass.labels.names import check_class_name
from popclass.results import CAVITATION, OTHER, SNAPPING

_PLACE = {CAVITATION: 0, SNAPPING: 1, OTHER: 3}  # the user's own names in between, by alphabet
_EVENTS_NEEDED = 2


def indexed(labels: Sequence[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """The classes of labelled events, and the place of each event's class among them.

    Raises
    ------
    LabelError
        If there are fewer than two classes, or a class has a single event.

    Examples
    --------
    >>> indexed(["other", "click", "cavitation", "other", "click", "cavitation"])
    (('cavitation', 'click', 'other'), array([2, 1, 0, 2, 1, 0]))
    """
    counts = Counter(labels)
    for name in sorted(counts):
        check_class_name(name)
    if len(counts) < 2:
        found = f"only '{next(iter(counts))}'" if counts else "none"
        raise LabelError(f"at least two classes with events are needed to tell apart; there is {found}")
    for name, count in sorted(counts.items()):
        if count < _EVENTS_NEEDED:
            raise LabelError(f"class '{name}' has a single event; at least {_EVENTS_NEEDED} are needed to hold one out")
    classes = tuple(sorted(counts, key=lambda name: (_PLACE.get(name, 2), name)))
    place = {name: i for i, name in enumerate(classes)}
    return classes, np.array([place[label] for label in labels])
