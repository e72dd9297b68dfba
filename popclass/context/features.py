"""Context features: how often an event recurs, how regularly, and what its burst holds.

A sound that recurs with every movement and is similar each time is seldom a cavitation. A burst of dissimilar pops that
does not recur often is. The weight of each feature is learnt from labelled sessions (`popclass.model.context`).

The neighbours of an event are the nearest events of its own recording: up to `neighbours` on either side, within
`window_s`, and at most `quieter_db` weaker than it (`popclass.context.similarity.Similarity`). Neighbours of its own
burst are its *burst*, all others are *elsewhere*.

A feature is 0 where it has nothing to measure: an event alone has a row of zeros. Times are rounded to the microsecond,
so the features do not depend on where a recording lies on a timeline, nor on the order in which events are given. Time
grows with events times neighbours; memory does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from popclass.context.similarity import Similarity
from popclass.errors import UsageError, require

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

# the names are stored in model files
_PLAIN_NAMES = (
    *("accompanied", "alike_count", "alike_share", "alike_best", "regularity", "burst_size", "burst_unlikeness"),
    *("pair_repeat", "burst_rate", "crowd", "faint_crowd"),
)
_NAMES_PER_CLASS = ("alike_p_", "burst_p_")
_SERIES_NAMES = ("earlier_level", "earlier_gap", "later_level", "later_gap")
_ELSEWHERE_NAME = "elsewhere_p_"
_PAIR_REPEAT = _PLAIN_NAMES.index("pair_repeat")

_MICROSECONDS = 1_000_000
_CLOSE_US = 5 * _MICROSECONDS
_BEST = 3
_LONGEST_GAP_US, _SHORTEST_GAP_US = 250_000, 5_000
_LARGEST_LEVEL_DB = 20.0
_POPS_IN_THRUST = 9  # at most: 2-9 at L5-S1, fewer elsewhere (Mourad 2019, Dunning 2013, Reggars 1996)
_ROWS_OF_ONE_WIDTH = 512
_ROWS_AT_ONCE = 64  # bounds the memory


def context_names(classes: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the columns of `context_features`.

    Their units, ranges and meanings:

    - accompanied, 0 or 1: 1 where there is an event elsewhere to compare with;
    - alike_count, log(1 + events), 0-5.3: similar events elsewhere;
    - alike_share, 0-1: share of the events elsewhere that are similar;
    - alike_best, 0-1: mean similarity of the three most similar events elsewhere;
    - regularity, 0-1: 1 less the median absolute deviation of the intervals between similar events, relative to their
      median; one event a burst; 0 with fewer than three intervals;
    - burst_size, log(events), 0-5.3: events of its burst, itself included;
    - burst_unlikeness, 0-1: 1 less its mean similarity to the other events of its burst;
    - pair_repeat, 0-1: recurrence of its pair, two events 40-200 ms apart like press and release: mean similarity of
      the three most similar pairs elsewhere, in both sounds and in their distance;
    - burst_rate, log(1 + bursts), 0-5.3: other bursts that have events within 5 s;
    - crowd, log(events / 9), 0-3.1: events within 5 s, its burst included, beyond the nine pops of a thrust;
    - faint_crowd, log(1 + events), 0-5.3: events within 5 s that are too weak to be neighbours;
    - alike_p_<class>, -1/k to 1-1/k: mean acoustic probability of the class over similar events, less 1/k;
    - burst_p_<class>, -1/k to 1-1/k: the same over the other events of its burst;
    - earlier_level, 10 dB, -2 to 2: level of the loudest earlier event of its burst, however weak, less its own;
    - earlier_gap, log(250 ms / gap), 0-3.9: distance to the event of its burst before it, at least 5 ms;
    - later_level, later_gap: the same for the events of its burst after it;
    - elsewhere_p_<class>, -1/k to 1-1/k: mean acoustic probability of the class over all events elsewhere, less 1/k.
    """
    per_class = (name + label for name in _NAMES_PER_CLASS for label in classes)
    elsewhere = (_ELSEWHERE_NAME + label for label in classes)
    return (*_PLAIN_NAMES, *per_class, *_SERIES_NAMES, *elsewhere)


