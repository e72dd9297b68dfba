"""Generated sessions as files: FLAC recordings, `labels.csv`, `manifest.csv` for batch and `synthesis.json`.

The files depend on the seed alone, and a session does not depend on how many are generated. The whole folder is written
under a temporary name and renamed once it is complete.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from popclass.errors import OutputError, UsageError
from popclass.synthesis.session import GeneratedRecording, Session, generate_session
from popclass.synthesis.settings import draw_settings
from popclass.timing.sites import SITES
from popclass.version import __version__

LABEL_COLUMNS = ("file", "start_s", "end_s", "label", "subject", "site", "recorded_at")
MANIFEST_COLUMNS = ("file", "subject", "site", "cavities", "recorded_at")
MOST_SESSIONS = 100_000


def session_of(seed: int, index: int) -> Session:
    """Return session `index` of a seed."""
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
        1 to 100,000.
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
        If `sessions` or `seed` is out of range.
    OutputError
        If the folder is in use or cannot be written.
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
    described: list[dict[str, Any]] = []
    with (
        (folder / "labels.csv").open("w", encoding="utf-8", newline="") as labels_file,
        (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as manifest_file,
    ):
        labels, manifest = csv.writer(labels_file, lineterminator="\n"), csv.writer(manifest_file, lineterminator="\n")
        labels.writerow(LABEL_COLUMNS)
        manifest.writerow(MANIFEST_COLUMNS)
        for index in range(sessions):
            session, name = session_of(seed, index), f"session_{index:04d}"
            (folder / name).mkdir()
            for number, recording in enumerate(session.recordings, 1):
                file, start = f"{name}/recording_{number:02d}.flac", recording.recorded_at.isoformat()
                _write_recording(folder / file, recording, session.settings.bits)
                labels.writerows([file, *row, session.subject, session.site, start] for row in _label_rows(recording))
                manifest.writerow([file, session.subject, session.site, SITES[session.site].cavities, start])
            described.append({"session": name, "subject": session.subject, "settings": session.settings.to_dict()})
            if progress is not None:
                progress(index + 1, sessions)
    record = {"popclass": __version__, "seed": seed, "sessions": described}
    (folder / "synthesis.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _write_recording(path: Path, recording: GeneratedRecording, bits: int) -> None:
    import soundfile as sf

    subtype = "PCM_24" if bits > 16 else "PCM_16"
    content = io.BytesIO()  # libsndfile does not report a full disk
    sf.write(content, recording.samples, recording.sample_rate, subtype=subtype, format="FLAC")
    path.write_bytes(content.getvalue())


def _label_rows(recording: GeneratedRecording) -> list[tuple[str, str, str]]:
    """Return start, end and label of each event; a recording without events has one row with an empty label."""
    return [(f"{x.start_s:.6f}", f"{x.end_s:.6f}", x.label) for x in recording.labels] or [("", "", "")]
