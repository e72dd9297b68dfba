"""popclass synth: generated sessions with labels."""

from __future__ import annotations

import click

from popclass.cli import options
from popclass.cli.console import progress_bar, say
from popclass.utils.text import one_line

MOST_SESSIONS = 100_000

_EPILOG = """\b
Examples:
  popclass synth generated/ --sessions 20
  popclass train generated/
  popclass batch generated/ --manifest generated/manifest.csv -o results/
"""


_HELP = """Write generated sessions with labels.

FLAC recordings, those of a session of one subject and site, labels.csv and manifest.csv. OUT_DIR must be new or
empty.
"""


@click.command(help=_HELP, epilog=_EPILOG)
@click.argument("out_dir", type=options.PATH)
@click.option("--sessions", type=options.WholeNumber(1, MOST_SESSIONS), default=1, metavar="N", help="How many.")
@click.option("--seed", type=options.WholeNumber(0), default=0, metavar="S", help="The same seed gives the same bytes.")
def synth(out_dir: str, sessions: int, seed: int) -> int:
    """`popclass synth`; see `_HELP`."""
    from popclass.synthesis.write import write_sessions

    with progress_bar("generating sessions") as report:
        folder = write_sessions(out_dir, sessions=sessions, seed=seed, progress=report)
    say(f"wrote {sessions} session{'' if sessions == 1 else 's'} into {one_line(str(folder))}")
    return 0
