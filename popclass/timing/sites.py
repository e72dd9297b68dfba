"""The sites of a body popclass knows: how many joint cavities each has, and how long a cavity stays silent.

A site is the region one sensor listens to. `cavities` bounds how many cavitations it can show within one refractory
period. The refractory period is known for a single finger joint only (Unsworth, Dowson & Wright 1971) and is used
everywhere for want of better figures.

Users add sites in a TOML file, a table for each: `sites.toml` in the configuration folder of popclass, or the file
that the environment variable `POPCLASS_SITES` names (empty: none):

    [thumb]
    cavities = 2
    refractory = "25min"        # optional, 20min where missing
    documented = true           # optional, false where missing
    note = "MCP and IP joint"   # optional
    source = "our own counts"   # optional

Unknown keys are refused, and a built-in site is never replaced: `--cavities` and `--refractory` override it openly.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

from popclass.errors import UsageError
from popclass.utils.duration import format_duration, parse_duration

REFRACTORY_S = 1200.0
MOST_CAVITIES = 1000
ENVIRONMENT = "POPCLASS_SITES"
BUILT_IN = "built in"

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_ANATOMY = "count from general anatomy, unverified"


@dataclass(frozen=True, slots=True)
class Site:
    """A region of the body and its joint cavities.

    Attributes
    ----------
    name : str
    cavities : int
        Joint cavities that can be heard there.
    refractory_s : float
        Seconds a cavity needs after a cavitation before it can do so again.
    documented : bool
        Whether audible cavitation is documented there in the sources popclass rests on.
    note : str
        What is counted.
    source : str
        Where the count and the documentation come from.
    origin : str
        `built in`, or the file that adds the site.
    """

    name: str
    cavities: int
    refractory_s: float = REFRACTORY_S
    documented: bool = False
    note: str = ""
    source: str = ""
    origin: str = BUILT_IN


_TABLE = (
    Site("mcp", 1, documented=True, note="one knuckle", source="Unsworth 1971"),
    Site(
        "hand",
        14,
        documented=True,
        note="finger and thumb joints of one hand; documented for the knuckles (MCP) only",
        source=f"Unsworth 1971; {_ANATOMY}",
    ),
    Site("wrist", 2, note="one wrist", source=_ANATOMY),
    Site("elbow", 1, note="one elbow", source=_ANATOMY),
    Site("shoulder", 1, note="one shoulder", source=_ANATOMY),
    Site("jaw", 2, note="both jaw joints", source=_ANATOMY),
    Site("neck", 12, documented=True, note="cervical facet joints", source=f"Reggars 1996, Dunning 2013; {_ANATOMY}"),
    Site(
        "thoracic", 24, documented=True, note="thoracic facet joints", source=f"Dunning 2017 (unverified); {_ANATOMY}"
    ),
    Site("lumbar", 10, documented=True, note="lumbar facet joints", source="Mourad 2019, Cramer 2011"),
    Site("si", 2, note="both sacroiliac joints", source="anatomy"),
    Site("hip", 1, note="one hip", source=_ANATOMY),
    Site("knee", 1, note="one knee", source=_ANATOMY),
    Site("ankle", 2, note="one ankle", source=_ANATOMY),
    Site("toe", 1, note="one toe joint (MTP)", source=_ANATOMY),
)
SITES: Mapping[str, Site] = {site.name: site for site in _TABLE}


def all_sites() -> dict[str, Site]:
    """The built-in sites, then the user's own in the order of their file.

    Raises
    ------
    UsageError
        Where the user's file cannot be read or holds something that is not allowed.
    """
    path = user_file()
    return {**SITES, **(read_sites(path) if path is not None else {})}


def lookup(name: str) -> Site:
    """The site of this name, in any case.

    Raises
    ------
    UsageError
        Where there is none; the message lists the names and suggests the nearest.
    """
    known = all_sites()
    wanted = name.strip().lower()
    if wanted in known:
        return known[wanted]
    near = difflib.get_close_matches(wanted, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise UsageError(f"site {name!r} is unknown: allowed are {', '.join(known)} (see popclass sites){hint}")


def check_cavities(cavities: int, *, what: str = "cavities") -> int:
    """`cavities` itself, if a site can have that many.

    Raises
    ------
    UsageError
        Where it is no whole number from 1 to 1000.
    """
    if isinstance(cavities, bool) or not isinstance(cavities, Integral) or not 1 <= cavities <= MOST_CAVITIES:
        raise UsageError(f"{what} {cavities!r} is out of range: allowed is a whole number from 1 to {MOST_CAVITIES}")
    return int(cavities)


def describe() -> list[dict[str, str]]:
    """The rows of `popclass sites`, every value as text."""
    return [
        {
            "site": site.name,
            "cavities": str(site.cavities),
            "refractory": format_duration(site.refractory_s),
            "documented": "yes" if site.documented else "no",
            "note": site.note,
            "source": site.source,
            "origin": site.origin,
        }
        for site in all_sites().values()
    ]


def assumption(site: str | None) -> str | None:
    """What is only assumed of a site; None where cavitation is documented there, or the site is unknown.

    Examples
    --------
    >>> assumption("mcp"), assumption("hip")  # doctest: +ELLIPSIS
    (None, 'site hip: no audible cavitation is documented there in the sources popclass rests on; ...')
    """
    if site is None or lookup(site).documented:
        return None
    return (
        f"site {site}: no audible cavitation is documented there in the sources popclass rests on; "
        "its joint cavities and refractory period are assumed"
    )


def user_file() -> Path | None:
    """The file with the user's own sites, None where there is none.

    Raises
    ------
    UsageError
        Where `POPCLASS_SITES` names a file that does not exist.
    """
    named = os.environ.get(ENVIRONMENT)
    if named is not None:
        if named and not Path(named).is_file():
            raise UsageError(f"{ENVIRONMENT}: {named!r} is not a file: name a TOML file with sites, or unset it")
        return Path(named) if named else None
    import click

    path = Path(click.get_app_dir("popclass")) / "sites.toml"
    return path if path.is_file() else None


def read_sites(path: Path) -> dict[str, Site]:
    """The sites a TOML file adds.

    Raises
    ------
    UsageError
        Where the file cannot be read, is no TOML, or holds something that is not allowed.
    """
    import tomllib

    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path}: is not TOML in UTF-8: {error}") from error
    return {name: _site(path, name, fields) for name, fields in tables.items()}


_FIELDS: Mapping[str, type] = {"cavities": int, "refractory": str, "documented": bool, "note": str, "source": str}


def _site(path: Path, name: str, fields: Any) -> Site:
    where = f"{path}: site {name!r}"
    if not isinstance(fields, dict):
        raise UsageError(f"{where} is not a table: write [{name}] and below it cavities = 1")
    if _NAME.fullmatch(name) is None:
        raise UsageError(f"{where}: a name is up to 32 of a-z, 0-9, - and _, and starts with a letter")
    if name in SITES:
        raise UsageError(f"{where} is built in: choose another name, or use --cavities and --refractory")
    for key, value in fields.items():
        if key not in _FIELDS:
            raise UsageError(f"{where}: unknown key {key!r}: allowed are {', '.join(_FIELDS)}")
        if type(value) is not _FIELDS[key]:
            example = {"cavities": "2", "documented": "true"}.get(key, '"20min"' if key == "refractory" else '"text"')
            raise UsageError(f"{where}: {key} = {value!r} is not allowed: write for example {key} = {example}")
    if "cavities" not in fields:
        raise UsageError(f"{where}: cavities is missing: write for example cavities = 2")
    refractory = fields.get("refractory")
    return Site(
        name,
        check_cavities(fields["cavities"], what=f"{where}: cavities"),
        REFRACTORY_S if refractory is None else parse_duration(refractory, what=f"{where}: refractory"),
        documented=fields.get("documented", False),
        note=fields.get("note", ""),
        source=fields.get("source", ""),
        origin=str(path),
    )
