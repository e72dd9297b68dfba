"""Envelope and spectrogram of a whole recording, computed in one pass and in bounded memory.

A column holds the extremes of its samples, not their mean, so that an event of two milliseconds stays visible at any
zoom. The mean of each channel is removed; otherwise an offset would fill the picture. The page draws finer detail from
the clips of the events.

The number of columns is limited, so that the page of a long recording stays small. A decoder does not always know the
length of a recording, so columns start narrow. At the limit, neighbouring columns are merged in pairs, and the column
width doubles.
"""

from __future__ import annotations

import base64
import io
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

ENVELOPE_S = 0.0005  # width of the narrowest column of the envelope
ENVELOPE_COLUMNS = 262_144  # an hour in columns of 16 ms, two bytes each
WINDOW_S = 0.016  # of the spectrogram; the next power of two in samples
STEPS = 8  # hops of the spectrogram in one window
SPECTROGRAM_COLUMNS = 49_152  # an hour in columns of 80 to 160 ms
TILE = 8_192  # columns of one image; browsers reject much wider ones
ROWS = 56
LOWEST_HZ, HIGHEST_HZ = 60.0, 20_000.0
LEVELS = 16  # of grey, four bits
RANGE_DB = 55.0
_SILENCE = 1e-12


class OverviewBuilder:
    """Compute envelope and spectrogram of a recording from its blocks.

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
        self._sums, self._frames = np.zeros(channels), 0
        self._pending = np.empty((0, channels), dtype=np.float32)
        self._bands = _Bands(sample_rate)

    def feed(self, block: Array) -> None:
        """Process the next samples, shape (n, channels)."""
        self._sums += block.sum(axis=0, dtype=np.float64)
        self._frames += len(block)
        waiting = np.concatenate([self._pending, block])
        whole = len(waiting) // self._column
        columns = waiting[: whole * self._column].reshape(whole, self._column, block.shape[1])
        self._pending = waiting[whole * self._column :]
        self._envelope.feed(_extremes(columns))
        self._bands.feed(block[:, 0] if block.shape[1] == 1 else block.mean(axis=1, dtype=np.float32))

    def finish(self) -> dict[str, Any]:
        """Return the overview of all samples so far, as the page's data hold it.

        Returns
        -------
        dict
            `step`, `imageStep` : float, widths of a column of envelope and spectrogram in seconds.
            `peak` : float, the largest absolute sample after the mean of its channel is removed; full scale is 1.
            `envelope` : str, minimum and maximum of each column over all channels, each channel less its mean, as int8
            in base64. The value is the signed square root of the sample over `peak`, times 127; the root keeps quiet
            sounds from rounding to zero.
            `images` : list of str, data URLs of PNG images from left to right, `tile` columns each, black with 16
            opacities; the lowest band is the last row.
            `lowest`, `highest` : float, ends of the bands in hertz.
        """
        if len(self._pending):
            self._envelope.feed(_extremes(self._pending[None]))
        kept = self._envelope.columns().reshape(-1, 2, len(self._sums))
        means = (self._sums / max(self._frames, 1)).astype(np.float32)
        columns = np.stack([-(kept[:, 0] + means).max(axis=1), (kept[:, 1] - means).max(axis=1)], axis=1)
        peak = float(np.abs(columns).max(initial=0.0))
        share = columns / max(peak, _SILENCE)
        envelope = np.rint(np.sign(share) * np.sqrt(np.abs(share)) * 127).astype(np.int8)
        return {
            "step": self._column * self._envelope.width / self._rate,
            "peak": peak,
            "envelope": base64.b64encode(envelope.tobytes()).decode("ascii"),
            "images": [data_url(image, "image/png") for image in _images(self._bands.decibels(self._frames))],
            "imageStep": self._bands.column / self._rate,
            "tile": TILE,
            "lowest": self._bands.edges_hz[0],
            "highest": self._bands.edges_hz[-1],
        }


def data_url(data: bytes, mime: str) -> str:
    """Return a file as the URL that holds it."""
    return f"data:{mime};base64,{base64.b64encode(data).decode('ascii')}"


def _extremes(columns: Array) -> Array:
    """Return each channel's negated minimum, then each channel's maximum, of columns of shape (n, samples, channels).

    The shape is (n, 2 * channels); both can be merged by the maximum.
    """
    across = np.ascontiguousarray(columns.transpose(1, 2, 0))  # numpy compares long rows faster than it reduces short
    return np.concatenate([-across.min(axis=0), across.max(axis=0)]).T


class _Bands:
    """Power of the channel mean in logarithmic frequency bands, by column."""

    def __init__(self, rate: int) -> None:
        self._window: int = 1 << round(math.log2(WINDOW_S * rate))
        self._step = self._window // STEPS
        edges = np.geomspace(LOWEST_HZ, min(HIGHEST_HZ, rate / 2), ROWS + 1)
        self.edges_hz = tuple(edges.tolist())
        self._starts = np.round(edges[:-1] * self._window / rate).astype(int)
        self._end = max(round(edges[-1] * self._window / rate), int(self._starts[-1]) + 1)
        self._bins = np.maximum(np.diff(self._starts, append=self._end), 1).astype(np.float32)
        self._taper = np.hanning(self._window)
        self._folded = FoldedMaximum(ROWS, limit=SPECTROGRAM_COLUMNS)
        self._pending = np.zeros(self._window // 2, dtype=np.float32)  # so that a column is centered on its time

    @property
    def column(self) -> int:
        """Width of a column in samples."""
        return self._step * self._folded.width

    def feed(self, samples: Array) -> None:
        self._pending = np.concatenate([self._pending, samples])
        # if columns are as wide as a window, more overlap adds nothing
        stride = min(self._folded.width, STEPS // 2)
        hop = self._step * stride
        if len(self._pending) >= self._window:
            views = np.lib.stride_tricks.sliding_window_view(self._pending, self._window)[::hop]
            self._folded.feed(np.repeat(self._power(views), stride, axis=0))
            self._pending = self._pending[len(views) * hop :]

    def _power(self, views: Array) -> Array:
        spectrum = np.fft.rfft(views * self._taper, axis=1)  # numpy transforms float64 faster than float32
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        # a band narrower than a bin uses the bin that contains it
        return np.asarray(np.add.reduceat(power[:, : self._end], self._starts, axis=1) / self._bins, dtype=np.float32)

    def decibels(self, frames: int) -> Array:
        """Return the levels of all samples so far, shape (columns, rows); the end is padded with silence."""
        self.feed(np.zeros(self._window, dtype=np.float32))
        power = self._folded.columns()[: -(-frames // self.column)]
        return np.asarray(10 * np.log10(np.maximum(power, _SILENCE)), dtype=np.float32)


def _images(levels: Array) -> tuple[bytes, ...]:
    """Return levels in decibels, shape (columns, rows), as images; the median of each band is subtracted."""
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
    """Maximum over columns of equal width, with at most `limit` columns.

    Parameters
    ----------
    rows : int
        Number of values in a column.
    limit : int
        Largest number of columns; a multiple of 2.

    Attributes
    ----------
    width : int
        Number of input columns merged into one stored column; a power of 2.

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
        self._count = 0  # of the columns kept
        self._kept = [np.empty((0, rows), dtype=np.float32)]
        self._pending = np.empty((0, rows), dtype=np.float32)

    def feed(self, columns: Array) -> None:
        """Add columns, shape (n, rows), in order."""
        waiting = np.concatenate([self._pending, columns])
        count = len(waiting) // self.width
        self._kept.append(waiting[: count * self.width].reshape(count, self.width, columns.shape[1]).max(axis=1))
        self._pending = waiting[count * self.width :]
        self._count += count
        while self._count > self._limit:
            kept = np.concatenate(self._kept)
            even = len(kept) // 2 * 2
            self._kept = [kept[:even].reshape(even // 2, 2, -1).max(axis=1)]
            # a last one without a neighbour waits for it
            self._pending = np.concatenate([np.repeat(kept[even:], self.width, axis=0), self._pending])
            self.width *= 2
            self._count = even // 2

    def columns(self) -> Array:
        """Return the columns so far, shape (n, rows); the last may be incomplete."""
        last = [self._pending.max(axis=0, keepdims=True)] if len(self._pending) else []
        return np.concatenate([*self._kept, *last])
