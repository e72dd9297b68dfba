"""Command `popclass listen`: events of a microphone or a pipe in real time."""

from __future__ import annotations

import io
import os
import sys
from contextlib import ExitStack, closing
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from popclass.cli import options
from popclass.cli.console import STDIN, print_note
from popclass.errors import UsageError
from popclass.utils.duration import format_span
from popclass.utils.files import check_writable
from popclass.utils.text import one_line

if TYPE_CHECKING:
    from popclass.streaming.runner import Runner, Sink
    from popclass.streaming.source import Source

TABLE, JSONL = "table", "jsonl"
# as popclass.streaming.pcm.ENCODINGS, which is not imported before it is needed
_ENCODINGS = ("u8", "s16le", "s24le", "s32le", "f32le", "f64le", "mulaw", "alaw")

# names in arecord and other programs, without punctuation
_OTHER_NAMES = {
    **{"float": "f32le", "float32": "f32le", "floatle": "f32le", "float64": "f64le", "float64le": "f64le"},
    **{"s16": "s16le", "s32": "s32le", "s243le": "s24le", "ulaw": "mulaw"},
}


class _Encoding(click.Choice):  # type: ignore[type-arg]  # generic in newer versions of click only
    """An encoding; the error for another program's name contains the name here."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        plain = "".join(each for each in value.lower().removeprefix("pcm_") if each.isalnum())
        meant = plain if plain in self.choices else _OTHER_NAMES.get(plain)
        if value.upper() == "S24_LE":
            self.fail(f"{value!r} has four bytes a sample: use S24_3LE in arecord, and s24le here", param, ctx)
        if value not in self.choices and meant is not None:
            self.fail(f"{value!r} is unknown: did you mean {meant}?", param, ctx)
        return super().convert(value, param, ctx)


_HELP = """Classify short sounds in real time.

From a microphone (its number or name as `python -m sounddevice` lists them; default: the system's), or with - from
standard input: WAV, or raw samples with --rate, --channels and --encoding.
"""
_EPILOG = """\b
Examples:
  popclass listen --site mcp
  arecord -f S16_LE -r 48000 -t wav | popclass listen - --site knee
  ffmpeg -f pulse -i default -f wav - | popclass listen - --format jsonl
  sox -d -t raw -e signed -b 16 -r 44100 -c 1 - | popclass listen - --rate 44100 --encoding s16le

\b
An event is reported at its end, classified by its sound alone (revision 0), and again under the same number
when its label changes; the last revision is final. Ctrl-C ends the command.
"""


@click.command(help=_HELP, epilog=_EPILOG)
@click.argument("source", required=False, metavar="[-|DEVICE]")
@options.model
@options.site
@options.cavities
@options.refractory
@options.subject
@click.option("--rate", type=options.whole_number(8_000, 192_000), metavar="HZ", help="Rate of raw samples or device.")
@click.option(
    "--channels", type=options.whole_number(1, 8), metavar="N", help="Channels of raw samples or device (default: 1)."
)
@click.option("--encoding", type=_Encoding(_ENCODINGS), help="Encoding of raw samples; without it, WAV is expected.")
@click.option("--format", "style", type=click.Choice((TABLE, JSONL)), default=TABLE, help="Output format.")
@click.option(
    "--save", "folder", type=options.PATH, metavar="DIR", help="Save sounds there, with labels for popclass train."
)
@click.option(
    "--session",
    type=options.PATH,
    metavar="FILE",
    help="Continue the session in this file, or begin it; saved every minute.",
)
def listen(
    source: str | None,
    model: str | None,
    rate: int | None,
    channels: int | None,
    encoding: str | None,
    style: str,
    folder: str | None,
    session: str | None,
    **timeline: Any,  # site, cavities, refractory and subject, as the listener names them
) -> int:
    """Run `popclass listen`."""
    _check(source, rate, channels, encoding)
    if session is not None:
        check_writable(session)

    from popclass.pipeline import load_model
    from popclass.streaming.runner import Runner

    with ExitStack() as stack:
        # A pipe may carry an old recording: without a session file its events get no date.
        dated = source != STDIN or session is not None
        runner = Runner(
            source=_open(source, rate, channels, encoding, stack),
            options={"model": load_model(model), **timeline},
            sinks=[],
            notify=print_note,
            resume=session if session is not None and os.path.exists(session) else None,
            save_to=session,
            clock=(lambda: datetime.now().astimezone()) if dated else None,
        )
        runner.sinks += _sinks(runner, style, folder, stack)
        runner.run()
    found = ", ".join(f"{number} {label}" for label, number in sorted(runner.counts.items()) if number)
    print_note(f"listened for {format_span(runner.processed_s)}: {found or 'no short sound detected'}")
    return 0


def _check(source: str | None, rate: int | None, channels: int | None, encoding: str | None) -> None:
    """Raise UsageError if the options do not fit the source."""
    if source == STDIN:
        if encoding is not None and rate is None:
            raise UsageError("--rate is missing: raw samples need it, such as --rate 48000")
        if encoding is None and (rate is not None or channels is not None):
            raise UsageError("--encoding is missing: raw samples need it; for a WAV stream omit --rate and --channels")
        if sys.stdin.isatty():
            raise UsageError("standard input is a terminal: pipe a recorder into popclass listen -")
        return
    if source is not None and _is_recording(source):
        shown = one_line(source)
        live = f", or popclass listen - < {shown}" if shown.lower().endswith((".wav", ".wave")) else ""
        raise UsageError(f"{shown} is a recording, not a device: use popclass classify {shown}{live}")
    if encoding is not None:
        raise UsageError("--encoding belongs to raw samples on standard input: use popclass listen -")


def _is_recording(source: str) -> bool:
    from popclass.audio.paths import AUDIO_SUFFIXES

    return source.lower().endswith(AUDIO_SUFFIXES) or (not source.isdecimal() and os.path.isfile(source))


def _open(source: str | None, rate: int | None, channels: int | None, encoding: str | None, stack: ExitStack) -> Source:
    if source != STDIN:
        from popclass.streaming.device import Device

        return stack.enter_context(closing(Device(source, rate=rate, channels=channels)))
    from popclass.streaming.pcm import Layout
    from popclass.streaming.source import Pipe

    layout = Layout(rate, channels if channels is not None else 1, encoding) if rate and encoding else None
    # not sys.stdin.buffer: its lock, held by a thread that waits for samples, would abort the interpreter at its end
    return Pipe(io.FileIO(sys.stdin.fileno(), closefd=False), layout)


def _sinks(runner: Runner, style: str, folder: str | None, stack: ExitStack) -> list[Sink]:
    from popclass.streaming.output import EventCounts, EventLines, QueuedOutput

    sinks: list[Sink] = [EventCounts(runner.counts)]
    if style == TABLE and sys.stdout.isatty():
        from popclass.streaming.view import View

        sinks.append(stack.enter_context(closing(View(runner.source.name))))
        runner.notify = lambda _: None  # the view shows the notices
    else:
        output = stack.enter_context(closing(QueuedOutput(print_note)))
        runner.stop = lambda: output.closed_by_reader
        sinks.append(EventLines(output, runner.source.name, as_json=style == JSONL))
    if folder is not None:
        from popclass.streaming.save import Saver

        sinks.append(Saver(folder))
    return sinks
