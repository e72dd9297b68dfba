"""popclass listen: events of a microphone or a pipe, as they come."""

from __future__ import annotations

import io
import sys
from contextlib import ExitStack
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from popclass.cli import options
from popclass.cli.console import say
from popclass.errors import UsageError
from popclass.utils.files import STDOUT
from popclass.utils.text import one_line

if TYPE_CHECKING:
    from popclass.streaming.runner import Sink, Sitting
    from popclass.streaming.source import Source

TABLE, JSONL = "table", "jsonl"
# as popclass.streaming.pcm.ENCODINGS, which is not imported before it is needed
_ENCODINGS = ("u8", "s16le", "s24le", "s32le", "f32le", "f64le", "mulaw", "alaw")

# what arecord and others call them, without what is no letter or digit
_OTHER_NAMES = {
    **{"float": "f32le", "float32": "f32le", "floatle": "f32le", "float64": "f64le", "float64le": "f64le"},
    **{"s16": "s16le", "s32": "s32le", "s243le": "s24le", "ulaw": "mulaw"},
}


class _Encoding(click.Choice):  # type: ignore[type-arg]  # generic in newer versions of click only
    """An encoding; of one that another program calls otherwise it is said what it is called here."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, str) and value not in self.choices:
            plain = "".join(each for each in value.lower().removeprefix("pcm_") if each.isalnum())
            if value.upper() == "S24_LE":
                self.fail(f"{value!r} has four bytes a sample: let arecord use S24_3LE, and say s24le", param, ctx)
            meant = plain if plain in self.choices else _OTHER_NAMES.get(plain)
            if meant is not None:
                self.fail(f"{value!r} is unknown: did you mean {meant}?", param, ctx)
        return super().convert(value, param, ctx)


_EPILOG = """\b
Examples:
  popclass listen --site mcp
  arecord -f S16_LE -r 48000 -t wav | popclass listen - --site knee
  ffmpeg -f pulse -i default -f wav - | popclass listen - --format jsonl
  sox -d -t raw -e signed -b 16 -r 44100 -c 1 - | popclass listen - --rate 44100 --encoding s16le

\b
An event is reported when it is over, by its sound alone (revision 0), and again under the same number
when its answer changes: the last revision holds. Ctrl-C ends the listening.
"""


_HELP = """Say what each short sound is while it is heard.

