"""Manifest of a batch: a CSV with `file` and any of `subject,site,side,cavities,recorded_at,symptoms`.

`file` is relative to the CSV. All other columns and cells are optional. `recorded_at` is ISO 8601. `symptoms` are for
reports; they change no label. Columns of the user's own begin with `x_` and are carried into every table unchanged.
Anything else is refused: an unknown column, which may be a misspelt one, a file that does not exist or is named twice,
and a subject or a cell of the user's own that a spreadsheet would run as a formula, or a subject that is not UTF-8.

Labels follow the manifest, since it decides which recordings share a timeline. A manifest that changes from one run to
the next, or is left out, therefore changes the tables of recordings that were not touched. This is allowed and
reported: the journal keeps a summary of the manifest, and `notices` compares it with that of the run before.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from popclass.errors import LabelError, UsageError
from popclass.formats.csv_io import FORMULA_STARTS, is_result
from popclass.formats.read_csv import encoding_fault, read_columns, text_fault
from popclass.formats.text import number
from popclass.labels.table import meant_column, missing_column
from popclass.metadata import Metadata
from popclass.schema import EXTRA, is_extra
from popclass.utils.duration import parse_moment
from popclass.utils.files import existing
from popclass.utils.text import counted, one_line, visible

COLUMNS = ("file", "subject", "site", "cavities", "recorded_at", "symptoms", "side")
FIELDS = ("subject", "site", "cavities", "recorded_at", "side", "columns of your own")

Summary = dict[str, list[Any]]
_EMPTY_ROW = dict.fromkeys(COLUMNS, "")
_UNKNOWN: list[Any] = [None, None, None, None, None, {}]


class Places:
    """Recordings of a folder by the paths that tables give them.

    Parameters
    ----------
    folder : Path
    recordings : sequence of str
        Relative to the folder.
    """

    def __init__(self, folder: Path, recordings: Sequence[str]) -> None:
        self._names = {os.path.abspath(folder / name): name for name in recordings}

    @cached_property
    def _links(self) -> dict[str, str]:
        return {os.path.realpath(path): path for path in reversed(self._names)}

    def find(self, path: Path) -> tuple[str, str | None]:
        """Return one path for all that lead to a file, and the recording that it is; None if it is another file."""
        place = os.path.abspath(existing(path))
        # A recording's own path goes first, since two names may lead to one file.
        if place not in self._names:
            place = os.path.realpath(place)
        if place not in self._names:
            place = self._links.get(place, place)
        return place, self._names.get(place)


def read_manifest(path: Path, folder: Path, recordings: Sequence[str], *, site: str | None) -> dict[str, Metadata]:
    """Read the metadata of the recordings of a batch.

    Parameters
    ----------
    path : Path
    folder : Path
        The folder of the batch.
    recordings : sequence of str
        Recordings found there, relative to it. Rows about other files are ignored.
    site : str or None
        Site of recordings whose row has none.

    Raises
    ------
    LabelError
        If the manifest cannot be used; the message names file and row.
    """
    rows: dict[str, str] = {}
    missing: list[str] = []
    found: dict[str, Metadata] = {}
    for where, cells, place, recording in _rows(path, folder, recordings):
        name = one_line(cells["file"])
        if not name:
            raise LabelError(f"{where}: no file is named")
        if not os.path.lexists(place):
            if fault := encoding_fault("file", cells["file"]):
                raise LabelError(f"{where}: {fault}")
            missing.append(f"{where}: '{name}' not found")
            continue
        if place in rows:
            raise LabelError(f"{where}: '{name}' is named before, in {rows[place]}")
        rows[place] = where
        try:
            metadata = metadata_of(cells, site=site)
        except UsageError as error:
            raise LabelError(f"{where}: {error}") from None
        if recording is not None:
            found[recording] = metadata
    if missing:
        more = f", nor are {len(missing) - 1} further files it names" if len(missing) > 1 else ""
        raise LabelError(f"{missing[0]}{more}; paths are relative to the manifest")
    return found


def extra_columns(path: Path) -> tuple[str, ...]:
    """Return the columns of the user's own in a manifest, in order; raise LabelError if it cannot be used."""
    found: list[str] = []

    def check(shown: str, columns: Sequence[str]) -> None:
        _check_columns(shown, columns)
        found.extend(visible(name) for name in columns if is_extra(name))

    next(read_columns(path, check), None)
    return tuple(found)


def read_symptoms(
    path: Path, folder: Path, recordings: Sequence[str], check: Callable[[str], str]
) -> dict[str, tuple[str, ...]]:
    """Read the symptoms of the recordings of a batch; commas or semicolons separate several in a cell.

    Parameters
    ----------
    path, folder, recordings
        As `read_manifest`.
    check : callable
        Returns the name of a symptom in its usual spelling, or raises `UsageError`.

    Raises
    ------
    LabelError
        If a symptom is unknown; the message names file and row.
    """
    found: dict[str, tuple[str, ...]] = {}
    for where, cells, _, recording in _rows(path, folder, recordings):
        try:
            symptoms = tuple(check(part) for part in re.split("[,;]", cells["symptoms"]) if part.strip())
        except UsageError as error:
            raise LabelError(f"{where}: {error}") from None
        if symptoms and recording is not None:
            found[recording] = symptoms
    return found


def _rows(path: Path, folder: Path, recordings: Sequence[str]) -> Iterator[tuple[str, dict[str, str], str, str | None]]:
    """Yield the place of each row for messages, its cells, the path of its file and the recording that this is."""
    places = Places(folder, recordings)
    for where, given in read_columns(path, _check_columns):
        cells = {**_EMPTY_ROW, **given}
        if "\0" in cells["file"]:
            raise LabelError(f"{where}: file '{one_line(cells['file'])}' holds a null byte, which no path can")
        yield where, cells, *places.find(path.parent / cells["file"])


