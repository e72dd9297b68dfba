"""Command `popclass features`: the features of every event as CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from popclass.cli import options
from popclass.cli.inputs import check_paths, exit_code, process_each
from popclass.utils.files import STDOUT, check_writable, write_text

if TYPE_CHECKING:
    from popclass.pipeline import Extraction

_HELP = """Write the features of every short sound as CSV.

One row an event, one column a feature.
"""
_EPILOG = """\b
Examples:
  popclass features hip.m4a -o features.csv
  popclass features *.wav | head
"""


@click.command(help=_HELP, epilog=_EPILOG)
@click.argument("recordings", nargs=-1, required=True, type=options.PATH, metavar="RECORDING...")
@click.option("-o", "output", type=options.PATH, metavar="CSV", default=STDOUT, help="Output file; - is stdout.")
def features(recordings: tuple[str, ...], output: str) -> int:
    """Run `popclass features`."""
    check_paths(recordings, output)
    check_writable(output)

    from popclass.pipeline import extract_events, load_model

    frontend = load_model(None).frontend
    extractions, failures = process_each(
        recordings, lambda recording, progress: extract_events(recording, frontend, progress=progress)
    )
    if extractions:
        write_text(output, _lines(extractions, frontend.names))
    return exit_code(failures, len(extractions))


def _lines(extractions: Sequence[Extraction], names: Sequence[str]) -> Iterator[str]:
    from popclass.formats.csv_io import csv_line

    yield csv_line(["recording", "event", "start_s", *names])
    for each in extractions:
        for event, row in zip(each.events, each.features.tolist(), strict=True):
            yield csv_line([each.info.name, event.event, f"{event.start_s:.6f}", *row])
