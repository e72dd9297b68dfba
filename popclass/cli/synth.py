"""Command `popclass synth`: generated sessions with labels."""

from __future__ import annotations

import click

from popclass.cli import options
from popclass.cli.console import print_note, progress_bar
from popclass.utils.text import counted, one_line

MOST_SESSIONS = 100_000

_HELP = """Generate sessions of labelled recordings.

Writes FLAC recordings, labels.csv and manifest.csv. The recordings of a session have one subject and site. OUT_DIR
must be new or empty.
"""
_EPILOG = """\b
Examples:
  popclass synth generated/ --sessions 20
  popclass train generated/
  popclass batch generated/ --manifest generated/manifest.csv -o results/
"""


@click.command(help=_HELP, epilog=_EPILOG)
@click.argument("out_dir", type=options.PATH)
@click.option(
    "--sessions", type=options.whole_number(1, MOST_SESSIONS), default=1, metavar="N", help="Number of sessions."
)
@click.option(
    "--seed", type=options.whole_number(0), default=0, metavar="S", help="The same seed gives the same bytes."
)
def synth(out_dir: str, sessions: int, seed: int) -> int:
    """Run `popclass synth`."""
    from popclass.synthesis import write_sessions

    with progress_bar("generating sessions") as bar:
        folder = write_sessions(out_dir, sessions=sessions, seed=seed, progress=bar)
    print_note(f"wrote {counted(sessions, 'session')} into {one_line(str(folder))}")
    return 0
