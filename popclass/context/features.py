"""The company an event keeps: whether it comes back alike, how regularly, and what else its burst holds.

A sound that returns with every movement and looks alike is seldom a cavitation; a burst of unlike pops that does not
come again often is. This module says what is measured, and checks what it is given; `popclass.context.features` does the
counting. What a measure is worth is learnt from labelled sessions.

An event is compared by similarity (see `popclass.context.similarity`) with the nearest events of its own recording: up to
`neighbours` on either side, within `window_s`, and at most `quieter_db` weaker, since what it drowns is no company.
Those of its own burst are its *burst*, all others are *elsewhere*.

Every measure is 0 where it has nothing to go by: an event alone has a row of zeros. Times are taken to the
microsecond, so a recording gives the same measures wherever it lies on a timeline, and their order is of no account.
Work grows with events times neighbours, memory does not.

Counting the company of each event of one recording: who is near, who is alike, and how they follow each other.

The measures that come out are named and explained in `popclass.context.features`. Events are looked at in blocks of
rows; a row holds one event and those around it, itself in the middle, and flags say which of them count for what.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from popclass.context.similarity import Similarity
from popclass.errors import UsageError

Floats = NDArray[np.float64]

# name, unit, range, meaning; a name that ends in _ stands for one column a class.
MEASURES = (
    ("accompanied", "-", "0 or 1", "1 where there is an event elsewhere to compare with"),
    ("alike_count", "log(1 + events)", "0-5.3", "events elsewhere that are alike"),
    ("alike_share", "-", "0-1", "share of the events elsewhere that are alike"),
    ("alike_best", "-", "0-1", "mean similarity of the three events elsewhere that are most alike"),
    (
        "regularity",
        "-",
        "0-1",
        "1 less the median absolute deviation of the intervals between alike events, relative to their median; "
        "one event a burst; 0 with fewer than three intervals",
    ),
    ("burst_size", "log(events)", "0-5.3", "events of its burst, itself included"),
    ("burst_unlikeness", "-", "0-1", "1 less its mean similarity to the other events of its burst"),
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
    similarity: Similarity,
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
    similarity : Similarity
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
        session = Company(onset[order], movement[order], points[order], chances[order], level[order], similarity)
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


Whole = NDArray[np.int64]
Flags = NDArray[np.bool_]

_MICROSECONDS = 1_000_000
_AROUND_US = 5 * _MICROSECONDS
_BEST = 3
_POPS_IN_THRUST = 9  # at most: 2-9 at L5-S1, fewer elsewhere (Mourad 2019, Dunning 2013, Reggars 1996)
_ROWS = 512  # whose rows are of one width
_TOGETHER = 64  # rows in memory at a time


class Company:
    """The events of one recording in order of time, each with those around it.

    Parameters
    ----------
    onset : ndarray of float64, (n,)
        Seconds, ascending.
    burst : ndarray, (n,)
    points : ndarray of float64, (n, d)
        What similarity compares.
    chances : ndarray of float64, (n, k)
        Probability of each class from the sound alone.
    level : ndarray of float64, (n,)
        In decibels.
    similarity : Similarity
    """

    def __init__(
        self,
        onset: Floats,
        burst: NDArray[Any],
        points: Floats,
        chances: Floats,
        level: Floats,
        similarity: Similarity,
    ) -> None:
        self.similarity, self.points, self.chances, self.level = similarity, points, chances, level
        self.n, self.k = chances.shape
        self.time = np.rint(onset * _MICROSECONDS).astype(np.int64)
        _, which = np.unique(burst, return_inverse=True)
        self.burst = which.astype(np.int64)
        self.partner = self._partners()

    def measures(self) -> Floats:
        """A row an event, the columns of `popclass.context.features.context_names`."""
        blocks = []
        for at in range(0, self.n, _ROWS):
            rows = np.arange(at, min(at + _ROWS, self.n))
            reach = self._reach(rows)
            blocks += [self._block(rows[part : part + _TOGETHER], reach) for part in range(0, len(rows), _TOGETHER)]
        elsewhere, inside, pair, rate, company, chances = (
            np.concatenate(column) for column in zip(*blocks, strict=True)
        )
        return np.column_stack((elsewhere, inside, self._both(pair), rate, company, chances))

    def _partners(self) -> Whole:
        """The next event of the same burst at the distance of a pair, -1 where there is none."""
        shortest, longest = (round(distance * _MICROSECONDS) for distance in self.similarity.pair_s)
        after = np.searchsorted(self.time, self.time + shortest, side="left")
        found = np.minimum(after, self.n - 1)
        fits = (after < self.n) & (self.time[found] - self.time <= longest) & (self.burst[found] == self.burst)
        return np.where(fits, found, -1)

    def _reach(self, rows: Whole) -> int:
        """How many events before or after one of these can be its company."""
        before, behind = self._window(rows)
        return min(self.similarity.neighbours, int(max(before.max(), behind.max())))

    def _window(self, rows: Whole) -> tuple[Whole, Whole]:
        """How many events before and after each are near it in time."""
        window = round(self.similarity.window_s * _MICROSECONDS)
        before = rows - np.searchsorted(self.time, self.time[rows] - window, side="left")
        behind = np.searchsorted(self.time, self.time[rows] + window, side="right") - 1 - rows
        return before, behind

    def _block(self, rows: Whole, reach: int) -> tuple[Floats, ...]:
        """Columns for a block of events, from those around them."""
        around, near, faint = self._around(rows, reach)
        alikeness = self._likeness(rows, around, near)
        elsewhere = near & (self.burst[around] != self.burst[rows, None])
        alike = elsewhere & (alikeness >= self.similarity.alike)
        compared, count = elsewhere.sum(axis=1), alike.sum(axis=1)
        train = alike | (around == rows[:, None]) & (count > 0)[:, None]
        company = np.einsum("rc,rck->rk", alike, self.chances[around]) / np.maximum(count, 1)[:, None] - 1 / self.k
        columns = (
            compared > 0,
            np.log1p(count),
            count / np.maximum(compared, 1),
            _best(alikeness, elsewhere),
            _regularity(self.time[around], self.burst[around], train),
        )
        own = near & ~elsewhere
        inside = np.column_stack((np.log1p(own.sum(axis=1)), _mean(1 - alikeness, own)))
        pair = self._pairs(rows, around, elsewhere, alikeness)
        rate = np.column_stack(
            (
                self._rate(rows, around, elsewhere),
                self._crowd(rows, around, near),
                np.log1p(self._close(rows, around, faint).sum(axis=1)),
            )
        )
        return (
            np.column_stack(columns).astype(np.float64),
            inside,
            pair,
            rate,
            np.where(count[:, None] > 0, company, 0.0),
            self._chances_of(around, own),
        )

    def _around(self, rows: Whole, reach: int) -> tuple[Whole, Flags, Flags]:
        """Indices of the events around each row, itself in the middle; which are company, and which too weak for it."""
        before, behind = self._window(rows)
        offset = np.arange(-reach, reach + 1)
        near = (offset >= -before[:, None]) & (offset <= behind[:, None]) & (offset != 0)
        around = np.clip(rows[:, None] + offset, 0, self.n - 1)
        loud = self.level[around] >= self.level[rows, None] - self.similarity.quieter_db
        return around, near & loud, near & ~loud

    def _likeness(self, one: Whole, other: Whole, wanted: Flags) -> Floats:
        """Likeness of each event to the others of its row, 0 where not wanted; a column at a time to save memory."""
        result = np.zeros(other.shape)
        for column in np.flatnonzero(wanted.any(axis=0)):
            rows = np.flatnonzero(wanted[:, column])
            result[rows, column] = self.similarity.between(self.points[one[rows]], self.points[other[rows, column]])
        return result

    def _pairs(self, rows: Whole, around: Whole, elsewhere: Flags, alikeness: Floats) -> Floats:
        """Likeness of the pair an event begins to the pairs most alike elsewhere."""
        wanted = elsewhere & (self.partner[rows] >= 0)[:, None] & (self.partner[around] >= 0)
        second = self._likeness(self.partner[rows], self.partner[around], wanted)
        gap = np.log(np.where(self.partner >= 0, self.time[self.partner] - self.time, 1))
        stretch = (gap[around] - gap[rows, None]) / self.similarity.pair_spread
        return _best(alikeness * second * np.exp(-(stretch**2) / 2), wanted)

    def _both(self, pair: Floats) -> Floats:
        """What was found of a pair goes to both its events."""
        result = pair.copy()
        first = np.flatnonzero(self.partner >= 0)
        np.maximum.at(result, self.partner[first], pair[first])
        return result

    def _close(self, rows: Whole, around: Whole, some: Flags) -> Flags:
        """Which of some events lie within 5 s."""
        return np.asarray(some & (np.abs(self.time[around] - self.time[rows, None]) <= _AROUND_US))

    def _rate(self, rows: Whole, around: Whole, elsewhere: Flags) -> Floats:
        """Bursts elsewhere within 5 s, counted by the first event of each that is company."""
        close = self._close(rows, around, elsewhere)
        burst = self.burst[around]
        previous = _previous(close)
        first = close & ((previous < 0) | (np.take_along_axis(burst, previous, axis=1) != burst))
        return np.asarray(np.log1p(first.sum(axis=1)))

    def _crowd(self, rows: Whole, around: Whole, near: Flags) -> Floats:
        """How far the events within 5 s outnumber the pops that one thrust can have."""
        close = self._close(rows, around, near)
        return np.asarray(np.log(np.maximum((close.sum(axis=1) + 1) / _POPS_IN_THRUST, 1)))

    def _chances_of(self, around: Whole, own: Flags) -> Floats:
        """Mean chances of the other events of the burst, less 1/k."""
        number = own.sum(axis=1)[:, None]
        mean = np.einsum("rc,rck->rk", own, self.chances[around]) / np.maximum(number, 1)
        return np.where(number > 0, mean - 1 / self.k, 0.0)


def _mean(values: Floats, where: Flags) -> Floats:
    return np.asarray((values * where).sum(axis=1) / np.maximum(where.sum(axis=1), 1))


def _best(values: Floats, where: Flags) -> Floats:
    """Mean of the largest values of each row, of as many as there are up to three."""
    kept = min(_BEST, values.shape[1])
    top = np.partition(np.where(where, values, 0.0), -kept, axis=1)[:, -kept:]
    return np.asarray(np.sort(top, axis=1).sum(axis=1) / np.clip(where.sum(axis=1), 1, _BEST))


def _regularity(time: Whole, burst: Whole, train: Flags) -> Floats:
    """How steadily the marked events of each row follow each other, one a burst."""
    previous = _previous(train)
    leads = train & ((previous < 0) | (np.take_along_axis(burst, previous, axis=1) != burst))
    previous = _previous(leads)
    interval = np.where(leads & (previous >= 0), time - np.take_along_axis(time, previous, axis=1), np.inf)
    middle, count = _median(interval)
    deviation, _ = _median(np.abs(interval - np.where(np.isfinite(middle), middle, 0.0)[:, None]))
    steady = (count >= 3) & (middle > 0)
    share = np.divide(deviation, middle, out=np.ones(len(middle)), where=steady)
    return 1 - np.minimum(share, 1.0)


def _previous(marked: Flags) -> Whole:
    """For each place of a row, the last marked place before it, -1 where there is none."""
    last = np.maximum.accumulate(np.where(marked, np.arange(marked.shape[1]), -1), axis=1)
    return np.column_stack((np.full(len(last), -1), last[:, :-1]))


def _median(values: Floats) -> tuple[Floats, Whole]:
    """Median and number of the finite values of each row; infinite where there are none."""
    count = np.isfinite(values).sum(axis=1)
    ordered = np.sort(values, axis=1)
    rows = np.arange(len(values))
    return (ordered[rows, np.maximum(count - 1, 0) // 2] + ordered[rows, count // 2]) / 2, count
