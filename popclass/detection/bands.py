"""Octave-band energies, frame by frame.

A frame is a power of two of samples, about 1.3 ms. Sums of neighbours, halved again and again, are the octaves of a
Haar transform: a few strided passes without windows or FFT, and exact in time, so that a click of one sample stays in
its frame. The two highest octaves are differences of neighbouring sums (Haar's detail). Below them second differences
are used, which fall by 12 dB per octave towards low frequencies and keep rumble out of the bands above it. Octaves
longer than a frame are computed from frame sums. Every band is scaled to the energy of white noise in it; bands are
compared only with their own past.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

FRAME_S = 1 / 750
LOW_BANDS = 2
FIRST_DIFFERENCES = 2
REACH = 6  # frames that the lowest band looks back


def frame_length(sample_rate: int) -> int:
    """Return the samples in a frame: the power of two nearest to 1/750 s (64 at 44.1 and 48 kHz).

    Examples
    --------
    >>> [frame_length(rate) for rate in (8000, 44100, 48000, 192000)]
    [8, 64, 64, 256]
    """
    return int(2 ** round(np.log2(sample_rate * FRAME_S)))


def coefficients(frame: int) -> Doubles:
    """Return the independent values per frame in each band, highest band first (less than 1 below a frame)."""
    return np.asarray(frame / 2.0 ** np.arange(1, frame.bit_length() + LOW_BANDS))


class BandSplitter:
    """Streaming band energies of one channel; a `copy.copy` of it continues independently.

    Parameters
    ----------
    frame : int
        Samples in a frame, a power of two.
    """

    def __init__(self, frame: int) -> None:
        self.frame = frame
        self._octaves = frame.bit_length() - 1
        self._past: tuple[Floats, ...] = ()  # the last sums of each octave
        self._frames = 0

    def split(self, samples: Floats) -> Floats:
        """Return the energy of each band in each frame.

        Parameters
        ----------
        samples : ndarray, shape (frames * frame,)
            The next samples; whole frames.

        Returns
        -------
        ndarray, shape (bands, frames)
            Highest octave first.
        """
        if not self._past:
            levels = float(samples[: self.frame].mean()) * 2.0 ** np.arange(self._octaves + 1)
            self._past = tuple(np.repeat(levels.astype(np.float32)[:, None], REACH, axis=1))
        frames = len(samples) // self.frame
        energies = np.empty((self._octaves + LOW_BANDS, frames), np.float32)
        past = list(self._past)
        sums = samples
        for octave in range(self._octaves):
            even, odd = sums[0::2], sums[1::2]
            if octave < FIRST_DIFFERENCES:
                detail, scale = even - odd, 0.5 / 2**octave
            else:
                slope = np.empty(len(sums) + 1, np.float32)  # filled in place, which is faster than np.diff
                slope[:2] = past[octave][-1] - past[octave][-2], sums[0] - past[octave][-1]
                np.subtract(sums[1:], sums[:-1], out=slope[2:])
                past[octave] = sums[-2:].copy()
                detail, scale = slope[1:] - slope[:-1], 0.5 / (6 * 2**octave)
            grouped = detail.reshape(frames, -1)
            np.einsum("ij,ij->i", grouped, grouped, out=energies[octave])
            energies[octave] *= np.float32(scale)
            sums = even + odd
        history = np.concatenate([past[-1], sums])
        past[-1] = history[-REACH:].copy()
        slope = history[5:] - history[4:-1]
        near = slope[1:] - slope[:-1]
        pairs = history[1:] + history[:-1]
        wide = 2 * pairs[3:-2] - pairs[1:-4] - pairs[5:]
        energies[-2] = near * near * np.float32(0.5 / (6 * self.frame))
        energies[-1] = wide * wide * np.float32(0.25 / (12 * self.frame))
        # in the first frames second differences would take an existing level or slope for an onset
        energies[FIRST_DIFFERENCES:, : max(1 - self._frames, 0)] = 0
        energies[-LOW_BANDS:, : max(REACH - self._frames, 0)] = 0
        self._past = tuple(past)
        self._frames += frames
        return energies


def octave_detail(samples: Floats, octaves: NDArray[np.intp]) -> Doubles:
    """Return the Haar detail of one octave at every sample of each row; octave 1 is the highest, DC is removed.

    Position i compares the `2 ** (octave - 1)` samples from there on with as many before.
    """
    half = 2 ** (octaves - 1)
    reach, (rows, size) = int(half.max(initial=1)), samples.shape
    sums = np.zeros((rows, size + 2 * reach + 1))
    sums[:, 1 : reach + 1], sums[:, reach + 1 : -reach], sums[:, -reach:] = samples[:, :1], samples, samples[:, -1:]
    np.cumsum(sums, axis=1, out=sums)
    row, middle = np.arange(rows)[:, None], np.arange(reach, reach + size)
    ahead, behind = (sums[row, middle + step[:, None]] for step in (half, -half))
    return np.asarray(ahead - 2 * sums[:, reach : reach + size] + behind)
