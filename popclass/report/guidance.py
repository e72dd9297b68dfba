"""Guidance on the meaning of sounds: the texts of `guidance.toml` that apply to given sites and symptoms.

Each text lists its sources; one without is general advice. Signs that the sources describe only for the back and the
neck are listed separately at other sites, with a note. Symptoms do not change a label; they select warnings, which are
ordered by urgency and then as in the file.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from popclass.errors import UsageError
from popclass.utils.text import one_line


@dataclass(frozen=True, slots=True)
class Source:
    """Source of a text; `url` is None if there is no stable link."""

    name: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """Text with a title and its sources."""

    title: str
    text: str
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True)
class Symptom:
    """Symptom that needs medical attention.

    Attributes
    ----------
    name : str
        Name for `--symptom`.
    urgency : str
        `emergency`, `at-once` or `soon`.
    short : str
        Short text for lists.
    text : str
        What to do about it.
    sources : tuple of Source
    back : bool
        Whether the sources describe it only for the back and the neck.
    """

    name: str
    urgency: str
    short: str
    text: str
    sources: tuple[Source, ...]
    back: bool = False


@dataclass(frozen=True, slots=True)
class Urgency:
    """Level of urgency and its symptoms."""

    name: str
    title: str
    symptoms: tuple[Symptom, ...]


def guidance(sites: Iterable[str | None], symptoms: Sequence[str] = ()) -> dict[str, Any]:
    """Return the texts for recordings at the given sites and a person with the given symptoms.

    Parameters
    ----------
    sites : iterable of str or None
    symptoms : sequence of str
        Names as returned by `check_symptom`, in any order.

    Returns
    -------
    dict
        `disclaimer`, `contains_sound` : str.
        `warnings` : list of Urgency, for the given symptoms, the most urgent first.
        `harmless` : Passage, shown if no symptom was given.
        `changes` : list of Urgency, the symptoms that were not given.
        `back_signs` : list of Urgency, the signs of the back that were not given; empty if all recordings are of the
        back, since `changes` has them then.
        `back_note` : str or None, a note for signs of the back; None if all recordings are of the back.
        `anywhere` : bool, True if the site of a recording is unknown, and so may be the back.
        `meaning` : list of Passage.
        `measures` : Passage or None, measures for these sites, if there are any; `exercises` : list of Passage.

    Examples
    --------
    >>> [level.name for level in guidance(["lumbar"], ["pain", "bladder-or-bowel"])["warnings"]]
    ['emergency', 'soon']
    """
    texts, places = _texts(), set(sites)
    known = {check_symptom(symptom) for symptom in symptoms}
    only_back = bool(places) and places <= set(texts["back"])
    of_sites = all_symptoms(places)
    others = [symptom for symptom in of_sites if symptom.name not in known]
    meaning = [entry for entry in texts["meaning"] if "sites" not in entry or places & set(entry["sites"])]
    measures = texts["measures"] if places & set(texts["measures"]["sites"]) else None
    return {
        "disclaimer": texts["disclaimer"],
        "contains_sound": texts["contains_sound"],
        "warnings": _levels([symptom for symptom in of_sites if symptom.name in known]),
        "harmless": _passage(texts["harmless"]),
        "changes": _levels([symptom for symptom in others if only_back or not symptom.back]),
        "back_signs": _levels([symptom for symptom in others if symptom.back and not only_back]),
        "back_note": None if only_back else texts["of_the_back"],
        "anywhere": None in places,
        "meaning": [_passage(entry, places) for entry in meaning],
        "measures": _passage(measures) if measures else None,
        "exercises": [_passage(entry) for entry in measures["exercise"]] if measures else [],
    }


def all_symptoms(places: Iterable[str | None] = (None,)) -> tuple[Symptom, ...]:
    """Return all symptoms with the texts for these sites, the most urgent first."""
    order = list(_texts()["urgency"])
    found = [_symptom(entry, set(places)) for entry in _texts()["symptom"]]
    return tuple(sorted(found, key=lambda symptom: order.index(symptom.urgency)))


def _symptom(entry: Mapping[str, Any], places: Set[str | None]) -> Symptom:
    back = set(_texts()["back"])
    if places and not places & (back | {None}):
        entry = {**entry, **entry.get("elsewhere", {})}
    text = f"{entry['text']} {entry['at_back']}" if "at_back" in entry and places & back else entry["text"]
    sources = _sources(entry.get("sources", ()))
    return Symptom(entry["name"], entry["urgency"], entry["short"], text, sources, entry.get("back", False))


def check_symptom(name: str, *, what: str = "symptom") -> str:
    """Return the name of a symptom, given in any case, with blanks or hyphens.

    Raises
    ------
    UsageError
        If the name is unknown; the message lists the names and suggests the closest.

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


def _levels(symptoms: Sequence[Symptom]) -> list[Urgency]:
    levels = []
    for name, entry in _texts()["urgency"].items():
        if chosen := tuple(symptom for symptom in symptoms if symptom.urgency == name):
            levels.append(Urgency(name, entry["title"], chosen))
    return levels


def _passage(entry: Mapping[str, Any], places: Set[str | None] = frozenset()) -> Passage:
    text, sources = entry["text"], list(entry.get("sources", ()))
    if "at_spine" in entry and places & set(_texts()["spine"]):
        text += f" {entry['at_spine']}"
        sources += entry["at_spine_sources"]
    return Passage(entry["title"], text, _sources(sources))


def _sources(names: Iterable[str]) -> tuple[Source, ...]:
    known = _texts()["source"]
    return tuple(Source(**known[name]) for name in names)


@cache
def _texts() -> dict[str, Any]:
    return tomllib.loads(resources.files("popclass.report").joinpath("guidance.toml").read_text("utf-8"))
