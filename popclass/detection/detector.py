"""Streaming detector: blocks of samples in, short sounds out, each with the samples around it.

Samples are collected into chunks of a fixed number of frames, so that the same recording gives the same sounds, to the
sample, whatever the size of the blocks. A sound is returned once its clip and the onset after it are known. All chunks
of a block are analyzed together, which is faster than one by one; then only those that can hold an onset are searched.
Memory is bounded by the block and two chunks.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from popclass.audio.recording import MAX_CHANNELS, MAX_RATE, MIN_RATE
from popclass.detection import candidates
from popclass.detection.artifacts import HUM_S, is_hum, is_pre_echo, is_step
from popclass.detection.bands import BandSplitter, Floats
from popclass.detection.candidates import Onset
from popclass.detection.search import CONTEXT, UNDECIDED, OnsetSearch, Windows
from popclass.detection.sounds import BEFORE_S, LONGEST_S, Sound, make_sounds
from popclass.errors import UsageError
from popclass.utils.checks import as_array, check_number

Flags = NDArray[np.bool_]
CHUNK = 1024  # frames decided at a time: 1.4 s
AT_ONCE = 4  # windows searched together: more do not fit into the cache
SEPARATION_S = 0.005  # onsets closer than this are one event
CLOSEST_S, FARTHEST_S = 0.002, 0.050  # allowed separations
REACH = 2  # frames on either side among which an onset must be the maximum; just under 3 ms
LATEST_S = 2.5  # by which a sound is returned after its onset, at every sample rate


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
        self._search = OnsetSearch(sample_rate, REACH if separation_s >= SEPARATION_S else 1)
        self.frame = self._search.frame
        self._lossy = lossy
        self.chunk = CHUNK * self.frame  # samples decided at a time
        self._separation = round(separation_s * sample_rate)
        # samples before the last decided one in which a sound may lack its end or the onset after it
        self._margin = round(LONGEST_S * sample_rate) + UNDECIDED * self.frame
        self._splitters = [BandSplitter(self.frame) for _ in range(channels)]
        self._waiting = np.zeros((0, channels), np.float32)  # less than a chunk
        self._samples = np.zeros((channels, 0), np.float32)  # may still be cut into clips
        self._samples_start = 0
        # energies of the chunks of the last block and the one before them; floor and degrees of freedom of each chunk
        bands = len(self._search.counts)
        self._energies = np.zeros((channels, bands, 0), np.float32)
        self._energies_start = 0  # frame
        self._backgrounds = np.zeros((2, bands, 0, channels), np.float32)
        self._frames = 0  # frames that can be used to decide
        self._decided = 0  # frames decided
        self._onsets: list[Onset] = []  # not yet complete
        self._earlier: list[int] = []  # samples of complete onsets, sounds or not, to which a hum is compared

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
        parts = self._analyze(fresh, last=last)
        if last or self._onsets or any(possible.any() for _, possible in parts):
            self._samples = np.concatenate([self._samples, fresh], axis=1)
        else:  # no earlier sample is needed: this spares most of a recording the copy
            self._samples_start, self._samples = self._samples_start + self._samples.shape[1], fresh
        ready: list[tuple[Onset, int | None]] = []
        for windows, possible in parts:
            groups = np.split(places := possible.nonzero()[0], range(AT_ONCE, len(places), AT_ONCE))
            parts_found = (
                self._search.find(windows.select(group), self._samples, self._samples_start) for group in groups
            )
            found = chain.from_iterable(parts_found)
            for self._decided, some in zip(windows.until.tolist(), possible.tolist(), strict=True):
                if some:
                    self._onsets = self._onsets + next(found)
                if self._onsets:
                    ready += self._complete(last=last)
        held = self._energies, self._energies_start
        sounds = make_sounds(ready, self._samples, self._samples_start, *held, self.sample_rate)
        # delete the samples that no later clip can need
        needed = min([self._decided * self.frame, *(onset.sample for onset in self._onsets)])
        before = round((BEFORE_S + HUM_S) * self.sample_rate) + 2 * UNDECIDED * self.frame
        keep = max(needed - before, self._samples_start)
        keep -= keep % self.frame
        self._samples = self._samples[:, keep - self._samples_start :].copy()
        self._samples_start = keep
        return sounds

    def _analyze(self, samples: Floats, *, last: bool) -> list[tuple[Windows, Flags]]:
        """Add band energies and backgrounds of new samples; an incomplete frame is filled with its last sample.

        Returns
        -------
        list of (Windows, ndarray of bool)
            Those in which the onsets of the new chunks are searched, in order, and False where there is certainly none.
        """
        if missing := -samples.shape[1] % self.frame:
            samples = np.pad(samples, ((0, 0), (0, missing)), mode="edge")
        whole, rest = divmod(samples.shape[1] // self.frame, CHUNK)
        single = CHUNK if whole and not self._frames else rest  # the first chunk and the last are of their own length
        pairs = (whole * CHUNK + rest - single) // CHUNK  # other chunks, each with the one before it
        if samples.shape[1]:
            fresh = np.array([splitter.split(each) for splitter, each in zip(self._splitters, samples, strict=True)])
            self._energies = np.concatenate([self._energies[:, :, -CHUNK:], fresh], axis=2)
            self._frames += fresh.shape[2]
            self._energies_start = self._frames - self._energies.shape[2]
        backgrounds = [self._backgrounds[:, :, -1:]]
        if single:
            first = self._energies[:, :, : self._energies.shape[2] - pairs * CHUNK]
            backgrounds.append(self._background(first[:, None]))
        if pairs:
            view = np.lib.stride_tricks.sliding_window_view(self._energies, 2 * CHUNK, axis=2)[:, :, ::CHUNK]
            backgrounds.append(self._background(view.swapaxes(1, 2)))
        self._backgrounds = np.concatenate(backgrounds, axis=2)
        return list(self._windows(single, pairs, 0 if last else UNDECIDED)) if self._frames else []

    def _windows(self, single: int, pairs: int, undecided: int) -> Iterator[tuple[Windows, Flags]]:
        """Yield the windows of new chunks: one of its own length, where `single` is not 0, and then `pairs` others."""
        chunks = self._backgrounds.shape[2]
        background = np.stack(
            [self._backgrounds[:, :, np.maximum(np.arange(chunks) - 1, 0)], self._backgrounds], axis=-1
        )
        energies = self._energies.swapaxes(0, 1)[:, None]
        if single or not pairs:
            end = self._frames - pairs * CHUNK
            begin = max(self._decided - CONTEXT, 0)
            held = energies[..., begin - self._energies_start : end - self._energies_start]
            own = background[:, :, chunks - pairs - 1 : chunks - pairs]
            boundary = max(end - (single or CHUNK) - begin, 0)
            until = end - undecided
            first, begins, untils = self._decided - begin, np.array([begin]), np.array([until])
            yield self._search.narrow(Windows(held, own, boundary, first, until - begin, begins, untils))
        if pairs:
            size = CHUNK + UNDECIDED + CONTEXT
            held = np.lib.stride_tricks.sliding_window_view(energies, size, axis=-1)
            held = held[:, 0, :, CHUNK - UNDECIDED - CONTEXT :: CHUNK].swapaxes(1, 2)
            begins = self._frames - CHUNK * np.arange(pairs, 0, -1) - UNDECIDED - CONTEXT
            last = size - undecided
            windows = Windows(held, background[:, :, -pairs:], size - CHUNK, CONTEXT, last, begins, begins + last)
            yield windows, self._search.may_hold_onsets(windows)

    def _background(self, energies: Floats) -> Floats:
        """Return floor and degrees of freedom, shape (2, bands, chunks, channels), of (channels, chunks, bands, n)."""
        return np.stack([each[..., 0].T for each in candidates.background(energies, self._search.counts)])

    def _complete(self, *, last: bool) -> list[tuple[Onset, int | None]]:
        """Return the onsets whose clip and following onset are known, and the sample of the latter."""
        onsets = candidates.merge_close(self._onsets, self._separation)
        places = [*self._earlier, *(onset.sample for onset in onsets)]
        done = len(self._earlier)
        sounds = [each for index, each in enumerate(onsets) if not self._is_hum(each, places[: done + index])]
        ready = len(onsets) if last else sum(onset.sample < self.settled for onset in onsets)
        self._onsets = onsets[ready:]
        oldest = self.settled - round(HUM_S * self.sample_rate)
        self._earlier = [each for each in places[: done + ready] if each >= oldest]
        complete = len(sounds) if last else sum(sound.sample < self.settled for sound in sounds)
        kept = [
            sound for index, sound in enumerate(sounds[:complete]) if not self._is_artifact(sound, sounds[index + 1 :])
        ]
        following = [sound.sample for sound in (*kept[1:], *sounds[complete : complete + 1])] + [None]
        return list(zip(kept, following, strict=False))

    def _is_hum(self, onset: Onset, earlier: list[int]) -> bool:
        """Return True for an onset that is a pulse of a hum."""
        start = self._samples_start
        places = [each - start for each in earlier]
        return is_hum(self._samples, onset.sample - start, onset.channel, places, self.sample_rate)

    def _is_artifact(self, onset: Onset, later: list[Onset]) -> bool:
        """Return True for an onset that is no sound: the pre-echo of a later one, or a step after digital silence."""
        places = [(each.sample - self._samples_start, each.channel) for each in (onset, *later)]
        return is_step(self._samples, *places[0], self.sample_rate) or is_pre_echo(
            self._samples, places[0][0], places[1:], self.sample_rate, lossy=self._lossy
        )
