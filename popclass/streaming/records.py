"""An event as a listener reports it: with the number of its revision."""

from __future__ import annotations

from dataclasses import dataclass, fields

from popclass.formats.text import decimals, rounded
from popclass.results import Event


@dataclass(frozen=True, slots=True)
class LiveEvent(Event):
    """One short sound, as it is known by now.

    Attributes
    ----------
    revision : int
        0 when its number is first reported, one more whenever it is reported again. The last one holds.
    """

    revision: int = 0

    @property
    def withdrawn(self) -> bool:
        """Nothing bears this number after all: what was reported at a glance was no event on a closer look."""
        return not self.label

    def plain(self) -> Event:
        """The event without its revision, as `popclass.classify` gives it."""
        return Event(**{each.name: getattr(self, each.name) for each in fields(Event)})


def revised(event: Event, revision: int) -> LiveEvent:
    """The event as this revision of its number."""
    return LiveEvent(**{each.name: getattr(event, each.name) for each in fields(Event)}, revision=revision)


def withdrawal(number: int, revision: int, sample_rate: int) -> LiveEvent:
    """Says that no event bears this number."""
    return LiveEvent(0, 0, 0, sample_rate, 0, 0.0, 0.0, event=number, revision=revision)


def answer(event: Event) -> tuple[object, ...]:
    """What is written of an event, with the decimals that are written: two answers are the same if these are."""
    return (
        *(event.onset, event.peak, event.end, event.channel, event.burst, event.label, event.acoustic_label),
        *(event.timing, event.timing_reason, rounded(event.since_cavitation_s, decimals("since_cavitation_s") or 0)),
        *(rounded(value, 4) for value in (event.p_label, event.novelty, *event.probabilities.values())),
        *(rounded(event.snr_db, 2), rounded(event.peak_dbfs, 2)),
    )
