"""What a manifest knows about the recordings of a batch: a CSV with `file` and any of `subject,site,cavities,...`.

`file` is relative to the CSV. Further columns are `subject`, `site`, `cavities`, `recorded_at` (ISO 8601) and
`symptoms`, each optional and each cell of them, too; `symptoms` says nothing about sounds and changes no label, it is
for reports. Any other column is refused, since a mistyped one would be lost without a word; so are a file that is not
there, one that is named twice, and a subject that a spreadsheet would take for a formula or that is no UTF-8.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from popclass.batch.files import FORMULA_STARTS
from popclass.conclusion import Circumstances
from popclass.errors import LabelError, UsageError
from popclass.formats.columns import check_text, read_columns
from popclass.formats.text import number, one_line
from popclass.timing.sites import lookup

COLUMNS = ("file", "subject", "site", "cavities", "recorded_at", "symptoms")
_EXAMPLE = "2026-11-22T10:15:00+01:00"

Rows = Iterator[tuple[str, dict[str, str]]]


def read_manifest(path: Path, folder: Path, recordings: Sequence[str], *, site: str | None) -> dict[str, Circumstances]:
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
    known: dict[str, Circumstances] = {}
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
        around = _circumstances(where, cells, site)
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


def _circumstances(where: str, cells: dict[str, str], site: str | None) -> Circumstances:
    try:
        around = Circumstances(site=lookup(cells["site"]).name if cells["site"] else site)
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
