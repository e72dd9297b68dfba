"""The sound of the events: a short clip of each, to be embedded in a page.

A clip is the channel in which its event stands out most, from 100 ms before the onset to 250 ms after it, faded at both
ends, and raised or lowered so that its loudest sample lies 3 dB below full scale; by how much is said. Clips are FLAC,
which loses nothing; where there are too many for that, they are Ogg Opus, and where even these would fill the page,
only the first events have one, which the page says. How much room there is depends on the length of the recording.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from popclass.results import Event

Array = NDArray[np.float32]

BEFORE_S, AFTER_S = 0.100, 0.250
FADE_S = 0.004
PEAK_DBFS = -3.0
ROOM, ROOM_PER_S, MOST_ROOM = 550_000, 1_700, 3_700_000  # bytes; a third more as text
FLAC_SHARE = 0.75  # of 16-bit samples; room tone packs worse than speech
OPUS_RATE, OPUS_BITS_PER_S = 48_000, 64_000
_FAST = {"compression_level": "0"}  # half the time of the default, and sizes differ little
_SILENCE = 1e-9


@dataclass(frozen=True, slots=True)
class Clip:
    """The sound around one event.

    Attributes
    ----------
    data : bytes
        An audio file.
    mime : str
        Its type.
    start_s : float
        Where it begins in the recording, in seconds.
    gain_db : float
        By how much it is louder than the recording, in decibels.
    """

    data: bytes
    mime: str
    start_s: float
    gain_db: float


class Cutter:
    """Cuts the clips of events out of the blocks of a recording.

    Parameters
    ----------
    events : sequence of Event
        Of one recording, in order of onset.
    duration_s : float
        Of the recording; by it the room is reckoned.

    Attributes
    ----------
    clips : list of Clip or None
        One for each event once everything was fed; None where there was no room.
    """

    def __init__(self, events: Sequence[Event], duration_s: float) -> None:
        self.clips: list[Clip | None] = []
        self._events = tuple(events)
        self._room = min(ROOM + round(ROOM_PER_S * duration_s), MOST_ROOM)
        samples = sum(last - first for first, last in map(_stretch, self._events))
        self._encode = flac if 2 * samples * FLAC_SHARE <= self._room else opus
        self._position = 0
        self._open: dict[int, list[Array]] = {}
        self._next = 0

    def feed(self, block: Array) -> None:
        """Take the next samples, shape (n, channels)."""
        begin, end = self._position, self._position + len(block)
        self._position = end
        while self._next < len(self._events) and _stretch(self._events[self._next])[0] < end:
            self._open[self._next] = []
            self._next += 1
        for index, parts in list(self._open.items()):
            event = self._events[index]
            first, last = _stretch(event)
            parts.append(block[max(first - begin, 0) : last - begin, event.channel - 1].copy())
            if last <= end:
                self._close(index)

    def finish(self) -> list[Clip | None]:
        """The clips; those at the end of the recording are shorter."""
        for index in list(self._open):
            self._close(index)
        return self.clips

    def _close(self, index: int) -> None:
        samples, event = np.concatenate(self._open.pop(index)), self._events[index]
        clip = None
        if self._room > 0:
            ready, gain_db = prepared(samples, event.sample_rate)
            data, mime = self._encode(ready, event.sample_rate)
            self._room -= len(data)
            clip = Clip(data, mime, _stretch(event)[0] / event.sample_rate, gain_db)
        self.clips.append(clip if self._room >= 0 else None)


def _stretch(event: Event) -> tuple[int, int]:
    rate = event.sample_rate
    return max(event.onset - round(BEFORE_S * rate), 0), event.onset + round(AFTER_S * rate)


def prepared(samples: Array, rate: int) -> tuple[Array, float]:
    """Samples without their mean, faded and brought to `PEAK_DBFS`, and the gain in decibels.

    Examples
    --------
    >>> quiet = np.sin(np.arange(4800, dtype=np.float32) / 7) / 100
    >>> ready, gain_db = prepared(quiet, 48_000)
    >>> round(float(np.abs(ready).max()), 3), round(gain_db)
    (0.708, 37)
    """
    centred = samples - samples.mean(dtype=np.float64).astype(np.float32)
    length = min(round(FADE_S * rate), len(samples) // 2)
    ramp = np.linspace(0, 1, length, endpoint=False, dtype=np.float32)
    centred[:length] *= ramp
    centred[len(centred) - length :] *= ramp[::-1]
    peak = max(float(np.abs(centred).max(initial=0.0)), _SILENCE)
    gain_db = PEAK_DBFS - 20 * math.log10(peak)
    return np.asarray(centred * 10 ** (gain_db / 20), dtype=np.float32), gain_db


def flac(samples: Array, rate: int) -> tuple[bytes, str]:
    """Samples as a FLAC file of 16 bits, and its type."""
    import soundfile

    out = io.BytesIO()
    soundfile.write(out, samples, rate, format="FLAC", subtype="PCM_16")
    return out.getvalue(), "audio/flac"


def opus(samples: Array, rate: int) -> tuple[bytes, str]:
    """Samples as an Ogg Opus file, and its type; without the random serial number such files usually have."""
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
