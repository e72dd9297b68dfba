"""Columns of a picture of a recording whose length is not known beforehand, in bounded memory.

A picture of a recording has so many columns and no more, or a page of an hour could not be opened. A decoder does not
always know how long a recording is, so columns begin narrow; when there are too many, neighbours are folded together
and columns are twice as wide from then on. An hour ends with columns 8 or 16 times as wide as a minute's, and a day
takes no more memory than either.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


class FoldedMaximum:
    """The largest values over columns of equal width, at most `limit` columns.

    Parameters
    ----------
    rows : int
        Values in a column, each folded by itself.
    limit : int
        Largest number of columns; a multiple of 2.

    Attributes
    ----------
    width : int
        How many of the columns that were fed make one of those that are kept; a power of 2.

    Examples
    --------
    >>> folded = FoldedMaximum(1, limit=4)
    >>> folded.feed(np.arange(10, dtype=np.float32)[:, None])
    >>> folded.width, folded.columns()[:, 0].tolist()
    (4, [3.0, 7.0, 9.0])
    """

    def __init__(self, rows: int, *, limit: int) -> None:
        self.width = 1
        self._limit = limit
        self._kept = np.empty((limit, rows), dtype=np.float32)
        self._count = 0
        self._rest = np.empty((0, rows), dtype=np.float32)

    def feed(self, columns: Array) -> None:
        """Take columns, shape (n, rows), in order."""
        waiting = np.concatenate([self._rest, columns])
        while len(waiting) >= self.width:
            if self._count == self._limit:
                self._fold()
                continue
            whole = min(len(waiting) // self.width, self._limit - self._count)
            part = waiting[: whole * self.width].reshape(whole, self.width, -1)
            self._kept[self._count : self._count + whole] = part.max(axis=1)
            self._count += whole
            waiting = waiting[whole * self.width :]
        self._rest = waiting

    def _fold(self) -> None:
        half = self._limit // 2
        self._kept[:half] = self._kept.reshape(half, 2, -1).max(axis=1)
        self._count = half
        self.width *= 2

    def columns(self) -> Array:
        """The columns so far, shape (n, rows); the last may stand for less than a whole one."""
        rest = [self._rest.max(axis=0, keepdims=True)] if len(self._rest) else []
        return np.concatenate([self._kept[: self._count], *rest])
