"""Sites on the body, their joint cavities and refractory periods.

A site is the region that one sensor records. `cavities` is the maximum number of cavitations within one refractory
period. The refractory period is known for a single finger joint only (Unsworth, Dowson & Wright 1971) and is used
everywhere for lack of other figures.

Users add sites in a TOML file, a table for each: `sites.toml` in the configuration folder of popclass, or the file
that the environment variable `POPCLASS_SITES` names (empty: no file):

    [thumb]
    cavities = 2
    refractory = "25min"        # optional, default 20min
    documented = true           # optional, default false
    note = "MCP and IP joint"   # optional
    source = "our own counts"   # optional

Unknown keys are refused. A built-in site cannot be replaced; `--cavities` and `--refractory` override it.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

from popclass.errors import UsageError, require
from popclass.utils.duration import format_duration, parse_duration

REFRACTORY_S = 1200.0
MOST_CAVITIES = 1000
ENVIRONMENT = "POPCLASS_SITES"
BUILT_IN = "built in"

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_ANATOMY = "count from general anatomy, unverified"
_UNSWORTH = f"Unsworth 1971; {_ANATOMY}"


@dataclass(frozen=True, slots=True)
class Site:
    """A region of the body and its joint cavities.

    Attributes
    ----------
    name : str
    cavities : int
        Joint cavities that can be recorded there.
    documented : bool
        Whether the literature that popclass uses documents audible cavitation there.
    note : str
        The joints counted.
    source : str
        Of the count and the documentation.
    refractory_s : float
        Seconds a cavity needs after a cavitation before it can cavitate again.
    origin : str
        `built in`, or the file that adds the site.
    synonyms : tuple of str
        Other names that mean this site.
    """

    name: str
    cavities: int
    documented: bool = False
    note: str = ""
    source: str = ""
    refractory_s: float = REFRACTORY_S
    origin: str = BUILT_IN
    synonyms: tuple[str, ...] = ()


_BUILT_IN_SITES = (
    Site("mcp", 1, True, "one knuckle", "Unsworth 1971", synonyms=("knuckle",)),
    Site("hand", 14, True, "finger and thumb joints of one hand; documented for the knuckles (MCP) only", _UNSWORTH),
    Site("wrist", 2, False, "one wrist", _ANATOMY),
    Site("elbow", 1, False, "one elbow", _ANATOMY),
    Site("shoulder", 1, False, "one shoulder", _ANATOMY, synonyms=("glenohumeral",)),
    Site("jaw", 2, False, "both jaw joints", _ANATOMY, synonyms=("tmj", "temporomandibular")),
    Site(
        *("neck", 12, True, "cervical facet joints", f"Reggars 1996, Dunning 2013; {_ANATOMY}"),
        synonyms=("cervical", "c-spine"),
    ),
    Site(
        *("thoracic", 24, True, "thoracic facet joints", f"Dunning 2017 (unverified); {_ANATOMY}"),
        synonyms=("upper-back", "mid-back", "t-spine"),
    ),
    Site(
        *("lumbar", 10, True, "lumbar facet joints", "Mourad 2019, Cramer 2011"),
        synonyms=("lower-back", "low-back", "l-spine"),
    ),
    Site("si", 2, False, "both sacroiliac joints", "anatomy", synonyms=("sacroiliac", "sij")),
    Site("hip", 1, False, "one hip", _ANATOMY, synonyms=("coxofemoral",)),
    Site("knee", 1, False, "one knee", _ANATOMY, synonyms=("patellofemoral", "tibiofemoral")),
    Site("ankle", 2, False, "one ankle", _ANATOMY),
    Site("toe", 1, False, "one toe joint (MTP)", _ANATOMY, synonyms=("mtp",)),
)
# Words that may mean several sites, with the likeliest.
_SUGGESTED = {
    **dict.fromkeys(("back", "spine", "vertebra", "facet"), ("lumbar", "thoracic", "neck")),
    **dict.fromkeys(("finger", "thumb", "pip", "dip"), ("mcp", "hand")),
    **dict.fromkeys(("pelvis", "sacrum", "tailbone"), ("si", "lumbar")),
    **dict.fromkeys(("foot", "feet"), ("ankle", "toe")),
    **dict.fromkeys(("rib", "ribs", "chest", "scapula"), ("thoracic", "shoulder")),
    **dict.fromkeys(("groin", "thigh"), ("hip",)),
    "leg": ("knee", "hip"),
    "arm": ("elbow", "shoulder"),
}
SITES: Mapping[str, Site] = {site.name: site for site in _BUILT_IN_SITES}


def all_sites() -> dict[str, Site]:
    """Return the built-in sites, then the user's own in the order of their file; errors as `read_sites`."""
    path = user_file()
    return {**SITES, **(read_sites(path) if path is not None else {})}


