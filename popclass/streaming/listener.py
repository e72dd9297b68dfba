"""Live classification: blocks of samples to labelled events.

The detector decides on 1.4 s at a time, because its noise floor needs a long segment. The listener does not wait for
it: every 32 ms it looks for events in the undecided samples. It reports one after its end, once 80 ms of it have been
received, labelled by its sound alone (revision 0). This report is provisional. Another one follows if the detector's
decision differs, and whenever context or timeline change the label.

If the decision contains an event more or less, the numbers of the later events shift: each is reported again, and a
number without an event is withdrawn.

Reports depend on the samples only, not on the block size. The last revisions equal `popclass.classify` of the whole
recording, to the decimals that are written. There is one exception: class frequencies are estimated from the events so
far, and events that are final keep their labels.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.audio.decode import ArrayDecoder
from popclass.audio.quality import SampleCheck
from popclass.audio.recording import MAX_CHANNELS, MAX_RATE, MIN_RATE
from popclass.audio.timeline import Block
from popclass.detection import Detector, Sound
from popclass.detection.detector import SEPARATION_S
from popclass.errors import AudioError, UsageError
from popclass.features import extract
from popclass.label_rules import LabelRules
from popclass.metadata import Metadata
from popclass.model.model import Model
from popclass.pipeline import load_model
from popclass.schema import FROM_MODEL, PER_BURST
from popclass.streaming import session
from popclass.streaming.tracker import EventTracker, LiveEvent
from popclass.utils.checks import as_array, check_number, check_path
from popclass.utils.log import log_warnings

PEEK_FRAMES = 24  # frames of the detector between two searches for provisional events: 32 ms
MIN_RECEIVED_S = 0.080  # from the onset of a provisional event
AFTER_END_S = 0.025  # frames that the detector needs to find the end of an event


class Listener:
    """Detect and label the events of a stream.

    Parameters
    ----------
    sample_rate : int
        In Hz, 8000-192000.
    channels : int
        1-8.
    model, site, cavities, refractory, subject, min_probability, count_by, class_frequencies
        As `popclass.classify`.
    recorded_at : datetime, optional
        Start of the stream; needed to resume or save a session.
    resume : path or Listener, optional
        Session file of `save_session`, or a closed listener, whose timeline continues. Without the start of both
        streams, this one is assumed to follow without a gap.

    Raises
    ------
    UsageError
        If an option is out of range, or the session does not belong to these options: model, subject, site,
        `count_by`, `class_frequencies`.

    Examples
    --------
    >>> import numpy as np
    >>> samples = np.random.default_rng(0).normal(0, 0.001, 96_000).astype(np.float32)
    >>> samples[48_000:48_048] += np.hanning(48) * np.sin(np.arange(48))
    >>> listener = Listener(sample_rate=48_000)
    >>> reported = [event for block in np.split(samples, 100) for event in listener.feed(block)]
    >>> [(event.event, event.revision, round(event.start_s, 2)) for event in reported][:1]
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
        count_by: str = PER_BURST,
        class_frequencies: str = FROM_MODEL,
        resume: str | os.PathLike[str] | Listener | None = None,
    ) -> None:
        check_number(sample_rate, "sample_rate (Hz)", MIN_RATE, MAX_RATE, whole=True)
        check_number(channels, "channels", 1, MAX_CHANNELS, whole=True)
        self.sample_rate, self.channels = sample_rate, channels
        self.model = load_model(model)
        self.metadata = Metadata(site=site, subject=subject, cavities=cavities, recorded_at=recorded_at)
        capacity = self.metadata.capacity
        self.rules = LabelRules.of(
            self.model,
            site=site,
            capacity=capacity,
            refractory_s=refractory,
            min_probability=min_probability,
            count_by=count_by,
            class_frequencies=class_frequencies,
        )
        self._key: session.Key = {"model": self.model.sha256, "classes": list(self.model.classes)}
        self._key |= {"subject": subject, "site": self.metadata.site, "count_by": count_by}
        self._key["class_frequencies"] = class_frequencies
        history = session.History.empty(len(self.model.classes)) if resume is None else self._resumed(resume)
        self._tracker = EventTracker(self.model, sample_rate, self.rules, history)
        self._detector = Detector(sample_rate, channels)
        self.chunk = self._detector.chunk  # samples that the detector decides on at a time
        self._check = SampleCheck(sample_rate, channels)
        self._separation = round(SEPARATION_S * sample_rate)
        self._peek_samples = PEEK_FRAMES * self._detector.frame
        self._provisional: list[tuple[Sound, NDArray[np.float64]]] = []
        self._received, self._closed = 0, False
        self.warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open"
        found = f"{self._tracker.last.event} confirmed events"
        return f"<Listener {self.sample_rate} Hz, {state} at {self.time_s:.1f} s: {found}, model {self.model.name!r}>"

    @property
    def time_s(self) -> float:
        """Length of the stream so far in seconds; the times of events count from its start."""
        return self._received / self.sample_rate

    @property
    def rest_s(self) -> float:
        """Remaining refractory period in seconds, by the present labels; 0 if a joint cavity is free."""
        return self._tracker.wait_s(self.time_s)

    @property
    def frequencies(self) -> dict[str, float] | None:
        """Class frequencies estimated from the events so far; None where those of the training data apply."""
        return self._tracker.frequencies

    @property
    def confirmed_until(self) -> int:
        """Events with an onset before this sample keep their numbers and positions."""
        return self._received if self._closed else self._detector.settled

    @property
    def pending_events(self) -> int:
        """Number of events in memory because they may change, or matter to later events."""
        return len(self._tracker.rows)

    @property
    def final_events(self) -> int:
        """Events up to this number will not be reported again."""
        return self._tracker.last.event if self._closed else self._tracker.final_events

    def feed(self, block: NDArray[Any]) -> list[LiveEvent]:
        """Process the next samples.

        Parameters
        ----------
        block : ndarray, shape (n,) or (n, channels)
            Any number of samples: floats with full scale 1, or integers with the full scale of their type.

        Returns
        -------
        list of LiveEvent
            New events (revision 0) and new revisions of earlier ones.

        Raises
        ------
        AudioError
            If a sample is not finite; nothing of the block is processed.
        UsageError
            If the block has another shape or type, or the listener is closed.
        """
        samples = self._samples(block)
        self._check.feed(samples)
        first = self._peek_samples - self._received % self._peek_samples
        parts = np.split(samples, range(first, len(samples), self._peek_samples))
        return [event for part in parts for event in self._advance(part)]

    def close(self) -> list[LiveEvent]:
        """End the stream and return the last revisions; closing again returns an empty list."""
        if self._closed:
            return []
        events = list(self._confirm(self._detector.flush(), last=True))
        self._closed = True
        try:
            self.warnings = tuple(self._check.finish())
        except AudioError as error:
            self.warnings = (str(error),)
        if self._received:
            log_warnings("stream", self.warnings)
        return events

    def save_session(self, path: str | os.PathLike[str]) -> None:
        """Write the timeline to a file for a later `resume`, usually after `close`.

        Raises
        ------
        UsageError
            If `recorded_at` was not given.
        OutputError
            If the file cannot be written.
        """
        began = self._start("save")
        ended = began + timedelta(seconds=self.time_s)
        session.save(path, self._key, self._tracker.history(), began, ended)

    def _advance(self, part: Block) -> Iterator[LiveEvent]:
        """Process samples, at most up to the next search for provisional events."""
        self._received += len(part)
        sounds = self._detector.feed(part)
        if sounds or (self._provisional and self._provisional[0][0].event.onset < self._detector.settled):
            yield from self._confirm(sounds, last=False)
        if self._received % self._peek_samples == 0 and self._find_provisional():
            yield from self._report_provisional()

    def _confirm(self, sounds: list[Sound], *, last: bool) -> Iterator[LiveEvent]:
        """Replace provisional events by those that the detector has decided on, and report all that changed."""
        if sounds:
            features = extract(sounds, self.model.frontend)
            self._tracker.add([sound.event for sound in sounds], features)
        until = max(self._detector.settled, sounds[-1].event.onset + self._separation if sounds else 0)
        self._provisional = [] if last else [each for each in self._provisional if each[0].event.onset >= until]
        yield from self._tracker.update(self._received if last else self._detector.settled, last=last)
        yield from self._report_provisional()

    def _find_provisional(self) -> bool:
        """Look for events in the undecided samples; return True if one has ended that was not found before."""
        after = self._provisional[-1][0].event.onset + self._separation if self._provisional else self._detector.settled
        new = [sound for sound in self._detector.peek() if sound.event.onset >= after and self._has_ended(sound)]
        if new:
            self._provisional += zip(new, extract(new, self.model.frontend), strict=True)
        return bool(new)

    def _has_ended(self, sound: Sound) -> bool:
        event, rate = sound.event, self.sample_rate
        return self._received >= max(event.onset + MIN_RECEIVED_S * rate, event.end + AFTER_END_S * rate)

    def _report_provisional(self) -> Iterator[LiveEvent]:
        features = np.reshape([each for _, each in self._provisional], (-1, len(self.model.features)))
        yield from self._tracker.report_provisional([sound.event for sound, _ in self._provisional], features)

    def _samples(self, block: NDArray[Any]) -> Block:
        if self._closed:
            raise UsageError("this listener is closed: create a new one")
        block = as_array(block, "the samples of a block")
        columns = block.shape[1:] if block.ndim > 1 else (1,)
        if block.dtype.kind not in "fiu" or block.ndim == 0 or columns != (self.channels,):
            raise UsageError(
                f"a block has shape {block.shape} and type {block.dtype}: allowed are floats and integers of shape "
                f"(n, {self.channels}), or (n,) of one channel"
            )
        return ArrayDecoder(block, self.sample_rate).read(len(block))

    def _resumed(self, before: str | os.PathLike[str] | Listener) -> session.History:
        if not isinstance(before, Listener):
            return session.load(check_path(before, "a session to resume"), self._key, self._start("resume"))
        if before._key != self._key:
            raise UsageError("the listener to resume has another model, subject, site, count_by or class_frequencies")
        gap = before.time_s
        began, earlier = self.metadata.recorded_at, before.metadata.recorded_at
        if began is not None and earlier is not None:
            gap = max((began - earlier) / timedelta(seconds=1), gap)
        return before._tracker.history().shift(gap)

    def _start(self, purpose: str) -> datetime:
        if self.metadata.recorded_at is None:
            raise UsageError(f"recorded_at is missing: it is needed to {purpose} a session")
        return self.metadata.recorded_at
