"""Energy in octave bands, frame by frame: what the detector looks at instead of the waveform.

A frame is a power of two of samples, about 1.3 ms. Sums of neighbours, halved again and again, give the octaves of a
Haar transform: a few strided passes, no windows, no transforms, and exact in time, so that a click of one sample stays
in its frame. The two highest octaves are differences of neighbouring sums (Haar's own detail); below them second
differences are taken, which fall by 12 dB an octave towards low frequencies, so that rumble stays out of the bands
above it. Octaves longer than a frame come from frame sums. Every band is scaled to the energy white noise would have
in it, and is only ever compared with its own past.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

FRAME_S = 1 / 750
LOW_BANDS = 2
FIRST_DIFFERENCES = 2
REACH = 6  # frames that the lowest band looks back


def frame_length(sample_rate: int) -> int:
    """Samples in a frame: the power of two nearest to 1/750 s (64 at 44.1 and 48 kHz).

    Examples
    --------
    >>> [frame_length(rate) for rate in (8000, 44100, 48000, 192000)]
    [8, 64, 64, 256]
    """
    return int(2 ** round(np.log2(sample_rate * FRAME_S)))


@cache
def coefficients(frame: int) -> NDArray[np.float64]:
    """Independent values a frame holds in each band, highest band first (less than 1 below a frame)."""
    return np.asarray(frame / 2.0 ** np.arange(1, frame.bit_length() + LOW_BANDS))


class BandSplitter:
    """Band energies of one channel, stretch after stretch.

    Parameters
    ----------
    frame : int
        Samples in a frame, a power of two.
    """

    def __init__(self, frame: int) -> None:
        self.frame = frame
        self._octaves = frame.bit_length() - 1
        self._past: list[Floats] | None = None
        self._frames = 0

    def twin(self) -> BandSplitter:
        """Another splitter that has heard the same and goes its own way from here."""
        twin = BandSplitter(self.frame)
        twin._past = None if self._past is None else list(self._past)
        twin._frames = self._frames
        return twin

    def split(self, samples: Floats) -> Floats:
        """Energy of each band in each frame.

        Parameters
        ----------
        samples : ndarray, shape (frames * frame,)
            The next samples; whole frames.

        Returns
        -------
        ndarray, shape (bands, frames)
            Highest octave first.
        """
        if self._past is None:
            mean = float(samples[: self.frame].mean())
            self._past = [np.full(REACH, mean * 2.0**octave, np.float32) for octave in range(self._octaves + 1)]
        frames = len(samples) // self.frame
        energies = np.empty((self._octaves + LOW_BANDS, frames), np.float32)
        sums = samples
        for octave in range(self._octaves):
            even, odd = sums[0::2], sums[1::2]
            if octave < FIRST_DIFFERENCES:
                detail, scale = even - odd, 0.5 / 2**octave
            else:
                slope = self._slope(sums, octave)
                detail, scale = slope[1:] - slope[:-1], 0.5 / (6 * 2**octave)
            grouped = detail.reshape(frames, -1)
            np.einsum("ij,ij->i", grouped, grouped, out=energies[octave])
            energies[octave] *= np.float32(scale)
            sums = even + odd
        history = self._continue(sums, self._octaves)
        slope = history[5:] - history[4:-1]
        near = slope[1:] - slope[:-1]
        pairs = history[1:] + history[:-1]
        wide = 2 * pairs[3:-2] - pairs[1:-4] - pairs[5:]
        energies[-2] = near * near * np.float32(0.5 / (6 * self.frame))
        energies[-1] = wide * wide * np.float32(0.25 / (12 * self.frame))
        # at the very beginning second differences would take the level or slope that is already there for an onset
        energies[FIRST_DIFFERENCES:, : max(1 - self._frames, 0)] = 0
        energies[-LOW_BANDS:, : max(REACH - self._frames, 0)] = 0
        self._frames += frames
        return energies

    def _slope(self, sums: Floats, octave: int) -> Floats:
        """Each sum less the one before, from the last of the stretch before on; one more than there are sums."""
        assert self._past is not None
        slope = np.empty(len(sums) + 1, np.float32)
        before, last = self._past[octave][-2:]
        slope[:2] = last - before, sums[0] - last
        np.subtract(sums[1:], sums[:-1], out=slope[2:])
        self._past[octave] = np.concatenate([self._past[octave], sums[-REACH:]])[-REACH:]
        return slope

    def _continue(self, sums: Floats, octave: int) -> Floats:
        """The sums with the last of the stretch before in front."""
        assert self._past is not None
        history = np.concatenate([self._past[octave], sums])
        self._past[octave] = history[-REACH:]
        return history
