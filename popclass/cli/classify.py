"""popclass classify: the events of recordings, labelled."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime
from pathlib import PurePath
from typing import TYPE_CHECKING

import click

from popclass.cli import options
from popclass.cli.console import say
from popclass.cli.inputs import Progress, check_paths, exit_code, hear_all, readable_again
from popclass.cli.options import check_report, write_page
from popclass.errors import UsageError
from popclass.utils.files import STDOUT
from popclass.utils.text import one_line

if TYPE_CHECKING:
    from popclass.results import Analysis, RecordingResult

TABLE = "table"
FORMATS = (TABLE, "csv", "jsonl", "audacity", "raven")
_BY_ENDING = {".csv": "csv", ".jsonl": "jsonl"}
# what a name suggests, whatever was written
_ENDINGS = {
    **{".csv": ("csv",), ".tsv": ("csv",), ".jsonl": ("jsonl",), ".json": ("jsonl",), ".ndjson": ("jsonl",)},
    **{".txt": ("audacity", "raven"), ".audacity": ("audacity",), ".raven": ("raven",)},
}

_EPILOG = """\b
Examples:
  popclass classify hip.m4a --site hip
  popclass classify take1.wav take2.wav --subject P07 --site mcp -o events.csv
  popclass classify back.wav --site lumbar --report back.html --symptom pain
  popclass classify knuckles.flac --format audacity -o knuckles.txt
  ffmpeg -i film.mp4 -f wav - | popclass classify - --format jsonl

\b
Several recordings of one --subject and --site form one timeline; when each began is read from its
metadata or file name.
"""


_HELP = """Say what each short sound in recordings is.

A RECORDING is any audio file (WAV, FLAC, Ogg, Opus, MP3, AIFF, CAF, m4a, 3gp, webm and more; 8-192 kHz, 1-8
channels), or - for standard input.
"""


@click.command(help=_HELP, epilog=_EPILOG)
@click.argument("recordings", nargs=-1, required=True, type=options.PATH, metavar="RECORDING...")
@options.model_option()
@options.site_option()
@options.cavities_option()
@options.refractory_option()
@click.option("--subject", type=options.SUBJECT, metavar="ID", help="Whose sounds these are.")
@click.option(
    "--recorded-at",
    type=options.MOMENT,
    metavar="ISO",
    help="When the recording began, such as 2026-11-22T10:15:00+01:00; left out, as the recording says.",
)
@options.min_probability_option()
@click.option(
    "--report",
    type=options.PATH,
    metavar="OUT.html",
    help="Also write a page to look at, listen to and correct; it contains the sound of the events.",
)
@options.symptom_option()
@click.option(
    "--format",
    "style",
    type=click.Choice(FORMATS),
    help="How to write the events; left out, by the ending of OUT (.csv, .jsonl), else table.",
)
@click.option("-o", "output", type=options.PATH, metavar="OUT", default=STDOUT, help="File to write; - is stdout.")
def classify(
    recordings: tuple[str, ...],
    model: str | None,
    site: str | None,
    cavities: int | None,
    refractory: float | None,
    subject: str | None,
    recorded_at: datetime | None,
    min_probability: float | None,
    report: str | None,
    symptoms: tuple[str, ...],
    style: str | None,
    output: str,
) -> int:
    """`popclass classify`; see `_HELP`."""
    chosen_style = style is not None
    style = style if style is not None else _BY_ENDING.get(PurePath(output).suffix.lower(), TABLE)
    _check(recordings, recorded_at, style, output)
    check_report(recordings, report, symptoms, output)

    from popclass.formats import write_results
    from popclass.pipeline import analyze, load_model
    from popclass.postprocess import Metadata, postprocess

    around = Metadata(site=site, subject=subject, cavities=cavities, recorded_at=recorded_at)
    chosen = load_model(model)
    reading = nullcontext({name: name for name in recordings}) if report is None else readable_again(recordings)

    paths: list[str] = []
    with reading as places:

        def hear(recording: str, progress: Progress) -> Analysis:
            analysis = analyze(places[recording], chosen, name=recording, progress=progress)
            paths.append(places[recording])
            return analysis

        heard, failures = hear_all(recordings, hear)
        if heard:
            results = postprocess(
                heard, [around] * len(heard), chosen, refractory_s=refractory, min_probability=min_probability
            )
            write_results(results, format=style, target=output, keep_corrected=True)
            if style != TABLE or output != STDOUT:
                _warn(results)
            _hint(results, style, output, chosen=chosen_style)
            if report is not None:
                write_page(results, paths, report, chosen, symptoms, failures)
    return exit_code(failures, len(heard))


def _check(recordings: Sequence[str], recorded_at: datetime | None, style: str, output: str) -> None:
    """What can be known to be wrong before anything is heard."""
    from popclass.utils.files import check_writable

    check_paths(recordings, output)
    if recorded_at is not None and len(recordings) > 1:
        raise UsageError("--recorded-at belongs to a single recording: classify them one by one, or use popclass batch")
    if style == "audacity" and len(recordings) > 1:
        raise UsageError("a label track belongs to a single recording: classify them one by one for --format audacity")
    check_writable(output)
    if style in ("audacity", "raven"):
        from popclass.formats.corrected import refuse_corrected

        refuse_corrected(style, output)


def _warn(results: Sequence[RecordingResult]) -> None:
    for result in results:
        for warning in result.warnings:
            say(f"{one_line(result.recording)}: warning: {warning}")


def _hint(results: Sequence[RecordingResult], style: str, output: str, *, chosen: bool) -> None:
    """What a user may not have meant: a format, recordings treated alone, a site nobody has heard crack."""
    from popclass.timing.sites import assumption

    expected = _ENDINGS.get(PurePath(output).suffix.lower(), ()) if output != STDOUT else ()
    if expected and style not in expected and not (chosen and style == TABLE and "audacity" in expected):
        options = " or ".join(f"--format {name}" for name in expected)
        say(f"{one_line(output)} was written as {style}; for its ending say {options}")
    first = results[0]
    if first.subject is None and first.site is not None and sum(each.recorded_at is not None for each in results) > 1:
        say("each recording was checked by itself; with --subject ID those of one person share a timeline")
    if (assumed := assumption(first.site)) is not None:
        say(assumed)
