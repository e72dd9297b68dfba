"""What a recording looks like: its envelope and its spectrogram, made in one run through the samples.

Both have a bounded number of columns (`popclass.report.overview`), so an hour fits into a page and a day into memory. A
column holds the extremes of its stretch, never a mean: a pop of two milliseconds stays visible however far one is
zoomed out. Each channel is drawn about its own mean, or an offset would turn the picture into a solid bar. Finer detail
comes from the clips of the events, which the page draws from their samples.

Columns of a picture of a recording whose length is not known beforehand, in bounded memory.

A picture of a recording has so many columns and no more, or a page of an hour could not be opened. A decoder does not
always know how long a recording is, so columns begin narrow; when there are too many, neighbours are folded together
and columns are twice as wide from then on. An hour ends with columns 8 or 16 times as wide as a minute's, and a day
takes no more memory than either.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

ENVELOPE_S = 0.0005  # width of the narrowest column of the envelope
ENVELOPE_COLUMNS = 262_144  # an hour in columns of 16 ms, two bytes each
WINDOW_S = 0.016  # of the spectrogram; the next power of two in samples
STEPS = 8  # of the spectrogram in a window
SPECTROGRAM_COLUMNS = 49_152  # an hour in columns of 80 to 160 ms
TILE = 8_192  # columns of one image; browsers refuse much wider ones
ROWS = 56
LOWEST_HZ, HIGHEST_HZ = 60.0, 20_000.0
LEVELS = 16  # of grey, four bits
RANGE_DB = 55.0
_SILENCE = 1e-12


@dataclass(frozen=True, slots=True)
class Overview:
    """Pictures of one recording.

    Attributes
    ----------
    envelope : ndarray of int8, shape (columns, 2)
        Smallest and largest sample of each column: the square root of its share of `peak`, with its sign, times 127.
        The root keeps quiet sounds apart that eight bits would otherwise take for silence. Each channel is taken less
        its mean, and the widest of them counts.
    envelope_s : float
        Width of a column in seconds.
    peak : float
        Largest absolute sample, 1 being full scale, less the mean of its channel.
    spectrogram : tuple of bytes
        PNG images from left to right, `TILE` columns each, black of 16 opacities; the lowest band is the last row.
    spectrogram_s : float
        Width of a column in seconds.
    edges_hz : tuple of float
        Edges of the bands from low to high, one more than there are rows.
    """

    envelope: NDArray[np.int8]
    envelope_s: float
    peak: float
    spectrogram: tuple[bytes, ...]
    spectrogram_s: float
    edges_hz: tuple[float, ...]


class Observer:
    """Looks at the blocks of a recording and gives its `Overview`.

    Parameters
    ----------
    sample_rate : int
        In hertz.
    channels : int
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._rate = sample_rate
        self._column = max(round(ENVELOPE_S * sample_rate), 1)
        self._envelope = FoldedMaximum(2 * channels, limit=ENVELOPE_COLUMNS)
        self._sums, self._fed = np.zeros(channels), 0
        self._left = np.empty((0, channels), dtype=np.float32)
        self._bands = _Bands(sample_rate)

    def feed(self, block: Array) -> None:
        """Take the next samples, shape (n, channels)."""
        self._sums += block.sum(axis=0, dtype=np.float64)
        self._fed += len(block)
        waiting = np.concatenate([self._left, block])
        whole = len(waiting) // self._column
        columns = waiting[: whole * self._column].reshape(whole, self._column, block.shape[1])
        self._left = waiting[whole * self._column :]
        self._envelope.feed(_extremes(columns))
        self._bands.feed(block.mean(axis=1, dtype=np.float32))

    def overview(self) -> Overview:
        """The pictures of everything fed."""
        if len(self._left):
            self._envelope.feed(_extremes(self._left[None]))
            self._left = self._left[:0]
        columns = self._centred()
        peak = float(np.abs(columns).max(initial=0.0))
        share = columns / max(peak, _SILENCE)
        return Overview(
            envelope=np.rint(np.sign(share) * np.sqrt(np.abs(share)) * 127).astype(np.int8),
            envelope_s=self._column * self._envelope.width / self._rate,
            peak=peak,
            spectrogram=_images(self._bands.decibels()),
            spectrogram_s=self._bands.column_s,
            edges_hz=self._bands.edges_hz,
        )

    def _centred(self) -> Array:
        """Smallest and largest of each column over all channels, each less its mean."""
        kept = self._envelope.columns().reshape(-1, 2, len(self._sums))
        means = (self._sums / max(self._fed, 1)).astype(np.float32)
        return np.stack([-(kept[:, 0] + means).max(axis=1), (kept[:, 1] - means).max(axis=1)], axis=1)


