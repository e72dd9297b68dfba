"""Command `popclass clips`: sounds cut out of the recordings of a batch."""

from __future__ import annotations

import click

from popclass.cli import options
from popclass.cli.console import exit_code, print_note, progress_bar
from popclass.errors import UsageError
from popclass.utils.files import STDOUT
from popclass.utils.text import counted, one_line

_HELP = """Cut sounds out of the recordings of a batch, into a folder per label.

RESULTS_DIR holds the results of popclass batch. A clip is a WAV of the channel of its event, from 0.1 s before the
onset to 0.25 s after the end; it is shorter where a louder event would take the label. DIR must be new or empty; it
also gets clips.csv, with recording and event of each clip. Recordings that are missing or have changed are skipped
and reported, and the exit code is 1.

  popclass clips results/ -o clips/
  popclass clips results/ -o clips/ --label cavitation --between 0.9 1
  popclass clips results/ -o to_label/ --label uncertain -n 50
  popclass train clips/ -o mine.onnx

-n draws at random, first one sound of each recording, then a second one; the same results give the same clips.
popclass train ignores the folder 'uncertain': listen to its clips and move them into the folders of classes.
"""


@click.command(help=_HELP, short_help="Cut sounds out of the recordings of a batch.", cls=options.Command)
@click.argument("results_dir", type=options.PATH)
@options.checked("-o", options.folder, "DIR", "New or empty folder for the clips.", "out_dir", required=True)
@click.option("--label", "labels", multiple=True, metavar="L", help="Label to cut; repeatable (default: all).")
@options.checked("--between", options.probability, "P P", "Lowest and highest probability of the label, 0-1.", nargs=2)
@options.number("-n", "Maximum number of clips for each label (default: all).", least=1)
@options.path("--recordings", "FOLDER", "Folder of the recordings, if it was moved since the batch.")
def clips(
    results_dir: str,
    out_dir: str,
    labels: tuple[str, ...],
    between: tuple[float, float] | None,
    n: int | None,
    recordings: str | None,
) -> int:
    """Run `popclass clips`."""
    if between is not None and between[0] > between[1]:
        low, high = between
        raise UsageError(
            f"--between {low:g} {high:g}: the lower probability comes first, so --between {high:g} {low:g}"
        )
    if out_dir == STDOUT:
        raise UsageError("-o -: clips are a folder; name one that is new or empty")
    from popclass.batch.clips import cut_clips

    with progress_bar("cutting clips") as bar:
        made = cut_clips(
            results_dir,
            out_dir,
            labels=labels or None,
            between=between,
            count=n,
            recordings=recordings,
            progress=bar,
        )
    print_note(_summary(out_dir, made.labels))
    if weaker := sum(not clip.strongest for clip in made.clips):
        print_note(f"warning: {counted(weaker, 'clip')} with a stronger onset than that of the event (see clips.csv)")
    return exit_code(made.failed, made.recordings)


def _summary(folder: str, made: dict[str, int]) -> str:
    """Return the number of clips by label.

    Examples
    --------
    >>> _summary("clips", {"cavitation": 2, "snapping": 0})
    'wrote 2 clips into clips: 2 cavitation, 0 snapping'
    """
    each = ", ".join(f"{number} {one_line(label)}" for label, number in made.items())
    return f"wrote {counted(sum(made.values()), 'clip')} into {one_line(folder)}{f': {each}' if each else ''}"
