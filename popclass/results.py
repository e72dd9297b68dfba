"""Records that the stages share: an event, a recording, its analysis and its result.

An `Event` is made by the detector and only gains fields. Its times are integer sample positions at the recording's own
rate; seconds are computed when they are read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from popclass.info import HasInfo, RecordingInfo, attribute_of
from popclass.schema import EVENT_FIELDS, PER_BURST, UNCERTAIN, UNCHECKED, event_columns, event_types
from popclass.utils.dataframe import import_pandas, typed
from popclass.utils.notebook import html_table

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

_HTML_ROWS = 30


@dataclass(frozen=True, slots=True, repr=False)
class Event:
    """One short sound.

    Attributes
    ----------
    onset, peak, end : int
        Sample positions from the start of the recording.
    sample_rate : int
        Of the recording, in hertz.
    channel : int
        Channel with the highest level over the noise, counted from 1.
    snr_db : float
        Rms of the 10 ms after the onset over the rms of the local noise floor, DC removed.
    peak_dbfs : float
        Largest absolute sample, relative to full scale.
    event, burst : int
        Numbers within the recording, counted from 1; 0 before they are assigned.
    probabilities : mapping of str to float
        Calibrated probability of each class by the sound alone.
    acoustic_label : str
        Class with the highest of `probabilities`.
    posteriors : mapping of str to float
        Probability of each class after context, timing and novelty; empty before they are assigned.
    label, p_label : str, float
        Label after context and timing, and the highest of `posteriors`.
    novelty : float
        Share of held-out training events that lie closer to the training data, 0-1.
    timing : str
        `consistent`, `refractory` or `unchecked`.
    since_cavitation_s : float or None
        Seconds since the previous burst with a cavitation on the same timeline; None before the first.
    timing_reason : str
        Explanation of `timing` in words; not a column of the events table.
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
    posteriors: Mapping[str, float] = field(default_factory=dict)

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

    def __repr__(self) -> str:
        where = f"{type(self).__name__} {self.event} at {self.start_s:.3f} s"
        return f"<{where}: {self.label} {self.p_label:.2f}>" if self.p_label is not None else f"<{where}>"

    def gain(self, **fields: Any) -> Event:
        """Return a copy with more fields set."""
        return replace(self, **fields)


@dataclass(frozen=True, slots=True)
class Analysis:
    """Events of one recording with their probabilities, before the timeline is considered.

    Attributes
    ----------
    info : RecordingInfo
    events : tuple of Event
        With position, level, number and burst.
    acoustic : ndarray, shape (events, classes)
        Calibrated probabilities by the sound alone.
    contextual : ndarray, shape (events, classes)
        Probabilities after the context within the recording was included.
    novelty : ndarray, shape (events,)
    """

    info: RecordingInfo
    events: tuple[Event, ...]
    acoustic: NDArray[np.float64]
    contextual: NDArray[np.float64]
    novelty: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Session:
    """The recordings of one timeline; their results share it.

    Attributes
    ----------
    recordings : tuple of str
        Names in order of start; one name where a recording has no timeline in common with others.
    cavities : int or None
        Joint cavities assumed; None where the site is unknown.
    refractory_s : float
        Refractory period in seconds.
    cavities_needed : int
        Least number of joint cavities that explains the cavitations without one cavitating again in its refractory
        period.
    count_by : str
        `burst` or `pop`: what was counted as one cavitation.
    frequencies : mapping of str to float, or None
        Class frequencies that were estimated from the events of the timeline; None where those of the training data
        apply.
    """

    recordings: tuple[str, ...]
    cavities: int | None
    refractory_s: float
    cavities_needed: int
    count_by: str = PER_BURST
    frequencies: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Cavitations:
    """Number of cavitations among some events.

    Attributes
    ----------
    expected : float or None
        Sum of the posteriors; None without a class `cavitation`.
    low, high : int or None
        Bounds of the true number at 90 %.
    """

    expected: float | None = None
    low: int | None = None
    high: int | None = None


UNCOUNTED = Cavitations()


