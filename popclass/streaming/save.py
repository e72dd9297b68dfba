"""Sink that saves sounds: clips of the stream, and a `labels.csv` that `popclass train` reads.

In a clip the detector must find the same events as in the stream. It decides on one chunk at a time, with a noise floor
from this chunk and the one before. A clip therefore begins a whole chunk before the chunk of its first event. It ends
with the chunk of its last event, or half a second after the event if that is later. Events whose clips would overlap
share one; a clip that gets too long is continued in another, which overlaps it.

An event has one row, with its onset and the label of its last revision. Events labelled `uncertain` have none, and
those at the start of a continued clip have theirs in the clip before: `popclass train --partial` ignores them there.
Files are written whole and never replaced. `labels.csv` is replaced in one step, but not if another program or session
has changed it in the meantime.
"""

from __future__ import annotations

import io
import time
from collections import deque
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile

from popclass.errors import OutputError
from popclass.formats.csv_io import csv_line
from popclass.schema import UNCERTAIN
from popclass.streaming.listener import Listener
from popclass.streaming.pcm import Samples
from popclass.streaming.runner import Sink
from popclass.streaming.tracker import LiveEvent
from popclass.utils.files import Stamp, write_bytes, write_text
from popclass.utils.text import one_line

AFTER_S = 0.5  # minimum after an event; the detector looks 0.27 s ahead for its end
MAX_CLIP_S = 10.0  # from the first onset of a clip to its last
EDGE_S = 0.025  # frames this close to the next chunk are decided with it
BUFFERED_CHUNKS = 8  # besides the longest clip: before it, after it, and until no event can join it
WRITE_EVERY_S = 10.0
HEADER = ("file", "start_s", "end_s", "label", "subject", "site", "recorded_at")


