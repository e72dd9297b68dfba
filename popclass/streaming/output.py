"""Sink that writes events to standard output.

Standard output is written by a thread of its own, because its reader may be slower than the events come. Lines wait in
a queue meanwhile, and a notice is shown once. A reader that closes standard output ends the session.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable
from functools import partial

from popclass.formats.text import fields, rounded
from popclass.results import SCHEMA_VERSION, RecordingInfo, RecordingResult
from popclass.streaming.listener import Listener
from popclass.streaming.pcm import Samples
from popclass.streaming.records import LiveEvent
from popclass.streaming.runner import Sink, forget_final
from popclass.utils.files import STDOUT, write_text

STALLED_S = 5.0
_HEADER = f"{'event':>7} {'rev':>3} {'start_s':>12}  {'label':<12} {'p':>6}  {'sound alone':<12} {'timing':<11} why\n"
_write_stdout = partial(write_text, STDOUT)


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
    p_label = "" if event.p_label is None else f"{rounded(event.p_label, 4):.2f}"
    acoustic = event.acoustic_label if event.acoustic_label != event.label else ""
    line = f"{head} {event.start_s:>12.3f}  {event.label:<12} {p_label:>6}  {acoustic:<12} {event.timing:<11} "
    return f"{line}{event.timing_reason}".rstrip() + "\n"


class EventLines(Sink):
    """Sink that writes a line for each report.

    In the table for people, only where the label, the timing or the rounded time of an event changes. The name of a
    recording from the second on ends with its number.
    """

    def __init__(self, output: QueuedOutput, source: str, *, as_json: bool) -> None:
        self._output, self._source, self._as_json = output, source, as_json

    def begin(self, listener: Listener, number: int) -> None:
        """Begin a recording."""
        name = self._source if number == 1 else f"{self._source}#{number}"
        self._listener = listener
        self._info = listener.metadata.apply(RecordingInfo(name, listener.sample_rate, listener.channels))
        self._shown: dict[int, object] = {}
        self._head = "" if self._as_json else _HEADER if number == 1 else f"{name}\n"

    def process(self, block: Samples, events: list[LiveEvent]) -> None:
        """Write the events."""
        if self._head and (len(block) or events):  # an empty stream gets no header
            self._output.put(self._head)
            self._head = ""
        for event in events:
            shown = (event.label, event.timing, round(event.start_s, 2))
            if self._as_json:
                self._output.put(jsonl_line(event, self._info, self._listener.model.classes))
            elif self._shown.get(event.event) != shown:
                self._output.put(text_line(event))
                self._shown[event.event] = shown
        forget_final(self._shown, self._listener)


class QueuedOutput:
    """Standard output behind a queue.

    Parameters
    ----------
    notify : callable
        Shows a line on standard error.
    write : callable, optional
        Writes text and returns False once the reader has closed the output (default: to standard output).
    """

    def __init__(self, notify: Callable[[str], None], write: Callable[[str], bool] = _write_stdout) -> None:
        self._notify, self._write = notify, write
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
