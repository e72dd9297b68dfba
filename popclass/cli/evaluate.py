"""Command `popclass evaluate`: the scores of a model on labelled recordings."""

from __future__ import annotations

import click

from popclass.cli import options
from popclass.cli.console import print_note, progress_bar
from popclass.cli.inputs import exit_code
from popclass.errors import UsageError
from popclass.utils.files import STDOUT, write_text
from popclass.utils.text import one_line

_HELP = """Evaluate a model on labelled recordings.

Scores detection (how many labelled sounds are found), classification (by the sound alone, with context, with
timing, and with both), and both steps together, with the calibration of the probabilities.
"""
_EPILOG = """\b
Examples:
  popclass evaluate labelled/
  popclass evaluate labels.csv --model mine.onnx -o evaluation/

\b
LABELLED is what popclass train takes; use recordings that the model was not trained on. Sounds without a label
count as 'other', unless --partial is given. DIR must be new or empty; it gets scores.json, events.csv, report.md
and figures (PNG and PDF).
"""


@click.command(help=_HELP, epilog=_EPILOG)
@click.argument("labelled", type=options.PATH)
@options.model
@click.option("-o", "output", type=options.PATH, metavar="DIR", help="Folder for scores, events, report and figures.")
@click.option("--partial", is_flag=True, help="Ignore sounds without a label instead of counting them as 'other'.")
def evaluate(labelled: str, model: str | None, output: str | None, partial: bool) -> int:
    """Run `popclass evaluate`."""
    from popclass.evaluation import evaluate as run
    from popclass.evaluation.output import check_folder

    if output == STDOUT:
        raise UsageError("-o -: an evaluation is a folder; name one that is new or empty")
    if output is not None:
        check_folder(output)
    with progress_bar("processing recordings") as bar:
        found = run(labelled, model=model, partial=partial, progress=lambda step, done, total: bar(done, total, step))
    if output is not None:
        found.save(output)
    write_text(STDOUT, found.table())
    for note in found.scores["notes"]:
        print_note(f"note: {note}")
    if output is not None:
        print_note(f"wrote {one_line(output)}")
    return exit_code(found.failed, found.scores["recordings"]["heard"])  # "heard": a stored name
