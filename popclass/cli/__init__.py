"""The command line: arguments in, exit code out, nothing else.

Results go to standard output, everything else to standard error. Exit codes: 0 fine, 1 some recordings failed, 2 wrong
usage, an unusable input or a system that refuses (a full disk, no memory), 130 interrupted, 143 and 129 ended by
SIGTERM and SIGHUP. What popclass raises on purpose becomes one line, and so does what the system refuses; anything else
is a bug and shows its traceback.

Each command is a module of this package with a function that click fills with checked arguments and that returns the
exit code. What is heavy (numpy and all that follows) is imported inside these functions, so that `--help` answers at
once.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence

import click

from popclass.cli import batch, classify, evaluate, features, listen, model, sites, synth, train
from popclass.cli.console import complain, discard, fill_gaps, refused
from popclass.errors import PopclassError
from popclass.utils.signals import Stops, stoppable, stopped
from popclass.version import __version__

__all__ = ["main"]

FINE, SOME_FAILED, UNUSABLE = 0, 1, 2

_EPILOG = """\b
Examples:
  popclass classify hip.m4a --site hip
  popclass batch recordings/ -o results/
  popclass train labelled/ -o mine.onnx
"""


_HELP = """Say which short sounds of a moving body are joint cavitation, which are soft-tissue snapping, and which
neither.

Results go to standard output, everything else to standard error. Exit codes: 0 fine, 1 some recordings failed,
2 wrong usage or an unusable input.
"""


@click.group(
    help=_HELP,
    invoke_without_command=True,
    epilog=_EPILOG,
    context_settings={"show_default": True, "max_content_width": 100, "help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="popclass", message="%(prog)s %(version)s")
@click.pass_context
def commands(context: click.Context) -> int:
    """All of them; see `_HELP`."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        return UNUSABLE
    return FINE


commands.add_command(classify.classify)
commands.add_command(batch.batch)
commands.add_command(train.train)
commands.add_command(evaluate.evaluate)
commands.add_command(features.features)
commands.add_command(listen.listen)
commands.add_command(model.model)
commands.add_command(sites.sites)
commands.add_command(synth.synth)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; those of the process where None.

    Returns
    -------
    int
        The exit code.
    """
    # Matrices here are small: a second BLAS thread costs more than it gains. Read when numpy is first imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    fill_gaps()
    with stoppable() as stops:
        try:
            return _run(list(sys.argv[1:] if argv is None else argv), stops)
        except (KeyboardInterrupt, click.Abort) as error:
            complain(stopped(error).word)
            return stopped(error).exit_code


def _run(arguments: list[str], stops: Stops) -> int:
    """Run a command; what goes wrong on purpose or by the system becomes a line."""
    try:
        with commands.make_context("popclass", arguments) as context:
            code = commands.invoke(context)
            sys.stdout.flush()
            return code if isinstance(code, int) else FINE
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        complain(_usage(error))
    except PopclassError as error:
        if stops.asked is not None:  # workers that were stopped as well, and missed before the command was
            raise stops.asked from error
        complain(str(error))
    except Exception as error:
        if stops.asked is not None:  # a library made something else of the interruption
            raise stops.asked from error
        if isinstance(error, OSError) and error.errno == errno.EPIPE:
            discard(sys.stdout)
            return FINE
        line = refused(error)
        if line is None:
            raise
        discard(sys.stdout)
        complain(line)
    return UNUSABLE


def _usage(error: click.ClickException) -> str:
    """What click found wrong, and where to read how it is done."""
    context = getattr(error, "ctx", None)
    if isinstance(error, click.NoSuchOption) and context is not None and context.info_name == "batch":
        column = batch.IN_MANIFEST.get(error.option_name)
        if column is not None:
            return f"batch has no {error.option_name}: give --manifest a CSV with the columns file and {column}"
    message = error.format_message().rstrip(".")
    where = context.command_path if context is not None else "popclass"
    return f"{message[:1].lower()}{message[1:]}; see {where} --help"
