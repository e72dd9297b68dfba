"""What is written of a stream on standard output, by a thread of its own.

A program that reads the lines may be slower than the sounds come, or stop for a while. Listening goes on meanwhile: the
lines wait, and that they do is said once. One that has closed standard output ends the listening.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from popclass.formats.text import decimals, fields, rounded
from popclass.results import SCHEMA_VERSION, RecordingInfo, RecordingResult
from popclass.streaming.listener import Listener
from popclass.streaming.records import LiveEvent
from popclass.streaming.source import Samples
from popclass.utils.files import STDOUT, write_text

STALLED_S = 5.0
_HEADER = f"{'event':>7} {'rev':>3} {'start_s':>12}  {'label':<12} {'p':>6}  {'sound alone':<12} {'timing':<11} why\n"


def jsonl_line(event: LiveEvent, around: RecordingResult) -> str:
    """Return an event as a JSON object: the keys of `popclass classify --format jsonl`, and `revision`.

    Of an event that was withdrawn all but its name and number is null.
    """
    row = next(fields(replace(around, events=(event,))))
    if event.withdrawn:
        row = {name: value if name in ("recording", "event") else None for name, value in row.items()}
    record = {"schema_version": SCHEMA_VERSION, "revision": event.revision, **row}
    return json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n"


def text_line(event: LiveEvent) -> str:
    """Return an event as a line of the table."""
    head = f"{event.event:>7} {event.revision:>3}"
    if event.withdrawn:
        return f"{head} {'':>12}  withdrawn\n"
    shown = "" if event.p_label is None else f"{rounded(event.p_label, decimals('p_label') or 0):.2f}"
    sound = event.acoustic_label if event.acoustic_label != event.label else ""
    line = f"{head} {event.start_s:>12.3f}  {event.label:<12} {shown:>6}  {sound:<12} {event.timing:<11} "
    return f"{line}{event.timing_reason}".rstrip() + "\n"


def part_of(name: str, number: int) -> str:
    """Return the name of a recording of one source; from the second on with a number.

    Examples
    --------
    >>> part_of("-", 1), part_of("-", 2)
    ('-', '-#2')
    """
    return name if number == 1 else f"{name}#{number}"


def recording_of(listener: Listener, name: str) -> RecordingResult:
    """Return a result without events, for the metadata of each event."""
    around = listener.metadata
    info = around.apply(RecordingInfo(name, listener.sample_rate, listener.channels))
    return RecordingResult(info, (), listener.model.classes)


class OpenEvents:
    """What was last said of the events that may be reported again; of the others nothing is held."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._said: dict[int, object] = {}

    def say(self, event: LiveEvent, what: object) -> object:
        """Remember what is said of an event, and give what was said of it before; None where nothing was."""
        before = self._said.pop(event.event, None)
        if what is not None:
            self._said[event.event] = what
        if len(self._said) > 2 * self._listener.open_events + 100:
            final = self._listener.final_events
            self._said = {number: said for number, said in self._said.items() if number > final}
        return before


class Lines:
    """A sink (see `popclass.streaming.runner`) that writes a line for each report.

    For people only where they would notice: a label, a flag or a place that changed.
    """

    def __init__(self, outlet: Outlet, name: str, *, as_json: bool) -> None:
        self._outlet, self._name, self._as_json = outlet, name, as_json

    def begin(self, listener: Listener, number: int) -> None:
        """See `popclass.streaming.runner.Sink`."""
        self._around = recording_of(listener, part_of(self._name, number))
        self._open = OpenEvents(listener)
        self._head = "" if self._as_json else _HEADER if number == 1 else f"{self._around.recording}\n"

    def take(self, block: Samples, news: list[LiveEvent]) -> None:
        """See `popclass.streaming.runner.Sink`."""
        if self._head and (len(block) or news):  # not before there is something to hear
            self._outlet.put(self._head)
            self._head = ""
        for event in news:
            if self._as_json:
                self._outlet.put(jsonl_line(event, self._around))
                continue
            shown = (event.label, event.timing, round(event.start_s, 2))
            if self._open.say(event, shown) != shown:
                self._outlet.put(text_line(event))

    def say(self, text: str) -> None:
        """See `popclass.streaming.runner.Sink`."""

    def end(self) -> None:
        """See `popclass.streaming.runner.Sink`."""


class Counts:
    """A sink that counts the events by their last labels."""

    def __init__(self, counts: dict[str, int]) -> None:
        self._counts = counts

    def begin(self, listener: Listener, number: int) -> None:
        """See `popclass.streaming.runner.Sink`."""
        self._open = OpenEvents(listener)

    def take(self, block: Samples, news: list[LiveEvent]) -> None:
        """See `popclass.streaming.runner.Sink`."""
        for event in news:
            before = self._open.say(event, event.label or None)
            if before is not None:
                self._counts[str(before)] -= 1
            if not event.withdrawn:
                self._counts[event.label] = self._counts.get(event.label, 0) + 1

    def say(self, text: str) -> None:
        """See `popclass.streaming.runner.Sink`."""

    def end(self) -> None:
        """See `popclass.streaming.runner.Sink`."""


class Outlet:
    """Standard output behind a queue.

    Parameters
    ----------
    say : callable
        Takes a line for standard error.
    write : callable, optional
        Takes text, gives False where nobody reads any more.
    """

    def __init__(self, say: Callable[[str], None], write: Callable[[str], bool] | None = None) -> None:
        self._say = say
        self._write = write if write is not None else _to_stdout
        self._queue: queue.Queue[str | None] = queue.Queue()
        self._busy_since: float | None = None
        self._told = False
        self._error: Exception | None = None
        self.closed_by_reader = False
        self._thread = threading.Thread(target=self._run, daemon=True, name="popclass-output")
        self._thread.start()

    def put(self, text: str) -> None:
        """Write text when its turn comes.

        Raises
        ------
        OutputError
            Where standard output cannot be written.
        """
        if self._error is not None:
            raise self._error
        self._queue.put(text)
        busy = self._busy_since
        stalled = busy is not None and time.monotonic() - busy > STALLED_S
        if stalled and not self._told:
            self._say(f"the reader of standard output has taken nothing for {STALLED_S:g} s; lines wait for it")
        self._told = stalled

    def close(self) -> None:
        """Wait until everything is written. Raises as `put` does."""
        self._queue.put(None)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        while (text := self._queue.get()) is not None:
            self._busy_since = time.monotonic()
            try:
                if not self._write(text):
                    self.closed_by_reader = True
                    return
            except Exception as error:  # handed to whoever writes next
                self._error = error
                return
            self._busy_since = None


def _to_stdout(text: str) -> bool:
    return write_text(STDOUT, text)
