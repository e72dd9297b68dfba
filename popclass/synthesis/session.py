"""Labelled sessions: one subject, site and sensor, several recordings within an hour, in memory or as files.

The sounds of a session (`plan`) are drawn apart from its acoustics and processing (`settings`), so that neither depends
on the other. A session depends on the seed and its number alone. Files are FLAC recordings, `labels.csv`,
`manifest.csv` for batch and `synthesis.json`; the whole folder is written under a temporary name and renamed once it is
complete.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import soundfile as sf

from popclass.errors import OutputError, UsageError
from popclass.formats.csv_io import csv_line
from popclass.synthesis.plan import PROGRAMS, Planner, draw_starts
from popclass.synthesis.recorder import GeneratedRecording, Recorder
from popclass.synthesis.settings import Settings, draw_settings
from popclass.synthesis.waves import Random, choose
from popclass.timing.sites import SITES
from popclass.version import __version__

# Shortest and longest recording in seconds: mostly a long one, sometimes a clip cut around one gesture: ASSUMPTION.
DURATIONS_S = {(0.6, 4.0): 0.15, (10.0, 18.0): 0.42, (10.0, 40.0): 0.43}
LABEL_COLUMNS = ("file", "start_s", "end_s", "label", "subject", "site", "recorded_at")
MOST_SESSIONS = 100_000
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Session:
    """All recordings of one subject at one site with one sensor."""

    settings: Settings
    subject: str
    recordings: tuple[GeneratedRecording, ...]


def generate_session(rng: Random, settings: Settings) -> Session:
    """Generate one session; the same generator state and settings give the same samples and labels.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of all random numbers.
    settings : Settings
        From `draw_settings`, or made by hand.

    Examples
    --------
    >>> import numpy as np
    >>> from popclass.synthesis import draw_settings, generate_session
    >>> rng = np.random.default_rng(1)
    >>> session = generate_session(rng, draw_settings(rng))
    >>> session.recordings[0].samples.dtype
    dtype('float32')
    """
    # The order of the draws is part of the generator: another order gives other sessions.
    program = choose(rng, PROGRAMS)
    subject = f"s{int(rng.integers(2**32)):08x}"
    planner = Planner(rng, settings, program)
    recorder = Recorder(rng, settings)
    starts = draw_starts(rng)
    seconds = int(rng.integers(2 * 365)) * 86400 + int(rng.integers(43200))
    first = datetime(2024, 1, 1, 8, tzinfo=UTC) + timedelta(seconds=seconds)
    plans = []
    for start in starts:
        duration = rng.uniform(*choose(rng, DURATIONS_S))
        plans.append((first + timedelta(seconds=start), duration, planner.plan(start, duration)))
    recorder.set_level([sound.level_db for _, _, plan in plans for sound in plan])
    return Session(settings, subject, tuple(recorder.record(*plan) for plan in plans))


def session_of(seed: int, index: int) -> Session:
    """Return session `index` of a seed."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index,)))
    return generate_session(rng, draw_settings(rng))


def write_sessions(
    out_dir: str | os.PathLike[str], *, sessions: int = 1, seed: int = 0, progress: Progress | None = None
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
    target = Path(out_dir).absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        kind = "a folder that is not empty" if target.is_dir() else "a file"
        raise OutputError(f"{out_dir} is {kind}; sessions are written into a new or empty folder only")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as temporary:
            building = Path(temporary) / "sessions"
            _fill(building, sessions, seed, progress)
            building.replace(target)
    except OSError as error:
        raise OutputError(f"{out_dir}: cannot be written ({error.strerror or error}); choose another folder") from error
    return Path(out_dir)


def _fill(folder: Path, sessions: int, seed: int, progress: Progress | None) -> None:
    folder.mkdir()
    labels, manifest = [csv_line(LABEL_COLUMNS)], [csv_line(("file", "subject", "site", "cavities", "recorded_at"))]
    described: list[dict[str, object]] = []
    for index in range(sessions):
        session, name = session_of(seed, index), f"session_{index:04d}"
        subject, site = session.subject, session.settings.site
        for file, recording in _write_recordings(folder, name, session):
            start = recording.recorded_at.isoformat()
            events = [[f"{x.start_s:.6f}", f"{x.end_s:.6f}", x.label] for x in recording.labels] or [["", "", ""]]
            labels += [csv_line([file, *event, subject, site, start]) for event in events]
            manifest.append(csv_line([file, subject, site, SITES[site].cavities, start]))
        described.append({"session": name, "subject": subject, "settings": asdict(session.settings)})
        if progress is not None:
            progress(index + 1, sessions)
    record = {"popclass": __version__, "seed": seed, "sessions": described}
    (folder / "labels.csv").write_text("".join(labels), "utf-8", newline="\n")
    (folder / "manifest.csv").write_text("".join(manifest), "utf-8", newline="\n")
    (folder / "synthesis.json").write_text(json.dumps(record, indent=1) + "\n", "utf-8")


def _write_recordings(folder: Path, name: str, session: Session) -> Iterator[tuple[str, GeneratedRecording]]:
    """Write the recordings of a session; yield each with its path in the folder."""
    (folder / name).mkdir()
    subtype = "PCM_24" if session.settings.bits > 16 else "PCM_16"
    for number, recording in enumerate(session.recordings, 1):
        file = f"{name}/recording_{number:02d}.flac"
        content = io.BytesIO()  # libsndfile does not report a full disk
        sf.write(content, recording.samples, recording.sample_rate, subtype=subtype, format="FLAC")
        (folder / file).write_bytes(content.getvalue())
        yield file, recording
