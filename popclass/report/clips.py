"""Clips of the events of a recording, cut and encoded while the recording is read.

A clip holds the event's channel from 100 ms before the onset to 250 ms after it, faded at both ends. It is normalized
to a peak of -3 dBFS; the gain is kept. Clips are lossless FLAC. If they would exceed the size limit of the page, all
are Ogg Opus; if that is still too much, only the first events have a clip. The limit grows with the recording's length.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from popclass.detection import LATEST_S
from popclass.results import Event

Array = NDArray[np.float32]
Encoder = Callable[[Array, int], tuple[bytes, str]]

BEFORE_S, AFTER_S = 0.100, 0.250
FADE_S = 0.004
PEAK_DBFS = -3.0
# Size limit of all clips in bytes; base64 makes them a third larger.
SIZE_LIMIT, SIZE_LIMIT_PER_S, MAX_SIZE_LIMIT = 550_000, 1_700, 3_700_000
FLAC_SHARE = 0.75  # of 16-bit samples; background noise compresses worse than speech
OPUS_RATE, OPUS_BITS_PER_S = 48_000, 64_000
_FAST = {"compression_level": "0"}  # half the time of the default at nearly the same size


@dataclass(frozen=True, slots=True)
class Clip:
    """Audio clip of one event.

    Attributes
    ----------
    data : bytes
        Encoded audio file.
    mime : str
        MIME type of `data`.
    start_s : float
        Start of the clip in the recording, in seconds.
    gain_db : float
        Gain applied to the recording's samples, in decibels.
    """

    data: bytes
    mime: str
    start_s: float
    gain_db: float


class Cutter:
    """Cut the clips of events from the blocks of a recording while its events are being detected.

    Samples are kept as long as an event may still begin in them. Clips are encoded once it is certain that they exceed
    the size limit as FLAC, or at the end.
    """

    def __init__(self) -> None:
        self._recent, self._start = np.empty((0, 1), dtype=np.float32), 0
        self._pending: list[Event] = []  # whose samples are not complete
        self._cut: list[tuple[Event, Array, float]] = []  # with samples and gain, not encoded yet
        self._clips: list[Clip | None] = []
        self._samples = 0  # in the clips of all events
        self._bytes = 0  # of the encoded clips

    def feed(self, block: Array, sample_rate: int) -> None:
        """Process the next samples, shape (n, channels)."""
        end = self._start + len(self._recent)
        needed = [clip_range(event)[0] for event in self._pending[:1]]
        first = max(min(end - round((LATEST_S + BEFORE_S) * sample_rate), *needed, end), self._start)
        self._recent = np.concatenate([self._recent[first - self._start :], block]) if end else block
        self._start = first
        self.add(())

    def add(self, events: Sequence[Event]) -> None:
        """Cut the clips of the next events, in order of onset; the samples after them may follow later."""
        self._pending += events
        self._samples += sum(last - first for first, last in map(clip_range, events))
        self._cut_until(self._start + len(self._recent))
        if 2 * self._samples * FLAC_SHARE > MAX_SIZE_LIMIT:
            self._encode(opus, MAX_SIZE_LIMIT)

    def finish(self, duration_s: float) -> list[Clip | None]:
        """Return the clips, None where the size limit was reached; those at the end of the recording are shorter.

        Parameters
        ----------
        duration_s : float
            Length of the recording, which sets the size limit.
        """
        self._cut_until(math.inf)
        limit = min(SIZE_LIMIT + round(SIZE_LIMIT_PER_S * duration_s), MAX_SIZE_LIMIT)
        self._encode(flac if 2 * self._samples * FLAC_SHARE <= limit else opus, limit)
        fits = np.cumsum([0 if clip is None else len(clip.data) for clip in self._clips]) <= limit
        return [clip if fit else None for clip, fit in zip(self._clips, fits, strict=True)]

    def _cut_until(self, end: float) -> None:
        """Cut the clips that end before a sample."""
        while self._pending and clip_range(self._pending[0])[1] <= end:
            event = self._pending.pop(0)
            first, last = clip_range(event)
            samples = self._recent[first - self._start : last - self._start, event.channel - 1]
            self._cut.append((event, *normalize_clip(np.ascontiguousarray(samples), event.sample_rate)))

    def _encode(self, encode: Encoder, limit: int) -> None:
        """Encode the clips that were cut, None for those after a limit in bytes."""
        for event, samples, gain_db in self._cut:
            if self._bytes >= limit:
                self._clips.append(None)
                continue
            data, mime = encode(samples, event.sample_rate)
            self._bytes += len(data)
            self._clips.append(Clip(data, mime, clip_range(event)[0] / event.sample_rate, gain_db))
        self._cut.clear()


def clip_range(event: Event) -> tuple[int, int]:
    """Return the first sample of the clip of an event and the one after its last."""
    rate = event.sample_rate
    return max(event.onset - round(BEFORE_S * rate), 0), event.onset + round(AFTER_S * rate)


def normalize_clip(samples: Array, rate: int) -> tuple[Array, float]:
    """Return samples with their mean removed, faded and scaled to `PEAK_DBFS`, and the gain in decibels.

    Examples
    --------
    >>> quiet = np.sin(np.arange(4800, dtype=np.float32) / 7) / 100
    >>> clip, gain_db = normalize_clip(quiet, 48_000)
    >>> round(float(np.abs(clip).max()), 3), round(gain_db)
    (0.708, 37)
    """
    centered = samples - samples.mean(dtype=np.float64).astype(np.float32)
    length = min(round(FADE_S * rate), len(samples) // 2)
    ramp = np.linspace(0, 1, length, endpoint=False, dtype=np.float32)
    centered[:length] *= ramp
    centered[len(centered) - length :] *= ramp[::-1]
    peak = max(float(np.abs(centered).max(initial=0.0)), 1e-9)
    gain_db = PEAK_DBFS - 20 * math.log10(peak)
    return np.asarray(centered * 10 ** (gain_db / 20), dtype=np.float32), gain_db


def flac(samples: Array, rate: int) -> tuple[bytes, str]:
    """Encode samples as 16-bit FLAC; return the file and its MIME type."""
    import soundfile

    out = io.BytesIO()
    soundfile.write(out, samples, rate, format="FLAC", subtype="PCM_16")
    return out.getvalue(), "audio/flac"


def opus(samples: Array, rate: int) -> tuple[bytes, str]:
    """Encode samples as Ogg Opus; return the file and its MIME type.

    The serial number is fixed, not random as usual, so that equal samples give equal bytes.
    """
    import av
    import soxr

    if rate != OPUS_RATE:
        samples = np.asarray(soxr.resample(samples, rate, OPUS_RATE), dtype=np.float32)
    out = io.BytesIO()
    with av.open(out, "w", format="ogg", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libopus", rate=OPUS_RATE, layout="mono", options=_FAST)
        stream.bit_rate = OPUS_BITS_PER_S
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None]), format="flt", layout="mono")
        frame.sample_rate, frame.pts = OPUS_RATE, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue(), "audio/ogg"