def context_features(
    onset_s: ArrayLike,
    burst: ArrayLike,
    embedding: ArrayLike,
    p_acoustic: ArrayLike,
    *,
    similarity: Similarity,
    level_db: ArrayLike | None = None,
) -> Floats:
    """Return the context features of the events of one recording, a row an event in the order given.

    Parameters
    ----------
    onset_s : array_like of float, (n,)
        Seconds, in any order.
    burst : array_like of int, (n,)
        Burst of each event.
    embedding : array_like of float, (n, d)
        Standardised acoustic features without level.
    p_acoustic : array_like of float, (n, k)
        Probability of each class from the sound alone.
    similarity : Similarity
    level_db : array_like of float, (n,), optional
        Level of each event (default: all the same).

    Returns
    -------
    ndarray of float64, (n, 15 + 3 k)
        Finite; the columns are `context_names`, which explains them.

    Raises
    ------
    UsageError
        If shapes do not match or a value is not finite.
    """
    onset, points, acoustic = (np.asarray(values, dtype=np.float64) for values in (onset_s, embedding, p_acoustic))
    number = np.asarray(burst)
    level = np.zeros(len(onset)) if level_db is None else np.asarray(level_db, dtype=np.float64)
    _validate(onset, number, points, acoustic, level)
    order = _time_order(onset, number, points, acoustic, level)
    ordered = onset[order], number[order], points[order], acoustic[order], level[order]
    return ContextCounter(*ordered, similarity).features()[np.argsort(order)]


def _validate(onset: Floats, burst: NDArray[Any], points: Floats, acoustic: Floats, level: Floats) -> None:
    n = len(onset)
    single = onset.ndim == 1 and burst.shape == level.shape == (n,)
    require(single, "onset_s, burst and level_db must hold one value for each event", UsageError)
    for name, matrix in (("embedding", points), ("p_acoustic", acoustic)):
        fits = matrix.ndim == 2 and len(matrix) == n and matrix.shape[1] > 0
        require(fits, f"{name} has shape {matrix.shape}: expected ({n}, at least 1)", UsageError)
    finite = all(np.isfinite(values).all() for values in (onset, points, acoustic, level))
    require(finite, "onset_s, embedding, p_acoustic and level_db must be finite", UsageError)
    require((np.abs(onset) <= 1e12).all(), "onset_s lies beyond 1e12 s", UsageError)


def _time_order(onset: Floats, burst: NDArray[Any], points: Floats, acoustic: Floats, level: Floats) -> Integers:
    """Return the order in time; the sounds themselves are sorted by only where all else is equal."""
    keys = level, burst, onset
    order = np.lexsort(keys)
    tied = np.logical_and.reduce([np.diff(key[order]) == 0 for key in keys])
    return np.lexsort((*acoustic.T, *points.T, *keys)) if tied.any() else order


