"""Command `popclass suggest`: the sounds to label next."""

from __future__ import annotations

import click

from popclass.cli import options
from popclass.cli.console import exit_code, print_note, progress_bar, warn_if_useless
from popclass.utils.files import check_writable
from popclass.utils.text import counted, one_line

MOST = 500  # on one page

_HELP = """Suggest the sounds to label next, over all recordings of a folder.

Three quarters are sounds for which the two largest probabilities are closest; the rest is drawn at random.
They are spread over the subjects that a manifest or labels name, else over the recordings. Recordings that cannot
be used are reported, and the exit code is 1.

A page (.html) plays the sounds, takes a label at one key, offers it for similar sounds of the recording, and saves
a table for popclass train --partial. A table (.csv) holds them as 'unsure', which popclass train leaves out, until
you write a class.

  popclass suggest recordings/ -o to_label.html
  popclass suggest recordings/ -o to_label.html -n 50 --manifest manifest.csv
  popclass suggest recordings/ -o more.html --labels to_label.labels.csv
  popclass suggest recordings/ -o to_label.csv
  popclass train to_label.labels.csv --partial -o mine.onnx

Sounds that --labels names, 'unsure' included, are not suggested again; the new file of labels holds them as well.
LABELLED is as for popclass train --partial. The same recordings, model and labels give the same suggestions.
"""


@click.command(help=_HELP, short_help="Suggest the sounds to label next.", cls=options.TrainCommand)
@click.argument("folder", type=options.PATH)
@options.path("-o", "PAGE.html|CSV", "Page for labelling, or table to fill in.", "output", required=True)
@options.number("-n", "Number of sounds.", 1, MOST, default=20)
@options.model
@options.path("--manifest", "CSV", "Table with subject, site etc. of the recordings.")
@options.path("--labels", "LABELLED", "Earlier labels.")
def suggest(folder: str, output: str, n: int, model: str | None, manifest: str | None, labels: str | None) -> int:
    """Run `popclass suggest`."""
    from popclass.suggestions import suggest as find
    from popclass.suggestions.result import check_target

    check_target(output)
    check_writable(output)
    with progress_bar("processing recordings") as bar:
        found = find(folder, count=n, model=model, manifest=manifest, labels=labels, progress=bar, notice=_warn)
    failures = list(found.failed)
    if found.infos:
        failures += found.save(output)
        print_note(f"{counted(len(found.suggestions), 'sound')} of {found.sounds} suggested; wrote {one_line(output)}")
    warn_if_useless(found.model)
    return exit_code(failures, len(found.infos))


def _warn(text: str) -> None:
    print_note(f"warning: {text}")
