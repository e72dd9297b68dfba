"""Stretches of recordings for clips: as wide as possible, with the own event as the strongest onset."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from popclass.audio.quality import SHORTEST_S
from popclass.detection import Detector
from popclass.labels.matching import strongest

BEFORE_S, AFTER_S = 0.100, 0.250
GAP_S = 0.001  # between a clip and an event that follows it; the error of an onset
CLOSE_S = 0.005  # least before the onset, where a louder sound still decays
ONSET_S = 0.005  # closer onsets are of one event

Range = tuple[int, int]  # first sample and the one after the last


class Sound(NamedTuple):
    """One event of the table of events; fields as its columns."""

    event: int
    start_s: float
    end_s: float
    channel: int
    snr_db: float
    label: str
    p_label: float | None
    subject: str | None


def full_stretch(sound: Sound, rate: int) -> Range:
    """Return the stretch of a clip without neighbours, in samples."""
    return max(round((sound.start_s - BEFORE_S) * rate), 0), round((sound.end_s + AFTER_S) * rate)


def stretches_of(sound: Sound, events: Sequence[Sound], rate: int) -> list[Range]:
    """Return the stretches that a clip may have, the widest first: without louder events, or without any other.

    An event ends at the latest where the next one begins, so neighbours are searched from the nearest on.
    """
    first, last = full_stretch(sound, rate)
    before = takewhile(lambda each: each.end_s * rate > first, reversed(events[: sound.event - 1]))
    after = list(takewhile(lambda each: (each.start_s - GAP_S) * rate < last, events[sound.event :]))
    starts = [each.end_s for each in before if each.snr_db >= sound.snr_db][:1]
    louder = [each.start_s - GAP_S for each in after if each.snr_db >= sound.snr_db][:1]
    first = max([first, *(round(each * rate) for each in starts)])
    last = min([last, *(round(each * rate) for each in louder)])
    near = max(first, round((sound.start_s - CLOSE_S) * rate))
    alone = min([last, *(round((each.start_s - GAP_S) * rate) for each in after[:1])])
    found = [(first, last), (near, last), (first, alone), (near, alone)]
    least = round(SHORTEST_S * rate)  # of a recording that popclass reads
    return [(begin, max(end, round(sound.end_s * rate), begin + least)) for begin, end in found]


def choose(samples: NDArray[np.float32], ranges: Sequence[Range], onset: int, rate: int) -> tuple[Range, bool]:
    """Return the first stretch in which the strongest onset is that of the event, and True; else the first, and False.

    Parameters
    ----------
    samples : ndarray, shape (n,)
        Of the first stretch, which holds the others.
    ranges : sequence of (int, int)
    onset : int
        Of the event in the recording, as are the stretches.
    rate : int
    """
    for first, last in dict.fromkeys(ranges):
        detector = Detector(rate, 1)
        block = samples[first - ranges[0][0] : last - ranges[0][0], np.newaxis]
        events = [sound.event for sound in (*detector.feed(np.ascontiguousarray(block)), *detector.flush())]
        best = strongest(events)
        if best is not None and abs(first + events[best].onset - onset) <= ONSET_S * rate:
            return (first, last), True
    return ranges[0], False
