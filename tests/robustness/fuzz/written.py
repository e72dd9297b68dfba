"""Fuzz targets for files that people and other programs write: labels, manifests, corrected tables, events tables."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from popclass.batch.manifest import notices, read_manifest, read_symptoms, summarize
from popclass.errors import LabelError, OutputError
from popclass.formats.csv_io import RecordingRow, cell, csv_line, csv_rows, read_events_csv, recordings_csv
from popclass.formats.tracks import read_audacity, read_raven
from popclass.formats.write import check_replaceable
from popclass.info import RecordingInfo
from popclass.labels import Labels, read_labels, write_raven, write_table, write_tracks
from popclass.metadata import Metadata
from popclass.model.model import CLASS_NAME
from popclass.postprocess import postprocess
from popclass.report.guidance import check_symptom
from popclass.results import Analysis, Event

from .invariants import Refused, attempt, check, check_line, twice, workplace

CLASSES = ("cavitation", "snapping", "other")
MODEL = SimpleNamespace(
    classes=CLASSES,
    thresholds=SimpleNamespace(min_probability=(0.5,) * 3, novelty=0.99, weights=(1.0,) * 3),
    frequencies=np.array([0.1, 0.1, 0.8]),
)


def labels_csv(data: bytes) -> None:
    """A CSV of labels is read or refused, and what was read comes back from what is written of it."""
    folder = _recordings("csv")
    (folder / "labels.csv").write_bytes(data)
    labels = twice(lambda: read_labels(folder / "labels.csv"), LabelError)
    if isinstance(labels, Refused):
        return
    _check_labels(labels)
    again = folder / "again.csv"
    if not isinstance(attempt(lambda: write_table(labels, again, force=True), LabelError), Refused):
        _check_same(labels, read_labels(again), known=True)


def tracks(data: bytes) -> None:
    """A label track or selection table beside a recording is read or refused, and comes back as either of them."""
    folder = _recordings("tracks")
    track = folder / "a.txt"
    track.write_bytes(data)
    for read in (read_audacity, read_raven):
        rows = twice(lambda read=read: list(read(track)), LabelError)
        for _, row in () if isinstance(rows, Refused) else rows:
            check(math.isfinite(row.start_s) and math.isfinite(row.end_s), f"a time that is none: {row}")
            check(row.start_s <= row.end_s, f"an end before its start: {row}")
    labels = twice(lambda: read_labels(folder / "a.wav"), LabelError)
    if isinstance(labels, Refused):
        return
    _check_labels(labels)
    check(track in labels.files, "a track that was read is not named")
    for write in (write_tracks, write_raven):
        out = workplace("tracks-out")
        for left in (out / "take").iterdir() if (out / "take").exists() else ():
            left.unlink()
        _touch(out / "take" / "a.wav")
        if not isinstance(attempt(lambda write=write, out=out: write(labels, out / "take"), LabelError), Refused):
            _check_same(labels, read_labels(out / "take" / "a.wav"), known=False)


def manifest(data: bytes) -> None:
    """A manifest is read or refused, and what it says of a recording can be used to label and list it."""
    folder = _recordings("manifest")
    path = folder / "manifest.csv"
    path.write_bytes(data)
    names = ["a.wav", "b.flac", "sub/c.wav"]
    twice(lambda: read_symptoms(path, folder, names, check_symptom), LabelError)
    known = twice(lambda: read_manifest(path, folder, names, site="hip"), LabelError)
    if isinstance(known, Refused):
        return
    check(set(known) <= set(names), f"recordings not asked for: {sorted(known)}")
    for line in notices(names, "manifest.csv", summarize(known), {}):
        check_line(line)
    around = [known.get(name, Metadata()) for name in names]
    results = postprocess([_analysis(name) for name in names], around, MODEL)  # type: ignore[arg-type]
    check([len(result.events) for result in results] == [2] * len(names), "an event was lost")
    rows = "".join(recordings_csv(map(RecordingRow.from_result, results), classes=CLASSES))
    events = "".join(line for result in results for line in csv_rows(result))
    (rows + events).encode("utf-8")


def corrected(data: bytes) -> None:
    """A table somebody corrected is never written over, and one that holds just what is written may be."""
    path = workplace("corrected") / "take.txt"
    path.write_bytes(data)
    text = data.decode("utf-8", "replace")
    for format in ("audacity", "raven"):
        early = twice(lambda format=format: check_replaceable(format, path), OutputError)
        late = twice(lambda format=format: check_replaceable(format, path, text), OutputError)
        check(isinstance(late, Refused) == (text.encode() != data), "what differs is replaced, or what is equal is not")
        other = attempt(lambda format=format: check_replaceable(format, path, text + "x"), OutputError)
        check(isinstance(other, Refused), "a file that holds something else is replaced")
        check(early is None or isinstance(early, Refused), "an early answer that is none")


def events_table(data: bytes) -> None:
    """An events table is read or refused, and its rows come back from what is written of them."""
    path = workplace("events") / "events.csv"
    path.write_bytes(data)
    rows = twice(lambda: list(read_events_csv(path)), LabelError)
    if isinstance(rows, Refused) or not rows:
        return
    numbers = [value for row in rows for value in row.values() if isinstance(value, float)]
    check(all(map(math.isfinite, numbers)), "a number that is none")
    for _ in range(2):  # the first time rounds
        before = rows
        lines = [csv_line(rows[0]), *(csv_line(cell(name, value) for name, value in row.items()) for row in rows)]
        path.write_bytes("".join(lines).encode("utf-8"))
        rows = list(read_events_csv(path))
    check(rows == before, f"rows that do not come back: {rows}, {before}")


def _touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


@cache
def _recordings(name: str) -> Path:
    """A folder with three recordings, whose content does not matter."""
    folder = workplace(name)
    for recording in ("a.wav", "b.flac", "sub/c.wav"):
        _touch(folder / recording)
    return folder


def _check_labels(labels: Labels) -> None:
    for warning in labels.warnings:
        check_line(warning)
    for recording in labels.recordings:
        check(recording.path.is_file(), f"no such recording: {recording.path!r}")
        for label in recording.classes:
            check(bool(CLASS_NAME.fullmatch(label)) and label != "uncertain", f"no name of a class: {label!r}")
        for row in recording.rows:
            check(0 <= row.start_s <= row.end_s and math.isfinite(row.end_s), f"no stretch of time: {row}")
            check_line(row.place)


def _check_same(one: Labels, other: Labels, *, known: bool) -> None:
    check(_said(one, known=known) == _said(other, known=known), f"{one} does not come back: {other}")


def _said(labels: Labels, *, known: bool) -> list[object]:
    """What labels say, to the decimals that are written."""
    return [
        (
            recording.name,
            sorted({(f"{row.start_s:.6f}", f"{row.end_s:.6f}", row.label) for row in recording.rows}),
            recording.whole,
            recording.verified,
            (recording.subject, recording.site, recording.recorded_at) if known else None,
        )
        for recording in labels.recordings
        if known or recording.name == "a.wav"
    ]


def _analysis(name: str, onsets: Iterable[int] = (480, 96_000)) -> Analysis:
    chances = np.array([[0.9, 0.08, 0.02], [0.6, 0.35, 0.05]])
    events = tuple(
        Event(at, at + 5, at + 200, 48_000, 1, 20.0, -20.0, event=number, burst=number)
        for number, at in enumerate(onsets, start=1)
    )
    began = datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
    return Analysis(
        RecordingInfo(name, sample_rate=48_000, channels=1, duration_s=3.0, recorded_at=began, warnings=()),
        events=events,
        acoustic=chances,
        contextual=chances,
        novelty=np.array([0.5, 0.5]),
    )
