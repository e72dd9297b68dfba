"""Signs that a recorder has processed the sound: noise suppression, automatic gain, high-pass.

The first channel is examined in segments of about 8 s: the first eight, then one per doubling of the length, since a
recorder keeps its settings. The result does not depend on the size of the blocks.

- **Noise suppression**: in steady noise the power of a frequency is exponentially distributed over time. Its logarithm
  has a variance of pi^2 / 6 and a skewness of -1.14, whatever the spectrum. Suppression leaves short tones, which
  raise both. Voices raise them too, but last longer or span many frequencies.
- **Automatic gain**: the background is quieter after a loud sound than otherwise. Reverberation only raises it.
- **High-pass**: the spectrum of steady noise falls steeply towards 50 Hz, and has no peak above.

A noise gate is not reported: while it closes, the noise after a sound resembles reverberation. The bounds are chosen so
that false warnings are rare (docs/research/processing.md).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

SWITCH_OFF = "switch it off in the recorder, or record with another app"
SUPPRESSION = f"noise suppression has broken up the background, faint sounds and decays are changed: {SWITCH_OFF}"
GAIN = f"automatic gain lowers the background after loud sounds, levels and decays are changed: {SWITCH_OFF}"
HIGH_PASS = f"a high-pass has removed the background below 100 Hz, deep sounds are weakened: {SWITCH_OFF}"

FRAME_S = 0.0107
STRETCH, SEGMENT = 32, 24 * 32  # frames
LOWEST_RATE = 20_000  # in Hz, to which high rates are reduced
TOP_HZ, TOP_SHARE = 8_000, 0.8  # highest frequency examined, and as a share of half the sample rate
SILENT = np.float32(1e-14)  # power far below the last bit of 24-bit samples


class ProcessingCheck:
    """Search for signs of processing in one channel, block by block.

    Parameters
    ----------
    sample_rate : int

    Attributes
    ----------
    suppression, gain, high_pass
        What has been measured so far.
    """

    def __init__(self, sample_rate: int) -> None:
        self._step = max(1, sample_rate // LOWEST_RATE)
        rate = sample_rate / self._step
        self._frame = 2 ** round(np.log2(rate * FRAME_S))
        self._buffer = np.empty(SEGMENT * self._frame * self._step, np.float32)
        self._filled = self._position = 0
        bin_hz, top_hz = rate / self._frame, min(TOP_HZ, TOP_SHARE * rate / 2)
        self.suppression = Suppression(bin_hz, top_hz)
        self.gain = Gain(bin_hz, top_hz)
        self.high_pass = HighPass(self._frame, rate)

    def feed(self, samples: Floats) -> None:
        """Process the next samples, shape (n,)."""
        while len(samples):
            index, offset = divmod(self._position, len(self._buffer))
            part, samples = samples[: len(self._buffer) - offset], samples[len(self._buffer) - offset :]
            self._position += len(part)
            if is_examined(index):
                self._filled = offset + len(part)
                self._buffer[offset : self._filled] = part
                if self._filled == len(self._buffer):
                    self._examine()

    def finish(self) -> list[str]:
        """Return the warnings about all samples."""
        self._examine()
        signs = {SUPPRESSION: self.suppression.found, GAIN: self.gain.found, HIGH_PASS: self.high_pass.found}
        return [text for text, found in signs.items() if found]

    def _examine(self) -> None:
        """Examine the samples of a segment; the last one may be shorter."""
        stretches, self._filled = self._filled // (STRETCH * self._frame * self._step), 0
        if stretches < Suppression.FEWEST:  # too short for any sign
            return
        samples = self._buffer[: stretches * STRETCH * self._frame * self._step]
        reduced = samples[:: self._step].copy()
        for first in range(1, self._step):
            reduced += samples[first :: self._step]
        frames = reduced.reshape(-1, self._frame)
        spectra = np.fft.rfft(frames * hann(self._frame))
        power = (spectra.real**2 + spectra.imag**2 + SILENT).astype(np.float32, copy=False)
        self.gain.add(power)
        steady = self.suppression.add(power.reshape(stretches, STRETCH, -1))
        self.high_pass.add(frames.reshape(stretches, -1)[steady])


def is_examined(index: int) -> bool:
    """Return True if a segment is examined: the first eight, then one per doubling."""
    return index < 8 or index.bit_count() == 1


@lru_cache(maxsize=16)
def hann(size: int) -> Floats:
    """Return a periodic Hann window."""
    return np.hanning(size + 1)[:-1].astype(np.float32)


@lru_cache(maxsize=16)
def band_edges(low_hz: float, high_hz: float, bands: int, bin_hz: float) -> npt.NDArray[np.intp]:
    """Return the first bins of bands of equal width on a logarithmic scale, and the bin after the last."""
    return np.unique((np.geomspace(low_hz, high_hz, bands + 1) / bin_hz).astype(np.intp))


class Suppression:
    """Variance and skewness of the logarithmic power of steady noise.

    Parameters
    ----------
    bin_hz, top_hz : float
        Distance of the frequencies, and the highest.
    """

    LOWEST_HZ = 500
    STEADY = 0.4  # standard deviation of the mean logarithmic power of the frames of a steady stretch: 1.7 dB
    VARIANCE, SKEWNESS, CORRELATION = 1.75, -0.85, 0.08
    LAGS = (3, 4)  # frames, and frequencies, over which noise and short tones are uncorrelated
    FEWEST, SHARE = 3, 0.5  # steady stretches; share of them that shows the sign

    def __init__(self, bin_hz: float, top_hz: float) -> None:
        self._bins = slice(int(np.ceil(self.LOWEST_HZ / bin_hz)), int(top_hz / bin_hz))
        self.steady = self.suppressed = 0

    @property
    def found(self) -> bool:
        """True if most steady stretches show the sign."""
        return self.steady >= self.FEWEST and self.suppressed > self.SHARE * self.steady

    def add(self, power: Floats) -> npt.NDArray[np.bool_]:
        """Add stretches, shape (stretches, frames, frequencies); return which are steady."""
        logarithm = np.log(power[..., self._bins])
        levels = logarithm.mean(2, keepdims=True)
        steady: npt.NDArray[np.bool_] = levels.std((1, 2)) < self.STEADY
        x = logarithm[steady] - levels[steady]
        x -= x.mean(1, keepdims=True)
        variance = np.square(x).mean((1, 2))
        steady[steady] = varied = variance > 0.1  # digital silence is not
        x, variance = x[varied], variance[varied]
        sign = (variance > self.VARIANCE) & ((x * x * x).mean((1, 2)) > self.SKEWNESS * variance**1.5)
        for lag in self.LAGS:
            for earlier, later in ((x[:, :-lag], x[:, lag:]), (x[:, :, :-lag], x[:, :, lag:])):
                sign &= (earlier * later).mean((1, 2)) < self.CORRELATION * variance
        self.steady += len(x)
        self.suppressed += int(sign.sum())
        return steady


class Gain:
    """Level of the background after loud sounds, relative to that long after them.

    Parameters
    ----------
    bin_hz, top_hz : float
        Distance of the frequencies, and the highest.
    """

    LOWEST_HZ, BANDS = 400, 8
    FRAMES = 5  # of one level: 54 ms
    LOUD_DB, FLOOR_QUANTILE = 10.0, 0.3
    AFTER_S, UNAFFECTED_S = (0.1, 0.45), 1.0
    FEWEST_LEVELS, FEWEST_AFTER, FEWEST_SOUNDS = 10, 3, 3
    HIGH, SPREADS, SHARE, DIP_DB = 0.9, 2.0, 0.7, 1.5  # the upper half: recovery reaches into the lower

    def __init__(self, bin_hz: float, top_hz: float) -> None:
        self._edges = band_edges(self.LOWEST_HZ, top_hz, self.BANDS, bin_hz)
        self._step_s = self.FRAMES / bin_hz
        self.dips: list[float] = []  # in dB, one a sound
        self.clear = 0  # of them, larger than the spread of the background

    @property
    def found(self) -> bool:
        """True if the background is lower after most sounds."""
        enough = len(self.dips) >= self.FEWEST_SOUNDS and self.clear >= self.SHARE * len(self.dips)
        return enough and float(np.median(self.dips)) > self.DIP_DB

    def add(self, power: Floats) -> None:
        """Add a segment, shape (frames, frequencies)."""
        count = len(power) // self.FRAMES
        bands = np.add.reduceat(power[: count * self.FRAMES, : self._edges[-1]], self._edges[:-1], axis=1)
        levels = 10 * np.log10(bands.reshape(count, self.FRAMES, -1).mean(1))
        level = np.median(levels - np.quantile(levels, self.FLOOR_QUANTILE, axis=0), axis=1)
        number = np.arange(count)
        last = np.maximum.accumulate(np.where(level > self.LOUD_DB, number, -count - self.UNAFFECTED_S / self._step_s))
        since_s = (number - last) * self._step_s
        background = level[since_s > self.UNAFFECTED_S]
        if len(background) < self.FEWEST_LEVELS:
            return
        usual, high = np.quantile(background, (0.5, self.HIGH))
        after = (since_s > self.AFTER_S[0]) & (since_s < self.AFTER_S[1])
        for start, stop in np.flatnonzero(np.diff(after, prepend=False, append=False)).reshape(-1, 2):
            if stop - start >= self.FEWEST_AFTER:
                dip = float(usual - np.median(level[start:stop]))
                self.dips.append(dip)
                self.clear += dip > self.SPREADS * (high - usual)


class HighPass:
    """Spectrum of steady noise at low frequencies.

    Parameters
    ----------
    frame : int
    sample_rate : float
    """

    FRAMES = 8  # of one spectrum: 85 ms
    MOST = 4  # stretches of a segment
    LOW_HZ = 35 * 2 ** ((np.arange(32) + 0.5) / 8)  # to 560 Hz, four in half an octave
    ABOVE_HZ = np.geomspace(680, 2000, 32)
    FALL_DB, OCTAVE_DB, PEAK_DB = 12.0, 8.0, 6.0

    def __init__(self, frame: int, sample_rate: float) -> None:
        self._size = self.FRAMES * frame
        self._hz = np.fft.rfftfreq(self._size, 1 / sample_rate)
        self._sum = np.zeros(len(self._hz))
        self.stretches = 0

    @property
    def levels(self) -> npt.NDArray[np.float64]:
        """Levels in dB of eight half octaves from 35 Hz, and of 680-2000 Hz."""
        mean = self._sum * 10 / np.log(10) / max(self.stretches, 1)
        low = np.interp(self.LOW_HZ, self._hz, mean).reshape(-1, 4).mean(1)
        return np.append(low, np.interp(self.ABOVE_HZ, self._hz, mean).mean())

    @property
    def found(self) -> bool:
        """True if the spectrum falls towards low frequencies, steeply somewhere, and not on both sides of a peak."""
        if self.stretches < Suppression.FEWEST:
            return False
        *low, above = self.levels
        corner, octaves = np.mean(low[4:]), np.subtract(low[2:], low[:-2])
        falls = corner - np.mean(low[:2]) > self.FALL_DB and octaves.max() > self.OCTAVE_DB
        return bool(falls and corner - above < self.PEAK_DB)

    def add(self, stretches: Floats) -> None:
        """Add steady stretches, shape (stretches, samples)."""
        some = stretches[: self.MOST]
        frames = some.reshape(-1, self._size)
        spectra = np.fft.rfft((frames - frames.mean(1, keepdims=True)) * hann(self._size))
        self._sum += np.log(spectra.real**2 + spectra.imag**2 + SILENT).sum(0) * self._size / max(some.shape[1], 1)
        self.stretches += len(some)
