"""Search for onsets in windows of frames: candidates, verification, and the sample of each onset.

Windows are searched several at a time, which is faster than one by one. The onsets of a window do not depend, to the
last bit, on the other windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from popclass.detection import candidates, verification
from popclass.detection.bands import Doubles, Floats, coefficients, frame_length, octave_detail
from popclass.detection.candidates import FLOOR, LONG, SHORT, THRESHOLD, Indices, Onset

ARRIVAL_S = 0.008  # by which a sound may reach one microphone before another: 2.7 m at 343 m/s
ARRIVAL_GAIN, ARRIVAL_SHARE = 0.1, 0.25  # least evidence there, and most that it may have at the later moment
ALONE = 0.5  # share of the evidence against the floor from which no earlier sound disturbs
CLEAR = 0.25  # share of the largest evidence of an octave; an onset is picked in the highest such octave
LENGTHS = (SHORT, LONG)
CONTEXT = 32  # frames before those that are decided, which the reference uses
UNDECIDED = 64  # frames after them, to which they are compared: 85 ms


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows of frames in which onsets are searched; each begins in one chunk and ends in the next.

    Attributes
    ----------
    energies : ndarray, shape (bands, windows, channels, frames)
    background : ndarray, shape (2, bands, windows, channels, 2)
        Floor and degrees of freedom, in the chunk where the window begins and in that where it ends.
    boundary : int
        Frame of a window at which its second chunk begins.
    first, last : int
        Frames that are decided: the first, and the one after the last. The others are context.
    begins : ndarray, shape (windows,)
        First frame of each window, in the recording.
    until : ndarray, shape (windows,)
        Frame in the recording up to which all onsets are known with those of the window.
    """

    energies: Floats
    background: Floats
    boundary: int
    first: int
    last: int
    begins: Indices
    until: Indices

    def select(self, wanted: Indices) -> Windows:
        """Return some of the windows."""
        energies, background = self.energies[:, wanted], self.background[:, :, wanted]
        begins, until = self.begins[wanted], self.until[wanted]
        return Windows(energies, background, self.boundary, self.first, self.last, begins, until)


class Places(NamedTuple):
    """Candidates: window, channel, frame in the window, and the length of their evidence, an array of each."""

    window: Indices
    channel: Indices
    frame: Indices
    length: Indices

    def select(self, wanted: NDArray[np.bool_]) -> Places:
        """Return some of the candidates."""
        return Places(*(each[wanted] for each in self))


