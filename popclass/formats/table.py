"""Events as a plain table for people.

Each recording has a description, its warnings, one line an event, and a summary. A bracket groups the events of one
burst. Notes explain what weighs against a label: no free joint cavity, another label by the sound alone, novelty. A
warning of several recordings is printed once, with their number.
`popclass.formats.terminal` lays out the same cells for a terminal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from popclass.formats.text import rounded, shown_start, stated_frequencies
from popclass.results import Event, RecordingResult, Session
from popclass.schema import CAVITATION, CONSISTENT, REFRACTORY, UNCERTAIN
from popclass.utils.text import abbreviated, counted, one_line

# From here on the table mentions the novelty of an event; the model's own threshold lies at or above it.
NOVELTY_SHOWN_FROM = 0.95
NOVEL_FROM = 0.99  # default threshold of a model
UNLIKE = "unlike the training data"

RIGHT_ALIGNED = frozenset({"#", "time", "ch", "prob", "SNR"})


def table(results: Sequence[RecordingResult]) -> Iterator[str]:
    """Yield the events of several recordings as plain text.

    Examples
    --------
    >>> from popclass.results import RecordingInfo
    >>> quiet = RecordingResult(RecordingInfo("hip.wav", 48000, 1, duration_s=4.0), events=(), classes=())
    >>> print("".join(table([quiet])), end="")
    hip.wav
    4 s, 48 kHz, mono
    <BLANKLINE>
    no events
    """
    for _, part in outline(results):
        if isinstance(part, RecordingResult):
            yield from _aligned(cells(part))
            part = ""
        yield part + "\n"


def outline(results: Sequence[RecordingResult]) -> Iterator[tuple[str, str | RecordingResult]]:
    """Yield the parts of a table in order: a kind and its line; of kind `events` the recording to be laid out."""
    repeated = repeated_warnings(results)
    for index, result in enumerate(results):
        if index:
            yield "blank", ""
        yield "name", one_line(result.recording)
        yield "description", description(result)
        for warning in result.warnings:
            if warning not in repeated:
                yield "warning", f"warning: {one_line(warning)}"
        yield "blank", ""
        if result.events:
            yield "events", result
        yield "summary", summary(result)
    if len(results) > 1:
        yield "blank", ""
        for warning, names in repeated.items():
            yield "warning", f"{counted(len(names), 'recording')} ({abbreviated(names)}): warning: {one_line(warning)}"
        yield "total", total(results)


def repeated_warnings(results: Sequence[RecordingResult]) -> dict[str, list[str]]:
    """Return the warnings that several recordings have, each with the names of its recordings."""
    found: dict[str, list[str]] = {}
    for result in results:
        for warning in dict.fromkeys(result.warnings):
            found.setdefault(warning, []).append(result.recording)
    return {warning: names for warning, names in found.items() if len(names) > 1}


def _aligned(rows: Sequence[Mapping[str, str]]) -> Iterator[str]:
    widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in rows[0]}
    for row in ({name: name for name in widths}, *rows):
        padded = (f"{text:{'>' if name in RIGHT_ALIGNED else '<'}{widths[name]}}" for name, text in row.items())
        yield "  ".join(padded).rstrip() + "\n"


def cells(result: RecordingResult) -> list[dict[str, str]]:
    """Return the cells of each event by the name of their column; the channel is included only if there are several."""
    rows = []
    for event, bracket in zip(result.events, _brackets(result.events), strict=True):
        row = {
            "#": str(event.event),
            "burst": bracket,
            "time": clock(event.start_s),
            "ch": str(event.channel),
            "label": one_line(event.label),
            "prob": "" if event.p_label is None or is_unlike(event) else f"{event.p_label:.2f}",
            "SNR": "" if rounded(event.snr_db, 1) is None else f"{event.snr_db:.0f} dB",
            "notes": notes(event),
        }
        rows.append({name: row[name] for name in row if name != "ch" or result.channels > 1})
    return rows


def _brackets(events: Sequence[Event]) -> list[str]:
    """Return the burst number at the first event of each burst, and a bracket if it has several."""
    found = []
    for burst, group in groupby(events, key=lambda event: event.burst):
        size = len(list(group))
        lines = [" "] if size == 1 else ["┌", *"│" * (size - 2), "└"]
        found += [f"{line} {burst if index == 0 and burst else ''}".rstrip() for index, line in enumerate(lines)]
    return found


def is_unlike(event: Event) -> bool:
    """Return True if an event is `uncertain` for its novelty; the probability of a label would mislead then."""
    return event.label == UNCERTAIN and event.novelty is not None and event.novelty >= NOVEL_FROM


def notes(event: Event) -> str:
    """Return what is known of an event besides its label.

    Examples
    --------
    >>> notes(Event(0, 0, 0, 8000, 1, 20, -6, timing="consistent", timing_reason="46.5 min after the last"))
    'consistent: 46.5 min after the last'
    """
    return ", ".join(filter(None, ("; ".join(filter(None, timing_note(event))), sound_note(event))))


def timing_note(event: Event) -> tuple[str, str]:
    """Return what timing says of an event, in two clauses; the second may be empty, or both.

    Examples
    --------
    >>> timing_note(Event(0, 0, 0, 8000, 1, 20, -6, timing="refractory", timing_reason="4 s after it; unclear"))
    ('refractory: 4 s after it', 'unclear')
    """
    if event.timing not in (CONSISTENT, REFRACTORY):
        return "", ""
    cause, _, rest = one_line(event.timing_reason).partition("; ")
    return event.timing + (f": {cause}" if cause else ""), rest


def sound_note(event: Event) -> str:
    """Return the label of an event by its sound alone if another one replaced it, and a high novelty."""
    parts = []
    if event.acoustic_label and event.label != event.acoustic_label:
        probability = event.probabilities.get(event.acoustic_label)
        shown = "" if probability is None else f" {probability:.2f}"
        parts.append(f"sounds like {one_line(event.acoustic_label)}{shown}")
    if is_unlike(event):
        parts.append(UNLIKE)
    elif event.novelty is not None and event.novelty >= NOVELTY_SHOWN_FROM:
        # Cut, not rounded: 0.9899 must not look as if it had reached 0.99.
        parts.append(f"novelty {int(event.novelty * 100 + 1e-9) / 100:.2f}")
    return ", ".join(parts)


def clock(seconds: float) -> str:
    """Return a time within a recording, to the millisecond.

    Examples
    --------
    >>> clock(0.0), clock(59.9999), clock(3723.5)
    ('0:00.000', '1:00.000', '1:02:03.500')
    """
    minutes, milliseconds = divmod(round(seconds * 1000), 60_000)
    hours, minutes = divmod(minutes, 60)
    rest = f"{milliseconds / 1000:06.3f}"
    return f"{hours}:{minutes:02d}:{rest}" if hours else f"{minutes}:{rest}"


def length(seconds: float) -> str:
    """Return a duration in words, to the second.

    Examples
    --------
    >>> length(12.34), length(5400.0)
    ('12.3 s', '1 h 30 min')
    """
    if seconds < 60:
        return f"{seconds:.3g} s"
    hours, rest = divmod(round(seconds), 3600)
    parts = {"h": hours, "min": rest // 60, "s": rest % 60}
    return " ".join(f"{amount} {unit}" for unit, amount in parts.items() if amount)


def description(result: RecordingResult) -> str:
    """Return duration, rate, channels, site, side, subject and time of a recording in one line."""
    channels = {1: "mono", 2: "stereo"}.get(result.channels, f"{result.channels} channels")
    parts = [length(result.duration_s), f"{result.sample_rate / 1000:g} kHz", channels]
    if result.site is not None:
        parts.append(f"site {one_line(result.site)}")
    if result.side is not None:
        parts.append(f"{one_line(result.side)} side")
    if result.subject is not None:
        parts.append(f"subject {one_line(result.subject)}")
    if (start := shown_start(result.info)) is not None:
        parts.append(start)
    return ", ".join(parts)


def summary(result: RecordingResult) -> str:
    """Return the counts of a recording in one line."""
    text = _counts([result])
    if refractory := sum(event.timing == REFRACTORY for event in result.events):
        text += f"; {refractory} within the refractory period"
    if result.counts().get(CAVITATION) and result.cavities_needed is not None:
        text += f"; {joints_needed(result.cavities_needed, result.session)}"
    if result.session is not None and len(result.session.recordings) == 1:
        text += _frequencies(result.session)
    return text


def total(results: Sequence[RecordingResult]) -> str:
    """Return the counts of several recordings in one line, with the joints needed on each shared timeline."""
    text = f"{counted(len(results), 'recording')}, {_counts(results)}"
    for session in shared_sessions(results):
        if session.cavities_needed:
            these = "" if len(session.recordings) == len(results) else f"{len(session.recordings)} "
            text += f"; in the {these}recordings of one timeline {joints_needed(session.cavities_needed, session)}"
        text += _frequencies(session)
    return text


def _frequencies(session: Session) -> str:
    """Return the class frequencies that were estimated; empty where those of the training data apply."""
    return "" if session.frequencies is None else f"; {stated_frequencies(session.frequencies)}"


def distinct_sessions(results: Sequence[RecordingResult]) -> list[Session]:
    """Return the timelines of some recordings, each once."""
    return [each for each in {id(result.session): result.session for result in results}.values() if each is not None]


def shared_sessions(results: Sequence[RecordingResult]) -> list[Session]:
    """Return the timelines that have several recordings."""
    return [session for session in distinct_sessions(results) if len(session.recordings) > 1]


def joints_needed(cavities: int, session: Session | None) -> str:
    """Return the joints needed, whether there are so many, and the assumption if it makes a difference."""
    text = f"at least {counted(cavities, 'joint')} must have popped"
    if session is None or cavities == 1:
        return text
    if session.cavities is not None and cavities > session.cavities:
        text += f", more than the {session.cavities} there {'is' if session.cavities == 1 else 'are'}"
    return f"{text}, if each {session.count_by} is one joint cavity"


def _counts(results: Sequence[RecordingResult]) -> str:
    counts: Counter[str] = Counter()
    for result in results:
        counts.update(result.counts())
    events = sum(len(result.events) for result in results)
    labels = ", ".join(f"{count} {one_line(label)}" for label, count in counts.items() if count)
    return (counted(events, "event") if events else "no events") + (f": {labels}" if labels else "")