def _check_columns(shown: str, columns: Sequence[str]) -> None:
    unknown = [name for name in columns if name not in COLUMNS and not is_extra(name)]
    meant = {name: meant_column(name, columns, COLUMNS) for name in unknown}
    if is_result(columns):
        wanted = "write a table with file and what is known of each recording"
        raise LabelError(f"{shown}: these are results of popclass, not a manifest; {wanted}")
    if "file" not in columns:
        instead = next((name for name, column in meant.items() if column == "file"), None)
        wanted = f"a manifest has file and any of {', '.join(COLUMNS[1:])}"
        raise LabelError(f"{shown}: {missing_column('file', columns, wanted, instead)}")
    for name, column in meant.items():
        advice = f"rename it {EXTRA}{one_line(name)} to keep it, or remove it" if name else "remove it"
        advice = advice if column is None else f"did you mean {column}? Rename it, or remove it"
        allowed = f"{', '.join(COLUMNS)} and columns of your own that begin with {EXTRA}"
        raise LabelError(f"{shown}: unknown column '{one_line(name)}': allowed are {allowed}; {advice}")


def metadata_of(cells: Mapping[str, str], *, site: str | None = None) -> Metadata:
    """Return the metadata in a row of a manifest.

    Parameters
    ----------
    cells : mapping of str to str
        By column, as `popclass.formats.read_csv.cell_text` gives them; columns may be missing.
    site : str, optional
        Site if the row has none.

    Raises
    ------
    UsageError
        If a value is not allowed, or begins like a spreadsheet formula.
    """
    row = {**_EMPTY_ROW, **cells}
    subject, cavities = row["subject"], row["cavities"]
    if fault := text_fault("subject", subject):
        raise UsageError(fault)
    extra = {visible(name): visible(text) for name, text in row.items() if is_extra(name)}
    for name, text in {"subject": subject, **extra}.items():
        if text.startswith(FORMULA_STARTS) and number(text) is None and text not in "+-":
            shown = f"{one_line(name)} '{one_line(text)}'"
            raise UsageError(f"{shown} begins like a spreadsheet formula; begin with a letter")
    if cavities and not re.fullmatch(r"[0-9]{1,9}", cavities):
        raise UsageError(f"cavities '{one_line(cavities)[:40]}' is not a whole number of up to nine digits")
    count = int(cavities) if cavities else None
    moment = parse_moment(row["recorded_at"], "recorded_at") if row["recorded_at"] else None
    return Metadata(row["site"] or site, subject or None, count, moment, row["side"], extra)


def summarize(metadata: Mapping[str, Metadata]) -> Summary:
    """Return the values of `FIELDS` of each recording, as the journal keeps them; the last two only where stated."""
    summary: Summary = {}
    for name, it in metadata.items():
        start = None if it.recorded_at is None else it.recorded_at.isoformat()
        own = [it.side, dict(it.extra)] if it.side or it.extra else []
        summary[name] = [it.subject, it.site, it.cavities, start, *own]
    return summary


def check_summary(summary: Any) -> Summary:
    """Return `summary`; raise TypeError unless it has the form that `summarize` gives."""
    lengths = (len(FIELDS), len(FIELDS) - 2)
    if not all(isinstance(values, list) and len(values) in lengths for values in summary.values()):
        raise TypeError("not a summary of a manifest")
    return dict(summary)


def notices(recordings: Sequence[str], manifest: str | None, now: Summary, before: Summary | None) -> Iterator[str]:
    """Yield a line for recordings that the manifest does not name, and one for what changed in it.

    Parameters
    ----------
    recordings : sequence of str
    manifest : str or None
        Name of the manifest of this run.
    now, before : dict
        Summary of the manifest of this run and of the run before; `before` is None if there was no run before.

    Examples
    --------
    >>> list(notices(["1.wav", "2.wav"], "m.csv", {"1.wav": ["P1", None, None, None]}, None))
    ['1 of 2 recordings not in m.csv, each with a timeline of its own: 2.wav']
    >>> list(notices(["1.wav"], None, {}, {"1.wav": ["P1", "hip", None, None]}))
    ['no manifest, but an earlier run had one; labels follow; changed: subject of 1 recording, site of 1 recording']
    """
    unnamed = [name for name in recordings if name not in now]
    if manifest is not None and unnamed:
        more = f" and {len(unnamed) - 1} more" if len(unnamed) > 1 else ""
        share = f"{len(unnamed)} of {len(recordings)} recordings"
        yield f"{share} not in {manifest}, each with a timeline of its own: {one_line(unnamed[0])}{more}"
    if before is None:
        return
    pairs = [(_padded(now.get(name, [])), _padded(before.get(name, []))) for name in recordings]
    counts = [(field, sum(new[at] != old[at] for new, old in pairs)) for at, field in enumerate(FIELDS)]
    changed = ", ".join(f"{field} of {counted(count, 'recording')}" for field, count in counts if count)
    if changed:
        what = "no manifest, but an earlier run had one"
        if manifest is not None:
            what = f"{manifest} differs from an earlier run" if before else f"{manifest} is new; earlier runs had none"
        yield f"{what}; labels follow; changed: {changed}"


def _padded(values: list[Any]) -> list[Any]:
    """Return a value for each of `FIELDS`."""
    return [*values, *_UNKNOWN[len(values) :]]
