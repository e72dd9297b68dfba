"""Manifest of a project: read as `popclass batch` reads it, changed without losing rows and columns of others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from popclass.app.labels import present_copy, without_missing
from popclass.batch.manifest import Places, metadata_of, read_manifest, read_symptoms
from popclass.errors import LabelError, UsageError
from popclass.formats.csv_io import csv_line, plain_path
from popclass.formats.read_csv import cell_text, read_columns
from popclass.metadata import Metadata
from popclass.report.guidance import check_symptom
from popclass.utils.files import Stamp, write_bytes, write_synced
from popclass.utils.text import one_line

METADATA = ("subject", "site", "side", "recorded_at", "symptoms")
LONGEST_SUBJECT = 200  # characters


@dataclass(frozen=True, slots=True)
class Described:
    """Metadata and symptoms of one recording, as the manifest has them."""

    metadata: Metadata = field(default_factory=Metadata)
    symptoms: tuple[str, ...] = ()


class Manifest:
    """Metadata of recordings, in a file that other programs may change.

    Parameters
    ----------
    path : Path
        It need not exist.
    recordings_dir : Path
        Folder of the recordings.
    """

    def __init__(self, path: Path, recordings_dir: Path) -> None:
        self._path, self._recordings_dir = path, recordings_dir
        self._read: tuple[object, dict[str, Described]] | None = None

    def read(self, recordings: Sequence[str]) -> dict[str, Described]:
        """Return metadata and symptoms of the recordings it names; raises LabelError if it cannot be used."""
        key = (Stamp.of(self._path), tuple(recordings))
        if self._read is None or self._read[0] != key:
            self._read = key, self._described(self._path, recordings)
        return self._read[1]

    def _described(self, path: Path, recordings: Sequence[str]) -> dict[str, Described]:
        table, _ = without_missing(path)
        if not table.exists():
            return {}
        metadata = read_manifest(table, self._recordings_dir, recordings, site=None)
        symptoms = read_symptoms(table, self._recordings_dir, recordings, check_symptom)
        return {name: Described(each, symptoms.get(name, ())) for name, each in metadata.items()}

    def change(self, changed: Iterable[str], cells: Mapping[str, str], recordings: Sequence[str]) -> None:
        """Write cells into the rows of recordings; other rows and columns stay.

        Parameters
        ----------
        changed : iterable of str
        cells : mapping of str to str
            Result of `cells_of`.
        recordings : sequence of str
            All that there are, as for `read`.

        Raises
        ------
        LabelError
            If it cannot be used, or could not be afterwards; it is as before then.
        OutputError
            If it cannot be written.
        """
        written, names = None, list(changed)
        while written is None:  # again if another program writes it in the meantime
            before = Stamp.of(self._path)
            self.read(recordings)
            text = self._changed(names, cells, Places(self._recordings_dir, recordings))
            self._check(text, recordings)
            written = write_synced(self._path, text, before=before)

    def _changed(self, changed: Iterable[str], cells: Mapping[str, str], places: Places) -> str:
        """Return the text of the manifest with other cells in the rows of recordings."""
        rows = [dict(row) for _, row in read_columns(self._path, lambda *_: None)] if self._path.exists() else []
        columns = list(dict.fromkeys(["file", *(name for row in rows for name in row), *cells]))
        by_place = {places.find(self._path.parent / row["file"])[0]: row for row in rows if "\0" not in row["file"]}
        for name in changed:
            place, recording = places.find(self._recordings_dir / name)
            if place not in by_place:
                by_place[place] = {"file": plain_path(f"{self._recordings_dir.name}/{recording or name}")}
                rows.append(by_place[place])
            by_place[place].update(cells)
        lines = [csv_line(columns), *(csv_line([row.get(name) or None for name in columns]) for row in rows)]
        return "".join(lines)

    def _check(self, text: str, recordings: Sequence[str]) -> None:
        """Raise LabelError if a manifest of this text could not be read."""
        trial = self._path.with_name(f".new-{self._path.name}")  # beside it, since paths are relative to it
        try:
            write_bytes(trial, text.encode("utf-8", "surrogateescape"))
            self._described(trial, recordings)
        except LabelError as error:
            raise LabelError(f"{one_line(self._path.name)} is left as it is; with this change, {error}") from None
        finally:
            for each in (trial, present_copy(trial)):
                each.unlink(missing_ok=True)


def cells_of(changes: Mapping[str, Any]) -> dict[str, str]:
    """Return the cells of a manifest for changed metadata.

    Parameters
    ----------
    changes : mapping
        Of `METADATA`; texts, None for what is not known, and a list of symptoms.

    Raises
    ------
    UsageError
        If a value is not allowed, or could not be read back.
    """
    if unknown := sorted(changes.keys() - set(METADATA)):
        raise UsageError(f"'{one_line(str(unknown[0]))[:40]}' is no metadata: allowed are {', '.join(METADATA)}")
    known: dict[str, Any] = {name: value or None for name, value in changes.items() if name != "symptoms"}
    checked = Metadata(**known)  # refuses what is not allowed
    found = {name: getattr(checked, name) or "" for name in known}
    if checked.recorded_at is not None:
        found["recorded_at"] = checked.recorded_at.isoformat()
    if "symptoms" in changes:
        symptoms = changes["symptoms"] or []
        if not isinstance(symptoms, (list, tuple)) or not all(isinstance(each, str) for each in symptoms):
            raise UsageError("symptoms must be a list of texts")
        found["symptoms"] = ",".join(dict.fromkeys(map(check_symptom, symptoms)))
    subject = found.get("subject", "")
    if len(subject) > LONGEST_SUBJECT or not subject.isprintable():
        raise UsageError(f"a subject has at most {LONGEST_SUBJECT} characters, all in one line")
    metadata_of({name: cell_text(name, text) for name, text in found.items()})  # refuses what could not be read back
    return found