class HasCavitations:
    """Access to the fields of `cavitations` by the names of their columns."""

    __slots__ = ()
    cavitations: Cavitations

    expected_cavitations: float | None = attribute_of("cavitations.expected")
    cavitations_low: int | None = attribute_of("cavitations.low")
    cavitations_high: int | None = attribute_of("cavitations.high")


@dataclass(frozen=True, slots=True)
class Burst(HasCavitations):
    """Burst that holds a joint event or an uncertain one.

    Attributes
    ----------
    burst : int
        Number, as in its events.
    start_s, end_s : float
        Onset of its first event and latest end, in seconds from the start of the recording.
    events : int
    counts : mapping of str to int
        Number of events with each label, every class and `uncertain` included.
    cavitations : Cavitations
    cavities_needed : int
        As `RecordingResult.cavities_needed`, of this burst alone.
    """

    burst: int
    start_s: float
    end_s: float
    events: int
    counts: Mapping[str, int]
    cavitations: Cavitations
    cavities_needed: int


@dataclass(frozen=True, slots=True, repr=False)
class RecordingResult(HasInfo, HasCavitations):
    """Labelled events of one recording.

    Attributes
    ----------
    info : RecordingInfo
        Its fields can be read from the result as well; `recording` is the name.
    events : tuple of Event
        In order of onset; empty is a normal result.
    classes : tuple of str
        The model's classes, in the order of the `p_<class>` columns.
    cavities_needed : int or None
        As `Session.cavities_needed`, of this recording alone; None where timing was not checked.
    session : Session or None
        The timeline of the recording; None where timing was not checked.
    bursts : tuple of Burst
        Those that hold a joint event or an uncertain one.
    cavitations : Cavitations
        Number of cavitations in all of `bursts`; its values can be read from the result as well.
    """

    info: RecordingInfo
    events: tuple[Event, ...]
    classes: tuple[str, ...]
    cavities_needed: int | None = None
    session: Session | None = None
    bursts: tuple[Burst, ...] = ()
    cavitations: Cavitations = UNCOUNTED

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {label}" for label, count in self.counts().items() if count)
        return f"<RecordingResult {self.recording!r}, {self.duration_s:.1f} s: {counts or 'no events'}>"

    def _repr_html_(self) -> str:
        """Return the events as a small table for notebooks."""
        shown = self.events[:_HTML_ROWS]
        rows: list[tuple[object, ...]] = [
            (e.event, f"{e.start_s:.3f}", e.label, f"{e.p_label or 0:.2f}", e.timing) for e in shown
        ]
        if len(self.events) > len(shown):
            rows.append((f"and {len(self.events) - len(shown)} more", "", "", "", ""))
        return html_table(repr(self).strip("<>"), ("event", "start_s", "label", "p_label", "timing"), rows)

    def counts(self) -> dict[str, int]:
        """Return the number of events with each label, every class and `uncertain` included."""
        return count_labels(self.events, self.classes)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the events as flat records in the columns of `event_columns`."""
        started = self.recorded_at.isoformat() if self.recorded_at else None
        about = (self.site, self.subject, started, self.side)
        columns = event_columns(self.classes, tuple(self.extra))
        for event in self.events:
            own = [getattr(event, column) for column in EVENT_FIELDS]
            acoustic, final = (map(each.get, self.classes) for each in (event.probabilities, event.posteriors))
            values = (self.recording, *own[:8], *acoustic, *own[8:], *about, *final, *self.extra.values())
            yield dict(zip(columns, values, strict=True))

    def to_dataframe(self) -> pd.DataFrame:
        """Return the events as a table, one row an event.

        The types of the columns depend on the columns only, also without events: numbers are `Int64` or `float64`,
        labels and timing categories, other texts `string`. `recorded_at` is in UTC, or without a zone if it has none.

        Raises
        ------
        MissingLibraryError
            If pandas is not installed; `list(result.rows())` gives the same without it.
        """
        types = event_types(self.classes, tuple(self.extra))
        return typed(import_pandas().DataFrame(list(self.rows()), columns=list(types)), types)


def count_labels(events: Iterable[Event], classes: Sequence[str]) -> dict[str, int]:
    """Return the number of events with each label, every class and `uncertain` included."""
    found = Counter(event.label for event in events)
    return {label: found.get(label, 0) for label in (*classes, UNCERTAIN)}
