"""Options that several commands share, and how their values are checked. A wrong value is an error, never clamped."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

from popclass.errors import UsageError
from popclass.timing.duration import LONGEST_S, SHORTEST_S, format_duration, parse_duration
from popclass.timing.sites import MOST_CAVITIES, lookup

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

PATH = click.Path()


class _Checked(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """Text that one of our own functions turns into a value; its errors name what is allowed."""

    def __init__(self, name: str, check: Callable[[str, str], Any]) -> None:
        self.name = name
        self._check = check

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        return self._check(value, param.opts[-1] if param is not None else self.name)


def _duration(text: str, option: str) -> float:
    return parse_duration(text, what=option)


def _site(text: str, _option: str) -> str:
    return lookup(text).name


def _subject(text: str, option: str) -> str:
    if not text.strip():
        raise UsageError(f"{option} is empty: give a name or number, or leave it out")
    return text.strip()


def _probability(text: str, option: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise UsageError(f"{option} {text!r} is not a number: allowed is 0 to 1") from None
    if not 0 <= value <= 1:
        raise UsageError(f"{option} {text} is out of range: allowed is 0 to 1")
    return value


def _moment(text: str, option: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    # A day alone would silently become midnight.
    if moment is None or ":" not in text:
        raise UsageError(f"{option} {text!r} is no date and time: write it like 2026-11-22T10:15:00+01:00")
    return moment


def _symptom(text: str, option: str) -> str:
    from popclass.report.guidance import check_symptom

    return check_symptom(text, what=option)


class WholeNumber(click.IntRange):
    """A whole number within limits; what is none is told what is allowed."""

    def __init__(self, least: int, most: int | None = None) -> None:
        super().__init__(least, most)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            int(value)
        except (TypeError, ValueError):
            limits = f"from {self.min} on" if self.max is None else f"from {self.min} to {self.max}"
            self.fail(f"{value!r} is no whole number: allowed is one {limits}", param, ctx)
        return super().convert(value, param, ctx)


DURATION = _Checked("duration", _duration)
SITE = _Checked("site", _site)
SUBJECT = _Checked("id", _subject)
PROBABILITY = _Checked("probability", _probability)
MOMENT = _Checked("time", _moment)
SYMPTOM = _Checked("symptom", _symptom)


def model_option() -> Decorator:
    return click.option(
        "--model", "model", type=PATH, metavar="MODEL.onnx", help="Model to use; left out, the one that comes along."
    )


def site_option() -> Decorator:
    return click.option("--site", type=SITE, metavar="SITE", help="Where on the body; popclass sites lists them.")


def cavities_option() -> Decorator:
    return click.option(
        "--cavities",
        type=WholeNumber(1, MOST_CAVITIES),
        metavar="N",
        help="Joint cavities that may have sounded; the site's number where left out.",
    )


def refractory_option() -> Decorator:
    limits = f"{format_duration(SHORTEST_S)} to {format_duration(LONGEST_S)}"
    return click.option(
        "--refractory",
        type=DURATION,
        metavar="DURATION",
        help=f"How long a cavity stays silent after a cavitation, {limits}; left out, the site's (20min).",
    )


def min_probability_option() -> Decorator:
    return click.option(
        "--min-probability",
        type=PROBABILITY,
        metavar="P",
        help="Least probability of a label that is not 'uncertain', 0-1; left out, the model's.",
    )


def symptom_option() -> Decorator:
    return click.option(
        "--symptom",
        "symptoms",
        type=SYMPTOM,
        metavar="NAME",
        multiple=True,
        help="What else is noticed, such as pain or numbness, for the report; may be given several times.",
    )
