"""Options that several commands share.

A wrong value is an error that states what is allowed; no value is changed silently. The checks run before numpy is
imported.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import PurePath
from typing import Any

import click

from popclass.errors import UsageError
from popclass.schema import CLASS_FREQUENCIES, COUNT_BY, FROM_MODEL, PER_BURST
from popclass.timing.sites import MOST_CAVITIES, lookup
from popclass.utils.duration import LONGEST_S, SHORTEST_S, format_duration, parse_duration
from popclass.utils.extras import require_train
from popclass.utils.text import one_line

PATH = click.Path()
_TABLES = (".csv", ".tsv", ".json", ".jsonl", ".txt", ".xls", ".xlsx", ".ods", ".parquet")
_SUFFIXES_OF_FILES = (*_TABLES, ".md", ".htm", ".html", ".pdf", ".png", ".zip", ".onnx", ".wav", ".flac")
Check = Callable[[str, str], Any]
Option = Callable[[Callable[..., Any]], Callable[..., Any]]


class Command(click.Command):
    """Command whose examples, from the first indented line of its help on, follow the options."""

    def __init__(self, *, help: str, **settings: Any) -> None:
        """Split the help, and keep the lines of the examples and of lists as they are."""
        text, _, examples = help.rstrip().partition("\n\n  ")
        first, *others = f"Examples:\n  {examples}".split("\n\n")
        paragraphs = (f"\b\n{part}" if "\n  " in f"\n{part}" else part for part in others)
        epilog = "\n\n".join([f"\b\n{first}", *paragraphs])
        super().__init__(help=text, epilog=epilog, **settings)


class TrainCommand(Command):
    """Command that needs the extra `train`."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, if the libraries are installed."""
        require_train(f"popclass {self.name}")
        return super().invoke(ctx)


def checked(name: str, check: Check, metavar: str, help: str, *names: str, **settings: Any) -> Option:
    """Return an option whose text is converted and checked.

    Parameters
    ----------
    name : str
        Such as `--site`.
    check : callable
        Receives the text and the name of the option; returns the value or raises `UsageError`.
    metavar, help : str
    names, settings
        Further arguments of `click.option`.
    """

    def convert(_context: click.Context, _option: click.Parameter, value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(check(each, name) for each in value)
        return value if value is None else check(value, name)

    return click.option(name, *names, callback=convert, metavar=metavar, help=help, **settings)


def path(name: str, metavar: str, help: str, *names: str, **settings: Any) -> Option:
    """Return an option that is the path of a file or folder; parameters as `checked`."""
    return click.option(name, *names, type=PATH, metavar=metavar, help=help, **settings)


def number(name: str, help: str, least: int, most: int | None = None, metavar: str = "N", **settings: Any) -> Option:
    """Return an option that is a whole number within limits."""
    kind = click.IntRange(least, most)
    kind.name = f"whole number from {least} on" if most is None else f"whole number from {least} to {most}"
    return click.option(name, type=kind, metavar=metavar, help=help, **settings)


def check_symptom(text: str, option: str = "symptom") -> str:
    """Return the name of a symptom as it is spelt, or raise UsageError."""
    from popclass.report.guidance import check_symptom

    return check_symptom(text, what=option)


def _subject(text: str, option: str) -> str:
    if not text.strip():
        raise UsageError(f"{option} is empty: give a name or number, or omit it")
    return text.strip()


def folder(text: str, option: str) -> str:
    """Return the name of a folder for results, or raise UsageError if it ends like that of a file."""
    suffix = PurePath(text).suffix.lower()
    if suffix in _SUFFIXES_OF_FILES and not os.path.isdir(text):
        raise UsageError(f"{option} {one_line(text)}: results are a folder, but {suffix} ends a file; name a folder")
    return text


def probability(text: str, option: str) -> float:
    """Return the number that a text holds, or raise UsageError unless it is from 0 to 1."""
    with suppress(ValueError):
        if 0 <= (value := float(text)) <= 1:
            return value
    raise UsageError(f"{option} {text!r} is out of range: allowed is a number from 0 to 1")


model = path("--model", "MODEL.onnx", "Model to use; default is the bundled one (default: default).")
site = checked("--site", lambda text, _: lookup(text).name, "SITE", "Site of the body; popclass sites lists them.")
cavities = number("--cavities", "Joint cavities that can pop (default: that of the site).", least=1, most=MOST_CAVITIES)
_ALLOWED = f"{format_duration(SHORTEST_S)} to {format_duration(LONGEST_S)} (default: that of the site, 20min)"
refractory = checked("--refractory", parse_duration, "DURATION", f"Time before a cavity can pop again, {_ALLOWED}.")
_COUNT = "Count cavitations, each of one joint cavity, by burst or by pop."
count_by = click.option("--count-by", type=click.Choice(COUNT_BY), default=PER_BURST, show_default=True, help=_COUNT)
_FREQUENCIES = (
    "Class frequencies for the probabilities: estimated from the recordings, or of the model's training data."
)
class_frequencies = click.option(
    "--class-frequencies",
    type=click.Choice(CLASS_FREQUENCIES),
    default=FROM_MODEL,
    show_default=True,
    help=_FREQUENCIES,
)
subject = checked("--subject", _subject, "ID", "Person; recordings of one subject and site share a timeline.")
_BOUND = "Minimum probability for a label, 0-1; below it the event is 'uncertain' (default: set by the model)."
min_probability = checked("--min-probability", probability, "P", _BOUND)
