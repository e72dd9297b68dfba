"""popclass train: a model from labelled recordings."""

from __future__ import annotations

from pathlib import Path

import click

from popclass.cli import options
from popclass.cli.console import progress_bar, say
from popclass.errors import UsageError
from popclass.utils.files import STDOUT, check_writable, placing, write_text
from popclass.utils.text import one_line

CLASSIFIERS = ("auto", "logistic", "svm", "forest")
SOME_FAILED = 1
LARGEST_SEED = 2**32 - 1

_EPILOG = """\b
Examples:
  popclass train labelled/
  popclass train labels.csv -o mine.onnx --classifier forest
  popclass train takes/ -o mine.onnx                    # takes/REC.wav with takes/REC.txt
  popclass train labels.csv --base models/default.onnx --partial

\b
LABELLED is one of
  a folder with a folder of short clips per class: labelled/cavitation/*.wav, labelled/snapping/, labelled/other/
  a CSV, or a folder with a labels.csv or downloads of reports (PAGE.labels.csv): file,start_s,label and, where
    known, end_s,subject,site,recorded_at
  a folder of recordings with Audacity label tracks (REC.txt for REC.wav) or Raven selection tables
    (REC.Table.1.selections.txt, REC.selections.txt) beside them, or one such recording
In a CSV and in tracks, sounds without a label are 'other', and a recording with an empty track is verified to
hold nothing but 'other'. What is labelled only in part needs --partial.
"""


_HELP = """Train a model on labelled recordings.

How good it is on recordings it has not seen is reported; its card says the same. Recordings that cannot be read
are left out and named; the exit code is 1 then.
"""


@click.command(help=_HELP, epilog=_EPILOG)
@click.argument("labelled", type=options.PATH)
@click.option(
    "-o",
    "output",
    type=options.PATH,
    metavar="MODEL.onnx",
    default="model.onnx",
    help="File to write; its card (.md) is written beside it.",
)
@click.option("--classifier", type=click.Choice(CLASSIFIERS), default="auto", help="auto takes the best on held-out.")
@click.option(
    "--base",
    type=options.PATH,
    metavar="MODEL.onnx",
    help="Model to start from: its answers are corrected by the labels.",
)
@click.option("--partial", is_flag=True, help="Sounds without a label are left out instead of being 'other'.")
@click.option("--folds", type=options.WholeNumber(2), default=5, metavar="N", help="Folds of cross-validation.")
@click.option(
    "--seed",
    type=options.WholeNumber(0, LARGEST_SEED),
    default=0,
    metavar="S",
    help="Decides everything random.",
)
@click.option(
    "--own-class",
    "own_classes",
    multiple=True,
    metavar="NAME",
    help="A class of your own, though spelt nearly like another; again for more.",
)
@click.option("--force", is_flag=True, help="Replace files that are there already.")
def train(
    labelled: str,
    output: str,
    classifier: str,
    base: str | None,
    partial: bool,
    folds: int,
    seed: int,
    own_classes: tuple[str, ...],
    force: bool,
) -> int:
    """`popclass train`; see `_HELP`."""
    path = Path(output)
    if output == STDOUT or path.suffix.lower() != ".onnx":
        raise UsageError(
            f"-o {one_line(output)!r}: a model is a file whose name ends in .onnx; its card goes beside it"
        )
    card_path = path.with_suffix(".md")
    check_writable(path, force=force)
    check_writable(card_path, force=force)

    from popclass.metrics import tables
    from popclass.training import train as train_model
    from popclass.training.model_card import card

    warnings: list[str] = []
    with progress_bar("training") as report:
        model = train_model(
            labelled,
            classifier=classifier,
            folds=folds,
            seed=seed,
            base=base,
            partial=partial,
            own_classes=own_classes,
            progress=lambda what, done, total: report(done, total, what),
            notice=warnings.append,
        )
    # Two trainings at once must not leave the card of one beside the model of the other, nor one without the other.
    with placing(card_path, card(model, title=path.stem), force=force):
        model.save(path, force=force)
    write_text(STDOUT, tables.describe(model.info["scores"]))
    # What a model keeps of a warning is its beginning, without the names that stand after it.
    others = [kept for kept in model.info["training"]["remarks"] if not any(full.startswith(kept) for full in warnings)]
    for remark in (*warnings, *others):
        say(f"note: {remark}")
    say(f"wrote {one_line(str(path))} and {one_line(str(card_path))}")
    return SOME_FAILED if model.info["training"]["unreadable"] else 0
