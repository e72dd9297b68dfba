"""The events as a table for people.

One table a recording: what the recording is, what was noticed about it, a line an event, and a sentence that sums it
up. Events of one movement are held together by a bracket. Notes say in words what weighs against a label: that no joint
cavity was free, that the sound alone pointed elsewhere, that nothing in the training data is like it.

`table` is plain text with one line an event, for pipes and files; `terminal_table` lays the same cells out with rich
in the width of the terminal and adds a line that shows when the events were.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from popclass.formats.sparkline import of_recordings, sparkline
from popclass.formats.terminal import laid_out
from popclass.formats.text import rounded
from popclass.results import CAVITATION, CONSISTENT, REFRACTORY, SNAPPING, UNCERTAIN, Event, RecordingResult, Session
from popclass.utils.text import one_line

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

# From here on the table mentions the novelty of an event; the model's own threshold lies at or above it.
NOVELTY_SHOWN_FROM = 0.95

COLUMNS = ("#", "burst", "time", "ch", "label", "prob", "SNR", "notes")
SPARKLINE = 76  # characters of a sparkline with its end
_RIGHT = frozenset({"#", "time", "ch", "prob", "SNR"})
_STYLES = {CAVITATION: "bold cyan", SNAPPING: "yellow", UNCERTAIN: "magenta"}


def table(results: Sequence[RecordingResult]) -> Iterator[str]:
    """The events of several recordings as plain text, in lines.

    Examples
    --------
    >>> quiet = RecordingResult(recording="hip.wav", events=(), classes=(), duration_s=4, sample_rate=48000, channels=1)
    >>> print("".join(table([quiet])), end="")
    hip.wav
    4 s, 48 kHz, mono
    <BLANKLINE>
    no events
    """
    for index, result in enumerate(results):
        if index:
            yield "\n"
        yield f"{one_line(result.recording)}\n{description(result)}\n"
        for warning in result.warnings:
            yield f"warning: {one_line(warning)}\n"
        yield "\n"
        if result.events:
            yield from _plain(result)
            yield "\n"
        yield f"{summary(result)}\n"
    if len(results) > 1:
        yield f"\n{total(results)}\n"


def _plain(result: RecordingResult) -> Iterator[str]:
    columns, rows = _cells(result)
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    for row in (columns, *rows):
        padded = (
            text.rjust(width) if name in _RIGHT else text.ljust(width)
            for name, text, width in zip(columns, row, widths, strict=True)
        )
        yield "  ".join(padded).rstrip() + "\n"


def terminal_table(results: Sequence[RecordingResult], *, width: int | None = None, colour: bool = True) -> str:
    """The events of several recordings laid out for the terminal at hand.

    Parameters
    ----------
    results : sequence of RecordingResult
    width : int, optional
        Columns to lay out for; by default those of the terminal.
    colour : bool
        Whether colours are welcome; rich also honours ``NO_COLOR`` and ``TERM``.
    """
    with laid_out(width, color_system="auto" if colour else None) as laid:
        for part in _renderables(results, laid.console.width):
            laid.console.print(part)
    return "".join(laid.lines())


def _renderables(results: Sequence[RecordingResult], width: int) -> Iterator[RenderableType]:
    from rich.text import Text

    for index, result in enumerate(results):
        if index:
            yield ""
        yield Text(one_line(result.recording), style="bold")
        yield Text(description(result), style="dim")
        yield from (Text(f"warning: {one_line(warning)}", style="yellow") for warning in result.warnings)
        yield ""
        if result.events:
            yield _rich_table(result)
            yield ""
        yield from _rich_sparkline([result], width)
        yield Text(summary(result), style="bold")
    if len(results) > 1:
        yield ""
        yield from (line for session in _sessions(results) for line in _rich_sparkline(session, width))
        yield Text(total(results), style="bold")


def _sessions(results: Sequence[RecordingResult]) -> list[list[RecordingResult]]:
    """The recordings of each timeline that has several."""
    found: dict[int, list[RecordingResult]] = {}
    for result in results:
        if result.session is not None and len(result.session.recordings) > 1:
            found.setdefault(id(result.session), []).append(result)
    return [session for session in found.values() if len(session) > 1]


def _rich_sparkline(results: Sequence[RecordingResult], width: int) -> Iterator[RenderableType]:
    """When the events of a timeline were, on one line and, for whoever sees no colours, their letters below it."""
    from rich.text import Text

    points, duration_s = of_recordings(results)
    if len(points) < 2:
        return
    end = f" {_duration(duration_s)}"
    bars = sparkline(points, duration_s, max(min(SPARKLINE, width) - len(end), 1))
    line = Text()
    for label, same in groupby(bars, key=lambda bar: bar.label):
        line.append("".join(bar.character for bar in same), style="dim" if label is None else _STYLES.get(label, ""))
    yield line.append(end, style="dim")
    yield Text("".join(bar.letter for bar in bars).rstrip(), style="dim")
    yield ""


def _rich_table(result: RecordingResult) -> Table:
    from rich import box
    from rich.table import Table

    columns, rows = _cells(result)
    layout = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False, header_style="dim")
    for name in columns:
        layout.add_column(name, justify="right" if name in _RIGHT else "left", no_wrap=name != "notes")
    for event, row in zip(result.events, rows, strict=True):
        layout.add_row(*(_styled(event, name, text) for name, text in zip(columns, row, strict=True)))
    return layout


def _styled(event: Event, column: str, text: str) -> Text:
    from rich.text import Text

    if column in ("label", "prob"):
        return Text(text, style=_STYLES.get(event.label, ""))
    if column == "notes" and event.timing == REFRACTORY:
        return Text(text, style="red")
    return Text(text, style="dim" if column in ("#", "burst", "SNR") else "")


def _cells(result: RecordingResult) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Column names and the texts under them; the channel is named only where there are several."""
    shown = [name != "ch" or result.channels > 1 for name in COLUMNS]
    brackets = _brackets(result.events)
    rows = [
        (
            str(event.event),
            bracket,
            clock(event.start_s),
            str(event.channel),
            one_line(event.label),
            "" if event.p_label is None else f"{event.p_label:.2f}",
            "" if rounded(event.snr_db, 1) is None else f"{event.snr_db:.0f} dB",
            notes(event),
        )
        for event, bracket in zip(result.events, brackets, strict=True)
    ]
    kept = [tuple(text for text, keep in zip(row, shown, strict=True) if keep) for row in (COLUMNS, *rows)]
    return kept[0], kept[1:]


