"""A stream of samples to labelled events, as they come.

The detector decides 1.4 s at a time, so that its floor is that of a long stretch. A listener does not wait for it:
every 32 ms it looks at what has been heard since, and reports a sound once it is over and 80 ms of it have been heard,
with the label of the sound alone (revision 0). When the detector has decided, the event comes again if anything about
it has changed; and once more whenever its company or the timeline changes its answer. A number always means the event
that bears it in the end: where a closer look finds one more or one less, later ones change places, each with a new
revision, and a number that is nothing any more is withdrawn.

What is reported depends on the samples alone, not on the blocks they come in. The last revisions are what
`popclass.classify` says of the whole recording, to the decimals that are written.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.audio.decode import ArrayDecoder, Block
from popclass.audio.quality import SampleCheck
from popclass.audio.recording import MAX_CHANNELS, MAX_RATE, MIN_RATE
from popclass.detection import Detector, Sound
from popclass.errors import AudioError, UsageError
from popclass.features import extract
from popclass.model.model import Model
from popclass.pipeline import load_model
from popclass.postprocess import LabelRules, Metadata
from popclass.streaming import session
from popclass.streaming.records import LiveEvent
from popclass.streaming.session import Belonging, History
from popclass.streaming.tracker import EventTracker
from popclass.timing.sites import lookup

PEEK_FRAMES = 24  # frames of the detector between two glances: 32 ms
LEAST_S = 0.080  # of a sound, from its onset on, before it is reported
AFTER_END_S = 0.025  # after its end: what the detector needs to see of the frames that follow


class Listener:
    """Detect and label the events of a stream.

    Parameters
    ----------
    sample_rate : int
        In hertz, 8000-192000.
    channels : int
        1-8.
    model, site, cavities, refractory, subject, min_probability
        As `popclass.classify`.
    recorded_at : datetime, optional
        When the stream begins; needed to resume or save a session.
    resume : path or Listener, optional
        A session file that `save_session` wrote, or a listener that was closed: the refractory clock runs on from
        there. Where it is not known when both streams began, this one is taken to follow without a gap.

    Raises
    ------
    UsageError
        If something is outside what is allowed, or the session is damaged or belongs to something else.

    Examples
    --------
    >>> import numpy as np
    >>> samples = np.random.default_rng(0).normal(0, 0.001, 96_000).astype(np.float32)
    >>> samples[48_000:48_048] += np.hanning(48) * np.sin(np.arange(48))
    >>> listener = Listener(sample_rate=48_000)
    >>> heard = [event for block in np.split(samples, 100) for event in listener.feed(block)]
    >>> [(event.event, event.revision, round(event.start_s, 2)) for event in heard][:1]
    [(1, 0, 1.0)]
    >>> _ = listener.close()
    """

    def __init__(
        self,
        sample_rate: int = 48_000,
        *,
        channels: int = 1,
        model: Model | str | os.PathLike[str] | None = None,
        site: str | None = None,
        cavities: int | None = None,
        refractory: float | None = None,
        subject: str | None = None,
        recorded_at: datetime | None = None,
        min_probability: float | None = None,
        resume: str | os.PathLike[str] | Listener | None = None,
    ) -> None:
        self._refuse(sample_rate, channels)
        self.sample_rate, self.channels = sample_rate, channels
        self.model = load_model(model)
        site = None if site is None else lookup(site).name
        around = Metadata(site=site, subject=subject, cavities=cavities, recorded_at=recorded_at)
        self.metadata, self.capacity = around, around.capacity
        rules = LabelRules.of(
            self.model, site=site, capacity=self.capacity, refractory_s=refractory, min_probability=min_probability
        )
        self.refractory_s = rules.refractory_s
        history = History.none(len(self.model.classes)) if resume is None else self._resumed(resume)
        self._tracker = EventTracker(self.model, sample_rate, rules, history)
        self._detector = Detector(sample_rate, channels)
        self._check = SampleCheck(sample_rate, channels)
        self._peek_samples = PEEK_FRAMES * self._detector.frame
        self._provisional: list[tuple[Sound, NDArray[np.float64]]] = []
        self._received = 0
        self._closed = False
        self.warnings: tuple[str, ...] = ()

    @property
    def time_s(self) -> float:
        """Length of the stream so far in seconds; all times count from its start."""
        return self._received / self.sample_rate

    @property
    def rest_s(self) -> float:
        """Seconds until a joint cavity could pop again, by the present labels; 0 where one could."""
        return self._tracker.wait_s(self.time_s)

    @property
    def stretch(self) -> int:
        """Samples that the detector decides on at a time."""
        return self._detector.chunk

    @property
    def settled(self) -> int:
        """Events with an onset before this sample keep their numbers and positions."""
        return self._received if self._closed else self._detector.settled

    @property
    def open_events(self) -> int:
        """Number of events held because they may change, or matter to later events."""
        return self._tracker.pending

    @property
    def final_events(self) -> int:
        """Events up to this number will not be reported again."""
        return self._tracker.events if self._closed else self._tracker.final_events

    def feed(self, block: NDArray[Any]) -> list[LiveEvent]:
        """Take the next samples.

        Parameters
        ----------
        block : ndarray, shape (n,) or (n, channels)
            Any number of samples; floats with full scale 1, or integers of which full scale is that of their type.

        Returns
        -------
        list of LiveEvent
            What is new: events that are over, with revision 0, and earlier ones of which the answer changed.

        Raises
        ------
        AudioError
            If a sample is no finite number, before anything of the block is taken.
        UsageError
            If the block has another shape, or the listener was closed.
        """
        samples = self._samples(block)
        self._check.feed(samples)
        news: list[LiveEvent] = []
        start = 0
        while start < len(samples):
            part = samples[start : start + self._peek_samples - self._received % self._peek_samples]
            start += len(part)
            news += self._advance(part)
        return news

    def close(self) -> list[LiveEvent]:
        """End the stream and return the last reports; closing again returns an empty list."""
        if self._closed:
            return []
        news = [*self._settle(self._detector.flush(), last=True), *self._report_provisional()]
        self._closed = True
        try:
            self.warnings = tuple(self._check.finish())
        except AudioError as error:
            self.warnings = (str(error),)
        return news

    def save_session(self, path: str | os.PathLike[str]) -> None:
        """Keep the refractory clock in a file, for a later `resume`; usually after `close`.

        Raises
        ------
        UsageError
            If it is not known when the stream began.
        OutputError
            If the file cannot be written.
        """
        began = self._began("to save a session")
        ended = began + timedelta(seconds=self.time_s)
        session.save(path, self._belonging(), self._tracker.history(), began, ended)

    def _advance(self, part: Block) -> Iterator[LiveEvent]:
        """Take samples up to the next glance at most."""
        self._received += len(part)
        sounds = self._detector.feed(part)
        if sounds or (self._provisional and self._provisional[0][0].event.onset < self._detector.settled):
            yield from self._settle(sounds, last=False)
            yield from self._report_provisional()
        if self._received % self._peek_samples == 0 and self._look():
            yield from self._report_provisional()

    def _settle(self, sounds: list[Sound], *, last: bool) -> Iterator[LiveEvent]:
        """Sounds that the detector has decided on take their numbers; what was glimpsed of that stretch is over."""
        if sounds:
            features = extract(sounds, self.model.frontend)
            self._tracker.add([sound.event for sound in sounds], features)
        until = max(self._detector.settled, sounds[-1].event.onset + self._separation if sounds else 0)
        self._provisional = [] if last else [each for each in self._provisional if each[0].event.onset >= until]
        yield from self._tracker.update(self._received if last else self._detector.settled, last=last)

    def _look(self) -> bool:
        """Glance at what the detector has not decided; whether a sound is over that was not seen before."""
        after = self._provisional[-1][0].event.onset + self._separation if self._provisional else self._detector.settled
        seen = [sound for sound in self._detector.peek() if sound.event.onset >= after and self._is_over(sound)]
        if seen:
            self._provisional += zip(seen, extract(seen, self.model.frontend), strict=True)
        return bool(seen)

    def _is_over(self, sound: Sound) -> bool:
        event, rate = sound.event, self.sample_rate
        return self._received >= max(event.onset + LEAST_S * rate, event.end + AFTER_END_S * rate)

    def _report_provisional(self) -> Iterator[LiveEvent]:
        features = [each for _, each in self._provisional]
        table = np.array(features) if features else np.zeros((0, len(self.model.features)))
        yield from self._tracker.report_provisional([sound.event for sound, _ in self._provisional], table)

    @property
    def _separation(self) -> int:
        return round(0.005 * self.sample_rate)

    def _samples(self, block: NDArray[Any]) -> Block:
        if self._closed:
            raise UsageError("this listener was closed; make a new one")
        block = np.asarray(block)
        if block.dtype.kind not in "fiu" or block.ndim not in (1, 2):
            raise UsageError(
                f"a block of shape {block.shape} and type {block.dtype}: allowed are floats and integers, (n,) or "
                f"(n, {self.channels})"
            )
        decoder = ArrayDecoder(block, self.sample_rate)
        if decoder.channels != self.channels:
            raise UsageError(f"a block has {decoder.channels} channels: this listener was made for {self.channels}")
        return decoder.read(len(block))

    def _resumed(self, before: str | os.PathLike[str] | Listener) -> History:
        if not isinstance(before, Listener):
            return session.load(before, self._belonging(), self._began("to resume a session"))
        if before._belonging() != self._belonging():
            raise UsageError("the listener to go on from has another model, subject or site")
        gap = before.time_s
        began, earlier = self.metadata.recorded_at, before.metadata.recorded_at
        if began is not None and earlier is not None:
            gap = max((began - earlier) / timedelta(seconds=1), gap)
        return before._tracker.history().later(gap)

    def _began(self, purpose: str) -> datetime:
        if self.metadata.recorded_at is None:
            raise UsageError(f"recorded_at is missing: say when the stream begins {purpose}")
        return self.metadata.recorded_at

    def _belonging(self) -> Belonging:
        around = self.metadata
        return Belonging(self.model.sha256, self.model.classes, around.subject, around.site)

    @staticmethod
    def _refuse(sample_rate: int, channels: int) -> None:
        if not MIN_RATE <= sample_rate <= MAX_RATE or int(sample_rate) != sample_rate:
            raise UsageError(f"sample_rate {sample_rate} is out of range: allowed are {MIN_RATE}-{MAX_RATE} Hz")
        if not 1 <= channels <= MAX_CHANNELS or int(channels) != channels:
            raise UsageError(f"channels {channels} is out of range: allowed are 1-{MAX_CHANNELS}")
