"""Active learning: the choice of the events whose labels help most.

Three quarters are chosen by uncertainty: events with the smallest margin, the difference between the two largest
probabilities (Scheffer et al. 2001). The other quarter is drawn at random, since the smallest margins alone show
nothing of the sounds that a model is wrong about without doubt. Both are spread over the subjects: one of each, then a
second of each, and so on. To take only one of each cluster of similar sounds did worse on generated people
(docs/research/suggest.md).

All functions take arrays, so any classifier can be used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from popclass.errors import require
from popclass.utils.checks import check_number

MARGIN, RANDOM = "margin", "random"
RANDOM_SHARE = 0.25

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Choice(NamedTuple):
    """One chosen event.

    Attributes
    ----------
    event : int
        Its index.
    by : str
        `margin` or `random`.
    """

    event: int
    by: str


def choose_events(
    probabilities: ArrayLike,
    subjects: Sequence[str | None],
    recordings: Sequence[str],
    *,
    count: int,
    allowed: ArrayLike | None = None,
    random_share: float = RANDOM_SHARE,
    seed: int = 0,
) -> list[Choice]:
    """Choose the events to label next.

    Parameters
    ----------
    probabilities : array_like, shape (n, classes)
        Probabilities of the classes, rows summing to 1.
    subjects, recordings : sequences of length n
        Subject of each event, None where unknown, and its recording.
    count : int
        Number of events; all are chosen where there are fewer.
    allowed : array_like of bool, shape (n,), optional
        Events that may be chosen (default: all).
    random_share : float
        Share of the events that is drawn at random, 0-1.
    seed : int
        The same seed gives the same events.

    Returns
    -------
    list of Choice
        In the order in which to label them; the random ones are spread evenly among the others.

    Raises
    ------
    UsageError
        If `count` or `random_share` is out of range.
    ValueError
        If the arrays do not fit together.

    Examples
    --------
    >>> p = [[0.9, 0.1], [0.5, 0.5], [0.6, 0.4], [0.51, 0.49]]
    >>> choose_events(p, [None] * 4, ["a"] * 4, count=2, random_share=0)
    [Choice(event=1, by='margin'), Choice(event=3, by='margin')]
    """
    p = np.asarray(probabilities, dtype=np.float64)
    free = np.arange(len(p)) if allowed is None else np.flatnonzero(allowed)
    fits = len(p) == len(subjects) == len(recordings)
    require(fits and (allowed is None or len(np.asarray(allowed)) == len(p)), "each event needs an entry in all arrays")
    check_number(count, "count", 1, 10**6, whole=True)
    check_number(random_share, "random_share", 0, 1)
    rng = np.random.default_rng(seed)
    count = min(count, len(free))
    drawn = round(random_share * count)
    group = _groups(subjects, recordings)
    shuffled = rng.permutation(free)  # events of equal margin, and subjects, come in random order
    chosen = in_turn(shuffled[np.argsort(margins(p[shuffled]), kind="stable")], group)[: count - drawn]
    others = in_turn(rng.permutation(np.setdiff1d(free, chosen)), group)[:drawn]
    queues = {MARGIN: iter(chosen.tolist()), RANDOM: iter(others.tolist())}
    places = {int((i + 0.5) * count / drawn) for i in range(drawn)}
    return [Choice(next(queues[by]), by) for by in (RANDOM if i in places else MARGIN for i in range(count))]


def margins(probabilities: Floats) -> Floats:
    """Return the difference between the two largest probabilities of each event, shape (n,).

    Examples
    --------
    >>> margins(np.array([[0.5, 0.25, 0.25], [0.4, 0.2, 0.4]]))
    array([0.25, 0.  ])
    """
    second, first = np.partition(probabilities, -2, axis=1)[:, -2:].T if probabilities.size else np.zeros((2, 0))
    return np.asarray(first - second)


def in_turn(events: Ints, group: Ints) -> Ints:
    """Return events in turns: the first of each group, then the second of each, and so on.

    Parameters
    ----------
    events : ndarray of int, shape (m,)
        Indices, best first.
    group : ndarray of int, shape (n,)
        Of all events.

    Examples
    --------
    >>> in_turn(np.array([3, 0, 1, 2]), np.array([0, 0, 1, 0]))
    array([3, 2, 0, 1])
    """
    seen: dict[int, int] = {}
    turn = []
    for name in group[events].tolist():
        turn.append(seen.get(name, 0))
        seen[name] = turn[-1] + 1
    return np.asarray(events[np.argsort(turn, kind="stable")], dtype=np.int64)


def _groups(subjects: Sequence[str | None], recordings: Sequence[str]) -> Ints:
    """Return the number of each event's subject, or of its recording where the subject is unknown."""
    pairs = zip(subjects, recordings, strict=True)
    names = [(subject is not None, recording if subject is None else subject) for subject, recording in pairs]
    numbers = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], dtype=np.int64)
