"""Export of a project: tables, labels, tracks for other programs, and the model in use, as files to download."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from popclass.app.models import DEFAULT
from popclass.app.project import RESULTS
from popclass.app.sounds import Sounds
from popclass.errors import UsageError
from popclass.formats.write import FORMATS
from popclass.labels.table import TABLE
from popclass.labels.write import RAVEN_END, TRACK_END, track_paths
from popclass.pipeline import load_model
from popclass.results import RecordingResult
from popclass.utils.files import system_errors
from popclass.utils.text import one_line, visible

TABLES = ("events.csv", "bursts.csv", "recordings.csv")
TRACKS = {"audacity.zip": ("audacity", TRACK_END), "raven.zip": ("raven", RAVEN_END)}
LINES, MODEL = "events.jsonl", "model"
KINDS = (*TABLES, TABLE, LINES, *TRACKS, MODEL)
NO_RESULTS = "there are no results yet; add a recording, or wait until it is classified"
_CSV = "text/csv; charset=utf-8"


class Export(NamedTuple):
    """A file to download.

    Attributes
    ----------
    name : str
        File name.
    mime : str
    data : bytes
    """

    name: str
    mime: str
    data: bytes


def export(
    project: Path, kind: str, sounds: Sounds | None, *, labels: Path | None = None, model: Path | None = None
) -> Export:
    """Return results, labels or a model of a project as a file to download.

    Parameters
    ----------
    project : Path
    kind : str
        One of `KINDS`. The tables are those in `results/`. A zip holds a label track or selection table for each
        recording, at the place where it belongs beside the recording.
    sounds : Sounds or None
        The classified sounds, None before there are any.
    labels : Path, optional
        File of labels (default: `labels.csv` of the project).
    model : Path, optional
        File of the model in use (default: the bundled one).

    Raises
    ------
    UsageError
        If the kind is unknown, there is nothing to export yet, or the sounds are classified by another model.
    """
    if kind not in KINDS:
        raise UsageError(f"unknown export '{one_line(kind)[:40]}'; allowed are {', '.join(KINDS)}")
    if kind in TABLES:
        return Export(kind, _CSV, _read(project / RESULTS / kind, NO_RESULTS))
    if kind == TABLE:
        path = labels or project / TABLE
        return Export(path.name, _CSV, _read(path, "there are no labels yet"))
    if kind == MODEL:
        name = DEFAULT if model is None else model.stem
        return Export(f"{name}.onnx", "application/octet-stream", load_model(model).to_bytes())
    if sounds is None:
        raise UsageError(NO_RESULTS)
    if sounds.model.sha256 != load_model(model).sha256:
        raise UsageError("the results are those of another model; wait until all recordings are classified again")
    results = [*sounds.results.values()]
    if kind == LINES:
        return Export(kind, "application/x-ndjson", visible("".join(FORMATS["jsonl"](results))).encode())
    return Export(kind, "application/zip", _zip(results, *TRACKS[kind]))


def _read(path: Path, otherwise: str) -> bytes:
    if not path.exists():
        raise UsageError(otherwise)
    with system_errors(path, "read"):
        return path.read_bytes()


def _zip(results: Iterable[RecordingResult], format: str, ending: str) -> bytes:
    """Return a zip with the track of each recording that has events: an empty one would state that nothing is there."""
    named = [result for result in results if result.events]
    paths = track_paths([PurePosixPath(visible(result.recording)) for result in named], ending)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for path, result in zip(paths, named, strict=True):
            text = visible("".join(FORMATS[format]([result])))
            file.writestr(zipfile.ZipInfo(str(path)), text.encode(), zipfile.ZIP_DEFLATED)
    return out.getvalue()
