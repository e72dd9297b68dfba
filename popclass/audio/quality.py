"""Whether the samples of a recording can be contextual: silence, clipping, offset, gaps, numbers that are none.

`SampleCheck.feed` sees each block once, as it passes by, and takes three passes over it (smallest, largest, sum); it
looks closer only at blocks that give a reason. `finish` gives the verdict on the whole. What it says does not depend on
the size of the blocks. All values are relative to full scale.

A recording counts as **clipped throughout** when more than half of all its samples lie within 5% of its own peak. A
sine has a fifth of its samples there, noise and speech far fewer, and so has any recording that is merely hot or whose
clicks are clipped; square waves and signals amplified until little but the rails is left are over the half.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from popclass.errors import AudioError

SHORTEST_S = 0.010
"""The least that can hold a sound and be measured: the length of the window of `snr_db`."""

DC_BOUND = 0.01
"""Mean of a channel from which the offset is mentioned, as a share of full scale (-40 dB)."""

DROPOUT_S = 1.0
"""Length of an uninterrupted run of zeros in all channels that is mentioned. No microphone is that silent."""

CLIPPED_RUN = 3
"""Samples in a row at the rail that count as one clipped place; a normalised file touches the rail with one."""

BEYOND_FULL_SCALE = 1.0001
"""Float samples above this are mentioned; the margin is a rounding error's."""

SATURATED_SHARE = 0.5
SATURATED_LEVEL = 0.95
SATURATED_PEAK = 0.1
"""Share of samples at the recording's own peak, what counts as "at", and the peak (-20 dB) below which the last bits of
a quiet converter are not taken for clipping."""

SILENT_PEAK = 1e-10
"""A recording that never rises above it (-200 dB) is silent: the last bit of a 32-bit converter is at -187 dB."""

LARGEST = 2.0**32
"""Floats may be in units of a converter, up to 2^31 of them; what lies beyond is no sound but damage."""

Block = npt.NDArray[np.float32]
_ONES = np.ones(65_536, np.float32)


