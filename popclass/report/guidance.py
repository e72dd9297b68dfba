"""What a report says about the meaning of sounds: the texts of `guidance.toml` that fit a site and its symptoms.

The texts rest on a few sources alone, named beside each. What the sources know of the back alone is said of the back:
at another site such signs stand apart, under a note that says so. Symptoms change no label; they decide which warning
comes first, an emergency before what should be seen at once, and that before what can wait a little. The order within
each is that of the file.
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
    """What a text rests on; `url` is None where it can be found by its name only, or not at all."""

    name: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """A titled text and the sources it rests on."""

    title: str
    text: str
    sources: tuple[Source, ...] = ()


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
    sources : tuple of Source
    back : bool
        Whether the sources know it as a sign of the back alone.
    """

    name: str
    urgency: str
    short: str
    text: str
    sources: tuple[Source, ...]
    back: bool = False


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
        The symptoms that were not named and would change that.
    back_signs : tuple of Urgency
        Those of them that are signs of the back, where a recording is of another site or of an unknown one; empty
        where all are of the back, and `changes` has them.
    back_note : str or None
        What to say beside signs of the back; None where all recordings are of the back.
    anywhere : bool
        Whether the site of a recording is unknown, so that it may be of the back.
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
    back_signs: tuple[Urgency, ...]
    back_note: str | None
    anywhere: bool
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
    only_back = bool(places) and places <= set(texts["back"])
    rest = [symptom for symptom in all_symptoms(places) if symptom.name not in known]
    return Guidance(
        no_diagnosis=texts["no_diagnosis"].strip(),
        contains_sound=texts["contains_sound"].strip(),
        warnings=_levels(symptom for symptom in all_symptoms(places) if symptom.name in known),
        harmless=_passage(texts["harmless"]),
        changes=_levels(symptom for symptom in rest if only_back or not symptom.back),
        back_signs=_levels(symptom for symptom in rest if symptom.back and not only_back),
        back_note=None if only_back else texts["of_the_back"],
        anywhere=None in places,
        meaning=tuple(
            _passage(entry, places)
            for entry in texts["meaning"]
            if "sites" not in entry or places & set(entry["sites"])
        ),
        measures=_passage(measures) if helpful else None,
        exercises=tuple(map(_passage, measures["exercise"])) if helpful else (),
    )


def all_symptoms(places: Iterable[str | None] = (None,)) -> tuple[Symptom, ...]:
    """Every symptom there is a text for, the most urgent first, in the words that fit these sites."""
    order = list(_texts()["urgency"])
    found = [_symptom(entry, set(places)) for entry in _texts()["symptom"]]
    return tuple(sorted(found, key=lambda symptom: order.index(symptom.urgency)))


def _symptom(entry: Mapping[str, Any], places: Set[str | None]) -> Symptom:
    back = set(_texts()["back"])
    other = places and not places & (back | {None})
    words = entry["elsewhere"] if other and "elsewhere" in entry else entry
    text = words["text"].strip()
    if "at_back" in entry and places & back:
        text += f" {entry['at_back'].strip()}"
    sources = _sources(entry["sources"])
    return Symptom(entry["name"], entry["urgency"], words["short"], text, sources, entry.get("back", False))


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


def _passage(entry: Mapping[str, Any], places: Set[str | None] = frozenset()) -> Passage:
    text, sources = entry["text"].strip(), list(entry.get("sources", ()))
    if "at_spine" in entry and places & set(_texts()["spine"]):
        text += f" {entry['at_spine'].strip()}"
        sources += entry["at_spine_sources"]
    return Passage(entry["title"], text, _sources(sources))


def _sources(names: Iterable[str]) -> tuple[Source, ...]:
    known = _texts()["source"]
    return tuple(Source(known[name]["name"], known[name].get("url")) for name in names)


@cache
def _texts() -> dict[str, Any]:
    return tomllib.loads(resources.files("popclass.report").joinpath("guidance.toml").read_text("utf-8"))
