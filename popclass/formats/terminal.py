"""Results laid out by rich in the width of the terminal, with a line of bars over time.

Events labelled `other` are counted in one line, so that joint sounds stand out; files and pipes get all events. A note
that pops of a burst share is printed once with their number, and what is assumed of the site once for a recording.

rich would write to standard output itself, and ends the process if that is closed. It therefore writes to memory, and
`popclass.utils.files` writes the text as it writes all other.
"""

from __future__ import annotations

import io
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from popclass.formats.table import RIGHT_ALIGNED, cells, length, outline, shared_sessions, sound_note, timing_note
from popclass.results import Event, RecordingResult
from popclass.schema import CAVITATION, OTHER, REFRACTORY, SNAPPING, UNCERTAIN, UNKNOWN_SITE

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

HEIGHTS = "▂▃▄▅▆▇█"
EMPTY = "▁"
LOUDEST_DB = 42.0  # from here on a bar has its full height
SPARKLINE = 76  # characters of a sparkline with its duration
_RANK = {CAVITATION: 3, SNAPPING: 2, UNCERTAIN: 1}
_PART_STYLES = {"name": "bold", "description": "dim", "warning": "yellow", "summary": "bold", "total": "bold"}
_STYLES = {CAVITATION: "bold cyan", SNAPPING: "yellow", UNCERTAIN: "magenta"}


class Bar(NamedTuple):
    """One character of a sparkline and the label that it stands for; empty without an event."""

    character: str
    label: str = ""


def render(parts: Iterable[RenderableType]) -> str:
    """Return the text that rich lays out in the width of the terminal, without spaces at line ends.

    Parameters
    ----------
    parts : iterable of rich renderables
        Texts are printed as they are, without markup.
    """
    from rich.console import Console

    stream, forced = io.StringIO(), True if sys.stdout.isatty() else None
    width, height = shutil.get_terminal_size()  # unlike rich, ignores a COLUMNS that is not a number
    console = Console(file=stream, width=width, height=height, force_terminal=forced, markup=False, highlight=False)
    for part in parts:
        console.print(part)
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())


def wrapped(text: str) -> str:
    """Return text with its sentences broken between words if standard output is a terminal; tables stay as they are.

    Lines of a table have two spaces between their cells.
    """
    if not sys.stdout.isatty():
        return text
    width = shutil.get_terminal_size().columns
    lines = text.split("\n")
    whole = (line if "  " in line else textwrap.fill(line, width, break_on_hyphens=False) for line in lines)
    return "\n".join(whole)


def terminal_table(results: Sequence[RecordingResult], *, show_all: bool = False) -> str:
    """Return the events of several recordings laid out for the terminal; only `show_all` lists those labelled other."""
    return render(_parts(results, show_all))


def _parts(results: Sequence[RecordingResult], show_all: bool) -> Iterator[RenderableType]:
    from rich.text import Text

    for kind, part in outline(results):
        if isinstance(part, RecordingResult):
            listed = tuple(event for event in part.events if show_all or event.label != OTHER)
            if listed:
                yield _table(replace(part, events=listed))
            if hidden := len(part.events) - len(listed):
                yield Text(f"{'+ ' if listed else ''}{hidden} {OTHER} (--all shows them)", style="dim")
            yield ""
            yield from _sparkline([part])
            continue
        if kind == "total":
            for session in shared_sessions(results):
                yield from _sparkline([each for each in results if each.session is session])
        yield Text(part, style=_PART_STYLES.get(kind, ""))


def ruled_table(header_style: str = "") -> Table:
    """Return an empty table of rich with a rule below the names of its columns."""
    from rich import box
    from rich.table import Table

    return Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False, header_style=header_style)


def _table(result: RecordingResult) -> Table:
    from rich.text import Text

    rows, layout = cells(result), ruled_table("dim")
    for row, note in zip(rows, _notes(result.events), strict=True):
        row["notes"] = note
    for name in rows[0]:
        layout.add_column(name, justify="right" if name in RIGHT_ALIGNED else "left", no_wrap=name != "notes")
    for event, row in zip(result.events, rows, strict=True):
        label = _STYLES.get(event.label, "")
        notes = "red" if event.timing == REFRACTORY else ""
        styles = {"#": "dim", "burst": "dim", "SNR": "dim", "label": label, "prob": label, "notes": notes}
        layout.add_row(*(Text(text, style=styles.get(name, "")) for name, text in row.items()))
    return layout


