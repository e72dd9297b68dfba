"""Options that several commands share.

A wrong value is an error that states what is allowed; no value is changed silently. The checks run before numpy is
imported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from popclass.errors import UsageError
from popclass.timing.sites import MOST_CAVITIES, lookup
from popclass.utils.duration import LONGEST_S, SHORTEST_S, format_duration, parse_duration

PATH = click.Path()


def checked(check: Callable[[str, str], Any]) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """Return a callback for click that converts the text of an option.

    Parameters
    ----------
    check : callable
        Receives the text and the name of the option; returns the value or raises `UsageError`.
    """

    def convert(_context: click.Context, option: click.Parameter, value: Any) -> Any:
        name = option.opts[-1]
        if isinstance(value, tuple):
            return tuple(check(each, name) for each in value)
        return value if value is None else check(value, name)

    return convert


def whole_number(least: int, most: int | None = None) -> click.IntRange:
    """Return the type of an option that is a whole number within limits."""
    kind = click.IntRange(least, most)
    kind.name = f"whole number from {least} on" if most is None else f"whole number from {least} to {most}"
    return kind


def check_symptom(text: str, option: str = "symptom") -> str:
    """Return the name of a symptom as it is spelt, or raise UsageError."""
    from popclass.report.guidance import check_symptom

    return check_symptom(text, what=option)


def _subject(text: str, option: str) -> str:
    if not text.strip():
        raise UsageError(f"{option} is empty: give a name or number, or omit it")
    return text.strip()


def _probability(text: str, option: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= 1:
        raise UsageError(f"{option} {text!r} is out of range: allowed is a number from 0 to 1")
    return value


model = click.option("--model", type=PATH, metavar="MODEL.onnx", help="Model to use (default: the bundled model).")
site = click.option(
    "--site",
    callback=checked(lambda text, _: lookup(text).name),
    metavar="SITE",
    help="Site of the body; popclass sites lists them.",
)
cavities = click.option(
    "--cavities",
    type=whole_number(1, MOST_CAVITIES),
    metavar="N",
    help="Joint cavities that can pop (default: that of the site).",
)
refractory = click.option(
    "--refractory",
    callback=checked(lambda text, option: parse_duration(text, what=option)),
    metavar="DURATION",
    help=f"Time before a joint cavity can pop again, {format_duration(SHORTEST_S)} to {format_duration(LONGEST_S)} "
    "(default: that of the site, 20min).",
)
subject = click.option(
    "--subject",
    callback=checked(_subject),
    metavar="ID",
    help="Person; recordings of one subject and site share a timeline.",
)
min_probability = click.option(
    "--min-probability",
    callback=checked(_probability),
    metavar="P",
    help="Minimum probability for a label, 0-1; below it the event is 'uncertain' (default: set by the model).",
)