From a microphone (its number or name as `python -m sounddevice` lists them; the default one where left out), or
with - from standard input: WAV, or raw samples with --rate, --channels and --encoding.
"""


@click.command(help=_HELP, epilog=_EPILOG)
@click.argument("source", required=False, metavar="[-|DEVICE]")
@options.model_option()
@options.site_option()
@options.cavities_option()
@options.refractory_option()
@click.option("--subject", type=options.SUBJECT, metavar="ID", help="Whose sounds these are.")
@click.option("--rate", type=options.WholeNumber(8_000, 192_000), metavar="HZ", help="Of raw samples, or of a device.")
@click.option(
    "--channels", type=options.WholeNumber(1, 8), metavar="N", help="Of raw samples, or of a device; 1 where left out."
)
@click.option("--encoding", type=_Encoding(_ENCODINGS), help="Of raw samples; left out, WAV is expected.")
@click.option("--format", "style", type=click.Choice((TABLE, JSONL)), default=TABLE, help="How to write the events.")
@click.option(
    "--save", "folder", type=options.PATH, metavar="DIR", help="Keep the sounds there, with labels for popclass train."
)
@click.option(
    "--session",
    type=options.PATH,
    metavar="FILE",
    help="Keep the refractory clock there; where the file exists, go on from it.",
)
def listen(
    source: str | None,
    model: str | None,
    site: str | None,
    cavities: int | None,
    refractory: float | None,
    subject: str | None,
    rate: int | None,
    channels: int | None,
    encoding: str | None,
    style: str,
    folder: str | None,
    session: str | None,
) -> int:
    """`popclass listen`; see `_HELP`."""
    _check(source, rate, channels, encoding)
    if session is not None:
        from popclass.utils.files import check_writable

        check_writable(session)

    from popclass.pipeline import load_model
    from popclass.streaming.runner import Sitting

    settings = {"site": site, "cavities": cavities, "refractory": refractory, "subject": subject}
    with ExitStack() as stack:
        opened = _open(source, rate, channels, encoding, stack)
        # a pipe may carry what was recorded long ago: only where a clock is asked for it is taken to be live
        dated = source != STDOUT or session is not None
        sitting = Sitting(
            source=opened,
            options={"model": load_model(model), **settings},
            sinks=[],
            say=say,
            resume=_existing(session),
            keep=session,
            now=(lambda: datetime.now().astimezone()) if dated else None,
        )
        sitting.sinks += _sinks(sitting, style, folder, stack)
        sitting.run()
    _sum_up(sitting)
    return 0


def _check(source: str | None, rate: int | None, channels: int | None, encoding: str | None) -> None:
    if source == STDOUT:
        if encoding is not None and rate is None:
            raise UsageError("--rate is missing: raw samples do not say their own, such as --rate 48000")
        if encoding is None and (rate is not None or channels is not None):
            raise UsageError("--encoding is missing: a WAV stream says its own rate and channels, raw samples need all")
        if sys.stdin.isatty():
            raise UsageError("standard input is a terminal: pipe a recorder into popclass listen -")
        return
    if source is not None and _is_recording(source):
        shown = one_line(source)
        live = f", or popclass listen - < {shown}" if shown.lower().endswith((".wav", ".wave")) else ""
        raise UsageError(f"{shown} is a recording, no device: use popclass classify {shown}{live}")
    if encoding is not None:
        raise UsageError("--encoding belongs to raw samples on standard input: say popclass listen -")


def _is_recording(source: str) -> bool:
    from pathlib import Path

    from popclass.audio.paths import AUDIO_SUFFIXES

    return source.lower().endswith(AUDIO_SUFFIXES) or (not source.isdecimal() and Path(source).is_file())


def _open(source: str | None, rate: int | None, channels: int | None, encoding: str | None, stack: ExitStack) -> Source:
    if source != STDOUT:
        from popclass.streaming.device import Device

        device = Device(source, rate=rate, channels=channels)
        stack.callback(device.close)
        return device
    from popclass.streaming.pcm import Layout
    from popclass.streaming.source import Pipe

    layout = Layout(rate, channels if channels is not None else 1, encoding) if rate and encoding else None
    # not sys.stdin.buffer: its lock, held by a thread that waits for samples, would abort the interpreter at its end
    return Pipe(io.FileIO(sys.stdin.fileno(), closefd=False), layout)


def _existing(session: str | None) -> str | None:
    from pathlib import Path

    return session if session is not None and Path(session).exists() else None


def _sinks(sitting: Sitting, style: str, folder: str | None, stack: ExitStack) -> list[Sink]:
    from popclass.streaming.output import Counts, Lines, Outlet

    sinks: list[Sink] = [Counts(sitting.counts)]
    if style == TABLE and sys.stdout.isatty():
        from popclass.streaming.view import View

        view = View(sitting.source.name)
        stack.callback(view.close)
        sitting.say = _unsaid  # the view shows what is noticed
        sinks.append(view)
    else:
        outlet = Outlet(say)
        stack.callback(outlet.close)
        sitting.enough = lambda: outlet.closed_by_reader
        sinks.append(Lines(outlet, sitting.source.name, as_json=style == JSONL))
    if folder is not None:
        from popclass.streaming.save import Saver

        sinks.append(Saver(folder))
    return sinks


def _unsaid(text: str) -> None:
    """The view says it."""


def _sum_up(sitting: Sitting) -> None:
    from popclass.utils.duration import format_span

    found = ", ".join(f"{number} {label}" for label, number in sorted(sitting.counts.items()) if number)
    say(f"listened for {format_span(sitting.heard_s)}: {found or 'no short sound heard'}")