def lookup(name: str) -> Site:
    """Return the site of this name or synonym, in any case, with blanks or hyphens.

    Raises
    ------
    UsageError
        If there is none; the message lists the names and suggests the nearest.
    """
    known = all_sites()
    if not isinstance(name, str):
        raise UsageError(f"site {name!r} is not a text: allowed are {', '.join(known)} (see popclass sites)")
    wanted = "-".join(name.lower().replace("-", " ").split())
    for each in (name.strip().lower(), wanted, wanted.removesuffix("s")):
        if each in known:
            return known[each]
        for site in known.values():
            if each in site.synonyms:
                return site
    names = {**{word: site.name for site in known.values() for word in (site.name, *site.synonyms)}, **_SUGGESTED}
    words = [word for word in (wanted, *wanted.split("-")) if word in names]  # such as left-hip
    near = words or difflib.get_close_matches(wanted, names, n=1)
    meant = names[near[0]] if near else ()
    suggested = [meant] if isinstance(meant, str) else meant
    hint = f"; did you mean {' or '.join(map(repr, suggested))}?" if suggested else ""
    raise UsageError(f"site {name!r} is unknown: allowed are {', '.join(known)} (see popclass sites){hint}")


def check_cavities(cavities: int, *, what: str = "cavities") -> int:
    """Return `cavities`.

    Raises
    ------
    UsageError
        If it is not a whole number from 1 to 1000.
    """
    if isinstance(cavities, bool) or not isinstance(cavities, Integral) or not 1 <= cavities <= MOST_CAVITIES:
        raise UsageError(f"{what} {cavities!r} is out of range: allowed is a whole number from 1 to {MOST_CAVITIES}")
    return int(cavities)


def describe() -> list[dict[str, str]]:
    """Return the rows of `popclass sites`, every value as text."""
    rows = []
    for site in all_sites().values():
        period, documented = format_duration(site.refractory_s), "yes" if site.documented else "no"
        row = {"site": site.name, "cavities": str(site.cavities), "refractory": period, "documented": documented}
        note = f"{site.note}; also {', '.join(site.synonyms)}" if site.synonyms else site.note
        rows.append({**row, "note": note, "source": site.source, "origin": site.origin})
    return rows


def assumption(site: str | None) -> str | None:
    """Return a note on a site without documented cavitation; None for any other site and where it is unknown.

    Examples
    --------
    >>> assumption("mcp"), assumption("hip")  # doctest: +ELLIPSIS
    (None, 'site hip: no audible cavitation is documented there in the literature popclass uses; ...')
    """
    if site is None or lookup(site).documented:
        return None
    return (
        f"site {site}: no audible cavitation is documented there in the literature popclass uses; "
        "its joint cavities and refractory period are assumptions"
    )


def user_file() -> Path | None:
    """Return the file with the user's own sites, None where there is none.

    Raises
    ------
    UsageError
        If `POPCLASS_SITES` names a file that does not exist.
    """
    named = os.environ.get(ENVIRONMENT)
    if named is None:
        import click

        path = Path(click.get_app_dir("popclass")) / "sites.toml"
        return path if path.is_file() else None
    if named and not Path(named).is_file():
        raise UsageError(f"{ENVIRONMENT}: {named!r} is not a file: name a TOML file with sites, or unset it")
    return Path(named) if named else None


def read_sites(path: Path) -> dict[str, Site]:
    """Return the sites of a TOML file.

    Raises
    ------
    UsageError
        If the file cannot be read, is not TOML, or holds a site that is not allowed.
    """
    import tomllib

    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path}: is not TOML in UTF-8: {error}") from error
    return {name: _site(path, name, fields) for name, fields in tables.items()}


_EXAMPLES = {"cavities": 2, "refractory": "20min", "documented": True, "note": "text", "source": "text"}


def _site(path: Path, name: str, fields: Any) -> Site:
    where = f"{path}: site {name!r}"

    def check(met: object, problem: str) -> None:
        require(met, where + problem, UsageError)

    check(isinstance(fields, dict), f" is not a table: write [{name}] and below it cavities = 1")
    check(_NAME.fullmatch(name), ": a name is up to 32 of a-z, 0-9, - and _, and starts with a letter")
    check(name not in SITES, " is built in: choose another name, or use --cavities and --refractory")
    for key, value in fields.items():
        check(key in _EXAMPLES, f": unknown key {key!r}: allowed are {', '.join(_EXAMPLES)}")
        example = f"write for example {key} = {json.dumps(_EXAMPLES[key])}"
        check(type(value) is type(_EXAMPLES[key]), f": {key} = {value!r} is not allowed: {example}")
    check("cavities" in fields, ": cavities is missing: write for example cavities = 2")
    values = {"refractory": format_duration(REFRACTORY_S), **fields}
    refractory_s = parse_duration(values.pop("refractory"), what=f"{where}: refractory")
    cavities = check_cavities(values.pop("cavities"), what=f"{where}: cavities")
    return Site(name, cavities, refractory_s=refractory_s, origin=str(path), **values)
