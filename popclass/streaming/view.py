"""Sink that draws on a terminal: level, noise floor, last events, remaining refractory period.

It is redrawn at most four times a second. Lines keep their places, and an event whose label changes stays on its line.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Any

import numpy as np

from popclass.results import CAVITATION, REFRACTORY, UNCERTAIN
from popclass.streaming.listener import Listener
from popclass.streaming.pcm import Samples
from popclass.streaming.records import LiveEvent
from popclass.streaming.runner import Sink
from popclass.utils.duration import format_span
from popclass.utils.text import one_line

EVENTS = 12
NOTICES = 3
DRAW_EVERY_S = 0.25
MIN_DB = -90.0
METER_WIDTH = 40
LEVEL_S = 0.050
FLOOR_S = 3.0
FLOOR_QUANTILE = 0.3
_STYLES = {CAVITATION: "bold", UNCERTAIN: "dim"}


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
        self._power, self._count, self._peak = 0.0, 0, 0.0
        self.level_db = self.peak_db = self.floor_db = MIN_DB

    def update(self, block: Samples) -> None:
        """Process samples; of several channels the loudest counts."""
        if not len(block):
            return
        power = np.square(block, dtype=np.float64)
        self._power += float(power.sum(axis=0).max())
        self._peak = max(self._peak, float(power.max()))
        self._count += len(block)
        if self._count >= self._size:
            self.level_db, self.peak_db = _decibels(self._power / self._count), _decibels(self._peak)
            self._levels.append(self.level_db)
            self.floor_db = sorted(self._levels)[int(FLOOR_QUANTILE * (len(self._levels) - 1))]
            self._power, self._count, self._peak = 0.0, 0, 0.0


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

    def begin(self, listener: Listener, number: int) -> None:
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

        number, time, p = (Column(name, justify="right") for name in ("event", "time", "p"))
        table = Table(number, time, "label", p, "sound alone", "timing", box=None, pad_edge=False)
        for event in self._events.values():
            style = "yellow" if event.timing == REFRACTORY else _STYLES.get(event.label, "")
            sound = "  ".join(f"{name} {value:.2f}" for name, value in event.probabilities.items())
            probability = "" if event.p_label is None else f"{event.p_label:.2f}"
            cells = (str(event.event), _clock(event.start_s), event.label, probability, sound, event.timing_reason)
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