class ContextCounter:
    """Context features of the events of one recording, given in order of time; parameters as `context_features`.

    Events are processed in blocks of rows. A row holds the indices of an event and its neighbours in order of time,
    itself in the middle; arrays of flags of the same shape select some of them.
    """

    def __init__(
        self, onset: Floats, burst: Integers, points: Floats, acoustic: Floats, level: Floats, similarity: Similarity
    ) -> None:
        self.similarity, self.points, self.acoustic, self.level = similarity, points, acoustic, level
        self.n, self.k = acoustic.shape
        self.time = np.rint(onset * _MICROSECONDS).astype(np.int64)
        self.burst = np.unique(burst, return_inverse=True)[1].astype(np.int64)
        self.partner = self._find_partners()
        self.log_gap = np.log(np.where(self.partner >= 0, self.time[self.partner] - self.time, 1))

    def features(self) -> Floats:
        """Return a row an event, with the columns of `context_names`."""
        table = np.empty((self.n, len(_PLAIN_NAMES) + len(_SERIES_NAMES) + (len(_NAMES_PER_CLASS) + 1) * self.k))
        for start in range(0, self.n, _ROWS_OF_ONE_WIDTH):
            rows = np.arange(start, min(start + _ROWS_OF_ONE_WIDTH, self.n))
            before, behind = self._window(rows)
            width = min(self.similarity.neighbours, int(max(before.max(), behind.max())))
            for first in range(0, len(rows), _ROWS_AT_ONCE):
                block = rows[first : first + _ROWS_AT_ONCE]
                table[block] = self._block(block, width)
        begins = np.flatnonzero(self.partner >= 0)  # both events of a pair get its value
        np.maximum.at(table[:, _PAIR_REPEAT], self.partner[begins], table[begins, _PAIR_REPEAT])
        return table

    def _find_partners(self) -> Integers:
        """Return the next event of the same burst at the distance of a pair, -1 where there is none."""
        shortest, longest = (round(distance * _MICROSECONDS) for distance in self.similarity.pair_s)
        after = np.searchsorted(self.time, self.time + shortest, side="left")
        found = np.minimum(after, self.n - 1)
        fits = (after < self.n) & (self.time[found] - self.time <= longest) & (self.burst[found] == self.burst)
        return np.where(fits, found, -1)

    def _window(self, rows: Integers) -> tuple[Integers, Integers]:
        """Return the number of events before and after each that lie within the window."""
        window = round(self.similarity.window_s * _MICROSECONDS)
        before = rows - np.searchsorted(self.time, self.time[rows] - window, side="left")
        behind = np.searchsorted(self.time, self.time[rows] + window, side="right") - 1 - rows
        return before, behind

    def _block(self, rows: Integers, width: int) -> Floats:
        """Return the features of some events."""
        index, near, faint = self._neighbors(rows, width)
        time, burst = self.time[index], self.burst[index]
        similarity = self._similarity(rows, index, near)
        elsewhere = near & (burst != self.burst[rows, None])
        in_burst = near & ~elsewhere
        similar = elsewhere & (similarity >= self.similarity.threshold)
        compared, count = elsewhere.sum(axis=1), similar.sum(axis=1)
        recurring = similar | (index == rows[:, None]) & (count > 0)[:, None]
        close = np.abs(time - self.time[rows, None]) <= _CLOSE_US
        columns = (
            compared > 0,
            np.log1p(count),
            count / np.maximum(compared, 1),
            _mean_of_best(similarity, elsewhere),
            _regularity(time, _first_of_bursts(recurring, burst)),
            np.log1p(in_burst.sum(axis=1)),
            ((1 - similarity) * in_burst).sum(axis=1) / np.maximum(in_burst.sum(axis=1), 1),
            self._pair_repeat(rows, index, elsewhere, similarity),
            np.log1p(_first_of_bursts(elsewhere & close, burst).sum(axis=1)),
            np.log(np.maximum(((near & close).sum(axis=1) + 1) / _POPS_IN_THRUST, 1)),
            np.log1p((faint & close).sum(axis=1)),
        )
        acoustic = [self._mean_acoustic(index, where) for where in (similar, in_burst, elsewhere)]
        same = (near | faint) & (burst == self.burst[rows, None])
        earlier = self._series(rows, index, same & (index < rows[:, None]))
        later = self._series(rows, index, same & (index > rows[:, None]))
        return np.column_stack((*columns, *acoustic[:2], *earlier, *later, acoustic[2]))

    def _neighbors(self, rows: Integers, width: int) -> tuple[Integers, Flags, Flags]:
        """Return indices of the events around each row, flags of its neighbours, and flags of those too weak."""
        before, behind = self._window(rows)
        offset = np.arange(-width, width + 1)
        near = (offset >= -before[:, None]) & (offset <= behind[:, None]) & (offset != 0)
        index = np.clip(rows[:, None] + offset, 0, self.n - 1)
        loud = self.level[index] >= self.level[rows, None] - self.similarity.quieter_db
        return index, near & loud, near & ~loud

    def _series(self, rows: Integers, index: Integers, where: Flags) -> tuple[Floats, Floats]:
        """Return level of the loudest and closeness of the nearest of some events of each row, 0 without any."""
        some = where.any(axis=1)
        louder = np.where(where, self.level[index], -np.inf).max(axis=1, initial=-np.inf) - self.level[rows]
        distance = np.abs(self.time[index] - self.time[rows, None])
        gap = np.where(where, distance, _LONGEST_GAP_US).min(axis=1, initial=_LONGEST_GAP_US)
        level = np.clip(louder, -_LARGEST_LEVEL_DB, _LARGEST_LEVEL_DB) / 10
        return np.where(some, level, 0.0), np.log(_LONGEST_GAP_US / np.maximum(gap, _SHORTEST_GAP_US))

    def _similarity(self, one: Integers, other: Integers, wanted: Flags) -> Floats:
        """Return the similarity of each event to the others of its row, 0 where not wanted."""
        result = np.zeros(other.shape)
        for row in np.flatnonzero(wanted.any(axis=1)):  # one by one to save memory
            columns = np.flatnonzero(wanted[row])
            result[row, columns] = self.similarity.between(self.points[one[row]], self.points[other[row, columns]])
        return result

    def _pair_repeat(self, rows: Integers, index: Integers, elsewhere: Flags, similarity: Floats) -> Floats:
        """Return the similarity of the pair that an event begins to the most similar pairs elsewhere."""
        wanted = elsewhere & (self.partner[rows] >= 0)[:, None] & (self.partner[index] >= 0)
        second = self._similarity(self.partner[rows], self.partner[index], wanted)
        stretch = (self.log_gap[index] - self.log_gap[rows, None]) / self.similarity.pair_spread
        return _mean_of_best(similarity * second * np.exp(-(stretch**2) / 2), wanted)

    def _mean_acoustic(self, index: Integers, where: Flags) -> Floats:
        """Return the mean acoustic probabilities of some events of each row, less 1/k; 0 where there are none."""
        count = where.sum(axis=1)[:, None]
        mean = np.einsum("rc,rck->rk", where, self.acoustic[index]) / np.maximum(count, 1)
        return np.where(count > 0, mean - 1 / self.k, 0.0)


