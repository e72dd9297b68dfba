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
from popclass.streaming.pcm import Samples
from popclass.streaming.records import LiveEvent
from popclass.streaming.runner import Sink
from popclass.utils.files import Stamp, write_bytes, write_text
from popclass.utils.text import one_line

AFTER_S = 0.5  # minimum after an event; the detector looks 0.27 s ahead for its end
MAX_CLIP_S = 10.0  # from the first onset of a clip to its last
EDGE_S = 0.025  # frames this close to the next chunk are decided with it
BUFFERED_CHUNKS = 8  # besides the longest clip: before it, after it, and until no event can join it
WRITE_EVERY_S = 10.0
HEADER = ("file", "start_s", "end_s", "label", "subject", "site", "recorded_at")
_NAME = re.compile(r"burst_(\d{6,})\.(?:flac|wav)")


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
            reason = getattr(error, "strerror", None) or "labels.csv is not UTF-8 text"
            raise OutputError(f"{one_line(str(folder))}: cannot save sounds there: {reason}") from error
        if before.split("\n", 1)[0] + "\n" != csv_line(HEADER):
            raise OutputError(
                f"{one_line(str(self._table))} was not written by popclass listen: name another folder for --save"
            )
        self._final = [before if before.endswith("\n") else before + "\n"]
        self._files = max((int(name[1]) for name in names if name), default=0)
        self._listener: Listener
        self._waiting: dict[int, LiveEvent] = {}  # events without a file
        self._rows: dict[int, tuple[str, float, LiveEvent]] = {}  # with a file, label not final
        self._written_at = time.monotonic()

    def begin(self, listener: Listener, number: int) -> None:
        """Begin a recording."""
        self._listener = listener
        self._blocks: deque[Samples] = deque()
        self._first = 0  # position of the first buffered sample
        self._received = 0
        self._waiting.clear()
        self._rows.clear()

    def process(self, block: Samples, events: list[LiveEvent]) -> None:
        """Save the clips that are complete."""
        self._buffer(block)
        for event in events:
            self._revise(event)
        if block.size or events:
            self._save_clips(self._listener.confirmed_until)
        self.idle()

    def idle(self) -> None:
        """Write the table if it is due."""
        if time.monotonic() - self._written_at > WRITE_EVERY_S and self._rows:
            self._write_table()

    def end(self) -> None:
        """Save the last clips and the table."""
        self._save_clips(None)
        self._write_table()

    @property
    def _rate(self) -> int:
        return self._listener.sample_rate

    @property
    def _chunk(self) -> int:
        return self._listener.chunk

    def _buffer(self, block: Samples) -> None:
        if len(block):
            self._blocks.append(block)
            self._received += len(block)
        limit = round(MAX_CLIP_S * self._rate) + BUFFERED_CHUNKS * self._chunk
        while self._blocks and self._received - self._first - len(self._blocks[0]) > limit:
            self._first += len(self._blocks.popleft())

    def _revise(self, event: LiveEvent) -> None:
        if event.event in self._rows:
            name, start_s, _ = self._rows[event.event]
            self._rows[event.event] = name, start_s, event
        elif event.withdrawn:
            self._waiting.pop(event.event, None)
        else:
            self._waiting[event.event] = event

    def _save_clips(self, confirmed_until: int | None) -> None:
        """Save every clip that no further event can join; all clips at the end (None)."""
        events = [self._waiting[number] for number in sorted(self._waiting)]
        while events:
            clip = self._first_clip(events)
            if confirmed_until is not None and not self._is_complete(clip, confirmed_until):
                return
            self._save_clip(clip)
            events = events[len(clip) :]

    def _first_clip(self, events: list[LiveEvent]) -> list[LiveEvent]:
        """Return the first events, as many as share one clip."""
        last = events[0].onset + round(MAX_CLIP_S * self._rate)
        for at, (event, following) in enumerate(pairwise(events), start=1):
            if self._clip_begin(following) > self._clip_end(event) or following.onset > last:
                return events[:at]
        return events

    def _is_complete(self, clip: list[LiveEvent], confirmed_until: int) -> bool:
        """Return True if all samples of a clip were received and no further event can join it."""
        end = self._clip_end(clip[-1])
        joins_until = min((end // self._chunk + 2) * self._chunk, clip[0].onset + round(MAX_CLIP_S * self._rate))
        return confirmed_until > max(joins_until, clip[-1].end) and self._received >= end

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
        import soundfile

        exceeds = bool(np.abs(samples).max(initial=0) > 1)
        content = io.BytesIO()
        kind = {"format": "WAV", "subtype": "FLOAT"} if exceeds else {"format": "FLAC", "subtype": "PCM_24"}
        soundfile.write(content, samples, self._rate, **kind)
        while True:
            self._files += 1
            target = self._folder / f"burst_{self._files:06d}.{'wav' if exceeds else 'flac'}"
            if not target.exists():
                write_bytes(target, content.getvalue(), force=False)
                return target.name

    def _write_table(self) -> None:
        """Write all rows; those with a final label are not held any longer."""
        final = self._listener.final_events
        self._final += [self._row(number) for number in sorted(self._rows) if number <= final]
        self._rows = {number: row for number, row in self._rows.items() if number > final}
        self._final = ["".join(self._final)]
        if Stamp.of(self._table) != self._written:
            raise OutputError(
                f"{one_line(str(self._table))} was changed while popclass listen was running: name another folder "
                "for --save (the sounds are saved, the latest labels are not)"
            )
        write_text(self._table, [*self._final, *(self._row(number) for number in sorted(self._rows))])
        self._written = Stamp.of(self._table)
        self._written_at = time.monotonic()

    def _row(self, number: int) -> str:
        name, begin_s, event = self._rows[number]
        if event.withdrawn or event.label == UNCERTAIN:
            return ""
        metadata = self._listener.metadata
        onset = f"{event.start_s - begin_s:.6f}"  # a point in time matches this event only, not a louder neighbour
        return csv_line(
            (name, onset, onset, event.label, metadata.subject, metadata.site, _iso_time(metadata.recorded_at, begin_s))
        )


def _iso_time(began: datetime | None, seconds: float) -> str | None:
    return None if began is None else (began + timedelta(seconds=seconds)).isoformat()