def _brackets(events: Sequence[Event]) -> list[str]:
    """The burst number at its first event, and a bracket around the events of a burst that has several."""
    found = []
    for burst, group in groupby(events, key=lambda event: event.burst):
        size = len(list(group))
        lines = [" "] if size == 1 else ["┌", *"│" * (size - 2), "└"]
        found += [f"{line} {burst if index == 0 and burst else ''}".rstrip() for index, line in enumerate(lines)]
    return found


def notes(event: Event) -> str:
    """What is to be said of an event beyond its label.

    Examples
    --------
    >>> notes(Event(0, 0, 0, 8000, 1, 20, -6, timing="consistent", timing_reason="46.5 min after the last"))
    'consistent: 46.5 min after the last'
    """
    said = []
    if event.timing in (CONSISTENT, REFRACTORY):
        said.append(event.timing + (f": {one_line(event.timing_reason)}" if event.timing_reason else ""))
    if event.acoustic_label and event.label != event.acoustic_label:
        probability = event.probabilities.get(event.acoustic_label)
        said.append(
            f"sounds like {one_line(event.acoustic_label)}" + ("" if probability is None else f" {probability:.2f}")
        )
    if event.novelty is not None and event.novelty >= NOVELTY_SHOWN_FROM:
        # Cut, not rounded: 0.9899 must not look as if it had reached 0.99.
        said.append(f"novelty {int(event.novelty * 100 + 1e-9) / 100:.2f}")
    return ", ".join(said)


def clock(seconds: float) -> str:
    """A time within a recording, to the millisecond.

    Examples
    --------
    >>> clock(0.0), clock(59.9999), clock(3723.5)
    ('0:00.000', '1:00.000', '1:02:03.500')
    """
    minutes, milliseconds = divmod(round(seconds * 1000), 60_000)
    hours, minutes = divmod(minutes, 60)
    rest = f"{milliseconds / 1000:06.3f}"
    return f"{hours}:{minutes:02d}:{rest}" if hours else f"{minutes}:{rest}"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.3g} s"
    hours, rest = divmod(round(seconds), 3600)
    parts = {"h": hours, "min": rest // 60, "s": rest % 60}
    return " ".join(f"{amount} {unit}" for unit, amount in parts.items() if amount)


def description(result: RecordingResult) -> str:
    """A recording in one line: duration, rate, channels, site, subject, when."""
    channels = {1: "mono", 2: "stereo"}.get(result.channels, f"{result.channels} channels")
    said = [_duration(result.duration_s), f"{result.sample_rate / 1000:g} kHz", channels]
    if result.site is not None:
        said.append(f"site {one_line(result.site)}")
    if result.subject is not None:
        said.append(f"subject {one_line(result.subject)}")
    if result.recorded_at is not None:
        said.append(result.recorded_at.isoformat(sep=" ", timespec="seconds"))
    return ", ".join(said)


def summary(result: RecordingResult) -> str:
    """The events of a recording in one sentence."""
    said = _counted([result])
    refractory = sum(event.timing == REFRACTORY for event in result.events)
    if refractory:
        said += f"; {refractory} within the refractory period"
    cavitations = result.counts().get(CAVITATION, 0)
    if cavitations and result.cavities_needed is not None:
        subject = "the cavitation needs" if cavitations == 1 else "the cavitations need"
        said += f"; {subject} {_needed(result.cavities_needed, result.session)}"
    return said


def total(results: Sequence[RecordingResult]) -> str:
    """The events of several recordings in one sentence, and what those that share a timeline need together."""
    said = f"{_number(len(results), 'recording', 'recordings')}, {_counted(results)}"
    sessions = {id(result.session): result.session for result in results if result.session is not None}
    for session in sessions.values():
        if len(session.recordings) > 1 and session.cavities_needed:
            these = "" if len(session.recordings) == len(results) else f"{len(session.recordings)} "
            said += f"; on one timeline the {these}recordings need {_needed(session.cavities_needed, session)}"
    return said


def _needed(cavities: int, session: Session | None) -> str:
    """How many joint cavities, and whether that is more than there are."""
    said = _number(cavities, "joint cavity", "joint cavities")
    if session is None or session.cavities is None or cavities <= session.cavities:
        return said
    return f"{said}, more than the {session.cavities} there {'is' if session.cavities == 1 else 'are'}"


def _counted(results: Sequence[RecordingResult]) -> str:
    counts: Counter[str] = Counter()
    for result in results:
        counts.update(result.counts())
    events = sum(len(result.events) for result in results)
    labels = ", ".join(f"{count} {one_line(label)}" for label, count in counts.items() if count)
    if not events:
        return "no events"
    return _number(events, "event", "events") + (f": {labels}" if labels else "")


def _number(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