def _notes(events: Sequence[Event]) -> Iterator[str]:
    """Yield the note of each event, without what is printed at an earlier one.

    Timing and sound are compared separately: the sounds of a burst often differ where its timing is the same.
    """
    assumed: set[str] = set()
    for _, burst in groupby(events, key=lambda event: event.burst):
        members = list(burst)
        timing = [""] * len(members)
        noted = [(at, *note) for at, note in enumerate(map(timing_note, members)) if any(note)]
        last = ("", "")
        for shown, (at, *note) in zip(_once([cause for _, cause, _ in noted]), noted, strict=True):
            clause = "" if tuple(note) == last or note[1] in assumed else note[1]
            timing[at] = "; ".join(filter(None, (shown, clause)))
            last = (note[0], note[1])
            if clause.startswith(UNKNOWN_SITE):
                assumed.add(clause)
        for parts in zip(timing, _once([sound_note(event) for event in members]), strict=True):
            yield ", ".join(filter(None, parts))


def _once(texts: Iterable[str]) -> Iterator[str]:
    """Yield texts; of equal ones in a row only the first, with their number."""
    for text, same in groupby(texts):
        size = len(list(same))
        yield f"{text} ({size} events)" if text and size > 1 else text
        yield from [""] * (size - 1)


def _sparkline(results: Sequence[RecordingResult]) -> Iterator[RenderableType]:
    """Yield the bars of a timeline and, for terminals without colors, the initials of their labels."""
    from rich.text import Text

    points, duration_s = sparkline_points(results)
    if len(points) < 2:
        return
    end = f" {length(duration_s)}"
    width = min(SPARKLINE, shutil.get_terminal_size().columns)
    bars = sparkline(points, duration_s, max(width - len(end), 1))
    line = Text()
    for label, same in groupby(bars, key=lambda bar: bar.label):
        line.append("".join(bar.character for bar in same), style=_STYLES.get(label, "") if label else "dim")
    yield line.append(end, style="dim")
    yield Text("".join(bar.label[:1] or " " for bar in bars).rstrip(), style="dim")
    yield ""


def sparkline(events: Iterable[tuple[float, float, str]], duration_s: float, width: int) -> list[Bar]:
    """Return events as bars, each of which covers an equal share of the duration.

    The height is the level of the loudest event in a bar. Its label is that of the most important event: cavitation,
    then snapping, then uncertain.

    Parameters
    ----------
    events : iterable of (seconds, level over the noise in decibels, label)
    duration_s : float
        Events beyond it are drawn at the end.
    width : int
        In characters, at least 1.

    Examples
    --------
    >>> bars = sparkline([(1.0, 42.0, "cavitation"), (9.9, 3.0, "other")], 10.0, 5)
    >>> "".join(bar.character for bar in bars), bars[0].label
    ('█▁▁▁▂', 'cavitation')
    """
    inside: dict[int, list[tuple[float, str]]] = {}
    for seconds, level, label in events:
        position = min(max(seconds / duration_s, 0), 1) * width if duration_s > 0 else 0
        share = min(1.0, max(0.0, level / LOUDEST_DB))  # in this order an unknown level, NaN, becomes 0
        inside.setdefault(min(int(position), width - 1), []).append((share, label))
    bars = [Bar(EMPTY)] * width
    for at, found in inside.items():
        height = HEIGHTS[round(max(found)[0] * (len(HEIGHTS) - 1))]
        bars[at] = Bar(height, max((label for _, label in found), key=lambda label: _RANK.get(label, 0)))
    return bars


def sparkline_points(results: Sequence[RecordingResult]) -> tuple[list[tuple[float, float, str]], float]:
    """Return the events of one timeline for `sparkline`, and its duration in seconds.

    Parameters
    ----------
    results : sequence of RecordingResult
        One recording, or several that start at their `recorded_at`.
    """
    starts = [result.recorded_at for result in results if result.recorded_at is not None]
    offsets = [(each.recorded_at - min(starts)).total_seconds() if each.recorded_at else 0.0 for each in results]
    timeline = list(zip(offsets, results, strict=True))
    points = [(at + event.start_s, event.snr_db, event.label) for at, each in timeline for event in each.events]
    return points, max((at + each.duration_s for at, each in timeline), default=0.0)
