"""The company an event keeps: whether it comes back alike, how regularly, and what else its burst holds.

A sound that returns with every movement and looks alike is seldom a cavitation; a burst of unlike pops that does not
come again often is. This module says what is measured, and checks what it is given; `popclass.timing.company` does the
counting. What a measure is worth is learnt from labelled sessions.

An event is compared by likeness (see `popclass.timing.likeness`) with the nearest events of its own recording: up to
`neighbours` on either side, within `window_s`, and at most `quieter_db` weaker, since what it drowns is no company.
Those of its own burst are its *burst*, all others are *elsewhere*.

Every measure is 0 where it has nothing to go by: an event alone has a row of zeros. Times are taken to the
microsecond, so a recording gives the same measures wherever it lies on a timeline, and their order is of no account.
Work grows with events times neighbours, memory does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from popclass.errors import UsageError
from popclass.timing.company import Company
from popclass.timing.likeness import Likeness

Floats = NDArray[np.float64]

# name, unit, range, meaning; a name that ends in _ stands for one column a class.
MEASURES = (
    ("accompanied", "-", "0 or 1", "1 where there is an event elsewhere to compare with"),
    ("alike_count", "log(1 + events)", "0-5.3", "events elsewhere that are alike"),
    ("alike_share", "-", "0-1", "share of the events elsewhere that are alike"),
    ("alike_best", "-", "0-1", "mean likeness of the three events elsewhere that are most alike"),
    (
        "regularity",
        "-",
        "0-1",
        "1 less the median absolute deviation of the intervals between alike events, relative to their median; "
        "one event a burst; 0 with fewer than three intervals",
    ),
    ("burst_size", "log(events)", "0-5.3", "events of its burst, itself included"),
    ("burst_unlikeness", "-", "0-1", "1 less its mean likeness to the other events of its burst"),
    (
        "pair_repeat",
        "-",
        "0-1",
        "whether it belongs to a pair 40-200 ms apart, like press and release, that is found again elsewhere: mean "
        "likeness of the three pairs most alike, in both sounds and in their distance",
    ),
    ("burst_rate", "log(1 + bursts)", "0-5.3", "other bursts that have events within 5 s before or after it"),
    (
        "crowd",
        "log(events / 9)",
        "0-3.1",
        "events within 5 s before or after it, its burst included, as far as they outnumber the nine pops of a thrust; "
        "0 up to nine",
    ),
    (
        "faint_crowd",
        "log(1 + events)",
        "0-5.3",
        "events within 5 s before or after it that are too weak to be company: it may be the loudest of a fire",
    ),
    ("alike_p_", "-", "-1/k to 1-1/k", "mean acoustic probability of the class over alike events, less 1/k"),
    ("burst_p_", "-", "-1/k to 1-1/k", "the same over the other events of its burst"),
)


def context_names(classes: Sequence[str]) -> tuple[str, ...]:
    """Names of the columns of `context_features`."""
    plain = [name for name, *_ in MEASURES if not name.endswith("_")]
    return (*plain, *(name + label for name, *_ in MEASURES if name.endswith("_") for label in classes))


def context_features(
    onset_s: ArrayLike,
    burst: ArrayLike,
    embedding: ArrayLike,
    p_acoustic: ArrayLike,
    *,
    likeness: Likeness,
    level_db: ArrayLike | None = None,
    recording: ArrayLike | None = None,
) -> Floats:
    """What the company of each event shows, a row an event in the order given.

    Parameters
    ----------
    onset_s : array_like of float, (n,)
        Seconds, in any order.
    burst : array_like of int, (n,)
        Which movement an event belongs to, unique within its recording.
    embedding : array_like of float, (n, d)
        Standardised acoustic features without level.
    p_acoustic : array_like of float, (n, k)
        Probability of each class from the sound alone.
    likeness : Likeness
    level_db : array_like of float, (n,), optional
        Level of each event; all the same where missing.
    recording : array_like of int, (n,), optional
        Which recording an event is from; events of different recordings are not compared. All from one where missing.

    Returns
    -------
    ndarray of float64, (n, 11 + 2 k)
        Finite; the columns are `context_names`, explained in `MEASURES`.

    Raises
    ------
    UsageError
        Where shapes do not match or a value is not finite.
    """
    onset, points, chances = (np.asarray(values, dtype=np.float64) for values in (onset_s, embedding, p_acoustic))
    movement = np.asarray(burst)
    source = np.zeros(len(onset), dtype=np.int64) if recording is None else np.asarray(recording)
    level = np.zeros(len(onset)) if level_db is None else np.asarray(level_db, dtype=np.float64)
    _validate(onset, movement, points, chances, source, level)
    result = np.zeros((len(onset), len(MEASURES) - 2 + 2 * chances.shape[1]))
    for name in np.unique(source):
        own = np.flatnonzero(source == name)
        order = own[_in_order(own, onset, movement, level, points, chances)]
        session = Company(onset[order], movement[order], points[order], chances[order], level[order], likeness)
        result[order] = session.measures()
    return result


def _in_order(
    own: NDArray[np.int64], onset: Floats, movement: NDArray[Any], level: Floats, points: Floats, chances: Floats
) -> NDArray[np.intp]:
    """The order of some events in time; what else is known decides only between those it does not tell apart."""
    keys = level[own], movement[own], onset[own]
    order = np.lexsort(keys)
    steps = [np.diff(key[order]) != 0 for key in keys]
    if np.logical_or.reduce(steps).all():
        return order
    return np.lexsort((*chances[own].T, *points[own].T, *keys))


def _validate(
    onset: Floats, burst: NDArray[Any], points: Floats, chances: Floats, source: NDArray[Any], level: Floats
) -> None:
    n = len(onset)
    if onset.ndim != 1 or burst.shape != (n,) or source.shape != (n,) or level.shape != (n,):
        raise UsageError("onset_s, burst, level_db and recording must hold one value for each event")
    for name, matrix in (("embedding", points), ("p_acoustic", chances)):
        if matrix.ndim != 2 or len(matrix) != n or matrix.shape[1] == 0:
            raise UsageError(f"{name} has shape {matrix.shape}: expected ({n}, at least 1)")
    if not all(np.isfinite(values).all() for values in (onset, points, chances, level)):
        raise UsageError("onset_s, embedding, p_acoustic and level_db must be finite")
    if (np.abs(onset) > 1e12).any():
        raise UsageError("onset_s lies beyond 1e12 s")
