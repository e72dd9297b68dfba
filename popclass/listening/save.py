"""Keeping the sounds: a file of each burst, and a `labels.csv` that `popclass train` reads.

A file holds a whole burst with up to half a second on either side, but nothing of the bursts before and after it, and
each of its events has a row with the label of its last revision. An event that is `uncertain` has none, and in so short
a file the detector may hear more than it did in the stream: with `popclass train --partial` both count for nothing.
Every file appears whole, under its final name, and replaces none; `labels.csv` is replaced in one move, and left alone
where somebody else has written to it meanwhile: a second sitting, or who corrects it.
"""

from __future__ import annotations

import io
import re
import time
from collections import deque
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from popclass.errors import OutputError
from popclass.files import Stamp
from popclass.formats.delimited import csv_line
from popclass.formats.text import one_line
from popclass.formats.write import write_bytes, write_text
from popclass.hearing import BURST_GAP_S
from popclass.listening.listener import Listener
from popclass.listening.records import LiveEvent
from popclass.listening.source import Samples
from popclass.results import UNCERTAIN

AROUND_S = 0.5  # kept on either side of a burst
APART_S = 0.010  # before the next burst's onset a file ends
DECIDED_S = 2.2  # after this the detector has decided on a sound and on what follows it
LONGEST_S = 10.0  # a burst that goes on and on is kept in pieces
HELD_S = 16.0  # of samples, for the longest piece and what is not decided
WRITTEN_EVERY_S = 10.0
HEADER = ("file", "start_s", "end_s", "label", "subject", "site", "recorded_at")
_NAME = re.compile(r"burst_(\d{6,})\.(?:flac|wav)")


