"""Completion of takes and uploads: their files become recordings of the project, also after the program was killed.

What arrives is kept in `takes/`, as ID.f32 (raw samples of a take) or ID.part (an uploaded file), locked until all is
there. ID.json holds what was sent with it: from the start for a take, once the file is whole for an upload. So a killed
program loses nothing of a take that had arrived, and no metadata of a file: `recover` completes both at the next start.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import numpy as np
import soundfile

from popclass.app.manifest import cells_of
from popclass.app.project import Project
from popclass.audio.recording import MAX_RATE, MIN_RATE
from popclass.errors import OutputError, PopclassError, UsageError
from popclass.utils.checks import check_number
from popclass.utils.files import lock, system_errors
from popclass.utils.text import one_line

RAW, PART, ABOUT = ".f32", ".part", ".json"  # files of a take or an upload
SAMPLE = np.dtype("<f4")
COPIED = 1 << 18  # samples at a time


def finish(project: Project, own: str) -> str | None:
    """Complete a take that has ended, or an upload, and return the name of the recording.

    None if a take has no samples, or an upload is not whole: nothing is left of it then. If it fails, all stays as it
    was, for another call.

    Parameters
    ----------
    project : Project
    own : str
        Its name in `takes/`, without a suffix.

    Raises
    ------
    LabelError
        If the manifest or a table of labels cannot be used.
    OutputError
        If the recording cannot be written.
    UsageError
        If what is known of it is damaged.
    """
    raw, part, about = (project.takes_dir / f"{own}{suffix}" for suffix in (RAW, PART, ABOUT))
    whole = raw.stat().st_size >= SAMPLE.itemsize if raw.exists() else part.exists() and about.exists()
    name = complete(project, own) if whole else None
    for each in (raw, part, about):  # the order in which `finish` can be called again after a crash
        with system_errors(each, "remove"):
            each.unlink(missing_ok=True)
    return name


def complete(project: Project, own: str) -> str:
    """Write a take as a WAV, place it or an uploaded file in the project, and describe it."""
    raw, part, about = (project.takes_dir / f"{own}{suffix}" for suffix in (RAW, PART, ABOUT))
    try:
        known = json.loads(about.read_text("utf-8"))
        metadata = dict(known["metadata"])
        if "began" in known:  # a take
            metadata["recorded_at"] = began = datetime.fromisoformat(known["began"])
            check_number(known["sample_rate"], "sample_rate", MIN_RATE, MAX_RATE, whole=True)
            known["name"] = began.strftime("%Y-%m-%d %H.%M.%S.wav")
        wanted = str(known["name"])
        cells_of(metadata)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, UsageError) as error:
        raise UsageError(f"{about.name} is damaged ({one_line(str(error))}); mend it, or move it away") from error
    if metadata:
        project.follow_manifest()  # a broken table
    name = _placed(project, part)
    if name is None:
        if raw.exists():
            part.unlink(missing_ok=True)  # it may be a recording that somebody moved
            try:
                _write_wav(raw, part, known["sample_rate"])
            except (OSError, soundfile.SoundFileError, AssertionError) as error:  # its ways to tell of a full disk
                part.unlink(missing_ok=True)
                raise OutputError(f"cannot write {one_line(str(part))}: the disk may be full") from error
        name = place(project, part, wanted)
    if metadata:
        project.describe([name], metadata)
    return name


def place(project: Project, part: Path, name: str) -> str:
    """Move a complete file into the project under a free name, and return that of the recording."""
    while True:
        path = project.free_path(name)
        with system_errors(path):
            try:
                os.link(part, path)  # never replaces a file that another program wrote at this moment
            except FileExistsError:
                continue
            except OSError:  # a file system without links
                os.replace(part, path)
        return project.name_of(path)


def _placed(project: Project, part: Path) -> str | None:
    """Return the recording that this file has become before a crash: both are one file until the take is removed."""
    if not part.exists() or part.stat().st_nlink < 2:
        return None
    return next((name for name in project.recordings() if part.samefile(project.recordings_dir / name)), None)


def _write_wav(source: Path, target: Path, sample_rate: int) -> None:
    with source.open("rb") as raw, soundfile.SoundFile(target, "w", sample_rate, 1, "PCM_24", format="WAV") as file:
        while samples := raw.read(COPIED * SAMPLE.itemsize):
            whole = len(samples) // SAMPLE.itemsize * SAMPLE.itemsize  # a crash may leave part of a sample
            file.write(np.frombuffer(samples[:whole], SAMPLE))
    with target.open("rb+") as written:  # the samples are removed next
        os.fsync(written.fileno())


def unfinished(project: Project) -> set[str]:
    """Return the takes and uploads in a project, by their names without a suffix."""
    found = [path for pattern in ("take-*", "upload-*", f"*{PART}") for path in project.takes_dir.glob(pattern)]
    return {path.stem for path in found if path.suffix in (RAW, PART, ABOUT)}


def recover(project: Project, unfinished: Iterable[str]) -> tuple[list[str], dict[str, str]]:
    """Complete the takes and uploads of a program that was killed; what another program is writing is not touched.

    Parameters
    ----------
    project : Project
    unfinished : iterable of str
        Result of `unfinished` before this program began a take or an upload.

    Returns
    -------
    names : list of str
        The recordings.
    failed : dict of str to str
        Reasons why others cannot be completed yet.
    """
    names, failed = list[str](), dict[str, str]()
    for own in sorted(unfinished):
        try:
            if any(_is_locked(project.takes_dir / f"{own}{suffix}") for suffix in (RAW, PART)):
                failed[own] = "another popclass app is recording it; end that app"
            elif name := finish(project, own):
                names.append(name)
        except (OSError, PopclassError) as error:
            failed[own] = one_line(str(error))
    return names, failed


def _is_locked(path: Path) -> bool:
    try:
        with path.open("rb+") as file:
            return not lock(file)
    except FileNotFoundError:
        return False
