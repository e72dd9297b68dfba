"""Counting the company of each event of one recording: who is near, who is alike, and how they follow each other.

The measures that come out are named and explained in `popclass.timing.repetition`. Events are looked at in blocks of
rows; a row holds one event and those around it, itself in the middle, and flags say which of them count for what.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.timing.likeness import Likeness

Floats = NDArray[np.float64]
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
        What likeness compares.
    chances : ndarray of float64, (n, k)
        Probability of each class from the sound alone.
    level : ndarray of float64, (n,)
        In decibels.
    likeness : Likeness
    """

    def __init__(
        self,
        onset: Floats,
        burst: NDArray[Any],
        points: Floats,
        chances: Floats,
        level: Floats,
        likeness: Likeness,
    ) -> None:
        self.likeness, self.points, self.chances, self.level = likeness, points, chances, level
        self.n, self.k = chances.shape
        self.time = np.rint(onset * _MICROSECONDS).astype(np.int64)
        _, which = np.unique(burst, return_inverse=True)
        self.burst = which.astype(np.int64)
        self.partner = self._partners()

    def measures(self) -> Floats:
        """A row an event, the columns of `popclass.timing.repetition.context_names`."""
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
        shortest, longest = (round(distance * _MICROSECONDS) for distance in self.likeness.pair_s)
        after = np.searchsorted(self.time, self.time + shortest, side="left")
        found = np.minimum(after, self.n - 1)
        fits = (after < self.n) & (self.time[found] - self.time <= longest) & (self.burst[found] == self.burst)
        return np.where(fits, found, -1)

    def _reach(self, rows: Whole) -> int:
        """How many events before or after one of these can be its company."""
        before, behind = self._window(rows)
        return min(self.likeness.neighbours, int(max(before.max(), behind.max())))

    def _window(self, rows: Whole) -> tuple[Whole, Whole]:
        """How many events before and after each are near it in time."""
        window = round(self.likeness.window_s * _MICROSECONDS)
        before = rows - np.searchsorted(self.time, self.time[rows] - window, side="left")
        behind = np.searchsorted(self.time, self.time[rows] + window, side="right") - 1 - rows
        return before, behind

    def _block(self, rows: Whole, reach: int) -> tuple[Floats, ...]:
        """Columns for a block of events, from those around them."""
        around, near, faint = self._around(rows, reach)
        alikeness = self._likeness(rows, around, near)
        elsewhere = near & (self.burst[around] != self.burst[rows, None])
        alike = elsewhere & (alikeness >= self.likeness.alike)
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
        loud = self.level[around] >= self.level[rows, None] - self.likeness.quieter_db
        return around, near & loud, near & ~loud

    def _likeness(self, one: Whole, other: Whole, wanted: Flags) -> Floats:
        """Likeness of each event to the others of its row, 0 where not wanted; a column at a time to save memory."""
        result = np.zeros(other.shape)
        for column in np.flatnonzero(wanted.any(axis=0)):
            rows = np.flatnonzero(wanted[:, column])
            result[rows, column] = self.likeness.between(self.points[one[rows]], self.points[other[rows, column]])
        return result

    def _pairs(self, rows: Whole, around: Whole, elsewhere: Flags, alikeness: Floats) -> Floats:
        """Likeness of the pair an event begins to the pairs most alike elsewhere."""
        wanted = elsewhere & (self.partner[rows] >= 0)[:, None] & (self.partner[around] >= 0)
        second = self._likeness(self.partner[rows], self.partner[around], wanted)
        gap = np.log(np.where(self.partner >= 0, self.time[self.partner] - self.time, 1))
        stretch = (gap[around] - gap[rows, None]) / self.likeness.pair_spread
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
