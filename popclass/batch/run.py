"""A folder of recordings to `events.csv`, `recordings.csv` and `run.json`.

Every recording is heard by itself, in one or several processes, and noted in the journal; then what the recordings of
one subject and site tell about each other is concluded over all of them. Every file found has its row in
`recordings.csv`, whether it could be used or not. The three files are written at the end, each in one move; until then
those of an earlier run stay as they are. `events.csv` and `recordings.csv` depend on the recordings, the model and the
parameters alone: not on the number of processes, nor on interruptions.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from popclass import __version__
from popclass.batch.files import Found, find_recordings
from popclass.batch.journal import NAME as JOURNAL
from popclass.batch.journal import Journal
from popclass.batch.manifest import read_manifest
from popclass.batch.pool import Outcome, hear_all
from popclass.batch.result import TABLES, BatchResult, write_tables
from popclass.batch.settled import Settled
from popclass.conclusion import Circumstances
from popclass.errors import OutputError, UsageError
from popclass.formats.text import one_line
from popclass.formats.write import check_writable
from popclass.model import Model
from popclass.pipeline import load_model
from popclass.results import SCHEMA_VERSION
from popclass.timing.duration import check_duration
from popclass.timing.sites import lookup

MOST_JOBS = 256

PathLike = str | os.PathLike[str]


def classify_folder(
    folder: PathLike,
    results_dir: PathLike,
    *,
    model: Model | PathLike | None = None,
    manifest: PathLike | None = None,
    site: str | None = None,
    refractory: float | None = None,
    min_probability: float | None = None,
    jobs: int = 1,
    fresh: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> BatchResult:
    """Classify every recording of a folder tree.

    Parameters
    ----------
    folder : path
        Searched for audio files, see `popclass.batch.files`.
    results_dir : path
        Where `events.csv`, `recordings.csv`, `run.json` and `journal.jsonl` go; made if need be. Given again, a batch
        that was interrupted goes on where it stopped, and only new and changed files are heard.
    model : Model or path, optional
        The model that comes with popclass where None.
    manifest : path, optional
        A CSV of what is known about the recordings, see `popclass.batch.manifest`.
    site : str, optional
        Of the recordings for which the manifest names none.
    refractory, min_probability : float, optional
        As `popclass.classify`.
    jobs : int
        Processes, 1 to 256. A script that asks for more than one must do its work below `if __name__ == "__main__":`.
    fresh : bool
        Forget what an earlier run heard.
    progress : callable, optional
        Called with how many recordings are done and how many there are.

    Returns
    -------
    BatchResult
        Recordings that failed are in it, and are no exception.

    Raises
    ------
    UsageError
        If an option is outside what is allowed, or the folder holds no recordings.
    LabelError
        If the manifest cannot be used.
    ModelError
        If the model cannot.
    OutputError
        If the results cannot be written, or would replace those of something else.

    Examples
    --------
    >>> table = popclass.classify_folder("recordings/", "results/", jobs=2)          # doctest: +SKIP
    >>> [row.reason for row in table.failed]                                          # doctest: +SKIP
    """
    began = datetime.now(UTC)
    place, target = Path(folder), Path(results_dir)
    _check_options(refractory, min_probability, jobs)
    site = None if site is None else lookup(site).name
    found = find_recordings(place, leave_out=target)
    around = {name: Circumstances(site=site) for name in found.recordings}
    if manifest is not None:
        around |= read_manifest(Path(manifest), place, found.recordings, site=site)
    chosen = load_model(model)
    _prepare(target, fresh=fresh)
    made_by = {"popclass": __version__, "model": chosen.sha256, "folder": os.path.realpath(place)}
    with Journal(target, made_by, fresh=fresh) as journal:
        settled = Settled(around, chosen, refractory=refractory, min_probability=min_probability)
        resumed = _hear(place, found, chosen, journal, settled, jobs, progress)
        settled.finish()
        result = BatchResult(settled.rows(), chosen.classes, target, resumed)
        parameters = {
            "folder": one_line(os.fspath(folder)),
            "manifest": None if manifest is None else one_line(os.fspath(manifest)),
            "site": site,
            "refractory_s": refractory,
            "min_probability": min_probability,
            "jobs": jobs,
            "fresh": fresh,
        }
        write_tables(result, settled.event_lines(), _about(result, chosen, parameters, began))
    return result


def _check_options(refractory: float | None, min_probability: float | None, jobs: int) -> None:
    if refractory is not None:
        check_duration(refractory, what="refractory")
    if min_probability is not None and not 0 <= min_probability <= 1:
        raise UsageError(f"min probability {min_probability} is out of range: allowed is 0 to 1")
    if not 1 <= jobs <= MOST_JOBS:
        raise UsageError(f"jobs {jobs} is out of range: allowed is 1 to {MOST_JOBS}")


def _prepare(target: Path, *, fresh: bool) -> None:
    """Make the folder of results; refuse one whose tables some other program wrote."""
    shown = one_line(os.fspath(target))
    try:
        target.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise OutputError(f"{shown} is a file; name a folder for the results") from None
    except OSError as error:
        raise OutputError(f"cannot write {shown}: {error.strerror or error}") from None
    for name in TABLES:
        check_writable(target / name)
        if not fresh and (target / name).exists() and not (target / JOURNAL).exists():
            raise OutputError(
                f"{shown} holds a {name}, but no journal of a batch; name another folder, or say --fresh to replace it"
            )


def _hear(
    folder: Path,
    found: Found,
    model: Model,
    journal: Journal,
    settled: Settled,
    jobs: int,
    progress: Callable[[int, int], None] | None,
) -> int:
    """Hear what the journal does not hold, and settle what can be; how many had been heard before."""
    before = {name: journal.lines[name] for name in found.recordings if journal.holds(name, folder / name)}
    todo = [name for name in found.recordings if name not in before]
    done = len(before)

    def note(outcomes: list[Outcome]) -> None:
        nonlocal done
        lines = {outcome.recording: outcome.line for outcome in outcomes if outcome.line is not None}
        journal.add(lines)
        settled.add(lines)
        settled.fail({outcome.recording: outcome.reason for outcome in outcomes if outcome.reason is not None})
        done += len(outcomes)
        if progress is not None:
            progress(done, len(found.recordings))

    settled.fail(found.unreadable)
    settled.add(before)
    hear_all(folder, todo, model, jobs=jobs, each=note)
    return len(before)


def _about(result: BatchResult, model: Model, parameters: Mapping[str, Any], began: datetime) -> str:
    """What `run.json` says."""
    ended = datetime.now(UTC)
    counts = result.counts
    about = {
        "popclass": __version__,
        "schema_version": SCHEMA_VERSION,
        "libraries": {name: version(name) for name in ("numpy", "soundfile", "soxr", "onnxruntime", "av")},
        "model": {"name": model.name, "sha256": model.sha256},
        "parameters": parameters,
        "counts": {
            "recordings": len(result.recordings),
            "failed": len(result.failed),
            "heard_before": result.resumed,
            "events": sum(counts.values()),
            "labels": counts,
        },
        "times": {
            "began": began.isoformat(timespec="seconds"),
            "ended": ended.isoformat(timespec="seconds"),
            "seconds": round((ended - began).total_seconds(), 3),
        },
    }
    return json.dumps(about, indent=2) + "\n"
