"""Command `popclass evaluate`: scores of a model on labelled recordings."""

from __future__ import annotations

import click

from popclass.cli import options
from popclass.cli.console import exit_code, print_note, progress_bar
from popclass.errors import UsageError
from popclass.utils.files import STDOUT, write_text
from popclass.utils.text import one_line

_HELP = """Evaluate a model on labelled recordings.

Scores detection (how many labelled sounds are found), classification (by the sound alone, with context, with
timing, and with both), both steps together, the calibration of the probabilities, and counts of cavitations.

  popclass evaluate labelled/
  popclass evaluate labels.csv --model mine.onnx -o evaluation/
  popclass evaluate labels.csv --second observer2.csv -o evaluation/
  popclass evaluate labels.csv --model mine.onnx --compare default
  popclass evaluate labels.csv --prevalence cavitation=0.3

LABELLED is as for popclass train; use recordings that the model was not trained on. Sounds without a label
count as 'other', unless --partial is given. DIR must be new or empty; it gets scores.json, events.csv, counts.csv,
report.md, methods.md (a skeleton of a methods section) and figures (PNG and PDF).

--second compares the recordings that both observers have labelled: agreement of labels and counts, with that of
the model beside it. --compare evaluates a second model on the same sounds, with the differences. A column 'side'
and columns of your own that begin with 'x_' divide the recordings into subgroups. Predictive values depend on how
frequent a class is, and labelled collections are rarely as people are: --prevalence states the share of a class
among all sounds where the model will be used.
"""


def _prevalence(text: str, option: str) -> tuple[str, float]:
    name, equals, share = text.partition("=")
    if not name or not equals:
        raise UsageError(f"{option} {text!r}: give a class and its share of all sounds, like cavitation=0.3")
    return name, options.probability(share, option)


@click.command(help=_HELP, cls=options.TrainCommand)
@click.argument("labelled", type=options.PATH)
@options.model
@options.checked("-o", options.folder, "DIR", "Folder for scores, events, report and figures.", "output")
@click.option("--partial", is_flag=True, help="Ignore sounds without a label instead of counting them as 'other'.")
@options.path("--second", "LABELLED", "Labels of a second observer.")
@options.path("--compare", "MODEL.onnx", "Second model, on the same recordings; default is the bundled one.")
@options.checked(
    "--prevalence", _prevalence, "CLASS=P", "Share of a class, 0-1, for predictive values; repeatable.", multiple=True
)
def evaluate(
    labelled: str,
    model: str | None,
    output: str | None,
    partial: bool,
    second: str | None,
    compare: str | None,
    prevalence: tuple[tuple[str, float], ...],
) -> int:
    """Run `popclass evaluate`."""
    from popclass.evaluation import evaluate as run
    from popclass.evaluation.output import check_folder
    from popclass.formats.terminal import wrapped

    if output == STDOUT:
        raise UsageError("-o -: an evaluation is a folder; name one that is new or empty")
    if output is not None:
        check_folder(output)
    if len(dict(prevalence)) < len(prevalence):
        raise UsageError("--prevalence: a class is named twice; give one share for each")
    with progress_bar("processing recordings") as bar:
        found = run(
            labelled,
            model=model,
            partial=partial,
            second=second,
            compare=compare,
            prevalence=dict(prevalence),
            progress=lambda step, done, total: bar(done, total, step),
        )
    if output is not None:
        found.save(output)
    write_text(STDOUT, wrapped(found.table()))
    for note in found.scores["notes"]:
        print_note(f"note: {note}")
    if output is not None:
        print_note(f"wrote {one_line(output)}")
    return exit_code(found.failed, found.scores["recordings"]["heard"])  # "heard": a stored name
