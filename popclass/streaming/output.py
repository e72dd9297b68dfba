"""Sinks that write events to standard output and count them.

Standard output is written by a thread of its own, because its reader may be slower than the events come. Lines wait in
a queue meanwhile, and a notice is shown once. A reader that closes standard output ends the session.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable

from popclass.formats.text import decimals, fields, rounded
from popclass.results import SCHEMA_VERSION, RecordingInfo, RecordingResult
from popclass.streaming.listener import Listener
from popclass.streaming.pcm import Samples
from popclass.streaming.records import LiveEvent
from popclass.streaming.runner import Sink
from popclass.utils.files import STDOUT, write_text

STALLED_S = 5.0
_HEADER = f"{'event':>7} {'rev':>3} {'start_s':>12}  {'label':<12} {'p':>6}  {'sound alone':<12} {'timing':<11} why\n"


def jsonl_line(event: LiveEvent, info: RecordingInfo, classes: tuple[str, ...]) -> str:
    """Return an event as a JSON object: the keys of `popclass classify --format jsonl`, and `revision`.

    In a withdrawn event all values but its recording and number are null.
    """
    row = next(fields(RecordingResult(info, (event,), classes)))
    if event.withdrawn:
        row = {name: value if name in ("recording", "event") else None for name, value in row.items()}
    record = {"schema_version": SCHEMA_VERSION, "revision": event.revision, **row}
    return json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n"


def text_line(event: LiveEvent) -> str:
    """Return an event as a line of the table."""
    head = f"{event.event:>7} {event.revision:>3}"
    if event.withdrawn:
        return f"{head} {'':>12}  withdrawn\n"
    p_label = "" if event.p_label is None else f"{rounded(event.p_label, decimals('p_label') or 0):.2f}"
    acoustic = event.acoustic_label if event.acoustic_label != event.label else ""
    line = f"{head} {event.start_s:>12.3f}  {event.label:<12} {p_label:>6}  {acoustic:<12} {event.timing:<11} "
    return f"{line}{event.timing_reason}".rstrip() + "\n"


def recording_name(source: str, number: int) -> str:
    """Return the name of the `number`th recording of a source; from the second on it ends with the number.

    Examples
    --------
    >>> recording_name("-", 1), recording_name("-", 2)
    ('-', '-#2')
    """
    return source if number == 1 else f"{source}#{number}"


class LastValues:
    """Last reported values of the events that may be reported again."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._values: dict[int, object] = {}

    def replace(self, event: LiveEvent, value: object) -> object:
        """Store the value of an event and return the one before; None if there is none."""
        before = self._values.pop(event.event, None)
        if value is not None:
            self._values[event.event] = value
        if len(self._values) > 2 * self._listener.pending_events + 100:
            final = self._listener.final_events
            self._values = {number: value for number, value in self._values.items() if number > final}
        return before


class EventLines(Sink):
    """Sink that writes a line for each report.

    In the table for people, only where the label, the timing or the rounded time of an event changes.
    """

    def __init__(self, output: QueuedOutput, source: str, *, as_json: bool) -> None:
        self._output, self._source, self._as_json = output, source, as_json

    def begin(self, listener: Listener, number: int) -> None:
        """Begin a recording."""
        name = recording_name(self._source, number)
        self._info = listener.metadata.apply(RecordingInfo(name, listener.sample_rate, listener.channels))
        self._classes = listener.model.classes
        self._last = LastValues(listener)
        self._head = "" if self._as_json else _HEADER if number == 1 else f"{name}\n"

    def process(self, block: Samples, events: list[LiveEvent]) -> None:
        """Write the events."""
        if self._head and (len(block) or events):  # an empty stream gets no header
            self._output.put(self._head)
            self._head = ""
        for event in events:
            if self._as_json:
                self._output.put(jsonl_line(event, self._info, self._classes))
                continue
            shown = (event.label, event.timing, round(event.start_s, 2))
            if self._last.replace(event, shown) != shown:
                self._output.put(text_line(event))


class EventCounts(Sink):
    """Sink that counts the events by their last labels."""

    def __init__(self, counts: dict[str, int]) -> None:
        self._counts = counts

    def begin(self, listener: Listener, number: int) -> None:
        """Begin a recording."""
        self._last = LastValues(listener)

    def process(self, block: Samples, events: list[LiveEvent]) -> None:
        """Count the events."""
        for event in events:
            before = self._last.replace(event, event.label or None)
            if before is not None:
                self._counts[str(before)] -= 1
            if not event.withdrawn:
                self._counts[event.label] = self._counts.get(event.label, 0) + 1


class QueuedOutput:
    """Standard output behind a queue.

    Parameters
    ----------
    notify : callable
        Shows a line on standard error.
    write : callable, optional
        Writes text and returns False once the reader has closed the output; standard output by default.
    """

    def __init__(self, notify: Callable[[str], None], write: Callable[[str], bool] | None = None) -> None:
        self._notify = notify
        self._write = write if write is not None else _to_stdout
        self._queue: queue.Queue[str | None] = queue.Queue()
        self._busy_since: float | None = None
        self._notified = False
        self._error: Exception | None = None
        self.closed_by_reader = False
        self._thread = threading.Thread(target=self._run, daemon=True, name="popclass-output")
        self._thread.start()

    def put(self, text: str) -> None:
        """Queue text for writing.

        Raises
        ------
        OutputError
            If standard output cannot be written.
        """
        if self._error is not None:
            raise self._error
        self._queue.put(text)
        busy = self._busy_since
        stalled = busy is not None and time.monotonic() - busy > STALLED_S
        if stalled and not self._notified:
            self._notify(f"the reader of standard output has read nothing for {STALLED_S:g} s; lines wait in a queue")
        self._notified = stalled

    def close(self) -> None:
        """Wait until everything is written.

        Raises
        ------
        OutputError
            If standard output cannot be written.
        """
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
            except Exception as error:  # raised by the next call of put or close
                self._error = error
                return
            self._busy_since = None


def _to_stdout(text: str) -> bool:
    return write_text(STDOUT, text)