def _extremes(columns: Array) -> Array:
    """Of columns, shape (n, samples, channels), each channel's smallest sample, negated, and then each one's largest.

    So both are kept as largest values, shape (n, 2 * channels).
    """
    across = np.ascontiguousarray(columns.transpose(1, 2, 0))  # numpy compares long rows faster than it reduces short
    return np.concatenate([-across.min(axis=0), across.max(axis=0)]).T


class _Bands:
    """The power of the mixed channels in bands of equal width on a scale of octaves, column by column."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._window: int = 1 << round(math.log2(WINDOW_S * rate))
        self._step = self._window // STEPS
        edges = np.geomspace(LOWEST_HZ, min(HIGHEST_HZ, rate / 2), ROWS + 1)
        self.edges_hz = tuple(float(edge) for edge in edges)
        self._starts = np.round(edges[:-1] * self._window / rate).astype(int)
        self._end = max(round(edges[-1] * self._window / rate), int(self._starts[-1]) + 1)
        self._bins = np.maximum(np.diff(self._starts, append=self._end), 1).astype(np.float32)
        self._taper = np.hanning(self._window).astype(np.float32)
        self._folded = FoldedMaximum(ROWS, limit=SPECTROGRAM_COLUMNS)
        self._left = np.zeros(self._window // 2, dtype=np.float32)  # so that a column is centred on its time
        self._fed = 0

    @property
    def column_s(self) -> float:
        """Width of a column in seconds."""
        return float(self._step * self._folded.width / self._rate)

    def feed(self, samples: Array) -> None:
        self._fed += len(samples)
        self._left = np.concatenate([self._left, samples])
        # once columns are as wide as a window, overlapping windows would only repeat what others saw
        stride = min(self._folded.width, STEPS // 2)
        hop = self._step * stride
        count = (len(self._left) - self._window) // hop + 1
        if count < 1:
            return
        views = np.lib.stride_tricks.sliding_window_view(self._left, self._window)[: count * hop : hop]
        self._folded.feed(np.repeat(self._power(views), stride, axis=0))
        self._left = self._left[count * hop :]

    def _power(self, views: Array) -> Array:
        from scipy import fft

        spectrum = fft.rfft(views * self._taper, axis=1)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        # a band narrower than a bin takes the bin it lies in
        return np.asarray(np.add.reduceat(power[:, : self._end], self._starts, axis=1) / self._bins, dtype=np.float32)

    def decibels(self) -> Array:
        """Levels, shape (columns, rows), for everything fed; the end is padded with silence."""
        self.feed(np.zeros(self._window, dtype=np.float32))
        self._fed -= self._window
        columns = -(-self._fed // (self._step * self._folded.width))
        return np.asarray(10 * np.log10(np.maximum(self._folded.columns()[:columns], _SILENCE)), dtype=np.float32)


def _images(levels: Array) -> tuple[bytes, ...]:
    """Levels in decibels, shape (columns, rows), as images; each band is shown over its own usual level."""
    if not len(levels):
        return ()
    floor = np.median(levels, axis=0, keepdims=True)
    over = levels - floor
    top = max(float(np.percentile(over, 99.95)), 20.0)
    low = max(top - RANGE_DB, 4.0)
    shade = np.clip((over - low) / (top - low), 0, 1)
    grey = np.rint(shade * (LEVELS - 1)).astype(np.uint8).T[::-1]
    return tuple(_png(grey[:, start : start + TILE]) for start in range(0, grey.shape[1], TILE))


def _png(grey: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(grey), mode="P")
    image.putpalette(bytes(3 * LEVELS))
    out = io.BytesIO()
    opacity = bytes(round(255 * level / (LEVELS - 1)) for level in range(LEVELS))
    image.save(out, format="PNG", bits=4, transparency=opacity, optimize=False, compress_level=6)
    return out.getvalue()


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