class SampleCheck:
    """Watches the samples of one recording go by.

    Parameters
    ----------
    sample_rate : int
    channels : int
    rail : float
        Largest value the encoding can hold.
    unbounded : bool
        Whether samples beyond full scale are possible and mean what they say.
    """

    def __init__(self, sample_rate: int, channels: int, *, rail: float = 1.0, unbounded: bool = False) -> None:
        self._rate = sample_rate
        self._rail = rail - 1e-6
        self._unbounded = unbounded
        self._frames = 0
        self._sum = np.zeros(channels)
        self._first: Block | None = None
        self._constant = True
        self._peak = 0.0
        self._saturated_from = 0.0
        self._saturated = 0
        self._tail = np.zeros((CLIPPED_RUN, channels), np.float32)
        self._clipped = 0
        self._clipped_at = 0
        self._beyond_at: int | None = None
        self._zeros = _ZeroRuns(sample_rate)

    def feed(self, block: Block) -> None:
        """Look at the next block, float32 (n, channels).

        Raises
        ------
        AudioError
            At the first sample that is no finite number, or one that no converter gives.
        """
        if not len(block):
            return
        low, high = float(block.min()), float(block.max())
        if not (math.isfinite(low) and math.isfinite(high)):
            self._refuse_non_finite(block)
        if max(high, -low) > LARGEST:
            self._refuse_huge(block)
        ones = _ONES[: len(block)] if len(block) <= len(_ONES) else np.ones(len(block), np.float32)
        self._sum += ones @ block  # 100 times faster than a sum along the first axis
        peak = max(high, -low)
        self._watch_constant(block)
        self._watch_saturation(block, peak)
        if peak >= self._rail:
            self._watch_rail(block, peak)
        self._tail = np.concatenate((self._tail, block[-CLIPPED_RUN:]))[-CLIPPED_RUN:]
        self._zeros.feed(block, self._frames)
        self._frames += len(block)

    def finish(self) -> list[str]:
        """What should be known about the recording, a line each; empty for a good one.

        Raises
        ------
        AudioError
            Where there is nothing that could be classified.
        """
        self._zeros.finish(self._frames)
        self._refuse_unusable()
        return [*self._offset_lines(), *self._level_lines(), *self._zeros.lines()]

    def _refuse_unusable(self) -> None:
        seconds = self._frames / self._rate
        if self._frames == 0:
            raise AudioError(
                "holds no sound: the header is there, the samples are not; record it again or leave it out"
            )
        if seconds < SHORTEST_S:
            raise AudioError(
                f"holds {self._frames} sample(s), {seconds * 1000:.3g} ms of sound; at least {SHORTEST_S * 1000:g} ms "
                "are needed"
            )
        if self._peak <= SILENT_PEAK:
            what = "every sample is zero" if self._peak == 0 else "every sample is next to zero (below -200 dB)"
            raise AudioError(f"{what} in all {seconds:.2f} s: silence; check the microphone and its switch")
        if self._constant:
            level = ", ".join(f"{value:+.3g}" for value in np.asarray(self._first))
            raise AudioError(f"every sample has the same value ({level}): no sound; check microphone and cable")
        share = self._saturated / (self._frames * len(self._sum))
        offset = float(np.abs(self._sum / self._frames).max())
        beside_zero = self._peak < self._rail and offset > self._peak / 2  # a quiet recording on a DC offset
        if self._peak >= SATURATED_PEAK and share > SATURATED_SHARE and not beside_zero:
            raise AudioError(
                f"clipped throughout: {share:.0%} of all samples lie at the peak (at most {SATURATED_SHARE:.0%} are "
                "allowed); record it again with a lower level"
            )

    def _offset_lines(self) -> list[str]:
        means = self._sum / self._frames
        return [
            f"DC offset of {mean:+.3f} of full scale in channel {channel}"
            for channel, mean in enumerate(means, start=1)
            if abs(mean) > DC_BOUND
        ]

    def _level_lines(self) -> list[str]:
        lines = []
        if self._clipped:
            places = "1 place" if self._clipped == 1 else f"{self._clipped} places"
            lines.append(f"clipped in {places}, first at {self._clipped_at / self._rate:.3f} s: the level was too high")
        if self._beyond_at is not None:
            first = self._beyond_at / self._rate
            lines.append(f"samples up to {self._peak:.4g} times full scale, first at {first:.3f} s")
        return lines

    def _refuse_non_finite(self, block: Block) -> None:
        frame = int(np.argmin(np.isfinite(block).all(axis=1)))
        kind = "not a number (NaN)" if np.isnan(block[frame]).any() else "infinite"
        at = (self._frames + frame) / self._rate
        raise AudioError(f"the sample at {at:.6f} s is {kind}; only finite samples can be analysed: export it again")

    def _refuse_huge(self, block: Block) -> None:
        frame = int(np.argmax((np.abs(block) > LARGEST).any(axis=1)))
        at = (self._frames + frame) / self._rate
        raise AudioError(
            f"the sample at {at:.6f} s is {np.abs(block[frame]).max():.3g} times full scale; up to {LARGEST:.3g} can "
            "be the unit of a converter: the file is damaged, export it again"
        )

    def _watch_constant(self, block: Block) -> None:
        if self._first is None:
            self._first = block[0].copy()
        for part in (block[:64], block):  # hardly ever more than the first
            self._constant = self._constant and bool((part == self._first).all())

    def _watch_saturation(self, block: Block, peak: float) -> None:
        """Count the samples at the peak so far; a peak that is clearly higher starts the count anew."""
        self._peak = max(self._peak, peak)
        bounded = peak if self._unbounded else min(peak, 1.0)
        if bounded * SATURATED_LEVEL > self._saturated_from / SATURATED_LEVEL:
            self._saturated_from = bounded * SATURATED_LEVEL
            self._saturated = 0
        if peak >= self._saturated_from > 0:
            self._saturated += int(np.count_nonzero(np.abs(block) >= self._saturated_from))

    def _watch_rail(self, block: Block, peak: float) -> None:
        if self._unbounded and self._beyond_at is None and peak > BEYOND_FULL_SCALE:
            beyond = (np.abs(block) > BEYOND_FULL_SCALE).any(axis=1)
            self._beyond_at = self._frames + int(np.argmax(beyond))
        level = np.abs(np.concatenate((self._tail, block)))
        at_rail = level >= self._rail
        if self._unbounded:
            at_rail &= level <= BEYOND_FULL_SCALE
        starts = ~at_rail[:-CLIPPED_RUN]
        for step in range(1, CLIPPED_RUN + 1):
            starts &= at_rail[step : len(at_rail) - CLIPPED_RUN + step]
        found = np.flatnonzero(starts.any(axis=1))
        if len(found) and not self._clipped:
            self._clipped_at = max(self._frames + int(found[0]) + 1 - CLIPPED_RUN, 0)
        self._clipped += int(np.count_nonzero(starts))


class _ZeroRuns:
    """Runs of digital silence in all channels, found by looking at a few samples of each block first.

    A run of `DROPOUT_S` that reaches into a block holds its first frame, its last or one of four probes a second.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._step = max(int(sample_rate * DROPOUT_S / 4), 1)
        self._began: int | None = None
        self._longest = (0, 0)
        self._total = 0

    def feed(self, block: Block, at: int) -> None:
        probes = block[:: self._step]
        if self._began is None and block[-1].any() and probes.any(axis=1).all():
            return
        silent = ~block.any(axis=1)
        edges = np.flatnonzero(np.diff(np.concatenate(([self._began is not None], silent)).astype(np.int8)))
        if self._began is not None and len(edges):
            self._end(at + int(edges[0]))
            edges = edges[1:]
        starts, ends = edges[0::2][: len(edges) // 2], edges[1::2]
        for index in np.flatnonzero(ends - starts >= self._rate * DROPOUT_S):
            self._began = at + int(starts[index])
            self._end(at + int(ends[index]))
        if len(edges) % 2:
            self._began = at + int(edges[-1])

    def _end(self, frame: int) -> None:
        assert self._began is not None
        length = frame - self._began
        if length >= self._rate * DROPOUT_S:
            self._total += length
            self._longest = max(self._longest, (length, -self._began))
        self._began = None

    def finish(self, frames: int) -> None:
        if self._began is not None:
            self._end(frames)

    def lines(self) -> list[str]:
        """A line about them, or none."""
        if not self._total:
            return []
        length, negative_start = self._longest
        total, longest, start = (value / self._rate for value in (self._total, length, -negative_start))
        return [f"{total:.1f} s of digital silence, the longest {longest:.1f} s from {start:.1f} s on: a dropout?"]
