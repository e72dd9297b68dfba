"""Commands `popclass classify` and `popclass features`: the labelled events of recordings, and their features."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import click

from popclass.cli import options
from popclass.cli.console import check_paths, exit_code, print_note, process_each, warn_if_useless
from popclass.errors import UsageError
from popclass.utils.duration import in_future, parse_moment
from popclass.utils.files import STDOUT, check_writable, write_text
from popclass.utils.text import abbreviated, one_line

if TYPE_CHECKING:
    from popclass.extraction import Extraction, Progress
    from popclass.report.media import Gathered
    from popclass.results import RecordingResult

TABLE = "table"
FORMATS = (TABLE, "csv", "jsonl", "audacity", "raven")
_BY_SUFFIX = {".csv": "csv", ".jsonl": "jsonl", ".txt": TABLE, "": TABLE}
# formats that users expect in a file with this suffix
_EXPECTED = {
    **{".csv": ["csv"], ".tsv": ["csv"], ".jsonl": ["jsonl"], ".json": ["jsonl"], ".ndjson": ["jsonl"]},
    **{".txt": ["audacity", "raven"], ".audacity": ["audacity"], ".raven": ["raven"]},
}


_CLASSIFY_HELP = """Detect the short sounds in recordings and classify each.

A RECORDING is any audio file (WAV, FLAC, Ogg, Opus, MP3, AIFF, CAF, m4a, 3gp, webm and more; 8-192 kHz, 1-8
channels), or - for standard input.

  popclass classify hip.m4a --site hip
  popclass classify 1.wav 2.wav --subject P07 --site mcp -o events.csv
  popclass classify back.wav --site lumbar --report back.html --symptom pain
  popclass classify knuckles.flac --format audacity -o knuckles.txt
  ffmpeg -i film.mp4 -f wav - | popclass classify - --format jsonl

