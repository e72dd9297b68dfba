"""What a report says about the meaning of sounds: the texts of `guidance.toml` that fit a site and its symptoms.

The texts rest on two sources alone, named beside each. Symptoms change no label; they decide which warning comes first,
an emergency before what should be seen at once, and that before what can wait a little. The order within each is that
of the file.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from popclass.errors import UsageError
from popclass.formats.text import one_line


@dataclass(frozen=True, slots=True)
class Passage:
    """A titled text and the sources it rests on."""

    title: str
    text: str
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Symptom:
    """A sign that changes what a noise means.

    Attributes
    ----------
    name : str
        As `--symptom` takes it.
    urgency : str
        `emergency`, `at-once` or `soon`.
    short : str
        A few words for a list.
    text : str
        What to do about it.
    sources : tuple of str
    """

    name: str
    urgency: str
    short: str
    text: str
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Urgency:
    """How soon somebody should be seen, and why."""

    name: str
    title: str
    symptoms: tuple[Symptom, ...]


@dataclass(frozen=True, slots=True)
class Guidance:
    """What one page says.

    Attributes
    ----------
    no_diagnosis, contains_sound : str
    warnings : tuple of Urgency
        For the symptoms that were named, the most urgent first.
    harmless : Passage
        What is usually so, where no symptom was named.
    changes : tuple of Urgency
        Every symptom that would change that, or that was not named.
    meaning : tuple of Passage
    measures : Passage or None
        What helps at this site, None where nothing is known.
    exercises : tuple of Passage
    """

    no_diagnosis: str
    contains_sound: str
    warnings: tuple[Urgency, ...]
    harmless: Passage
    changes: tuple[Urgency, ...]
    meaning: tuple[Passage, ...]
    measures: Passage | None
    exercises: tuple[Passage, ...]


def guidance(sites: Iterable[str | None], symptoms: Sequence[str] = ()) -> Guidance:
    """The texts for recordings at some sites of a person with some symptoms.

    Parameters
    ----------
    sites : iterable of str or None
    symptoms : sequence of str
        Names as `check_symptom` gives them, in any order.

    Examples
    --------
    >>> [level.name for level in guidance(["lumbar"], ["pain", "bladder-or-bowel"]).warnings]
    ['emergency', 'soon']
    """
    texts, places = _texts(), set(sites)
    known = {check_symptom(symptom) for symptom in symptoms}
    measures = texts["measures"]
    helpful = bool(places & set(measures["sites"]))
    return Guidance(
        no_diagnosis=texts["no_diagnosis"].strip(),
        contains_sound=texts["contains_sound"].strip(),
        warnings=_levels(symptom for symptom in all_symptoms() if symptom.name in known),
        harmless=_passage(texts["harmless"]),
        changes=_levels(symptom for symptom in all_symptoms() if symptom.name not in known),
        meaning=tuple(
            _passage(entry) for entry in texts["meaning"] if "sites" not in entry or places & set(entry["sites"])
        ),
        measures=_passage(measures) if helpful else None,
        exercises=tuple(map(_passage, measures["exercise"])) if helpful else (),
    )


def all_symptoms() -> tuple[Symptom, ...]:
    """Every symptom there is a text for, the most urgent first."""
    order = list(_texts()["urgency"])
    found = [
        Symptom(entry["name"], entry["urgency"], entry["short"], entry["text"].strip(), tuple(entry["sources"]))
        for entry in _texts()["symptom"]
    ]
    return tuple(sorted(found, key=lambda symptom: order.index(symptom.urgency)))


def check_symptom(name: str, *, what: str = "symptom") -> str:
    """The symptom of this name, in any case, with blanks for hyphens.

    Raises
    ------
    UsageError
        Where there is none; the message lists the names and suggests the nearest.

    Examples
    --------
    >>> check_symptom("Radiating pain")
    'radiating-pain'
    """
    names = [symptom.name for symptom in all_symptoms()]
    wanted = "-".join(name.lower().replace("-", " ").split())
    if wanted in names:
        return wanted
    near = difflib.get_close_matches(wanted, names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise UsageError(f"{what} '{one_line(name)}' is unknown: allowed are {', '.join(names)}{hint}")


def _levels(symptoms: Iterable[Symptom]) -> tuple[Urgency, ...]:
    chosen = tuple(symptoms)
    levels = (
        Urgency(name, entry["title"], tuple(symptom for symptom in chosen if symptom.urgency == name))
        for name, entry in _texts()["urgency"].items()
    )
    return tuple(level for level in levels if level.symptoms)


def _passage(entry: dict[str, Any]) -> Passage:
    return Passage(entry["title"], entry["text"].strip(), tuple(entry.get("sources", ())))


@cache
def _texts() -> dict[str, Any]:
    return tomllib.loads(resources.files("popclass.report").joinpath("guidance.toml").read_text("utf-8"))
