"""Generated sessions as files: FLAC recordings, `labels.csv`, `manifest.csv` for batch and `synthesis.json`.

Everything depends on the seed alone. Session i is the same however many are asked for, and the whole folder is written
beside its place and renamed once it is complete, so a partial one never carries the final name.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from popclass.errors import OutputError, UsageError
from popclass.synthesis.session import GeneratedRecording, Session, generate_session
from popclass.synthesis.settings import draw_settings
from popclass.timing.sites import SITES

LABEL_COLUMNS = ("file", "start_s", "end_s", "label", "subject", "site", "recorded_at")
MANIFEST_COLUMNS = ("file", "subject", "site", "cavities", "recorded_at")
MOST_SESSIONS = 100_000


def session_of(seed: int, index: int) -> Session:
    """Session `index` of a seed, whatever else is generated."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index,)))
    return generate_session(rng, draw_settings(rng))


def write_sessions(
    out_dir: str | os.PathLike[str],
    *,
    sessions: int = 1,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write labelled sessions into a new or empty folder.

    Parameters
    ----------
    out_dir : path
        Must not exist, or be an empty folder.
    sessions : int
        How many, 1 to 100,000.
    seed : int
        Not negative; the same seed gives the same bytes.
    progress : callable, optional
        Called with (done, all) after each session.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    UsageError
        `sessions` or `seed` is out of range.
    OutputError
        The folder is in use or cannot be written.
    """
    if not 1 <= sessions <= MOST_SESSIONS:
        raise UsageError(f"{sessions} sessions: give a number from 1 to {MOST_SESSIONS}")
    if seed < 0:
        raise UsageError(f"seed {seed}: give a whole number from 0 up")
    target = Path(out_dir)
    _check_free(target)
    try:
        target.absolute().parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.absolute().parent))
        try:
            _fill(building, sessions, seed, progress)
            building.chmod(0o755)
            _check_free(target)
            building.replace(target.absolute())
        except BaseException:
            shutil.rmtree(building, ignore_errors=True)
            raise
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error.strerror or error}); choose another folder") from error
    return target


def _check_free(target: Path) -> None:
    if target.is_dir() and not any(target.iterdir()):
        return
    if target.exists():
        kind = "a folder that is not empty" if target.is_dir() else "a file"
        raise OutputError(f"{target} is {kind}; sessions are written into a new or empty folder only")


def _fill(folder: Path, sessions: int, seed: int, progress: Callable[[int, int], None] | None) -> None:
    about: list[dict[str, Any]] = []
    with (
        (folder / "labels.csv").open("w", encoding="utf-8", newline="") as labels_file,
        (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as manifest_file,
    ):
        labels, manifest = csv.writer(labels_file, lineterminator="\n"), csv.writer(manifest_file, lineterminator="\n")
        labels.writerow(LABEL_COLUMNS)
        manifest.writerow(MANIFEST_COLUMNS)
        for index in range(sessions):
            session = session_of(seed, index)
            name = f"session_{index:04d}"
            (folder / name).mkdir()
            for number, recording in enumerate(session.recordings, 1):
                file = f"{name}/recording_{number:02d}.flac"
                _write_recording(folder / file, recording, session.settings.bits)
                labels.writerows(_label_rows(file, session, recording))
                when = recording.recorded_at.isoformat()
                manifest.writerow([file, session.subject, session.site, SITES[session.site].cavities, when])
            about.append({"session": name, "subject": session.subject, "settings": session.settings.to_dict()})
            if progress is not None:
                progress(index + 1, sessions)
    record = {"popclass": _version(), "seed": seed, "sessions": about}
    (folder / "synthesis.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _write_recording(path: Path, recording: GeneratedRecording, bits: int) -> None:
    import soundfile as sf

    subtype = "PCM_24" if bits > 16 else "PCM_16"
    content = io.BytesIO()  # libsndfile would not say that the disk is full
    sf.write(content, recording.samples, recording.sample_rate, subtype=subtype, format="FLAC")
    path.write_bytes(content.getvalue())


def _label_rows(file: str, session: Session, recording: GeneratedRecording) -> list[list[str]]:
    """One row an event; a recording without any keeps one row with an empty label."""
    tail = [session.subject, session.site, recording.recorded_at.isoformat()]
    if not recording.labels:
        return [[file, "", "", "", *tail]]
    return [[file, f"{x.start_s:.6f}", f"{x.end_s:.6f}", x.label, *tail] for x in recording.labels]


def _version() -> str:
    try:
        return version("popclass")
    except PackageNotFoundError:
        return "unknown"