Recordings of one --subject and --site form one timeline; the start of each is read from its metadata or
file name.
"""


@click.command(help=_CLASSIFY_HELP, cls=options.Command)
@click.argument("recordings", nargs=-1, required=True, type=options.PATH, metavar="RECORDING...")
@options.model
@options.site
@options.cavities
@options.refractory
@options.count_by
@options.class_frequencies
@options.subject
@options.checked("--recorded-at", parse_moment, "ISO", "Start, like 2026-11-22T10:15:00+01:00 (default: of the file).")
@options.min_probability
@options.path("--report", "OUT.html", "Also write a page to view, play and correct the events; it contains sound.")
@options.checked(
    "--symptom", options.check_symptom, "NAME", "Symptom for the report, such as pain; may be repeated.", multiple=True
)
@click.option("--format", "style", type=click.Choice(FORMATS), help="Format (default: by suffix, else table).")
@options.path("-o", "OUT", "Output file; - is stdout.", "output", default=STDOUT)
@click.option("--all", "show_all", is_flag=True, help="List the events labelled other on a terminal, too.")
def classify(recordings: tuple[str, ...], report: str | None, style: str | None, output: str, **settings: Any) -> int:
    """Run `popclass classify`."""
    if settings["recorded_at"] is not None and in_future(settings["recorded_at"]):
        print_note(f"warning: --recorded-at {settings['recorded_at'].isoformat()} lies in the future; check it")
    if settings["recorded_at"] is not None and len(recordings) > 1:
        raise UsageError("--recorded-at belongs to a single recording: classify them one by one, or use popclass batch")
    if settings["symptom"] and report is None:
        raise UsageError("--symptom is used in a report only: add --report OUT.html")
    form = _check_targets(recordings, style, output, report)

    from popclass.extraction import extract_events
    from popclass.formats import write_results
    from popclass.metadata import Metadata
    from popclass.pipeline import apply_model, load_model
    from popclass.postprocess import postprocess

    loaded = load_model(settings["model"])
    gathered: list[Gathered] = []

    def extract(recording: str, bar: Progress) -> Extraction:
        if report is None:
            return extract_events(recording, loaded.frontend, progress=bar)
        from popclass.report.media import gather

        gathered.append(gather(recording, loaded.frontend, progress=bar))
        return gathered[-1].extraction

    found, failures = process_each(recordings, extract)
    if found:
        given = Metadata(**{name: settings[name] for name in ("site", "subject", "cavities", "recorded_at")})
        rules = {name: settings[name] for name in ("min_probability", "count_by", "class_frequencies")}
        rules["refractory_s"] = settings["refractory"]
        results = postprocess(apply_model(found, loaded), [given] * len(found), loaded, **rules)
        write_results(results, format=form, target=output, keep_corrected=True, show_all=settings["show_all"])
        _print_notes(results, form, output, chosen=style is not None)
        if report is not None:
            from popclass.report import write_report

            page: dict[str, Any] = {"symptoms": settings["symptom"], "failures": failures, "gathered": gathered}
            write_report(results, report, model=loaded, **page)
            if report != STDOUT:
                print_note(f"report: {one_line(report)}")
        warn_if_useless(loaded)
    return exit_code(failures, len(found))


def _form_of(output: str) -> str:
    """Return the format of an output file by its suffix, or raise UsageError."""
    suffix = PurePath(output).suffix.lower()
    if suffix not in _BY_SUFFIX:
        likely = "".join(f" (--format {name})" for name in _EXPECTED.get(suffix, ()))
        known = f"end it in .csv, .jsonl or .txt, or choose with --format: {', '.join(FORMATS)}"
        raise UsageError(f"{one_line(output)}: no format has the suffix {one_line(suffix)}{likely}; {known}")
    return _BY_SUFFIX[suffix]


def _check_targets(recordings: Sequence[str], style: str | None, output: str, report: str | None) -> str:
    """Return the format; raise UsageError or OutputError if a result could not be written, before reading."""
    from popclass.formats.write import PAGE, check_replaceable

    if style == "audacity" and len(recordings) > 1:
        raise UsageError("a label track belongs to a single recording: classify them one by one for --format audacity")
    for target in (output,) if report is None else (output, report):
        check_paths(recordings, target)
        check_writable(target)
    form = style or _form_of(output)
    check_replaceable(form, output)
    if report is None:
        return form
    if report != STDOUT and PurePath(report).suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"--report {one_line(report)}: a report is an HTML page; end its name in .html or .htm")
    if os.path.realpath(report) == os.path.realpath(output):
        raise UsageError(f"{one_line(report)} cannot be both the report and the table: choose another name for one")
    check_replaceable(PAGE, report)
    return form


def _print_notes(results: Sequence[RecordingResult], form: str, output: str, *, chosen: bool) -> None:
    """Print warnings that no table shows, and what the user may not have meant."""
    from popclass.formats.table import repeated_warnings
    from popclass.timing.sites import assumption

    if form != TABLE or output != STDOUT:
        repeated = repeated_warnings(results)
        for result in results:
            for warning in dict.fromkeys(result.warnings):
                if warning not in repeated:
                    print_note(f"{one_line(result.recording)}: warning: {warning}")
        for warning, names in repeated.items():
            print_note(f"{len(names)} recordings ({abbreviated(names)}): warning: {warning}")
        _print_frequencies(results)
    expected = _EXPECTED.get(PurePath(output).suffix.lower(), ())
    if expected and form not in expected and not (chosen and form == TABLE and "audacity" in expected):
        wanted = " or ".join(f"--format {name}" for name in expected)
        print_note(f"{one_line(output)} was written as {form}; for the format of its suffix use {wanted}")
    first = results[0]
    if first.subject is None and first.site is not None and sum(each.recorded_at is not None for each in results) > 1:
        print_note("each recording was checked by itself; with --subject ID those of one person share a timeline")
    if (assumed := assumption(first.site)) is not None:
        print_note(assumed)


def _print_frequencies(results: Sequence[RecordingResult]) -> None:
    """Print the class frequencies that were estimated, or on how many timelines they were."""
    from popclass.formats.table import distinct_sessions
    from popclass.formats.text import stated_frequencies

    found = [each.frequencies for each in distinct_sessions(results) if each.frequencies is not None]
    if len(found) > 1:
        print_note(f"class frequencies were estimated on each of {len(found)} timelines")
    elif found:
        print_note(stated_frequencies(found[0]))


_FEATURES_HELP = """Write the features of every short sound as CSV.

One row an event, one column a feature.

  popclass features hip.m4a -o features.csv
  popclass features *.wav | head
"""


@click.command(help=_FEATURES_HELP, cls=options.Command)
@click.argument("recordings", nargs=-1, required=True, type=options.PATH, metavar="RECORDING...")
@options.path("-o", "CSV", "Output file; - is stdout.", "output", default=STDOUT)
def features(recordings: tuple[str, ...], output: str) -> int:
    """Run `popclass features`."""
    check_paths(recordings, output)
    suffix = PurePath(output).suffix.lower()
    if output != STDOUT and suffix not in (".csv", ".txt", ""):
        raise UsageError(f"{one_line(output)}: features are written as CSV only; end the name in .csv")
    check_writable(output)

    from popclass.extraction import extract_events
    from popclass.formats.write import FEATURE_COLUMNS, FEATURES, check_replaceable
    from popclass.pipeline import load_model

    check_replaceable(FEATURES, output)
    frontend = load_model(None).frontend
    found, failures = process_each(recordings, lambda name, bar: extract_events(name, frontend, progress=bar))
    if found:
        from popclass.formats.csv_io import csv_line

        lines = [csv_line([*FEATURE_COLUMNS, *frontend.names])]
        for each in found:
            for event, values in zip(each.events, each.features.tolist(), strict=True):
                lines.append(csv_line([each.info.name, event.event, f"{event.start_s:.6f}", *values]))
        write_text(output, lines)
    return exit_code(failures, len(found))
