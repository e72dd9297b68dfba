"""Keeping the sounds: pieces of what was heard, and a `labels.csv` that `popclass train` reads.

What is trained on must be heard in the piece as it was heard live, or a label finds no event, or another one. The
detector decides a stretch at a time, by a floor that is that of the stretch and of the one before. So a piece begins
where a stretch begins, a whole one before that of its first event, and ends where the stretch of its last event ends,
or half a second after the event: the events of the piece are those of the stream. Where the stretches of two bursts
meet, both are in one piece; one that gets too long is continued in a piece of its own, which begins within the former.

An event has a row in one piece, with its onset and the label of its last revision. One that is `uncertain` has none,
and those at the beginning of a continued piece have theirs in the former: with `popclass train --partial` they count
for nothing. Every file appears whole, under its final name, and replaces none; `labels.csv` is replaced in one move,
and left alone where somebody else has written to it meanwhile: a second sitting, or who corrects it.
"""

from __future__ import annotations

import io
import re
import time
from collections import deque
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np

from popclass.errors import OutputError
from popclass.formats.csv_io import csv_line
from popclass.results import UNCERTAIN
from popclass.streaming.listener import Listener
from popclass.streaming.records import LiveEvent
from popclass.streaming.source import Samples
from popclass.utils.files import Stamp, write_bytes, write_text
from popclass.utils.text import one_line

AFTER_S = 0.5  # kept after an event at least; the detector looks 0.27 s ahead for its end
LONGEST_S = 10.0  # from the first onset of a piece to its last; what goes on and on is kept in several
CLOSE_S = 0.025  # before the beginning of a stretch, in which frames are decided with the next
STRETCHES_HELD = 8  # beside the longest piece: before it, after it, and until it is certain that nothing joins it
WRITTEN_EVERY_S = 10.0
HEADER = ("file", "start_s", "end_s", "label", "subject", "site", "recorded_at")
_NAME = re.compile(r"burst_(\d{6,})\.(?:flac|wav)")


class Saver:
    """A sink (see `popclass.streaming.runner`) that keeps the sounds in a folder.

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
            if self._folder.exists() and not self._folder.is_dir():
                raise OutputError(f"{one_line(str(folder))} is a file: name a folder for the sounds") from None
            reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
            raise OutputError(f"{one_line(str(folder))}: cannot keep sounds there: {reason}") from error
        if before.split("\n", 1)[0] + "\n" != csv_line(HEADER):
            raise OutputError(f"{one_line(str(self._table))} is not of popclass listen: name another folder for --save")
        self._final = [before if before.endswith("\n") else before + "\n"]
        self._files = max((int(name[1]) for name in names if name), default=0)
        self._listener: Listener | None = None
        self._written_at = time.monotonic()

    def begin(self, listener: Listener, number: int) -> None:
        """See `popclass.streaming.runner.Sink`."""
        self._listener = listener
        self._blocks: deque[Samples] = deque()
        self._first = 0  # sample with which the blocks begin
        self._heard = 0
        self._waiting: dict[int, LiveEvent] = {}  # without a file
        self._rows: dict[int, tuple[str, float, LiveEvent]] = {}  # with a file, its label not final

    def take(self, block: Samples, news: list[LiveEvent]) -> None:
        """See `popclass.streaming.runner.Sink`."""
        self._hold(block)
        for event in news:
            self._revise(event)
        if block.size or news:
            self._cut(self._certain)
        if time.monotonic() - self._written_at > WRITTEN_EVERY_S and (self._rows or news):
            self._write_table()

    def say(self, text: str) -> None:
        """See `popclass.streaming.runner.Sink`."""

    def end(self) -> None:
        """See `popclass.streaming.runner.Sink`."""
        self._cut(None)
        self._write_table()

    @property
    def _rate(self) -> int:
        assert self._listener is not None
        return self._listener.sample_rate

    @property
    def _stretch(self) -> int:
        assert self._listener is not None
        return self._listener.stretch

    @property
    def _certain(self) -> int:
        assert self._listener is not None
        return self._listener.settled

    def _hold(self, block: Samples) -> None:
        if len(block):
            self._blocks.append(block)
            self._heard += len(block)
        held = round(LONGEST_S * self._rate) + STRETCHES_HELD * self._stretch
        while self._blocks and self._heard - self._first - len(self._blocks[0]) > held:
            self._first += len(self._blocks.popleft())

    def _revise(self, event: LiveEvent) -> None:
        if event.event in self._rows:
            name, start_s, _ = self._rows[event.event]
            self._rows[event.event] = name, start_s, event
        elif event.withdrawn:
            self._waiting.pop(event.event, None)
        else:
            self._waiting[event.event] = event

    def _cut(self, certain: int | None) -> None:
        """Give a file to every piece that is complete: all events before `certain` are known; at the end (None) all."""
        events = [self._waiting[number] for number in sorted(self._waiting)]
        while events:
            piece = self._together(events)
            if certain is not None and not self._complete(piece, certain):
                return
            self._keep(piece)
            events = events[len(piece) :]

    def _together(self, events: list[LiveEvent]) -> list[LiveEvent]:
        """Return the first events, as far as they belong into one file."""
        last = events[0].onset + round(LONGEST_S * self._rate)
        for at, (event, following) in enumerate(pairwise(events), start=1):
            if self._begin(following) > self._end(event) or following.onset > last:
                return events[:at]
        return events

    def _complete(self, piece: list[LiveEvent], certain: int) -> bool:
        """Whether everything of a piece has been heard, and no event that is not known yet can join it."""
        end = self._end(piece[-1])
        joins_until = min((end // self._stretch + 2) * self._stretch, piece[0].onset + round(LONGEST_S * self._rate))
        return certain > max(joins_until, piece[-1].end) and self._heard >= end

    def _begin(self, event: LiveEvent) -> int:
        """Return the start of the stretch before that of the event; an onset may follow its frame."""
        return max((event.onset - round(CLOSE_S * self._rate)) // self._stretch - 1, 0) * self._stretch

    def _end(self, event: LiveEvent) -> int:
        return max((event.onset // self._stretch + 1) * self._stretch, event.end + round(AFTER_S * self._rate))

    def _keep(self, piece: list[LiveEvent]) -> None:
        begin = max(self._begin(piece[0]), self._first)
        end = min(self._end(piece[-1]), self._heard)
        samples = np.concatenate(self._blocks)[begin - self._first : end - self._first]
        name = self._write_sound(samples)
        for event in piece:
            self._rows[event.event] = name, begin / self._rate, self._waiting.pop(event.event)

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
        around = self._listener.metadata
        onset = f"{event.start_s - begin_s:.6f}"  # a point: it takes this event and no stronger neighbour
        return csv_line(
            (name, onset, onset, event.label, around.subject, around.site, _moment(around.recorded_at, begin_s))
        )


def _moment(began: datetime | None, seconds: float) -> str | None:
    return None if began is None else (began + timedelta(seconds=seconds)).isoformat()
