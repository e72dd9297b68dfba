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
from popclass.cli.console import STDIN, print_note, warn_if_useless
from popclass.errors import UsageError
from popclass.utils.duration import format_span
from popclass.utils.files import check_writable
from popclass.utils.text import one_line

if TYPE_CHECKING:
    from popclass.streaming.source import Device, Pipe

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

  popclass listen --site mcp
  arecord -f S16_LE -r 48000 -t wav | popclass listen - --site knee
  ffmpeg -f pulse -i default -f wav - | popclass listen - --format jsonl
  sox -d -t raw -e signed -b 16 -r 44100 -c 1 - |
    popclass listen - --rate 44100 --encoding s16le

An event is reported at its end, classified by its sound alone (revision 0), and again under the same number
when its label changes; the last revision is final. Ctrl-C ends the command.
"""


@click.command(help=_HELP, cls=options.Command)
@click.argument("source", required=False, metavar="[-|DEVICE]")
@options.model
@options.site
@options.cavities
@options.refractory
@options.count_by
@options.class_frequencies
@options.subject
@options.number("--rate", "Rate of raw samples or device.", 8_000, 192_000, metavar="HZ")
@options.number("--channels", "Channels of raw samples or device (default: 1).", 1, 8)
@click.option("--encoding", type=_Encoding(_ENCODINGS), help="Encoding of raw samples; without it, WAV is expected.")
@click.option("--format", "style", type=click.Choice(("table", "jsonl")), default="table", help="Output format.")
@options.checked("--save", options.folder, "DIR", "Save sounds and labels for popclass train.", "folder")
@options.path("--session", "FILE", "Continue or begin the session in this file; saved every minute.")
def listen(source: str | None, style: str, folder: str | None, session: str | None, **more: Any) -> int:
    """Run `popclass listen`; `more` holds the options of the samples, and of the listener as it names them."""
    if session is not None:
        check_writable(session)
    layout = [more.pop(name) for name in ("rate", "channels", "encoding")]
    with ExitStack() as stack:
        samples = _pipe(*layout) if source == STDIN else stack.enter_context(closing(_device(source, *layout)))

        from popclass.formats.table import joints_needed
        from popclass.pipeline import load_model
        from popclass.schema import CAVITATION
        from popclass.streaming.output import EventLines, QueuedOutput, View
        from popclass.streaming.runner import Runner

        more["model"] = load_model(more["model"])
        runner = Runner(samples, more, [], print_note, session)
        # A pipe may carry an old recording: without a session file its events get no date.
        if source != STDIN or session is not None:
            runner.clock = lambda: datetime.now().astimezone()
        if style == "table" and sys.stdout.isatty():
            view = stack.enter_context(closing(View(samples.name)))
            runner.sinks, runner.notify = [view], view.notify
        else:
            output = stack.enter_context(closing(QueuedOutput(print_note)))
            runner.sinks = [EventLines(output, samples.name, as_json=style == "jsonl")]
            runner.stop = lambda: output.closed_by_reader
        if folder is not None:
            from popclass.streaming.save import Saver

            runner.sinks.append(Saver(folder))
        runner.run()
    found = ", ".join(f"{number} {label}" for label, number in sorted(runner.counts.items()) if label and number)
    if runner.timeline is not None and runner.counts[CAVITATION]:
        found += f"; {joints_needed(runner.timeline.cavities_needed, runner.timeline)}"
    print_note(f"listened for {format_span(runner.processed_s)}: {found or 'no short sound detected'}")
    warn_if_useless(more["model"])
    return 0


def _pipe(rate: int | None, channels: int | None, encoding: str | None) -> Pipe:
    """Return standard input as a source; raise UsageError if the options do not fit it."""
    if encoding is not None and rate is None:
        raise UsageError("--rate is missing: raw samples need it, such as --rate 48000")
    if encoding is None and (rate is not None or channels is not None):
        raise UsageError("--encoding is missing: raw samples need it; for a WAV stream omit --rate and --channels")
    if sys.stdin.isatty():
        raise UsageError("standard input is a terminal: pipe a recorder into popclass listen -")

    from popclass.streaming.pcm import Layout
    from popclass.streaming.source import Pipe

    raw = Layout(rate, channels or 1, encoding) if rate and encoding else None
    # not sys.stdin.buffer: its lock, held by a thread that waits for samples, would abort the interpreter at its end
    return Pipe(io.FileIO(sys.stdin.fileno(), closefd=False), raw)


def _device(name: str | None, rate: int | None, channels: int | None, encoding: str | None) -> Device:
    """Return an opened device; raise UsageError if the options do not fit it."""
    from popclass.audio.paths import AUDIO_SUFFIXES

    path = "" if name is None or name.isdecimal() else name
    if path.lower().endswith(AUDIO_SUFFIXES) or os.path.isfile(path):
        shown = one_line(path)
        live = f", or popclass listen - < {shown}" if shown.lower().endswith((".wav", ".wave")) else ""
        raise UsageError(f"{shown} is a recording, not a device: use popclass classify {shown}{live}")
    if encoding is not None:
        raise UsageError("--encoding belongs to raw samples on standard input: use popclass listen -")

    from popclass.streaming.source import Device

    return Device(name, rate, channels or 1)
