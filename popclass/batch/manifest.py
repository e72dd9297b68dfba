"""What a manifest knows about the recordings of a batch: a CSV with `file` and any of `subject,site,cavities,...`.

`file` is relative to the CSV. Further columns are `subject`, `site`, `cavities`, `recorded_at` (ISO 8601) and
`symptoms`, each optional and each cell of them, too; `symptoms` says nothing about sounds and changes no label, it is
for reports. Any other column is refused, since a mistyped one would be lost without a word; so are a file that is not
there, one that is named twice, and a subject that a spreadsheet would take for a formula or that is no UTF-8.

What a batch has to say before it begins: recordings that its manifest does not name, and a manifest that changed.

Labels follow the manifest: it decides which recordings share a timeline. So one that changes, or is left out the second
time, changes the tables of recordings that were not touched. That is allowed, and said.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from popclass.batch.files import FORMULA_STARTS
from popclass.errors import LabelError, UsageError
from popclass.formats.csv_io import check_text, read_columns
from popclass.formats.text import number
from popclass.postprocess import Metadata
from popclass.timing.sites import lookup
from popclass.utils.text import one_line

COLUMNS = ("file", "subject", "site", "cavities", "recorded_at", "symptoms")
_EXAMPLE = "2026-11-22T10:15:00+01:00"

Rows = Iterator[tuple[str, dict[str, str]]]


def read_manifest(path: Path, folder: Path, recordings: Sequence[str], *, site: str | None) -> dict[str, Metadata]:
    """Circumstances of the recordings of a batch.

    Parameters
    ----------
    path : Path
        The manifest.
    folder : Path
        The folder of the batch.
    recordings : sequence of str
        What was found there, relative to it. Rows about recordings elsewhere are passed over.
    site : str or None
        Of recordings whose row names none.

    Raises
    ------
    LabelError
        With file and row, where the manifest cannot be used.
    """
    # By its own path where there is one, since two names may lead to one file.
    links = {os.path.realpath(folder / name): name for name in reversed(recordings)}
    names = {os.path.abspath(folder / name): name for name in recordings}
    rows: dict[str, str] = {}
    missing: list[str] = []
    known: dict[str, Metadata] = {}
    for where, cells in _rows(path):
        if not cells["file"]:
            raise LabelError(f"{where}: no file is named")
        named = os.path.abspath(path.parent / cells["file"])
        place = named if named in names else os.path.realpath(named)
        if not os.path.lexists(place):
            missing.append(f"{where}: '{one_line(cells['file'])}' not found")
            continue
        recording = names.get(place) or links.get(place)
        if (recording or place) in rows:
            raise LabelError(f"{where}: '{one_line(cells['file'])}' is named before, in {rows[recording or place]}")
        rows[recording or place] = where
        around = _metadata(where, cells, site)
        if recording is not None:
            known[recording] = around
    if missing:
        more = f", nor are {len(missing) - 1} further files it names" if len(missing) > 1 else ""
        raise LabelError(f"{missing[0]}{more}; paths are relative to the manifest")
    return known


def read_symptoms(
    path: Path, folder: Path, recordings: Sequence[str], check: Callable[[str], str]
) -> dict[str, tuple[str, ...]]:
    """The symptoms of the recordings of a batch: several in a cell are separated by commas or semicolons.

    Parameters
    ----------
    path, folder, recordings
        As `read_manifest`.
    check : callable
        Gives the name of a symptom as it is spelt, or raises `UsageError`.

    Raises
    ------
    LabelError
        With file and row, where a symptom will not do.
    """
    # By its own path where there is one, since two names may lead to one file.
    links = {os.path.realpath(folder / name): name for name in reversed(recordings)}
    names = {os.path.abspath(folder / name): name for name in recordings}
    found: dict[str, tuple[str, ...]] = {}
    for where, cells in _rows(path):
        try:
            symptoms = tuple(check(part) for part in re.split("[,;]", cells["symptoms"]) if part.strip())
        except UsageError as error:
            raise LabelError(f"{where}: {error}") from None
        place = os.path.abspath(path.parent / cells["file"])
        recording = names.get(place) or links.get(os.path.realpath(place))
        if symptoms and recording is not None:
            found[recording] = symptoms
    return found


def _rows(path: Path) -> Rows:
    """Where each row is, and its cells by column, empty where the manifest has no such column."""
    for where, cells in read_columns(path, _check_columns):
        if "\0" in cells["file"]:
            raise LabelError(f"{where}: file '{one_line(cells['file'])}' holds a null byte, which no path can")
        yield where, {**dict.fromkeys(COLUMNS, ""), **cells}


def _check_columns(shown: str, columns: Sequence[str]) -> None:
    if "file" not in columns:
        raise LabelError(f"{shown}: column file is missing; a manifest has file and any of {', '.join(COLUMNS[1:])}")
    if unknown := [name for name in columns if name not in COLUMNS]:
        raise LabelError(f"{shown}: unknown column '{one_line(unknown[0])}': allowed are {', '.join(COLUMNS)}")


def _metadata(where: str, cells: dict[str, str], site: str | None) -> Metadata:
    try:
        around = Metadata(site=lookup(cells["site"]).name if cells["site"] else site)
        if cells["cavities"]:
            around = replace(around, cavities=_whole(cells["cavities"]))
    except UsageError as error:
        raise LabelError(f"{where}: {error}") from None
    return replace(around, subject=_subject(where, cells["subject"]), recorded_at=_moment(where, cells["recorded_at"]))


def _subject(where: str, text: str) -> str | None:
    check_text(where, "subject", text)
    if text.startswith(FORMULA_STARTS) and number(text) is None:
        raise LabelError(
            f"{where}: subject '{one_line(text)}' begins like a formula, which a spreadsheet would run when it opens "
            "the tables; begin it with a letter or digit"
        )
    return text or None


def _whole(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise UsageError(f"cavities '{one_line(text)[:40]}' is no whole number of up to nine digits")
    return int(text)


def _moment(where: str, text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or ":" not in text:
        raise LabelError(f"{where}: recorded_at '{one_line(text)}' is no date and time; write it like {_EXAMPLE}")
    return moment


FIELDS = ("subject", "site", "cavities", "recorded_at")

Known = dict[str, list[Any]]


def as_known(around: Mapping[str, Metadata]) -> Known:
    """What a manifest says, as the journal keeps it: for each recording the values of `FIELDS`."""
    return {
        name: [it.subject, it.site, it.cavities, None if it.recorded_at is None else it.recorded_at.isoformat()]
        for name, it in around.items()
    }


def notices(recordings: Sequence[str], manifest: str | None, now: Known, before: Known | None) -> Iterator[str]:
    """What is to be said, a line each.

    Parameters
    ----------
    recordings : sequence of str
        Those of the batch.
    manifest : str or None
        What the manifest of this run is called.
    now, before : dict
        What it says, and what that of the run before said; `before` is None where there was no run before.

    Examples
    --------
    >>> list(notices(["1.wav", "2.wav"], "m.csv", {"1.wav": ["P1", None, None, None]}, None))
    ['1 of 2 recordings is not in m.csv and stands alone: 2.wav']
    >>> list(notices(["1.wav"], None, {}, {"1.wav": ["P1", "hip", None, None]}))
    ['no manifest, but an earlier run had one; labels follow; changed: subject of 1 recording, site of 1']
    """
    unnamed = [name for name in recordings if name not in now]
    if manifest is not None and unnamed:
        yield _unnamed(unnamed, len(recordings), manifest)
    changed = {} if before is None else _changed(recordings, now, before)
    if changed:
        counts = iter(changed.items())
        field, count = next(counts)
        said = [f"{field} of {count} recording{'' if count == 1 else 's'}", *(f"{name} of {n}" for name, n in counts)]
        yield f"{_manifests(manifest, before)}; labels follow; changed: {', '.join(said)}"


def _manifests(now: str | None, before: Known | None) -> str:
    if now is None:
        return "no manifest, but an earlier run had one"
    return (
        f"{now} says other things than in an earlier run" if before else f"{now} is new, an earlier run had no manifest"
    )


def _unnamed(names: Sequence[str], total: int, manifest: str) -> str:
    verb = "is not in {} and stands alone" if len(names) == 1 else "are not in {} and stand alone"
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{len(names)} of {total} recordings {verb.format(manifest)}: {one_line(names[0])}{more}"


def _changed(recordings: Sequence[str], now: Known, before: Known) -> dict[str, int]:
    """Of how many recordings each field changed, where of any."""
    nothing = [None] * len(FIELDS)
    counts = dict.fromkeys(FIELDS, 0)
    for name in recordings:
        pairs = zip(FIELDS, now.get(name, nothing), before.get(name, nothing), strict=True)
        for field in [field for field, new, old in pairs if new != old]:
            counts[field] += 1
    return {field: count for field, count in counts.items() if count}