def _mean_of_best(values: Floats, where: Flags) -> Floats:
    """Return the mean of the three largest values of each row, or of as many as there are."""
    kept = min(_BEST, values.shape[1])
    top = np.partition(np.where(where, values, 0.0), -kept, axis=1)[:, -kept:]
    return np.asarray(np.sort(top, axis=1).sum(axis=1) / np.clip(where.sum(axis=1), 1, _BEST))


def _regularity(time: Integers, marked: Flags) -> Floats:
    """Return the regularity of the intervals between the marked events of each row."""
    previous = _previous(marked)
    interval = np.where(marked & (previous >= 0), time - np.take_along_axis(time, previous, axis=1), np.inf)
    middle, count = _median(interval)
    deviation, _ = _median(np.abs(interval - np.where(np.isfinite(middle), middle, 0.0)[:, None]))
    regular = (count >= 3) & (middle > 0)
    share = np.divide(deviation, middle, out=np.ones(len(middle)), where=regular)
    return 1 - np.minimum(share, 1.0)


def _first_of_bursts(marked: Flags, burst: Integers) -> Flags:
    """Return flags of the first marked event of each burst of a row."""
    previous = _previous(marked)
    return np.asarray(marked & ((previous < 0) | (np.take_along_axis(burst, previous, axis=1) != burst)))


def _previous(marked: Flags) -> Integers:
    """Return for each column of a row the last marked column before it, -1 where there is none."""
    last = np.maximum.accumulate(np.where(marked, np.arange(marked.shape[1]), -1), axis=1)
    return np.column_stack((np.full(len(last), -1), last[:, :-1]))


def _median(values: Floats) -> tuple[Floats, Integers]:
    """Return median and number of the finite values of each row; the median is infinite where there are none."""
    count = np.isfinite(values).sum(axis=1)
    ordered = np.sort(values, axis=1)
    rows = np.arange(len(values))
    return (ordered[rows, np.maximum(count - 1, 0) // 2] + ordered[rows, count // 2]) / 2, count
