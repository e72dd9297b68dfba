"""The command line: arguments in, exit code out, nothing else.

Results go to standard output, everything else to standard error. Exit codes: 0 fine, 1 some recordings failed, 2 wrong
usage or an unusable input, 130 interrupted. What popclass raises on purpose becomes one line; anything else is a bug
and shows its traceback.

Each command is a module of this package with a function that click fills with checked arguments and that returns the
exit code. What is heavy (numpy and all that follows) is imported inside these functions, so that `--help` answers at
once.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

import click

from popclass import __version__
from popclass.cli import batch, classify, evaluate, features, listen, model, sites, synth, train
from popclass.cli.messages import complain
from popclass.errors import PopclassError

__all__ = ["main"]

FINE, SOME_FAILED, UNUSABLE, INTERRUPTED = 0, 1, 2, 130

_EPILOG = """\b
Examples:
  popclass classify hip.m4a --site hip
  popclass batch recordings/ -o results/
  popclass train labelled/ -o mine.onnx
"""


@click.group(
    invoke_without_command=True,
    epilog=_EPILOG,
    context_settings={"show_default": True, "max_content_width": 100, "help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="popclass", message="%(prog)s %(version)s")
@click.pass_context
def commands(context: click.Context) -> int:
    """Say which short sounds of a moving body are joint cavitation, which are soft-tissue snapping, and which neither.

    Results go to standard output, everything else to standard error. Exit codes: 0 fine, 1 some recordings failed,
    2 wrong usage or an unusable input.
    """
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
    try:
        with commands.make_context("popclass", list(sys.argv[1:] if argv is None else argv)) as context:
            code = commands.invoke(context)
            return code if isinstance(code, int) else FINE
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        complain(_usage(error))
    except PopclassError as error:
        complain(str(error))
    except (KeyboardInterrupt, click.Abort):
        complain("interrupted")
        return INTERRUPTED
    except OSError as error:
        if error.errno != errno.EPIPE:
            raise
        _discard_output()
        return FINE
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


def _discard_output() -> None:
    """The reader of standard output has gone: let the flush at exit go nowhere instead of failing once more."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