class OnsetSearch:
    """Search for onsets in windows of frames.

    Parameters
    ----------
    sample_rate : int
        In hertz.
    reach : int
        Frames on either side among which an onset must be the maximum.
    """

    def __init__(self, sample_rate: int, reach: int) -> None:
        self.sample_rate, self.reach = sample_rate, reach
        self.frame = frame_length(sample_rate)
        self.counts = coefficients(self.frame)
        self._arrival = round(ARRIVAL_S * sample_rate / self.frame)

    def may_hold_onsets(self, windows: Windows) -> NDArray[np.bool_]:
        """Return False for windows that certainly hold no onset."""
        return np.asarray(self._reached(windows).any(axis=1))

    def narrow(self, windows: Windows) -> tuple[Windows, NDArray[np.bool_]]:
        """Return a single window without most of the frames that hold no onset, and False if none does."""
        reached = self._reached(windows)[0].nonzero()[0]
        if not len(reached):
            return windows, np.zeros(1, bool)
        first = windows.first + int(reached[0])
        last = min(windows.first + int(reached[-1]) + LONG, windows.last)
        begin = max(first - CONTEXT, 0)
        energies = windows.energies[..., begin : last + UNDECIDED]
        boundary = min(max(windows.boundary - begin, 0), energies.shape[-1])
        bounds = boundary, first - begin, last - begin, windows.begins + begin
        return Windows(energies, windows.background, *bounds, windows.until), np.ones(1, bool)

    def _reached(self, windows: Windows) -> NDArray[np.bool_]:
        """Return False for the frames of windows, from the first decided one on, from which on nothing is an onset."""
        energies = windows.energies[..., windows.first : windows.last + LONG].transpose(1, 2, 0, 3)
        floor, freedom = windows.background[0].min(axis=-1), windows.background[1].max(axis=-1)
        reached = candidates.may_reach(energies, floor.transpose(1, 2, 0), freedom.transpose(1, 2, 0), THRESHOLD)
        return np.asarray(reached.any(axis=1))

    def find(self, windows: Windows, samples: Floats, start: int) -> list[list[Onset]]:
        """Return the onsets in each window.

        Parameters
        ----------
        windows : Windows
        samples : ndarray, shape (channels, n)
            From well before the first decided frame on.
        start : int
            Position of the first of them in the recording, a multiple of the frame.
        """
        found: list[list[Onset]] = [[] for _ in windows.begins]
        energies, frames = np.ascontiguousarray(windows.energies), windows.energies.shape[-1]
        background = np.repeat(windows.background, [windows.boundary, frames - windows.boundary], axis=-1)
        against = candidates.reference(energies, background[0])
        totals = np.stack(
            [candidates.log_likelihood(energies, against, self.counts, background[1], each) for each in LENGTHS]
        )
        places = self._propose(totals, windows)
        if not len(places.frame):
            return found
        level = partial(self._contrast, candidates.cumulative(energies), background)
        firsts = windows.begins * self.frame - start
        before, after = level(places, verification.BEFORE, verification.AFTER).sum(axis=1)
        samples_at = places.channel, firsts[places.window] + places.frame * self.frame
        kept = verification.verify(after, before, samples, samples_at, self.sample_rate)
        if not kept.any():
            return found
        places, evidence = places.select(kept), before[kept]
        if totals.shape[2] > 1:
            places = self._first_arrivals(totals, places)
        bands, disturbed = level(places, FLOOR, verification.BEFORE)
        bands = np.where(evidence < ALONE * bands.sum(axis=0), disturbed, bands)  # an earlier sound fills some octaves
        octaves = (bands >= CLEAR * bands.max(axis=0)).argmax(axis=0) + 1
        onsets = self._pick(samples, firsts, places, octaves) + start
        floors = background[0][:, places.window, places.channel, places.frame].T.copy().sum(axis=1) / self.frame
        columns = places.window, onsets, places.channel, evidence, floors
        for window, *onset in zip(*(each.tolist() for each in columns), strict=True):
            found[window].append(Onset(*onset))
        return found

    def _propose(self, totals: Floats, windows: Windows) -> Places:
        """Return the candidates, each in the channel where its evidence is largest.

        Parameters
        ----------
        totals : ndarray, shape (2, windows, channels, frames)
            Evidence of both lengths, all bands together.
        windows : Windows
        """
        short, long = totals.max(axis=2)
        window, frame, length = candidates.proposals(short, long, THRESHOLD, reach=self.reach)
        channel = totals[(length == LONG).astype(np.intp), window, :, frame].argmax(axis=1)
        return Places(window, channel, frame, length).select((frame >= windows.first) & (frame < windows.last))

    def _contrast(self, sums: Doubles, background: Floats, places: Places, *spans: tuple[int, int]) -> Floats:
        """Return the evidence against the levels of spans near each candidate, shape (spans, bands, candidates)."""
        at = places.window, places.channel, places.frame
        return candidates.contrast(sums, at, places.length, spans, background[:, :, *at], self.counts)

    def _first_arrivals(self, totals: Floats, places: Places) -> Places:
        """Return the candidates in the channels and frames in which they arrive first."""
        kinds = (places.length == LONG).astype(np.intp)
        each = zip(kinds, places.window, places.frame, strict=True)
        frame, channel = np.array([self._first_arrival(totals[kind, window], at) for kind, window, at in each]).T
        return Places(places.window, channel, frame, places.length)

    def _first_arrival(self, totals: Floats, frame: int) -> tuple[int, int]:
        """Return frame and channel in which the sound of a candidate arrives first.

        That is the channel with most evidence, unless another one has its onset up to 8 ms earlier and none here: a
        second microphone further away. Two sounds reach both.

        Parameters
        ----------
        totals : ndarray, shape (channels, frames)
            Evidence of one window, all bands together.
        frame : int
        """
        here = totals[:, frame]
        channel = int(np.argmax(here))
        before = totals[:, max(frame - self._arrival, 0) : frame]
        if before.shape[1]:
            earlier = before.max(axis=1)
            first = (earlier >= max(THRESHOLD, ARRIVAL_GAIN * float(here[channel]))) & (
                here < ARRIVAL_SHARE * here[channel]
            )
            if first.any():
                channel = int(np.argmax(np.where(first, earlier, -np.inf)))
                return frame - before.shape[1] + int(np.argmax(before[channel])), channel
        return frame, channel

    def _pick(self, samples: Floats, firsts: Indices, places: Places, octaves: Indices) -> Indices:
        """Return the samples at which the variance of an octave changes; `firsts` are the first ones of windows."""
        frames = firsts[places.window] + places.frame * self.frame
        begins = np.maximum(frames - (self.reach + 1) * self.frame, 0)
        sizes = np.minimum(frames + (places.length + 1) * self.frame, samples.shape[1]) - begins
        picked = begins + 2 ** (octaves - 1) // 2
        for size in set(sizes.tolist()):
            here = np.flatnonzero(sizes == size)
            stretch = candidates.excerpts(samples, places.channel[here], begins[here], size)
            picked[here] += candidates.pick_onset(octave_detail(stretch, octaves[here]))
        return np.asarray(np.minimum(picked, samples.shape[1] - 1))
