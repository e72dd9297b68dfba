"""Commands `popclass train` and `popclass synth`: make models and labelled recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from popclass.cli import options
from popclass.cli.console import print_note, progress_bar
from popclass.errors import UsageError
from popclass.utils.files import STDOUT, check_writable, placing, write_text
from popclass.utils.text import counted, one_line

CLASSIFIERS = ("auto", "logistic", "svm", "forest")
TARGETS = ("balanced", "precision")
MOST_SESSIONS = 100_000


_TRAIN_HELP = """Train a model on labelled recordings.

The labels correct the predictions of the bundled model if it has all their classes; another model takes its place where
it is clearly better for new subjects. With other classes or a --classifier there is no base.

Prints scores of cross-validation on recordings that were held out; the model card contains them as well. Recordings
that cannot be read are skipped and reported, and the exit code is 1.

  popclass train labelled/
  popclass train labels.csv -o mine.onnx --classifier forest
  popclass train recordings/ -o mine.onnx     # REC.wav with REC.txt in it
  popclass train labels.csv --base mine.onnx --partial
  popclass train labels.csv --base none       # a model of these labels alone

LABELLED is one of
  a folder with a folder of short clips per class: labelled/cavitation/*.wav,
    labelled/snapping/, labelled/other/
  a CSV, or a folder with a labels.csv or downloaded PAGE.labels.csv:
    file,start_s,label and, where known, end_s,subject,site,recorded_at
  a folder of recordings with Audacity label tracks (REC.txt for REC.wav) or
    Raven selection tables (REC.Table.1.selections.txt, REC.selections.txt)
    beside them, or one such recording

In a CSV and in tracks, sounds without a label are 'other', and a recording with an empty track is verified to
hold nothing but 'other'. Recordings that are labelled only in part need --partial. Sounds labelled 'unsure', or
in a folder of that name, are left out.
"""


@click.command(help=_TRAIN_HELP, cls=options.TrainCommand)
@click.argument("labelled", type=options.PATH)
@options.path("-o", "MODEL.onnx", "Model file; its card (.md) is written beside it.", "output", default="model.onnx")
@click.option("--classifier", type=click.Choice(CLASSIFIERS), default="auto", help="auto: best in cross-validation.")
@options.path("--base", "MODEL.onnx", "Model that the labels correct: a file, 'default', or 'none'.", default="default")
@click.option("--partial", is_flag=True, help="Ignore sounds without a label instead of taking them for 'other'.")
@click.option(
    "--target",
    type=click.Choice(TARGETS),
    default="precision",
    help="precision: few wrong joint labels; balanced: finds more.",
)
@options.number("--folds", "Folds of cross-validation.", least=2, default=5)
@options.number("--seed", "Seed of the random numbers.", least=0, most=2**32 - 1, default=0)
@click.option("--own-class", "own_classes", multiple=True, metavar="NAME", help="Class named like another; repeatable.")
@click.option("--force", is_flag=True, help="Replace existing files.")
def train(labelled: str, output: str, force: bool, **settings: Any) -> int:  # settings: as popclass.train names them
    """Run `popclass train`."""
    path = Path(output)
    if output == STDOUT or path.suffix.lower() != ".onnx":
        raise UsageError(f"-o {one_line(output)!r}: a model is a file with its card beside it; end its name in .onnx")
    card_path = path.with_suffix(".md")
    check_writable(path, force=force)
    check_writable(card_path, force=force)

    from popclass.formats.terminal import wrapped
    from popclass.metrics import tables
    from popclass.model.limitations import reason_against
    from popclass.training import train as train_model
    from popclass.training.model_card import card

    warnings: list[str] = []
    with progress_bar("training") as bar:
        model = train_model(
            labelled, progress=lambda step, done, total: bar(done, total, step), notice=warnings.append, **settings
        )
    # Two trainings at once must not leave the card of one beside the model of the other, nor one without the other.
    with placing(card_path, card(model, title=path.stem), force=force):
        model.save(path, force=force)
    write_text(STDOUT, wrapped(tables.describe(model.info["scores"])))
    # A model stores the beginning of a warning, without the names of recordings after it.
    training = model.info["training"]
    others = [text for text in training["remarks"] if not any(warning.startswith(text) for warning in warnings)]
    for note in (*warnings, *others):
        print_note(f"note: {note}")
    print_note(f"wrote {one_line(str(path))} and {one_line(str(card_path))}")
    if (reason := reason_against(model)) is not None:
        print_note(f"warning: {reason} {_REMEDY}{'' if 'base' in training else _BASE}.")
    return 1 if training["unreadable"] else 0


_REMEDY = "Check the labels, and label sounds of each class from more subjects"
_BASE = ", or start from a model that has these classes (--base)"

_SYNTH_HELP = """Generate sessions of labelled recordings.

Writes FLAC recordings, labels.csv and manifest.csv. The recordings of a session have one subject and site. OUT_DIR
must be new or empty.

  popclass synth generated/ --sessions 20
  popclass train generated/
  popclass batch generated/ --manifest generated/manifest.csv -o results/
"""


@click.command(help=_SYNTH_HELP, cls=options.TrainCommand)
@click.argument("out_dir", type=options.PATH)
@options.number("--sessions", "Number of sessions.", least=1, most=MOST_SESSIONS, default=1)
@options.number("--seed", "The same seed gives the same bytes.", least=0, default=0)
def synth(out_dir: str, sessions: int, seed: int) -> int:
    """Run `popclass synth`."""
    from popclass.synthesis import write_sessions

    with progress_bar("generating sessions") as bar:
        folder = write_sessions(out_dir, sessions=sessions, seed=seed, progress=bar)
    print_note(f"wrote {counted(sessions, 'session')} into {one_line(str(folder))}")
    return 0
