"""Command line: checked arguments in, exit code out.

Results go to standard output, everything else to standard error. Exit codes: 0 fine, 1 some recordings failed, 2 wrong
usage, an unusable input or a failure of the system (a full disk, no memory), 130 interrupted, 143 and 129 ended by
SIGTERM and SIGHUP. Errors of popclass and failures of the system are printed in one line; any other exception is a bug
and shows its traceback.

Each command is a module with a function that click calls with checked arguments and that returns the exit code. numpy
and all that needs it is imported inside these functions, so that `--help` answers at once.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence

import click

from popclass.cli import app, batch, classify, clips, evaluate, listen, show, suggest, train
from popclass.cli.console import open_closed_streams, print_error, system_failure
from popclass.errors import PopclassError
from popclass.utils.files import discard
from popclass.utils.signals import SignalHandler, as_stopped, handle_signals
from popclass.utils.text import one_line
from popclass.utils.workers import keep_freed_memory
from popclass.version import __version__

__all__ = ["main"]

_EPILOG = """\b
Examples:
  popclass classify hip.m4a --site hip
  popclass batch recordings/ -o results/
  popclass train labelled/ -o mine.onnx
"""


_COMMANDS_HELP = """Classify the short sounds of moving joints: cavitation, soft-tissue snapping, or other.

Results go to standard output, everything else to standard error. Exit codes: 0 fine, 1 some recordings failed,
2 wrong usage or an unusable input.
"""


@click.group(
    help=_COMMANDS_HELP,
    invoke_without_command=True,
    epilog=_EPILOG,
    context_settings={"show_default": True, "max_content_width": 100, "help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="popclass", message="%(prog)s %(version)s")
@click.pass_context
def commands(context: click.Context) -> int:
    """Run `popclass`."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        return 2
    return 0


for _command in (
    *(classify.classify, batch.batch, suggest.suggest, clips.clips, train.train, evaluate.evaluate),
    classify.features,
    *(app.app, listen.listen, show.model, show.sites, train.synth),
):
    commands.add_command(_command)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name (default: those of the process).

    Returns
    -------
    int
        Exit code.
    """
    # Matrices here are small: a second BLAS thread costs more than it gains. Read when numpy is first imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    keep_freed_memory()
    open_closed_streams()
    with handle_signals() as stops:
        try:
            return _run(list(sys.argv[1:] if argv is None else argv), stops)
        except (KeyboardInterrupt, click.Abort) as error:
            print_error(as_stopped(error).word)
            return as_stopped(error).exit_code


def _run(arguments: list[str], stops: SignalHandler) -> int:
    """Run a command; print an error of popclass or the system in one line."""
    try:
        with commands.make_context("popclass", list(arguments)) as context:  # click empties it
            code = commands.invoke(context)
            sys.stdout.flush()
            return code if isinstance(code, int) else 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        line = _usage(error, arguments)
    except Exception as error:
        if stops.received is not None:  # a library replaced the interruption, or a worker process was stopped first
            raise stops.received from error
        if isinstance(error, OSError) and error.errno == errno.EPIPE:
            discard(sys.stdout)
            return 0
        if isinstance(error, PopclassError):
            line = str(error)
        elif failure := system_failure(error):
            line = failure
            discard(sys.stdout)
        else:
            raise
    print_error(line)
    return 2


def _usage(error: click.ClickException, arguments: Sequence[str]) -> str:
    """Return the error that click found, and where to read about the right usage."""
    context = getattr(error, "ctx", None)
    if isinstance(error, click.NoSuchOption) and context is not None and context.info_name == "batch":
        column = batch.COLUMNS.get(error.option_name)
        if column is not None:
            return f"batch has no {error.option_name}: give --manifest a CSV with the columns file and {column}"
    message = error.format_message().rstrip(".")
    if message.startswith("No such command") and (os.path.exists(arguments[0]) or os.path.splitext(arguments[0])[1]):
        example = "batch {} -o results/" if os.path.isdir(arguments[0]) else "classify {}"
        return f"{one_line(arguments[0])} is not a command; try popclass {example.format(one_line(arguments[0]))}"
    called = " ".join(["popclass", *arguments[:1]]) if arguments[0] in commands.commands else "popclass"
    where = context.command_path if context is not None else called
    return f"{message[:1].lower()}{message[1:]}; see {where} --help"
