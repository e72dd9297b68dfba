"""Envelope and spectrogram of a whole recording, computed in one pass and in bounded memory.

A column holds the extremes of its samples, not their mean, so that an event of two milliseconds stays visible at any
zoom. The mean of each channel is removed; otherwise an offset would fill the picture. The page draws finer detail from
the clips of the events.

The number of columns is limited, so that the page of a long recording stays small. A decoder does not always know the
length of a recording, so columns start narrow. At the limit, neighbouring columns are merged in pairs, and the column
width doubles. The result does not depend on the size of the blocks.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable
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
_AT_ONCE = 131_072  # samples transformed at a time: few calls, as each waits for the interpreter, within the cache


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
        self._sums, self._frames = np.zeros(channels), 0
        column = max(round(ENVELOPE_S * sample_rate), 1)
        self._envelope = MergedColumns(_extremes, channels, width=column, limit=ENVELOPE_COLUMNS)
        self._bands = _Bands(sample_rate)
        step, margin = self._bands.window // STEPS, self._bands.window // 2
        self._spectrum = MergedColumns(self._bands.power, 1, width=step, limit=SPECTROGRAM_COLUMNS, margin=margin)

    def feed(self, block: Array) -> None:
        """Process the next samples, shape (n, channels)."""
        self._sums += block.sum(axis=0, dtype=np.float64)
        self._frames += len(block)
        self._envelope.feed(block.T)
        self._spectrum.feed(block.T if block.shape[1] == 1 else block.mean(axis=1, dtype=np.float32)[None])

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
        channels = len(self._sums)
        extremes = self._envelope.finish()
        means = (self._sums / max(self._frames, 1)).astype(np.float32)[:, None]
        lows, highs = -(extremes[:channels] + means).max(axis=0), (extremes[channels:] - means).max(axis=0)
        columns = np.stack([lows, highs], axis=1)
        peak = float(np.abs(columns).max(initial=0.0))
        share = columns / max(peak, _SILENCE)
        envelope = np.rint(np.sign(share) * np.sqrt(np.abs(share)) * 127).astype(np.int8)
        levels = 10 * np.log10(np.maximum(self._spectrum.finish(), _SILENCE))
        return {
            "step": self._envelope.width / self._rate,
            "peak": peak,
            "envelope": base64.b64encode(envelope.tobytes()).decode("ascii"),
            "images": [data_url(image, "image/png") for image in _images(levels)],
            "imageStep": self._spectrum.width / self._rate,
            "tile": TILE,
            "lowest": self._bands.edges_hz[0],
            "highest": self._bands.edges_hz[-1],
        }


def data_url(data: bytes, mime: str) -> str:
    """Return a file as the URL that holds it."""
    return f"data:{mime};base64,{base64.b64encode(data).decode('ascii')}"


def _extremes(samples: Array, width: int) -> Array:
    """Return each channel's negated minimum, then each channel's maximum, of each column; both merge by the maximum."""
    columns = samples.reshape(len(samples), -1, width)
    return np.concatenate([-columns.min(axis=2), columns.max(axis=2)])


class _Bands:
    """Power in logarithmic frequency bands."""

    def __init__(self, rate: int) -> None:
        self.window: int = 1 << round(math.log2(WINDOW_S * rate))
        edges = np.geomspace(LOWEST_HZ, min(HIGHEST_HZ, rate / 2), ROWS + 1)
        self.edges_hz = tuple(edges.tolist())
        self._starts = np.round(edges[:-1] * self.window / rate).astype(int)
        self._end = max(round(edges[-1] * self.window / rate), int(self._starts[-1]) + 1)
        self._bins = np.maximum(np.diff(self._starts, append=self._end), 1)
        self._taper = np.hanning(self.window)

    def power(self, samples: Array, width: int) -> Array:
        """Return the largest power in each column, shape (rows, columns), of one signal with half a window around it.

        The windows overlap by at least a half; if columns are as wide as a window, more overlap adds nothing.
        """
        hop = min(width, self.window // 2)
        views = np.lib.stride_tricks.sliding_window_view(samples[0], self.window)[:-1:hop]
        count = max(_AT_ONCE // self.window, 1)
        parts = [self._power(views[start : start + count]) for start in range(0, len(views), count)]
        columns: Array = np.concatenate(parts).reshape(-1, width // hop, ROWS).max(axis=1).T
        return columns

    def _power(self, views: Array) -> Array:
        # numpy transforms float64 faster than float32
        spectrum = np.fft.rfft(views * self._taper, axis=1)[:, : self._end]
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        # a band narrower than a bin uses the bin that contains it
        return np.asarray(np.add.reduceat(power, self._starts, axis=1) / self._bins, dtype=np.float32)


def _images(levels: Array) -> list[bytes]:
    """Return levels in decibels, shape (rows, columns), as images; the median of each band is subtracted."""
    if not levels.size:
        return []
    over = levels - np.median(levels, axis=1, keepdims=True)
    top = max(float(np.percentile(over, 99.95)), 20.0)
    low = max(top - RANGE_DB, 4.0)
    starts = range(0, over.shape[1], TILE)
    return [_png(np.clip((over[::-1, start : start + TILE] - low) / (top - low), 0, 1)) for start in starts]


def _png(shade: Array) -> bytes:
    from PIL import Image

    image = Image.fromarray(np.rint(shade * (LEVELS - 1)).astype(np.uint8, order="C"), mode="P")
    image.putpalette(bytes(3 * LEVELS))
    out = io.BytesIO()
    opacity = bytes(round(255 * level / (LEVELS - 1)) for level in range(LEVELS))
    image.save(out, format="PNG", bits=4, transparency=opacity, optimize=False, compress_level=6)
    return out.getvalue()


class MergedColumns:
    """Columns of equal width that describe a signal of any length, at most `limit`; they merge by the maximum.

    Parameters
    ----------
    measure : callable
        Receives samples, shape (channels, n), and the width of a column; returns one column of values for each of the
        samples' whole columns, shape (rows, columns).
    channels : int
    width : int
        Width of the narrowest column in samples.
    limit : int
        Largest number of columns; a multiple of 2.
    margin : int
        Number of samples that `measure` needs before and after the columns; silence before the signal.

    Attributes
    ----------
    width : int
        Width of a column so far, in samples; doubled each time that the limit is reached.

    Examples
    --------
    >>> peaks = MergedColumns(lambda samples, width: samples.reshape(1, -1, width).max(axis=2), 1, width=1, limit=4)
    >>> peaks.feed(np.arange(10, dtype=np.float32)[None])
    >>> peaks.finish().tolist(), peaks.width
    ([[3.0, 7.0, 9.0]], 4)
    """

    def __init__(
        self, measure: Callable[[Array, int], Array], channels: int, *, width: int, limit: int, margin: int = 0
    ) -> None:
        self.width = width
        self._measure, self._limit, self._margin = measure, limit, margin
        self._pending = np.zeros((channels, margin), dtype=np.float32)
        self._last = np.zeros((channels, 1), dtype=np.float32)
        self._kept: list[Array] = []
        self._count = 0  # of the columns kept
        self._frames = 0

    def feed(self, samples: Array) -> None:
        """Process the next samples, shape (channels, n)."""
        self._frames += samples.shape[1]
        self._last = np.concatenate([self._last, samples[:, -1:]], axis=1)[:, -1:]
        self._pending = np.concatenate([self._pending, samples], axis=1)
        while (whole := (self._pending.shape[1] - 2 * self._margin) // self.width) > 0:
            if self._count == self._limit:
                kept = np.concatenate(self._kept, axis=1)
                self._kept, self._count = [np.maximum(kept[:, ::2], kept[:, 1::2])], self._limit // 2
                self.width *= 2
                continue
            whole = min(whole, self._limit - self._count)
            end = whole * self.width
            self._kept.append(self._measure(self._pending[:, : end + 2 * self._margin], self.width))
            self._pending = self._pending[:, end:]
            self._count += whole

    def finish(self) -> Array:
        """Return all columns, shape (rows, columns), after the last sample is repeated to complete the last."""
        frames = self._frames
        self.feed(np.repeat(self._last, 2 * self.width + self._margin, axis=1))
        columns, self._kept = np.concatenate(self._kept, axis=1), []
        return columns[:, : -(-frames // self.width)]
