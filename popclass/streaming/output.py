"""Sinks that show events: lines on standard output, or a view on a terminal.

Standard output is written by a thread of its own, because its reader may be slower than the events come. Lines wait in
a queue meanwhile, and a notice is shown once. A reader that closes standard output ends the session.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from popclass.formats.text import fields, rounded
from popclass.info import RecordingInfo
from popclass.results import RecordingResult
from popclass.schema import CAVITATION, REFRACTORY, SCHEMA_VERSION, UNCERTAIN
from popclass.streaming.listener import Listener
from popclass.streaming.pcm import Samples
from popclass.streaming.runner import Sink, forget_final
from popclass.streaming.tracker import LiveEvent
from popclass.utils.duration import format_span
from popclass.utils.files import STDOUT, write_text
from popclass.utils.text import one_line

STALLED_S = 5.0
EVENTS = 12
NOTICES = 3
DRAW_EVERY_S = 0.25
MIN_DB = -90.0
METER_WIDTH = 24  # its line fits 80 columns
LEVEL_S = 0.050
FLOOR_S = 3.0
FLOOR_QUANTILE = 0.3
_STYLES = {CAVITATION: "bold", UNCERTAIN: "dim"}
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
        self._recordings = 0

    def begin(self, listener: Listener) -> None:
        """Begin a recording."""
        self._recordings += 1
        name = self._source if self._recordings == 1 else f"{self._source}#{self._recordings}"
        self._listener = listener
        self._info = listener.metadata.apply(RecordingInfo(name, listener.sample_rate, listener.channels))
        self._shown: dict[int, object] = {}
        self._head = "" if self._as_json else _HEADER if self._recordings == 1 else f"{name}\n"

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
        try:
            while (text := self._queue.get()) is not None and not self.closed_by_reader:
                self._busy_since = time.monotonic()
                self.closed_by_reader = not self._write(text)
                self._busy_since = None
        except Exception as error:  # raised by the next call of put or close
            self._error = error


class Meter:
    """Meter of a stream, in dB of full scale.

    Attributes
    ----------
    level_db, peak_db : float
        RMS and largest sample of the last 50 ms.
    floor_db : float
        Level that 30% of the last 3 s stay below.
    """

    def __init__(self, sample_rate: int) -> None:
        self._size = max(round(LEVEL_S * sample_rate), 1)
        self._levels: deque[float] = deque(maxlen=round(FLOOR_S / LEVEL_S))
        self._blocks: list[Samples] = []
        self.level_db = self.peak_db = self.floor_db = MIN_DB

    def update(self, block: Samples) -> None:
        """Process samples; of several channels the loudest counts."""
        if len(block):
            self._blocks.append(block)
        if sum(map(len, self._blocks)) >= self._size:
            power = np.square(np.concatenate(self._blocks), dtype=np.float64)
            self._blocks.clear()
            self.level_db, self.peak_db = _decibels(power.mean(axis=0).max()), _decibels(power.max())
            self._levels.append(self.level_db)
            self.floor_db = sorted(self._levels)[int(FLOOR_QUANTILE * (len(self._levels) - 1))]


class View(Sink):
    """Sink that draws on a terminal.

    Parameters
    ----------
    source : str
        Name of the source.
    console : rich.console.Console, optional
        Default: standard output.
    """

    def __init__(self, source: str, console: Any = None) -> None:
        from rich.console import Console
        from rich.live import Live

        self._source = one_line(source)
        self._listener: Listener | None = None
        self._events: dict[int, LiveEvent] = {}
        self._notices: deque[str] = deque(maxlen=NOTICES)
        self._live = Live(console=console if console is not None else Console(), auto_refresh=False)
        self._live.start()
        self.end()

    def begin(self, listener: Listener) -> None:
        """Begin a recording."""
        self._listener = listener
        self._meter = Meter(listener.sample_rate)
        self._events.clear()

    def process(self, block: Samples, events: list[LiveEvent]) -> None:
        """Update the view."""
        self._meter.update(block)
        for event in events:
            if event.withdrawn:
                self._events.pop(event.event, None)
            elif event.event in self._events or event.event > max(self._events, default=0):
                self._events[event.event] = event
                self._events.pop(event.event - EVENTS, None)
        if time.monotonic() - self._drawn_at >= DRAW_EVERY_S:
            self.end()

    def notify(self, text: str) -> None:
        """Show a notice below the events."""
        self._notices.append(one_line(text))
        self.end()

    def end(self) -> None:
        """Redraw the view."""
        self._drawn_at = time.monotonic()
        self._live.update(self.page(), refresh=True)

    def close(self) -> None:
        """Restore the terminal; the last view stays visible."""
        self._live.stop()

    def page(self) -> Any:
        """Return the whole view as a rich renderable."""
        from rich.console import Group
        from rich.text import Text

        return Group(*map(Text, self._head()), self._table(), *map(Text, self._notices))

    def _head(self) -> list[str]:
        listener = self._listener
        if listener is None:
            return [f"{self._source}: waiting for samples"]
        meter, wait_s = self._meter, listener.rest_s
        rate = f"{listener.sample_rate / 1000:g} kHz"
        site = listener.metadata.site or "site unknown"
        levels = f"{meter.level_db:6.1f} dB  peak {meter.peak_db:6.1f} dB  floor {meter.floor_db:6.1f} dB"
        return [
            f"{self._source}  {rate}  {listener.channels} ch  {site}  {_clock(listener.time_s)}",
            f"level {_bar(meter.level_db)} {levels}",
            f"the joint could crack again in {format_span(wait_s)}" if wait_s > 0 else "a crack is possible now",
        ]

    def _table(self) -> Any:
        from rich.table import Column, Table
        from rich.text import Text

        classes = list(next(iter(self._events.values())).probabilities) if self._events else []
        heads = [f"sound alone\n{name}" if name == classes[0] else f"\n{name}" for name in classes]
        number, time, p, *alone = (Column(name, justify="right") for name in ("\nevent", "\ntime", "\np", *heads))
        table = Table(number, time, "\nlabel", p, *alone, "\ntiming", box=None, pad_edge=False)
        for event in self._events.values():
            style = "yellow" if event.timing == REFRACTORY else _STYLES.get(event.label, "")
            sound = [f"{value:.2f}" for value in event.probabilities.values()]
            probability = "" if event.p_label is None else f"{event.p_label:.2f}"
            cells = (str(event.event), _clock(event.start_s), event.label, probability, *sound, event.timing_reason)
            table.add_row(*map(Text, cells), style=style)
        return table


def _bar(level_db: float) -> str:
    filled = round(METER_WIDTH * min(max(1 - level_db / MIN_DB, 0.0), 1.0))
    return "█" * filled + "░" * (METER_WIDTH - filled)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{seconds:04.1f}" if hours else f"{minutes}:{seconds:04.1f}"


def _decibels(power: float) -> float:
    return max(10 * float(np.log10(max(power, 1e-12))), MIN_DB)
