"""The streaming detector: blocks of samples in, short sounds out, each with the clip that holds it.

Samples are gathered into chunks of a fixed number of frames whatever the size of the blocks, so the same recording
gives the same sounds, to the sample, however it arrives. A sound is handed out once everything it needs has been
heard: its clip, and the onset that follows it. Memory is bounded by two chunks.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import numpy as np

from popclass.detection.bands import BandSplitter, Floats, coefficients, frame_length
from popclass.detection.candidates import (
    LONG,
    SHORT,
    Sensitivity,
    background,
    hot_span,
    log_likelihood,
    moving_sum,
    proposals,
    reference,
)
from popclass.detection.onset import Onset, merge_close, octave_detail, pick_onset
from popclass.errors import UsageError
from popclass.results import Event

CHUNK = 1024  # frames decided at a time: 1.4 s
CONTEXT = 128  # frames before them that the reference looks at
UNDECIDED = 16  # frames at the end of a chunk whose neighbours have not been heard
SEPARATION_S = 0.005  # onsets closer than this are one event
CLOSEST_S, FARTHEST_S = 0.002, 0.050  # what can be asked for instead
REACH = 2  # frames on either side of which an onset must be the clearest; just under 3 ms
BEFORE_S, AFTER_S = 0.030, 0.160  # how much of a sound's surroundings its clip holds
LEVEL_S = 0.010  # the stretch after the onset over which snr_db is measured
LONGEST_S = 0.250  # no event is longer
FALL = 0.01  # an event ends where its energy has fallen by 20 dB


@dataclass(frozen=True, slots=True)
class Sound:
    """A detected event with the samples around it.

    Attributes
    ----------
    event : Event
        Position and level are known, nothing else.
    clip : ndarray, shape (n,), float32
        The event's channel from 30 ms before the onset to 160 ms after it, less where the recording ends.
    clip_start : int
        Position of the clip's first sample in the recording.
    next_onset : int or None
        Where the following event begins, if that lies inside the clip.
    """

    event: Event
    clip: Floats
    clip_start: int
    next_onset: int | None


class Detector:
    """Finds short sounds in a stream.

    Parameters
    ----------
    sample_rate : int
        In hertz.
    channels : int
    setting : Sensitivity
        The default serves every recording.
    separation_s : float
        The border between one event with several peaks and several events: onsets less than this apart, in seconds,
        are one event, that of the clearest. 0.002 to 0.050; models are trained with the default, 0.005. Below it a
        second peak within one crack becomes an event of its own more often (`docs/detection.md` counts them).

    Raises
    ------
    UsageError
        If `separation_s` is outside what is allowed.

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
        self,
        sample_rate: int,
        channels: int,
        setting: Sensitivity | None = None,
        *,
        separation_s: float = SEPARATION_S,
    ) -> None:
        if not CLOSEST_S <= separation_s <= FARTHEST_S:
            raise UsageError(f"separation_s {separation_s} is out of range: allowed is {CLOSEST_S} to {FARTHEST_S} s")
        self._separation = round(separation_s * sample_rate)
        self._reach = REACH if separation_s >= SEPARATION_S else 1
        self.sample_rate = sample_rate
        self.channels = channels
        self.setting = setting if setting is not None else Sensitivity()
        self.frame = frame_length(sample_rate)
        self._counts = coefficients(self.frame)
        self.chunk = CHUNK * self.frame  # samples decided at a time
        self._waiting: list[Floats] = []
        self._waiting_samples = 0
        self._splitters = [BandSplitter(self.frame) for _ in range(channels)]
        self._samples = np.zeros((channels, 0), np.float32)  # what may still be cut into clips
        self._ahead = np.zeros((channels, 0), np.float32)  # what follows it, joined to it once something is heard
        self._samples_start = 0
        # the energies of the chunk before the newest one and of the newest; a floor and a freedom for each of the two
        self._energies = np.zeros((channels, len(self._counts), 0), np.float32)
        self._floors = np.full((channels, len(self._counts), 2), np.inf, np.float32)
        self._freedom = np.zeros((channels, len(self._counts), 2), np.float32)
        self._newest = 0  # frames of the newest chunk
        self._frames = 0  # frames analysed
        self._decided = 0  # frames decided
        self._onsets: list[Onset] = []

    def feed(self, block: Floats) -> list[Sound]:
        """Take the next samples.

        Parameters
        ----------
        block : ndarray, shape (n, channels), float32
            Any number of samples, finite.

        Returns
        -------
        list of Sound
            The sounds that are complete by now, in order of onset.
        """
        self._waiting.append(np.asarray(block, np.float32))
        self._waiting_samples += len(block)
        found: list[Sound] = []
        if self._waiting_samples >= self.chunk:
            gathered = self._waiting[0] if len(self._waiting) == 1 else np.concatenate(self._waiting)
            whole = len(gathered) // self.chunk * self.chunk
            for start in range(0, whole, self.chunk):
                found += self._advance(np.ascontiguousarray(gathered[start : start + self.chunk].T), last=False)
            self._waiting = [gathered[whole:].copy()] if whole < len(gathered) else []
            self._waiting_samples = len(gathered) - whole
        return found

    def flush(self) -> list[Sound]:
        """The sounds that were still waiting for more; the stream ends here."""
        rest = np.concatenate(self._waiting) if self._waiting else np.zeros((0, self.channels), np.float32)
        self._waiting, self._waiting_samples = [], 0
        return self._advance(np.ascontiguousarray(rest.T), last=True)

    def peek(self) -> list[Sound]:
        """What `flush` would give now; the stream goes on as if nothing had been asked.

        The floor of these sounds is that of a shorter stretch than it will be, and their clips end here: what is said
        of them may change.
        """
        twin = copy(self)  # arrays are replaced, never written into; what is changed in place is copied
        twin._splitters = [splitter.twin() for splitter in self._splitters]
        twin._onsets = list(self._onsets)
        return twin.flush()

    @property
    def settled(self) -> int:
        """All sounds with an onset before this sample have been handed out, if `flush` was not called."""
        return max(self._decided * self.frame - self._margin, 0)

    @property
    def _margin(self) -> int:
        """Samples before the last decided one in which a sound still waits for its end or the onset after it."""
        return round(LONGEST_S * self.sample_rate) + UNDECIDED * self.frame

    def _advance(self, samples: Floats, *, last: bool) -> list[Sound]:
        self._ahead = samples
        self._analyse(samples)
        until = self._frames if last else self._frames - UNDECIDED
        self._onsets += self._decide(until)
        sounds = self._hand_out(last=last)
        self._forget()
        return sounds

    def _analyse(self, samples: Floats) -> None:
        """Band energies and floors of the new samples; an unfinished frame is filled with its last sample."""
        missing = -samples.shape[1] % self.frame
        if missing:
            samples = np.concatenate([samples, np.repeat(samples[:, -1:], missing, axis=1)], axis=1)
        if not samples.shape[1]:
            return
        fresh = np.array([splitter.split(each) for splitter, each in zip(self._splitters, samples, strict=True)])
        self._energies = np.concatenate([self._energies[:, :, -CHUNK:], fresh], axis=2)
        backgrounds = [background(each, self._counts, self.frame, self.setting) for each in self._energies]
        floors, freedom = (np.array(each) for each in zip(*backgrounds, strict=True))
        self._floors = np.concatenate([self._floors[:, :, 1:], floors], axis=2)
        self._freedom = np.concatenate([self._freedom[:, :, 1:], freedom], axis=2)
        self._newest = fresh.shape[2]
        self._frames += self._newest

    def _decide(self, until: int) -> list[Onset]:
        """Onsets among the frames that are undecided and lie before `until`."""
        if until <= self._decided:
            return []
        first_held = self._frames - self._energies.shape[2]
        hot = self._hot_span(self._energies[:, :, self._decided - first_held :])
        if hot is None:
            self._decided = until
            return []
        self._join()
        begin = max(self._decided + hot[0] - CONTEXT, first_held)
        span = slice(begin - first_held, self._decided - first_held + hot[1] + LONG)
        scores = [
            self._score(*(each[:, span] for each in channel))
            for channel in zip(self._energies, *self._by_frame(), strict=True)
        ]
        short = np.stack([each[0].sum(axis=0) for each in scores])
        long = np.stack([each[1].sum(axis=0) for each in scores])
        onsets = []
        for frame, quick in proposals(short.max(axis=0), long.max(axis=0), self.setting.threshold, reach=self._reach):
            if not self._decided <= frame + begin < until:
                continue
            channel = int(np.argmax((short if quick else long)[:, frame]))
            evidence = scores[channel][0 if quick else 1][:, frame]
            onsets.append(self._locate(frame + begin, channel, evidence, quick=quick))
        self._decided = until
        return onsets

    def _hot_span(self, energies: Floats) -> tuple[int, int] | None:
        """The stretch outside which no channel can hold an onset."""
        spans = [
            hot_span(*channel, self._counts, self.setting.threshold)
            for channel in zip(energies, self._floors.min(axis=2), self._freedom.max(axis=2), strict=True)
        ]
        hot = [span for span in spans if span is not None]
        return (min(first for first, _ in hot), max(last for _, last in hot)) if hot else None

    def _join(self) -> None:
        if self._ahead.shape[1]:
            self._samples = np.concatenate([self._samples, self._ahead], axis=1)
            self._ahead = self._ahead[:, :0]

    def _by_frame(self) -> list[Floats]:
        """Floors and freedoms for each frame whose energies are held."""
        spans = [self._energies.shape[2] - self._newest, self._newest]
        return [np.repeat(each, spans, axis=2) for each in (self._floors, self._freedom)]

    def _score(self, energies: Floats, floors: Floats, freedom: Floats) -> tuple[Floats, Floats]:
        against = reference(energies, floors, self.setting)
        short = log_likelihood(energies, against, self._counts, freedom, SHORT)
        return short, log_likelihood(energies, against, self._counts, freedom, LONG)

    def _locate(self, frame: int, channel: int, evidence: Floats, *, quick: bool) -> Onset:
        """The onset's sample, from the highest octave that carries a good part of the evidence."""
        octave = int(np.flatnonzero(evidence >= 0.25 * evidence.max())[0]) + 1
        reach = SHORT if quick else LONG
        begin = max((frame - self._reach - 1) * self.frame - self._samples_start, 0)
        end = (frame + reach + 1) * self.frame - self._samples_start
        stretch = self._samples[channel, begin:end]
        half = 2 ** (octave - 1)
        heard = self._samples.shape[1]
        sample = min(begin + pick_onset(octave_detail(stretch, octave)) + half // 2, heard - 1) + self._samples_start
        floor = float(self._floors[channel, :, int(frame >= self._frames - self._newest)].sum()) / self.frame
        return Onset(sample, channel, float(evidence.sum()), floor)

    def _hand_out(self, *, last: bool) -> list[Sound]:
        """The sounds of which the clip and the following onset are known."""
        if not self._onsets:
            return []
        self._join()
        horizon = self._decided * self.frame - self._margin
        onsets = merge_close(self._onsets, self._separation)
        ready = len(onsets) if last else sum(onset.sample < horizon for onset in onsets)
        following = [onset.sample for onset in onsets[1:]] + [None]
        sounds = [self._sound(*each) for each in zip(onsets[:ready], following[:ready], strict=True)]
        self._onsets = onsets[ready:]
        return sounds

    def _sound(self, onset: Onset, following: int | None) -> Sound:
        rate = self.sample_rate
        clip_start = max(onset.sample - round(BEFORE_S * rate), self._samples_start)
        channel = self._samples[onset.channel]
        clip = channel[clip_start - self._samples_start :][: onset.sample - clip_start + round(AFTER_S * rate)].copy()
        at = onset.sample - clip_start
        level = float(np.var(clip[at : at + round(LEVEL_S * rate)], dtype=np.float64))
        end = self._end(onset, following)
        centred = np.abs(clip[at : max(end - clip_start, at + 1)] - clip.mean())
        peak = int(np.argmax(centred))
        event = Event(
            onset=onset.sample,
            peak=onset.sample + peak,
            end=end,
            sample_rate=rate,
            channel=onset.channel + 1,
            snr_db=10 * float(np.log10(max(level, 1e-20) / onset.floor_power)),
            peak_dbfs=20 * float(np.log10(max(float(centred[peak]), 1e-10))),
        )
        inside = following is not None and following < clip_start + len(clip)
        return Sound(event, clip, clip_start, following if inside else None)

    def _end(self, onset: Onset, following: int | None) -> int:
        """Where the energy has fallen by 20 dB or into the floor, the next event begins, or 250 ms are over."""
        first = self._frames - self._energies.shape[2]
        frame = onset.sample // self.frame - first
        reach = round(LONGEST_S * self.sample_rate) // self.frame
        power = moving_sum(self._energies[onset.channel].sum(axis=0)[None], SHORT)[0, frame : frame + reach] / SHORT
        loudest = int(np.argmax(power[:LONG]))
        quiet = max(float(power[loudest]) * FALL, 2 * onset.floor_power * self.frame)
        below = np.flatnonzero(power[loudest:] <= quiet)
        frames = loudest + int(below[0]) if len(below) else len(power)
        recorded = self._samples_start + self._samples.shape[1]
        end = min((frame + first + max(frames, 1)) * self.frame, recorded)
        return max(min(end, following) if following is not None else end, onset.sample + 1)

    def _forget(self) -> None:
        """Drop the samples that no clip can need any more."""
        needed = min([self._decided * self.frame, *(onset.sample for onset in self._onsets)])
        keep = max(needed - round(BEFORE_S * self.sample_rate) - 2 * UNDECIDED * self.frame, self._samples_start)
        drop = keep - self._samples_start - self._samples.shape[1]
        if drop < 0:
            self._join()
            self._samples = self._samples[:, keep - self._samples_start :].copy()
        else:
            self._samples, self._ahead = self._ahead[:, drop:].copy(), self._ahead[:, :0]
        self._samples_start = keep