class Saver:
    """A sink (see `popclass.listening.run`) that keeps the sounds in a folder.

    Parameters
    ----------
    folder : path
        Made where it is missing; one with a `labels.csv` of an earlier sitting is added to.

    Raises
    ------
    OutputError
        Where the folder cannot be used.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        self._table = self._folder / "labels.csv"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._written = Stamp.of(self._table)
            before = self._table.read_text(encoding="utf-8") if self._table.exists() else csv_line(HEADER)
            names = [_NAME.fullmatch(each.name) for each in self._folder.iterdir()]
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
            raise OutputError(f"{one_line(str(folder))}: cannot keep sounds there: {reason}") from error
        if before.split("\n", 1)[0] + "\n" != csv_line(HEADER):
            raise OutputError(f"{one_line(str(self._table))} is not of popclass listen: name another folder for --save")
        self._final = [before if before.endswith("\n") else before + "\n"]
        self._files = max((int(name[1]) for name in names if name), default=0)
        self._listener: Listener | None = None
        self._written_at = time.monotonic()

    def begin(self, listener: Listener, number: int) -> None:
        """See `popclass.listening.run.Sink`."""
        self._listener = listener
        self._blocks: deque[Samples] = deque()
        self._first = 0  # sample with which the blocks begin
        self._heard = 0
        self._waiting: dict[int, LiveEvent] = {}  # without a file
        self._rows: dict[int, tuple[str, float, LiveEvent]] = {}  # with a file, its label not final
        self._after = 0  # end of the last event that has a file

    def take(self, block: Samples, news: list[LiveEvent]) -> None:
        """See `popclass.listening.run.Sink`."""
        self._hold(block)
        for event in news:
            self._revise(event)
        self._cut(self._heard - round(DECIDED_S * self._rate))
        if time.monotonic() - self._written_at > WRITTEN_EVERY_S and (self._rows or news):
            self._write_table()

    def say(self, text: str) -> None:
        """See `popclass.listening.run.Sink`."""

    def end(self) -> None:
        """See `popclass.listening.run.Sink`."""
        self._cut(None)
        self._write_table()

    @property
    def _rate(self) -> int:
        assert self._listener is not None
        return self._listener.sample_rate

    def _hold(self, block: Samples) -> None:
        if len(block):
            self._blocks.append(block)
            self._heard += len(block)
        while self._blocks and self._heard - self._first - len(self._blocks[0]) > HELD_S * self._rate:
            self._first += len(self._blocks.popleft())

    def _revise(self, event: LiveEvent) -> None:
        if event.event in self._rows:
            name, start_s, _ = self._rows[event.event]
            self._rows[event.event] = name, start_s, event
        elif event.withdrawn:
            self._waiting.pop(event.event, None)
        else:
            self._waiting[event.event] = event

    def _cut(self, decided: int | None) -> None:
        """Give a file to every burst that is complete; at the end (None) to all."""
        events = [self._waiting[number] for number in sorted(self._waiting)]
        while events:
            burst = [event for event in events if event.burst == events[0].burst]
            others = events[len(burst) :]
            if decided is not None:
                too_long = burst[0].onset + LONGEST_S * self._rate < decided
                if burst[-1].onset + (BURST_GAP_S + AROUND_S) * self._rate >= decided and not too_long:
                    return
                burst = [event for event in burst if event.onset < decided]
            self._keep(burst, self._following(burst))
            events = others if len(burst) + len(others) == len(events) else []

    def _following(self, burst: list[LiveEvent]) -> int | None:
        later = [event.onset for number, event in self._waiting.items() if number > burst[-1].event]
        return min(later, default=None)

    def _keep(self, burst: list[LiveEvent], following: int | None) -> None:
        rate = self._rate
        begin = max(burst[0].onset - round(AROUND_S * rate), self._after, self._first)
        end = min(burst[-1].end + round(AROUND_S * rate), self._heard)
        if following is not None:
            end = min(end, following - round(APART_S * rate))
        self._after = burst[-1].end
        samples = np.concatenate(self._blocks)[begin - self._first : max(end, burst[-1].end) - self._first]
        name = self._write_sound(samples)
        for event in burst:
            self._rows[event.event] = name, begin / rate, self._waiting.pop(event.event)

    def _write_sound(self, samples: Samples) -> str:
        """FLAC of 24 bits, or WAV of floats where samples go beyond full scale."""
        import soundfile

        beyond = bool(np.abs(samples).max(initial=0) > 1)
        content = io.BytesIO()
        kind = {"format": "WAV", "subtype": "FLOAT"} if beyond else {"format": "FLAC", "subtype": "PCM_24"}
        soundfile.write(content, samples, self._rate, **kind)
        while True:
            self._files += 1
            target = self._folder / f"burst_{self._files:06d}.{'wav' if beyond else 'flac'}"
            if not target.exists():
                write_bytes(target, content.getvalue(), force=False)
                return target.name

    def _write_table(self) -> None:
        """Rows whose labels are final become text; the others are written as they are by now."""
        assert self._listener is not None
        final = self._listener.final_events
        self._final += [self._row(number) for number in sorted(self._rows) if number <= final]
        self._rows = {number: row for number, row in self._rows.items() if number > final}
        self._final = ["".join(self._final)]
        if Stamp.of(self._table) != self._written:
            raise OutputError(
                f"{one_line(str(self._table))} was changed while popclass listen was writing it; name another folder "
                "for --save (the sounds are there, the latest labels are not)"
            )
        write_text(self._table, [*self._final, *(self._row(number) for number in sorted(self._rows))])
        self._written = Stamp.of(self._table)
        self._written_at = time.monotonic()

    def _row(self, number: int) -> str:
        assert self._listener is not None
        name, begin_s, event = self._rows[number]
        if event.withdrawn or event.label == UNCERTAIN:
            return ""
        around = self._listener.circumstances
        times = (f"{event.start_s - begin_s:.6f}", f"{event.end_s - begin_s:.6f}")
        return csv_line((name, *times, event.label, around.subject, around.site, _moment(around.recorded_at, begin_s)))


def _moment(began: datetime | None, seconds: float) -> str | None:
    return None if began is None else (began + timedelta(seconds=seconds)).isoformat()
