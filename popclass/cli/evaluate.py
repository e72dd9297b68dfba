"""popclass evaluate: how well a model does on labelled recordings."""

from __future__ import annotations

import click

from popclass.cli import options
from popclass.cli.console import progress_bar, say
from popclass.cli.inputs import exit_code
from popclass.errors import UsageError
from popclass.utils.files import STDOUT, write_text
from popclass.utils.text import one_line

_EPILOG = """\b
Examples:
  popclass evaluate labelled/
  popclass evaluate labels.csv --model mine.onnx -o evaluation/

\b
LABELLED is what popclass train takes; none of it should have been used to train the model. What no label covers
counts as 'other', unless --partial is given. DIR must be new or empty; it gets scores.json, events.csv, report.md
and figures (PNG and PDF).
"""


_HELP = """Hold what a model says of labelled recordings against their labels.

Scores how many labelled sounds are found, what they are called (by their sound alone, with the company they keep,
with timing, and with both), and both together: how many are found and called right, and how far a call can be
trusted.
"""


@click.command(help=_HELP, epilog=_EPILOG)
@click.argument("labelled", type=options.PATH)
@options.model_option()
@click.option("-o", "output", type=options.PATH, metavar="DIR", help="Folder for scores, events, report and figures.")
@click.option("--partial", is_flag=True, help="Sounds without a label may be anything, and are not counted.")
def evaluate(labelled: str, model: str | None, output: str | None, partial: bool) -> int:
    """`popclass evaluate`; see `_HELP`."""
    from popclass.evaluation import evaluate as hold_against
    from popclass.evaluation.output import check_folder

    if output == STDOUT:
        raise UsageError("-o -: an evaluation is a folder; name one that is new or empty")
    if output is not None:
        check_folder(output)
    with progress_bar("hearing recordings") as report:
        found = hold_against(
            labelled, model=model, partial=partial, progress=lambda what, done, total: report(done, total, what)
        )
    if output is not None:
        found.save(output)
    write_text(STDOUT, found.table())
    for note in found.scores["notes"]:
        say(f"note: {note}")
    if output is not None:
        say(f"wrote {one_line(output)}")
    return exit_code(found.failed, found.scores["recordings"]["heard"])