class Saver(Sink):
    """Sink that saves the sounds to a folder.

    Parameters
    ----------
    folder : path
        Created if missing; a `labels.csv` of an earlier session is extended.

    Raises
    ------
    OutputError
        If the folder cannot be used.
    """

    def __init__(self, folder: str | Path) -> None:
        shown = one_line(str(folder))
        self._folder = Path(folder)
        self._table = self._folder / "labels.csv"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._written = Stamp.of(self._table)
            before = self._table.read_text(encoding="utf-8") if self._table.exists() else csv_line(HEADER)
            numbers = [each.stem.removeprefix("burst_") for each in self._folder.glob("burst_*")]
        except (OSError, UnicodeDecodeError) as error:
            if self._folder.exists() and not self._folder.is_dir():
                raise OutputError(f"{shown} is a file: name a folder for the sounds") from None
            reason = getattr(error, "strerror", None) or "labels.csv is not UTF-8 text"
            raise OutputError(f"{shown}: cannot save sounds there: {reason}") from error
        if before.split("\n", 1)[0] + "\n" != csv_line(HEADER):
            raise OutputError(f"{shown}: labels.csv was not written by popclass listen; name another folder for --save")
        self._final = before if before.endswith("\n") else before + "\n"
        self._files = max((int(number) for number in numbers if number.isdecimal()), default=0)
        self._written_at = time.monotonic()

    def begin(self, listener: Listener) -> None:
        """Begin a recording."""
        self._listener, self._rate, self._chunk = listener, listener.sample_rate, listener.chunk
        self._longest = round(MAX_CLIP_S * self._rate)
        self._blocks: deque[Samples] = deque()
        self._first = 0  # position of the first buffered sample
        self._received = 0
        self._waiting: dict[int, LiveEvent] = {}  # events without a file
        self._rows: dict[int, tuple[str, float, LiveEvent]] = {}  # with a file, label not final

    def process(self, block: Samples, events: list[LiveEvent]) -> None:
        """Save the clips that are complete, and write the table if it is due."""
        if len(block):
            self._blocks.append(block)
            self._received += len(block)
        limit = self._longest + BUFFERED_CHUNKS * self._chunk
        while self._blocks and self._received - self._first - len(self._blocks[0]) > limit:
            self._first += len(self._blocks.popleft())
        for event in events:
            if event.event in self._rows:
                self._rows[event.event] = (*self._rows[event.event][:2], event)
            elif event.withdrawn:
                self._waiting.pop(event.event, None)
            else:
                self._waiting[event.event] = event
        self._save_clips(last=False)
        if time.monotonic() - self._written_at > WRITE_EVERY_S and self._rows:
            self._write_table()

    def end(self) -> None:
        """Save the last clips and the table."""
        self._save_clips(last=True)
        self._write_table()

    def _save_clips(self, *, last: bool) -> None:
        """Save every clip whose samples were received and that no further event can join; all clips at the end."""
        events = [self._waiting[number] for number in sorted(self._waiting)]
        while events:
            clip = self._first_clip(events)
            end = self._clip_end(clip[-1])
            joins_until = min((end // self._chunk + 2) * self._chunk, clip[0].onset + self._longest)
            confirmed = self._listener.confirmed_until > max(joins_until, clip[-1].end)
            if not last and not (confirmed and self._received >= end):
                return
            self._save_clip(clip)
            events = events[len(clip) :]

    def _first_clip(self, events: list[LiveEvent]) -> list[LiveEvent]:
        """Return the first events, as many as share one clip."""
        last = events[0].onset + self._longest
        for at, (event, following) in enumerate(pairwise(events), start=1):
            if self._clip_begin(following) > self._clip_end(event) or following.onset > last:
                return events[:at]
        return events

    def _clip_begin(self, event: LiveEvent) -> int:
        """Return the start of the chunk before the event's; an onset may follow the frame that was decided on."""
        return max((event.onset - round(EDGE_S * self._rate)) // self._chunk - 1, 0) * self._chunk

    def _clip_end(self, event: LiveEvent) -> int:
        return max((event.onset // self._chunk + 1) * self._chunk, event.end + round(AFTER_S * self._rate))

    def _save_clip(self, clip: list[LiveEvent]) -> None:
        begin = max(self._clip_begin(clip[0]), self._first)
        end = min(self._clip_end(clip[-1]), self._received)
        samples = np.concatenate(self._blocks)[begin - self._first : end - self._first]
        name = self._write_sound(samples)
        for event in clip:
            self._rows[event.event] = name, begin / self._rate, self._waiting.pop(event.event)

    def _write_sound(self, samples: Samples) -> str:
        """Write 24-bit FLAC, or float WAV if samples exceed full scale; return the name of the file."""
        kind, subtype = ("WAV", "FLOAT") if np.abs(samples).max(initial=0) > 1 else ("FLAC", "PCM_24")
        content = io.BytesIO()
        soundfile.write(content, samples, self._rate, format=kind, subtype=subtype)
        while True:
            self._files += 1
            target = self._folder / f"burst_{self._files:06d}.{kind.lower()}"
            if not target.exists():
                write_bytes(target, content.getvalue(), force=False)
                return target.name

    def _write_table(self) -> None:
        """Write all rows; those with a final label are not held any longer."""
        if Stamp.of(self._table) != self._written:
            raise OutputError(
                f"{one_line(str(self._table))} was changed while popclass listen was running: name another folder "
                "for --save (the sounds are saved, the latest labels are not)"
            )
        final = self._listener.final_events
        rows = [(number, self._row(number)) for number in sorted(self._rows)]
        self._final += "".join(row for number, row in rows if number <= final)
        self._rows = {number: row for number, row in self._rows.items() if number > final}
        write_text(self._table, [self._final, *(row for number, row in rows if number > final)])
        self._written = Stamp.of(self._table)
        self._written_at = time.monotonic()

    def _row(self, number: int) -> str:
        name, begin_s, event = self._rows[number]
        if event.withdrawn or event.label == UNCERTAIN:
            return ""
        about = self._listener.metadata
        begin = None if about.recorded_at is None else (about.recorded_at + timedelta(seconds=begin_s)).isoformat()
        onset = f"{event.start_s - begin_s:.6f}"  # a point in time matches this event only, not a louder neighbour
        return csv_line((name, onset, onset, event.label, about.subject, about.site, begin))
