"""Checks of the samples of a recording: silence, clipping, DC offset, dropouts, NaN and infinity, processing.

`SampleCheck.feed` makes three passes over each block (minimum, maximum, sum) and examines only suspicious blocks
further. `finish` returns the warnings or refuses the recording. The result does not depend on the size of the blocks.
All values are relative to full scale.

A recording is **clipped throughout** if more than half of its samples lie within 5% of its own peak. A sine has a fifth
of its samples there, noise and speech far fewer, even if hot or with clipped clicks. Square waves and extremely
amplified signals have more.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from popclass.audio.processing import ProcessingCheck
from popclass.audio.timeline import Block
from popclass.errors import AudioError

SHORTEST_S = 0.010
"""Minimum duration: the window of `snr_db`."""

DC_BOUND = 0.01
"""Mean of a channel from which a DC offset is reported, as a share of full scale (-40 dB)."""

DROPOUT_S = 1.0
"""Length of a run of zeros in all channels that is reported. No microphone is that silent."""

CLIPPED_RUN = 3
"""Consecutive samples at the rail that count as clipping; a normalized file touches the rail with one."""

BEYOND_FULL_SCALE = 1.0001
"""Float samples above this are reported; the margin is for rounding."""

SATURATED_SHARE = 0.5
SATURATED_LEVEL = 0.95
SATURATED_PEAK = 0.1
"""Allowed share of samples near the peak, level that counts as near, and peak (-20 dB) below which the last bits of a
quiet converter are not taken for clipping."""

SILENT_PEAK = 1e-10
"""Peak of a silent recording (-200 dB): the last bit of a 32-bit converter is at -187 dB."""

LARGEST = 2.0**32
"""Floats may be in units of a converter, up to 2^31 of them; larger values are damage."""


class SampleCheck:
    """Check of the samples of one recording, block by block.

    Parameters
    ----------
    sample_rate : int
    channels : int
    rail : float
        Largest value the encoding can represent.
    unbounded : bool
        True if samples beyond full scale are valid.
    """

    def __init__(self, sample_rate: int, channels: int, *, rail: float = 1.0, unbounded: bool = False) -> None:
        self._rate = sample_rate
        self._rail = rail - 1e-6
        self._unbounded = unbounded
        self._frames = 0
        self._sum = np.zeros(channels)
        self._ones = np.ones(0, np.float32)
        self._first: Block | None = None
        self._constant = True
        self._peak = 0.0
        self._saturated_from = 0.0
        self._saturated = 0
        self._tail = np.zeros((CLIPPED_RUN, channels), np.float32)
        self._clipped = 0
        self._clipped_at = 0
        self._beyond_at: int | None = None
        self._probe_step = max(int(sample_rate * DROPOUT_S / 4), 1)
        self._zeros_from: int | None = None
        self._dropouts: list[list[int]] = []
        self._processing = ProcessingCheck(sample_rate)

    def feed(self, block: Block) -> None:
        """Check the next block, float32 (n, channels).

        Raises
        ------
        AudioError
            If a sample is not finite, or larger than any converter's.
        """
        if not len(block):
            return
        low, high = float(block.min()), float(block.max())
        peak = max(high, -low)
        if not peak <= LARGEST:  # true for NaN
            self._refuse_value(block)
        if len(self._ones) < len(block):
            self._ones = np.ones(len(block), np.float32)
        self._sum += self._ones[: len(block)] @ block  # 100 times faster than a sum along the first axis
        if self._first is None:
            self._first = block[0].copy()
        for part in (block[:64], block):  # the first is nearly always enough
            self._constant = self._constant and bool((part == self._first).all())
        self._count_saturated(block, peak)
        if peak >= self._rail:
            self._count_clipped(block, peak)
        self._tail = np.concatenate((self._tail, block[-CLIPPED_RUN:]))[-CLIPPED_RUN:]
        self._find_dropouts(block)
        self._processing.feed(block[:, 0])
        self._frames += len(block)

    def finish(self, filled: Sequence[float] = ()) -> list[str]:
        """Return the warnings about the recording.

        Parameters
        ----------
        filled : sequence of float
            Places in seconds at which the decoder inserted silence, which is not reported again.

        Raises
        ------
        AudioError
            If it is too short, silent, constant or clipped throughout.
        """
        self._refuse_unusable()
        warnings = [
            f"DC offset of {mean:+.3f} of full scale in channel {channel}"
            for channel, mean in enumerate(self._sum / self._frames, start=1)
            if abs(mean) > DC_BOUND
        ]
        if self._clipped:
            places = "1 place" if self._clipped == 1 else f"{self._clipped} places"
            first_s = self._clipped_at / self._rate
            warnings.append(f"clipped in {places}, first at {first_s:.3f} s: the level was too high")
        if self._beyond_at is not None:
            first_s = self._beyond_at / self._rate
            warnings.append(f"samples up to {self._peak:.4g} times full scale, first at {first_s:.3f} s")
        if self._zeros_from is not None:
            self._add_dropouts(np.array([[self._zeros_from, self._frames]]))
        inserted = [round(place * self._rate) for place in filled]
        self._dropouts = [run for run in self._dropouts if not any(run[0] <= place < run[1] for place in inserted)]
        if self._dropouts:
            longest, start = max((end - start, -start) for start, end in self._dropouts)  # of equal ones the first
            total = sum(end - start for start, end in self._dropouts) / self._rate
            longest_text = f"the longest {longest / self._rate:.1f} s from {-start / self._rate:.1f} s on"
            warnings.append(f"{total:.1f} s of digital silence, {longest_text}: a dropout?")
        return warnings + self._processing.finish()

    def _refuse_unusable(self) -> None:
        seconds = self._frames / self._rate
        if self._frames == 0:
            raise AudioError("contains no sound: a header without samples; record it again or leave it out")
        if seconds < SHORTEST_S:
            length = f"{self._frames} sample(s), {seconds * 1000:.3g} ms of sound"
            raise AudioError(f"has {length}; at least {SHORTEST_S * 1000:g} ms are needed")
        if self._peak <= SILENT_PEAK:
            value = "zero" if self._peak == 0 else "below -200 dB"
            raise AudioError(f"every sample in {seconds:.2f} s is {value}: silence; check the microphone")
        if self._constant:
            level = ", ".join(f"{value:+.3g}" for value in np.asarray(self._first))
            raise AudioError(f"every sample has the same value ({level}): no sound; check microphone and cable")
        share = self._saturated / (self._frames * len(self._sum))
        offset = float(np.abs(self._sum / self._frames).max())
        quiet_on_offset = self._peak < self._rail and offset > self._peak / 2
        if self._peak >= SATURATED_PEAK and share > SATURATED_SHARE and not quiet_on_offset:
            raise AudioError(f"clipped throughout: {share:.0%} of all samples are at the peak; record at a lower level")

    def _refuse_value(self, block: Block) -> None:
        frame = int(np.argmin((np.abs(block) <= LARGEST).all(axis=1)))  # false for NaN
        largest = float(np.abs(block[frame]).max())
        kind = {"nan": "not a number (NaN)", "inf": "infinite"}.get(str(largest), f"{largest:.3g} times full scale")
        at = (self._frames + frame) / self._rate
        raise AudioError(f"the sample at {at:.6f} s is {kind}: the data is damaged; export it again")

    def _count_saturated(self, block: Block, peak: float) -> None:
        """Count the samples near the peak so far; a clearly higher peak restarts the count."""
        self._peak = max(self._peak, peak)
        bounded = peak if self._unbounded else min(peak, 1.0)
        if bounded * SATURATED_LEVEL > self._saturated_from / SATURATED_LEVEL:
            self._saturated_from = bounded * SATURATED_LEVEL
            self._saturated = 0
        if peak >= self._saturated_from > 0:
            level = self._saturated_from
            self._saturated += int(np.count_nonzero(block >= level) + np.count_nonzero(block <= -level))

    def _count_clipped(self, block: Block, peak: float) -> None:
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

    def _find_dropouts(self, block: Block) -> None:
        """Find runs of digital silence in all channels.

        A run of `DROPOUT_S` that reaches into a block contains its first frame, its last or one of four probes a
        second, so that most blocks need no search.
        """
        if self._zeros_from is None and block[-1].any() and block[:: self._probe_step].any(axis=1).all():
            return
        silent = ~block.any(axis=1)
        edges = self._frames + np.flatnonzero(np.diff(silent, prepend=self._zeros_from is not None))
        if self._zeros_from is not None:
            edges = np.concatenate(([self._zeros_from], edges))
        self._zeros_from = int(edges[-1]) if len(edges) % 2 else None
        self._add_dropouts(edges[: len(edges) // 2 * 2].reshape(-1, 2))

    def _add_dropouts(self, runs: npt.NDArray[np.intp]) -> None:
        self._dropouts += runs[runs[:, 1] - runs[:, 0] >= self._rate * DROPOUT_S].tolist()
