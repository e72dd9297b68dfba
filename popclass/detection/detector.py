"""Streaming detector: blocks of samples in, short sounds out, each with the samples around it.

Samples are collected into chunks of a fixed number of frames, so that the same recording gives the same sounds, to the
sample, whatever the size of the blocks. A sound is returned once its clip and the onset after it are known. All chunks
of a block are analyzed together, which is faster than one by one; then only those that can hold an onset are searched.
Memory is bounded by the block and two chunks.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from popclass.audio.recording import MAX_CHANNELS, MAX_RATE, MIN_RATE
from popclass.detection import candidates, verification
from popclass.detection.artifacts import is_pre_echo, is_step
from popclass.detection.bands import BandSplitter, Floats, coefficients, frame_length, octave_detail
from popclass.detection.candidates import LONG, SHORT, THRESHOLD, Onset
from popclass.errors import UsageError
from popclass.results import Event
from popclass.utils.checks import as_array, check_number

Frames = NDArray[np.intp]
CHUNK = 1024  # frames decided at a time: 1.4 s
CONTEXT = 32  # frames before them that the reference uses
UNDECIDED = 64  # frames at the end of a chunk that need the next chunk: 85 ms
SEPARATION_S = 0.005  # onsets closer than this are one event
CLOSEST_S, FARTHEST_S = 0.002, 0.050  # allowed separations
REACH = 2  # frames on either side among which an onset must be the maximum; just under 3 ms
BEFORE_S, AFTER_S = 0.030, 0.160  # stretch of a clip around its onset
LEVEL_S = 0.010  # stretch after the onset over which snr_db is measured
LONGEST_S = 0.250  # maximum length of an event
LATEST_S = 2.5  # by which a sound is returned after its onset, at every sample rate
ARRIVAL_S = 0.008  # by which a sound may reach one microphone before another: 2.7 m at 343 m/s
ARRIVAL_GAIN, ARRIVAL_SHARE = 0.1, 0.25  # least evidence there, and most that it may have at the later moment
ALONE = 0.5  # share of the evidence against the floor from which no earlier sound disturbs
FALL = 0.01  # an event ends where its energy has fallen by 20 dB


@dataclass(frozen=True, slots=True)
class Sound:
    """A detected event with the samples around it.

    Attributes
    ----------
    event : Event
        With position and level only.
    clip : ndarray, shape (n,), float32
        The event's channel from 30 ms before the onset to 160 ms after it, within the recording.
    clip_start : int
        Position of the clip's first sample in the recording.
    next_onset : int or None
        Onset of the following event, if inside the clip.
    """

    event: Event
    clip: Floats
    clip_start: int
    next_onset: int | None


class Detector:
    """Detector of short sounds in a stream.

    Parameters
    ----------
    sample_rate : int
        In hertz.
    channels : int
    separation_s : float
        Minimum distance of two events in seconds, 0.002 to 0.050; of closer onsets the clearest is kept. Models are
        trained with the default, 0.005. Below it a second peak within one pop becomes an event of its own more often
        (see `docs/research/separation.md`).
    lossy : bool
        True if the samples come from a lossy codec, whose pre-echoes last up to 30 ms.

    Raises
    ------
    UsageError
        If a parameter is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(0).normal(0, 0.001, (48000, 1)).astype(np.float32)
    >>> noise[24000:24048, 0] += np.hanning(48) * np.sin(np.arange(48))
    >>> detector = Detector(48000, 1)
    >>> sounds = detector.feed(noise) + detector.flush()
    >>> [round(sound.event.start_s, 2) for sound in sounds]
    [0.5]
    """

    def __init__(
        self, sample_rate: int, channels: int, *, separation_s: float = SEPARATION_S, lossy: bool = False
    ) -> None:
        check_number(sample_rate, "sample_rate (Hz)", MIN_RATE, MAX_RATE, whole=True)
        check_number(channels, "channels", 1, MAX_CHANNELS, whole=True)
        check_number(separation_s, "separation_s", CLOSEST_S, FARTHEST_S)
        self.sample_rate = sample_rate
        self.channels = channels
        self.frame = frame_length(sample_rate)
        self._lossy = lossy
        self._arrival = round(ARRIVAL_S * sample_rate / self.frame)
        self.chunk = CHUNK * self.frame  # samples decided at a time
        self._separation = round(separation_s * sample_rate)
        self._reach = REACH if separation_s >= SEPARATION_S else 1
        # samples before the last decided one in which a sound may lack its end or the onset after it
        self._margin = round(LONGEST_S * sample_rate) + UNDECIDED * self.frame
        self._counts = coefficients(self.frame)
        self._splitters = [BandSplitter(self.frame) for _ in range(channels)]
        self._waiting = np.zeros((0, channels), np.float32)  # less than a chunk
        self._samples = np.zeros((channels, 0), np.float32)  # may still be cut into clips
        self._samples_start = 0
        # energies of the chunks of the last block and the one before them; floor and degrees of freedom of each chunk
        self._energies = np.zeros((channels, len(self._counts), 0), np.float32)
        self._energies_start = 0  # frame
        self._backgrounds = np.zeros((channels, 2, len(self._counts), 0), np.float32)
        self._sums = np.zeros((channels, len(self._counts), 1))  # cumulative energies while onsets are decided
        self._sums_start = 0  # frame
        self._frames = 0  # frames that can be used to decide
        self._decided = 0  # frames decided
        self._onsets: list[Onset] = []

    def feed(self, block: Floats) -> list[Sound]:
        """Process the next samples.

        Parameters
        ----------
        block : ndarray, shape (n, channels), float32
            Any number of finite samples.

        Returns
        -------
        list of Sound
            The sounds that became complete, in order of onset.

        Raises
        ------
        UsageError
            If the block has another shape or type.
        """
        samples = as_array(block, "the samples of a block").astype(np.float32, copy=False)
        if samples.shape[1:] != (self.channels,):
            raise UsageError(f"a block has shape {samples.shape}: allowed is (n, {self.channels})")
        if len(self._waiting):
            samples = np.concatenate([self._waiting, samples])
        whole = len(samples) // self.chunk * self.chunk
        self._waiting = samples[whole:].copy()  # a view would keep the whole block
        return self._advance(samples[:whole], last=False) if whole else []

    def flush(self) -> list[Sound]:
        """End the stream and return the remaining sounds."""
        samples, self._waiting = self._waiting, self._waiting[:0]
        return self._advance(samples, last=True)

    def peek(self) -> list[Sound]:
        """Return the sounds of `flush` without ending the stream.

        They are provisional: their floor is that of a shorter stretch, and their clips end here.
        """
        twin = copy(self)  # arrays and lists are replaced, never modified; only the splitters are
        twin._splitters = [copy(splitter) for splitter in self._splitters]
        return twin.flush()

    @property
    def settled(self) -> int:
        """Sample before which all onsets have been returned, without `flush`."""
        return max(self._decided * self.frame - self._margin, 0)

    def _advance(self, samples: Floats, *, last: bool) -> list[Sound]:
        """Process whole chunks, or what is left of the stream, shape (n, channels)."""
        fresh = np.ascontiguousarray(samples.T)
        chunks = self._analyze(fresh)
        if last or self._onsets or any(possible for _, possible in chunks):
            self._samples = np.concatenate([self._samples, fresh], axis=1)
        else:  # no earlier sample is needed: this spares most of a recording the copy
            self._samples_start, self._samples = self._samples_start + self._samples.shape[1], fresh
        sounds: list[Sound] = []
        for frames, possible in chunks:
            self._frames = frames
            until = frames if last else frames - UNDECIDED
            if until > self._decided:
                if possible or last:
                    self._onsets = self._onsets + self._decide(until)
                self._decided = until
            if self._onsets:
                sounds += self._complete(last=last)
        # delete the samples that no later clip can need
        needed = min([self._decided * self.frame, *(onset.sample for onset in self._onsets)])
        keep = max(needed - round(BEFORE_S * self.sample_rate) - 2 * UNDECIDED * self.frame, self._samples_start)
        keep -= keep % self.frame
        self._samples = self._samples[:, keep - self._samples_start :].copy()
        self._samples_start = keep
        return sounds

    def _analyze(self, samples: Floats) -> list[tuple[int, bool]]:
        """Add band energies and backgrounds of new samples; an incomplete frame is filled with its last sample.

        Returns
        -------
        list of (int, bool)
            For each new chunk the frame at its end, and False if it certainly holds no onset.
        """
        if not samples.shape[1]:
            return [(self._frames, True)]
        if missing := -samples.shape[1] % self.frame:
            samples = np.pad(samples, ((0, 0), (0, missing)), mode="edge")
        fresh = np.array([splitter.split(each) for splitter, each in zip(self._splitters, samples, strict=True)])
        self._energies = np.concatenate([self._energies[:, :, -CHUNK:], fresh], axis=2)
        self._energies_start = self._frames - self._energies.shape[2] + fresh.shape[2]
        ends = [*range(self._frames + CHUNK, self._frames + fresh.shape[2], CHUNK), self._frames + fresh.shape[2]]
        backgrounds = [self._backgrounds[..., -1:]]
        if not self._frames or fresh.shape[2] < CHUNK:  # the first chunk and the last have a length of their own
            first = self._energies[:, :, : self._energies.shape[2] - (len(ends) - 1) * CHUNK]
            backgrounds.append(self._background(first[:, None]))
        pairs = None
        if self._energies.shape[2] >= 2 * CHUNK:  # each chunk with the one before it
            pairs = np.lib.stride_tricks.sliding_window_view(self._energies, 2 * CHUNK, axis=2)[:, :, ::CHUNK]
            backgrounds.append(self._background(pairs.swapaxes(1, 2)))
        self._backgrounds = np.concatenate(backgrounds, axis=3)
        screened = [] if pairs is None else self._screen(pairs)
        return list(zip(ends, [True] * (len(ends) - len(screened)) + screened, strict=True))

    def _screen(self, pairs: Floats) -> list[bool]:
        """Return False for the newest chunks that certainly hold no onset, of energies (channels, bands, chunks, n)."""
        undecided = pairs[..., CHUNK - UNDECIDED : 2 * CHUNK - UNDECIDED + LONG].swapaxes(1, 2)
        newest = self._backgrounds[..., -pairs.shape[2] - 1 :].swapaxes(2, 3)
        floors = np.minimum(newest[:, 0, :-1], newest[:, 0, 1:])
        freedoms = np.maximum(newest[:, 1, :-1], newest[:, 1, 1:])
        reached: list[bool] = np.any(candidates.may_reach(undecided, floors, freedoms, THRESHOLD), axis=0).tolist()
        return reached

    def _background(self, energies: Floats) -> Floats:
        """Return floor and degrees of freedom, shape (channels, 2, bands, chunks), of (channels, chunks, bands, n)."""
        found = candidates.background(energies, self._counts)
        return np.stack([each[..., 0].swapaxes(1, 2) for each in found], axis=1)

    def _decide(self, until: int) -> list[Onset]:
        """Return the onsets among the undecided frames before `until`."""
        undecided = self._energies[:, :, self._decided - self._energies_start : self._frames - self._energies_start]
        chunk = (self._frames - 1 - self._energies_start) // CHUNK
        pair = self._backgrounds[..., max(chunk - 1, 0) : chunk + 1]
        channels = zip(undecided, pair[:, 0].min(axis=2), pair[:, 1].max(axis=2), strict=True)
        possible = np.concatenate([candidates.possible_frames(*each, self._counts, THRESHOLD) for each in channels])
        if not len(possible):
            return []
        begin = max(self._decided + int(possible.min()) - CONTEXT, self._energies_start)
        end = min(self._decided + int(possible.max()) + 1 + LONG, self._frames)
        totals = np.array([self._score(channel, begin, end) for channel in range(self.channels)])
        short, long = totals.max(axis=0)
        proposed = candidates.proposals(short, long, THRESHOLD, reach=self._reach)
        proposed = [each for each in proposed if self._decided <= each[0] + begin < until]
        if not proposed:
            return []
        end = min(begin + proposed[-1][0] + UNDECIDED, self._frames)  # beyond all that they are compared with
        held = self._energies[:, :, begin - self._energies_start : end - self._energies_start]
        self._sums, self._sums_start = candidates.cumulative(held), begin
        found = []
        for frame, window, evidence in self._verified(proposed, totals, begin):
            at, channel = self._first_arrival(totals[:, window], frame)
            found.append((at + begin, channel, (SHORT, LONG)[window], evidence))
        return self._locate(found)

    def _verified(self, proposed: list[tuple[int, int]], totals: Floats, begin: int) -> list[tuple[int, int, float]]:
        """Return the proposals that are short sounds, each verified in the channel where its evidence is largest.

        Parameters
        ----------
        proposed : list of (int, int)
            Frame after `begin`, and window (0 short, 1 long).
        totals : ndarray, shape (channels, windows, frames)
            Evidence from frame `begin` on, all bands together.
        begin : int

        Returns
        -------
        list of (int, int, float)
            Frame, window, and the evidence against the level before.
        """
        frames, windows = np.array(proposed).T
        channels = totals[:, windows, frames].argmax(axis=0)
        frames, lengths = frames + begin, np.array([SHORT, LONG])[windows]
        kept: dict[int, float] = {}
        for channel in set(channels.tolist()):
            here = np.flatnonzero(channels == channel)
            before = self._contrast(channel, frames[here], lengths[here], verification.BEFORE).sum(axis=1)
            rising = before > verification.LEAST_BEFORE  # spares most candidates the rest
            here, before = here[rising], before[rising]
            if not len(here):
                continue
            after = self._contrast(channel, frames[here], lengths[here], verification.AFTER).sum(axis=1)
            held = frames[here] - self._samples_start // self.frame
            short = verification.verify(after, before, self._samples[channel], held, self.frame, self.sample_rate)
            kept.update(zip(here[short].tolist(), before[short].tolist(), strict=True))
        return [(*proposed[each], kept[each]) for each in sorted(kept)]

    def _contrast(self, channel: int, frames: Frames, lengths: Frames, stretch: tuple[int, int]) -> Floats:
        """Return the evidence of windows against the level in a stretch near each, shape (windows, bands)."""
        chunks = (frames - self._energies_start) // CHUNK
        floor, freedom = self._backgrounds[channel][:, :, chunks].transpose(0, 2, 1)
        held = frames - self._sums_start
        return candidates.contrast(self._sums[channel], held, lengths, stretch, floor, freedom, self._counts)

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
        if len(totals) == 1:
            return frame, 0
        here = totals[:, frame]
        channel = int(np.argmax(here))
        before = totals[:, max(frame - self._arrival, 0) : frame]
        if before.shape[1]:
            earlier = before.max(axis=1)
            first = (earlier >= max(candidates.THRESHOLD, ARRIVAL_GAIN * float(here[channel]))) & (
                here < ARRIVAL_SHARE * here[channel]
            )
            if first.any():
                channel = int(np.argmax(np.where(first, earlier, -np.inf)))
                return frame - before.shape[1] + int(np.argmax(before[channel])), channel
        return frame, channel

    def _score(self, channel: int, begin: int, end: int) -> Floats:
        """Return the evidence in the short and in the long window, all bands together, shape (2, frames)."""
        held = np.arange(begin - self._energies_start, end - self._energies_start)
        floor, freedom = self._backgrounds[channel][:, :, held // CHUNK]
        energies = self._energies[channel, :, held[0] : held[-1] + 1]
        against = candidates.reference(energies, floor)
        evidence = (
            candidates.log_likelihood(energies, against, self._counts, freedom, length) for length in (SHORT, LONG)
        )
        return np.array([each.sum(axis=0) for each in evidence])

    def _locate(self, found: list[tuple[int, int, int, float]]) -> list[Onset]:
        """Return the onsets of short sounds, given by frame, channel, frames of the window, and evidence."""
        octaves: dict[int, int] = {}
        columns = np.array(found).reshape(-1, 4).T
        frames, channels, lengths = columns[:3].astype(np.intp)
        for channel in set(channels.tolist()):
            here = np.flatnonzero(channels == channel)
            bands = self._contrast(channel, frames[here], lengths[here], candidates.FLOOR)
            disturbed = columns[3, here] < ALONE * bands.sum(axis=1)  # an earlier sound fills some octaves
            if disturbed.any():
                other = here[disturbed]
                bands[disturbed] = self._contrast(channel, frames[other], lengths[other], verification.BEFORE)
            clear = bands >= 0.25 * bands.max(axis=1, keepdims=True)
            octaves.update(zip(here.tolist(), (clear.argmax(axis=1) + 1).tolist(), strict=True))
        return [self._pick(*each, octaves[place]) for place, each in enumerate(found)]

    def _pick(self, frame: int, channel: int, reach: int, evidence: float, octave: int) -> Onset:
        """Return the onset at the sample where the variance of an octave changes.

        The octave is the highest with a quarter of the maximum evidence.
        """
        begin = max((frame - self._reach - 1) * self.frame - self._samples_start, 0)
        end = (frame + reach + 1) * self.frame - self._samples_start
        stretch = self._samples[channel, begin:end]
        picked = begin + candidates.pick_onset(octave_detail(stretch, octave)) + 2 ** (octave - 1) // 2
        sample = min(picked, self._samples.shape[1] - 1) + self._samples_start
        return Onset(sample, channel, evidence, self._floor_power(frame, channel))

    def _floor_power(self, frame: int, channel: int) -> float:
        """Return the power of the background in a frame, all bands together."""
        return float(self._backgrounds[channel, 0, :, (frame - self._energies_start) // CHUNK].sum()) / self.frame

    def _complete(self, *, last: bool) -> list[Sound]:
        """Return the sounds whose clip and following onset are known."""
        onsets = candidates.merge_close(self._onsets, self._separation)
        ready = len(onsets) if last else sum(onset.sample < self.settled for onset in onsets)
        kept = [
            onset for index, onset in enumerate(onsets[:ready]) if not self._is_artifact(onset, onsets[index + 1 :])
        ]
        self._onsets = onsets[ready:]
        following = [onset.sample for onset in (*kept[1:], *self._onsets[:1])] + [None]
        return [self._sound(*each) for each in zip(kept, following, strict=False)]

    def _is_artifact(self, onset: Onset, later: list[Onset]) -> bool:
        """Return True for an onset that is no sound: the pre-echo of a later one, or a step after digital silence."""
        places = [(each.sample - self._samples_start, each.channel) for each in (onset, *later)]
        return is_step(self._samples, *places[0], self.sample_rate) or is_pre_echo(
            self._samples, places[0][0], places[1:], self.sample_rate, lossy=self._lossy
        )

    def _sound(self, onset: Onset, following: int | None) -> Sound:
        rate = self.sample_rate
        clip_start = max(onset.sample - round(BEFORE_S * rate), self._samples_start)
        channel = self._samples[onset.channel]
        clip = channel[clip_start - self._samples_start :][: onset.sample - clip_start + round(AFTER_S * rate)].copy()
        at = onset.sample - clip_start
        level = float(np.var(clip[at : at + round(LEVEL_S * rate)], dtype=np.float64))
        end = self._end(onset, following)
        centered = np.abs(clip[at : max(end - clip_start, at + 1)] - clip.mean())
        peak = int(np.argmax(centered))
        snr_db = 10 * float(np.log10(max(level, 1e-20) / onset.floor_power))
        peak_dbfs = 20 * float(np.log10(max(float(centered[peak]), 1e-10)))
        event = Event(onset.sample, onset.sample + peak, end, rate, onset.channel + 1, snr_db, peak_dbfs)
        inside = following is not None and following < clip_start + len(clip)
        return Sound(event, clip, clip_start, following if inside else None)

    def _end(self, onset: Onset, following: int | None) -> int:
        """Return the end: energy down by 20 dB or in the floor, the next event, or 250 ms after the onset."""
        first = self._energies_start
        frame = onset.sample // self.frame - first
        reach = round(LONGEST_S * self.sample_rate) // self.frame
        begin = max(frame - SHORT + 1, 0)
        energy = self._energies[onset.channel, :, begin : min(frame + reach, self._frames - first)].sum(axis=0)
        power = candidates.moving_sum(energy, SHORT)[frame - begin :] / SHORT
        loudest = int(np.argmax(power[:LONG]))
        quiet = max(float(power[loudest]) * FALL, 2 * onset.floor_power * self.frame)
        below = np.flatnonzero(power[loudest:] <= quiet)
        frames = loudest + int(below[0]) if len(below) else len(power)
        recorded = self._samples_start + self._samples.shape[1]
        end = min((frame + first + max(frames, 1)) * self.frame, recorded)
        return max(min(end, following) if following is not None else end, onset.sample + 1)
