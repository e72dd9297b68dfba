"""Clips, pictures and feature contributions of a classified recording, for its page.

`classify` keeps neither samples nor features, to stay fast and small. A report therefore reads the recording again.

A clip holds the event's channel from 100 ms before the onset to 250 ms after it, faded at both ends. It is normalized
to a peak of -3 dBFS; the gain is kept. Clips are lossless FLAC. If they would exceed the size limit of the page, all
are Ogg Opus; if that is still too much, only the first events have a clip. The limit grows with the recording's length.
"""

from __future__ import annotations

import io
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from popclass.errors import AudioError
from popclass.model.model import Model
from popclass.pipeline import Progress, Source, extract_events
from popclass.report.evidence import Contribution, contributions
from popclass.report.overview import Overview, OverviewBuilder
from popclass.results import Event, RecordingResult
from popclass.utils.text import one_line

Array = NDArray[np.float32]

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


@dataclass(frozen=True, slots=True)
class RecordingMedia:
    """A recording's result with the pictures, clips and contributions for its page.

    Attributes
    ----------
    result : RecordingResult
    overview : Overview
    clips : tuple of Clip or None
        One for each event; None where the size limit was reached.
    evidence : tuple of tuple of Contribution
        One for each event, for its acoustic label.
    """

    result: RecordingResult
    overview: Overview
    clips: tuple[Clip | None, ...]
    evidence: tuple[tuple[Contribution, ...], ...]


def extract_media(
    result: RecordingResult, path: Source, model: Model, progress: Progress | None = None
) -> RecordingMedia:
    """Read a classified recording again and collect what its page shows.

    Parameters
    ----------
    result : RecordingResult
    path : path
        Location of the recording; its name in the result may differ.
    model : Model
        The model that classified it.
    progress : callable, optional
        Called with the frames read and the number of all frames (None if unknown).

    Raises
    ------
    AudioError
        If the recording can no longer be read, or has changed since it was classified.
    """
    overview = OverviewBuilder(result.sample_rate, result.channels)
    clips = Cutter(result.events, result.duration_s, result.channels)

    def collect(block: Array) -> None:
        if block.shape[1] == result.channels:  # otherwise the recording has changed, which is reported below
            overview.feed(block)
            clips.feed(block)

    found = extract_events(path, model.frontend, name=result.recording, progress=progress, on_block=collect)
    info, onsets = found.info, [event.onset for event in found.events]
    described = (result.sample_rate, result.channels, result.duration_s, [event.onset for event in result.events])
    if (info.sample_rate, info.channels, info.duration_s, onsets) != described:
        raise AudioError(f"{one_line(result.recording)}: has changed since it was classified; classify it again")
    evidence = contributions(found.features, [event.acoustic_label for event in result.events], model)
    return RecordingMedia(result, overview.finish(), tuple(clips.finish()), tuple(evidence))


class Cutter:
    """Cut the clips of events from the blocks of a recording.

    Parameters
    ----------
    events : sequence of Event
        Events of one recording, in order of onset.
    duration_s : float
        Length of the recording, which sets the size limit.
    channels : int
    """

    def __init__(self, events: Sequence[Event], duration_s: float, channels: int) -> None:
        self._events = tuple(events)
        self._ranges = [_clip_range(event) for event in events]
        self._bytes_left = min(SIZE_LIMIT + round(SIZE_LIMIT_PER_S * duration_s), MAX_SIZE_LIMIT)
        samples = sum(last - first for first, last in self._ranges)
        self._encode = flac if 2 * samples * FLAC_SHARE <= self._bytes_left else opus
        self._ranges.append((sys.maxsize, sys.maxsize))  # after the last event nothing is kept
        self._recent, self._start = np.empty((0, channels), dtype=np.float32), 0
        self._clips: list[Clip | None] = []

    def feed(self, block: Array) -> None:
        """Process the next samples, shape (n, channels)."""
        self._recent = np.concatenate([self._recent, block])
        end = self._start + len(self._recent)
        while self._ranges[len(self._clips)][1] <= end:
            self._cut()
        first = min(self._ranges[len(self._clips)][0], end)
        self._recent, self._start = self._recent[first - self._start :], first

    def finish(self) -> list[Clip | None]:
        """Return the clips, None where the size limit was reached; those at the end of the recording are shorter."""
        while len(self._clips) < len(self._events):
            self._cut()
        return self._clips

    def _cut(self) -> None:
        event, clip = self._events[len(self._clips)], None
        first, last = self._ranges[len(self._clips)]
        if self._bytes_left > 0:
            samples = self._recent[first - self._start : last - self._start, event.channel - 1]
            normalized, gain_db = normalize_clip(np.ascontiguousarray(samples), event.sample_rate)
            data, mime = self._encode(normalized, event.sample_rate)
            self._bytes_left -= len(data)
            clip = Clip(data, mime, first / event.sample_rate, gain_db)
        self._clips.append(clip if self._bytes_left >= 0 else None)


def _clip_range(event: Event) -> tuple[int, int]:
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
