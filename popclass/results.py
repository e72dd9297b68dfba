"""The records every part of popclass speaks of: an event, and the result of one recording.

An `Event` is born in detection with where it is and how loud, and only gains fields afterwards; nothing is ever taken
from it. Times are integer sample positions at the recording's own rate and become seconds only when read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 1
UNCERTAIN = "uncertain"
CAVITATION = "cavitation"
SNAPPING = "snapping"
OTHER = "other"

CONSISTENT = "consistent"
REFRACTORY = "refractory"
UNCHECKED = "unchecked"


@dataclass(frozen=True, slots=True)
class Event:
    """One short sound.

    Attributes
    ----------
    onset, peak, end : int
        Sample positions from the start of the recording, at `sample_rate`.
    sample_rate : int
        Of the recording, in hertz.
    channel : int
        The channel in which it stands out most, counted from 1.
    snr_db : float
        Rms of the 10 ms after the onset over the rms of the local noise floor, DC removed, in decibels.
    peak_dbfs : float
        Largest absolute sample, in decibels relative to full scale.
    event, burst : int
        Numbers within the recording, counted from 1; 0 until they are given.
    probabilities : mapping of str to float
        Calibrated probability of each class from the sound alone; empty until the model has spoken.
    acoustic_label : str
        The largest of `probabilities`.
    label, p_label : str, float
        The answer after context and timing were weighed, and its probability.
    novelty : float
        0-1; the share of held-out training events that lay closer to the training data.
    timing : str
        `consistent`, `refractory` or `unchecked`.
    since_cavitation_s : float or None
        Seconds since the previous burst with a cavitation on the same timeline; None where there is none.
    timing_reason : str
        Why `timing` is what it is, in words for people; no column of the events table. Empty where the flag says all.
    """

    onset: int
    peak: int
    end: int
    sample_rate: int
    channel: int
    snr_db: float
    peak_dbfs: float
    event: int = 0
    burst: int = 0
    probabilities: Mapping[str, float] = field(default_factory=dict)
    acoustic_label: str = ""
    label: str = ""
    p_label: float | None = None
    novelty: float | None = None
    timing: str = UNCHECKED
    since_cavitation_s: float | None = None
    timing_reason: str = ""

    @property
    def start_s(self) -> float:
        """Onset in seconds from the start of the recording."""
        return self.onset / self.sample_rate

    @property
    def peak_s(self) -> float:
        """Time of the largest sample in seconds."""
        return self.peak / self.sample_rate

    @property
    def end_s(self) -> float:
        """End in seconds."""
        return self.end / self.sample_rate

    def gain(self, **fields: Any) -> Event:
        """A copy with more fields known."""
        return replace(self, **fields)


@dataclass(frozen=True, slots=True)
class Session:
    """The recordings of one timeline together, which their results share.

    Attributes
    ----------
    recordings : tuple of str
        Their names in order of their start; a recording that stands alone is a session of one.
    cavities : int or None
        Joint cavities reckoned with; None where the site is unknown.
    refractory_s : float
        How long a cavity was taken to rest, in seconds.
    cavities_needed : int
        How many separate joint cavities the cavitations of all of them would need, if none cavitated again while it
        rests.
    """

    recordings: tuple[str, ...]
    cavities: int | None
    refractory_s: float
    cavities_needed: int


@dataclass(frozen=True, slots=True)
class RecordingResult:
    """Everything popclass found in one recording.

    Attributes
    ----------
    recording : str
        The path as it was given, `-` for standard input.
    events : tuple of Event
        In order of onset; empty when nothing was heard, which is a normal result.
    classes : tuple of str
        The model's classes, in the order of the `p_<class>` columns.
    duration_s : float
    sample_rate, channels : int
    site, subject : str or None
    recorded_at : datetime or None
        When the recording started.
    cavities_needed : int or None
        How many separate joint cavities the cavitations would need, if none cavitated again within its refractory
        period; None where no timing was checked.
    warnings : tuple of str
        What was noticed about the recording, a line each.
    session : Session or None
        The timeline it belongs to, as a whole; None where no timing was checked.
    """

    recording: str
    events: tuple[Event, ...]
    classes: tuple[str, ...]
    duration_s: float
    sample_rate: int
    channels: int
    site: str | None = None
    subject: str | None = None
    recorded_at: datetime | None = None
    cavities_needed: int | None = None
    warnings: tuple[str, ...] = ()
    session: Session | None = None

    def counts(self) -> dict[str, int]:
        """Number of events with each label, every class and `uncertain` named."""
        found = Counter(event.label for event in self.events)
        return {label: found.get(label, 0) for label in (*self.classes, UNCERTAIN)}

    def rows(self) -> Iterator[dict[str, Any]]:
        """The events as flat records in the columns of `event_columns`."""
        for event in self.events:
            yield {
                "recording": self.recording,
                "event": event.event,
                "burst": event.burst,
                "start_s": event.start_s,
                "peak_s": event.peak_s,
                "end_s": event.end_s,
                "label": event.label,
                "p_label": event.p_label,
                "acoustic_label": event.acoustic_label,
                **{f"p_{name}": event.probabilities.get(name) for name in self.classes},
                "novelty": event.novelty,
                "timing": event.timing,
                "since_cavitation_s": event.since_cavitation_s,
                "snr_db": event.snr_db,
                "peak_dbfs": event.peak_dbfs,
                "channel": event.channel,
                "site": self.site,
                "subject": self.subject,
                "recorded_at": self.recorded_at.isoformat() if self.recorded_at else None,
            }

    def to_dataframe(self) -> pd.DataFrame:
        """The events as a table, one row an event (needs pandas).

        Raises
        ------
        ImportError
            Where pandas is not installed; `list(result.rows())` gives the same without it.
        """
        import pandas as pd

        return pd.DataFrame(list(self.rows()), columns=list(event_columns(self.classes)))


def event_columns(classes: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the columns of an events table, in order."""
    probabilities = tuple(f"p_{name}" for name in classes)
    return (
        *("recording", "event", "burst", "start_s", "peak_s", "end_s", "label", "p_label", "acoustic_label"),
        *probabilities,
        *(
            "novelty",
            "timing",
            "since_cavitation_s",
            "snr_db",
            "peak_dbfs",
            "channel",
            "site",
            "subject",
            "recorded_at",
        ),
    )
