"""A folder of recordings to tables of events and recordings, and `run.json`.

Every recording is heard by itself, in one or several processes or on a cluster, and noted in the journal; then what
the recordings of one subject and site tell about each other is concluded over all of them. Every file found has its row
in the table of recordings, whether it could be used or not. The three files are written at the end, each in one move;
until then those of an earlier run stay as they are, but not in a run that starts over: they go with the journal. The
tables depend on the recordings, the model and the parameters alone: not on the number of processes, nor on the cluster,
nor on interruptions.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from popclass.batch.files import Found, find_recordings, same_content
from popclass.batch.journal import NAME as JOURNAL
from popclass.batch.journal import Journal, Stamp
from popclass.batch.manifest import as_known, notices, read_manifest
from popclass.batch.pool import hear_all
from popclass.batch.progress import BatchProgress, Count
from popclass.batch.result import CSV, KINDS, PARQUET, RUN, BatchResult, Settled, tables, write_tables
from popclass.batch.worker import Each, Outcome
from popclass.errors import OutputError, UsageError
from popclass.model.model import Model
from popclass.pipeline import load_model
from popclass.postprocess import Metadata
from popclass.results import SCHEMA_VERSION
from popclass.timing.sites import assumption, lookup
from popclass.utils.duration import check_duration
from popclass.utils.files import check_writable
from popclass.utils.signals import defer_signals
from popclass.utils.text import one_line
from popclass.utils.workers import available_cores
from popclass.version import __version__

MOST_JOBS = 256

PathLike = str | os.PathLike[str]
Hearers = Callable[[Mapping[str, Stamp], Each], None]


def classify_folder(
    folder: PathLike,
    results_dir: PathLike,
    *,
    model: Model | PathLike | None = None,
    manifest: PathLike | None = None,
    site: str | None = None,
    refractory: float | None = None,
    min_probability: float | None = None,
    jobs: int | None = 1,
    fresh: bool = False,
    scheduler: str | None = None,
    to: str = CSV,
    progress: Callable[[BatchProgress], None] | None = None,
    notice: Callable[[str], None] | None = None,
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
    jobs : int or None
        Processes, 1 to 256; None is one for each core. A script that asks for more than one must do its work below
        `if __name__ == "__main__":`, which is why one is the default here.
    fresh : bool
        Forget what an earlier run heard, and remove its tables.
    scheduler : str, optional
        Address of a Dask scheduler whose workers hear the recordings instead, see `popclass.batch.cluster`.
    to : str
        `csv`, or `parquet` for `events.parquet` and `recordings.parquet`, see `popclass.batch.parquet`.
    progress : callable, optional
        Called with a `popclass.batch.progress.BatchProgress` now and then.
    notice : callable, optional
        Called with a line about what should be known before hours are spent: see `popclass.batch.manifest`.

    Returns
    -------
    BatchResult
        Recordings that failed are in it, and are no exception.

    Raises
    ------
    UsageError
        If an option is outside what is allowed, the folder holds no recordings, or the cluster cannot hear them.
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
    began, clock = datetime.now(UTC), time.monotonic()
    place, target = Path(folder), Path(results_dir)
    jobs = available_cores() if jobs is None else jobs
    _check_options(refractory, min_probability, jobs, to)
    site = None if site is None else lookup(site).name
    found = find_recordings(place, leave_out=target)
    named = {} if manifest is None else read_manifest(Path(manifest), place, found.recordings, site=site)
    around = {name: Metadata(site=site) for name in found.recordings} | named
    chosen = load_model(model)
    made_by = {
        "popclass": __version__,
        "model": chosen.sha256,
        "folder": os.path.realpath(place),
        "--site": site,
        "--refractory": None if refractory is None else f"{refractory:g}s",
        "--min-probability": min_probability,
    }
    shown = None if manifest is None else one_line(os.fspath(manifest))
    with _hearers(place, chosen, jobs, scheduler, notice) as hearers:
        _prepare(target, to, fresh=fresh)
        with Journal(target, made_by, fresh=fresh) as journal:
            if fresh:
                _remove_tables(target)
            said = _notices(found, shown, named, {each.site for each in around.values()}, journal, notice)
            settled = Settled(around, chosen, refractory=refractory, min_probability=min_probability)
            count, resumed = _hear(place, found, hearers, journal, settled, progress)
            settled.finish()
            settled.warn(same_content(place, settled.pieces))
            result = BatchResult(
                settled.rows(), chosen.classes, target, resumed, to, audio_s=count.audio_s, elapsed_s=count.elapsed_s
            )
            parameters = {
                "folder": one_line(os.fspath(folder)),
                "manifest": shown,
                "site": site,
                "refractory_s": refractory,
                "min_probability": min_probability,
                "jobs": jobs if scheduler is None else None,
                "scheduler": scheduler,
                "to": to,
                "fresh": fresh,
            }
            missed = None if manifest is None else len(found.recordings) - len(named)
            times = (began, time.monotonic() - clock)
            about = _about(result, chosen, parameters, times, {"not_in_manifest": missed, "notices": said})
            with defer_signals():  # the tables belong together
                write_tables(result, settled.event_lines(), about)
    return result


def _check_options(refractory: float | None, min_probability: float | None, jobs: int, to: str) -> None:
    if refractory is not None:
        check_duration(refractory, what="refractory")
    if min_probability is not None and not 0 <= min_probability <= 1:
        raise UsageError(f"min probability {min_probability} is out of range: allowed is 0 to 1")
    if not 1 <= jobs <= MOST_JOBS:
        raise UsageError(f"jobs {jobs} is out of range: allowed is 1 to {MOST_JOBS}")
    tables(to)
    if to == PARQUET:
        from popclass.batch.parquet import check_pyarrow

        check_pyarrow()


@contextmanager
def _hearers(
    folder: Path, model: Model, jobs: int, scheduler: str | None, notice: Callable[[str], None] | None
) -> Iterator[Hearers]:
    """Who hears recordings: processes of this machine, or the workers of a scheduler."""
    if scheduler is None:

        def here(recordings: Mapping[str, Stamp], each: Each) -> None:
            hear_all(folder, recordings, model, jobs=jobs, each=each)

        yield here
        return
    from popclass.batch.cluster import Cluster, connected

    with connected(scheduler) as client:
        yield Cluster(client, scheduler, folder, model, notice).hear_all


def _notices(
    found: Found,
    manifest: str | None,
    named: Mapping[str, Metadata],
    sites: Set[str | None],
    journal: Journal,
    notice: Callable[[str], None] | None,
) -> list[str]:
    """Say what should be known before hours are spent, and remember what the manifest says."""
    now = as_known(named)
    before = (journal.known or {}) if journal.lines else None
    assumed = [assumption(name) for name in sorted(name for name in sites if name is not None)]
    said = [*notices(found.recordings, manifest, now, before), *(line for line in assumed if line is not None)]
    for line in said:
        if notice is not None:
            notice(line)
    journal.note_known(now)
    return said


def _prepare(target: Path, to: str, *, fresh: bool) -> None:
    """Make the folder of results; refuse one whose tables some other program wrote."""
    shown = one_line(os.fspath(target))
    try:
        target.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise OutputError(f"{shown} is a file; name a folder for the results") from None
    except OSError as error:
        raise OutputError(f"cannot write {shown}: {error.strerror or error}") from None
    for name in (*tables(to), RUN):
        check_writable(target / name)
    for name in [*(name for kind in KINDS for name in tables(kind)), RUN]:
        if not fresh and (target / name).exists() and not (target / JOURNAL).exists():
            raise OutputError(
                f"{shown} holds a {name}, but no journal of a batch; name another folder, or say --fresh to replace it"
            )


def _remove_tables(target: Path) -> None:
    """The tables of an earlier run, which an interruption would leave beside a journal that is not theirs."""
    for name in [*(name for kind in KINDS for name in tables(kind)), RUN]:
        try:
            (target / name).unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"cannot remove {one_line(str(target / name))}: {error.strerror or error}") from None


def _hear(
    folder: Path,
    found: Found,
    hearers: Hearers,
    journal: Journal,
    settled: Settled,
    progress: Callable[[BatchProgress], None] | None,
) -> tuple[Count, int]:
    """Hear what the journal does not hold, and settle what can be; how many had been heard before."""
    stamps = {name: Stamp.of(folder / name) for name in found.recordings}
    before = {name: journal.lines[name] for name, stamp in stamps.items() if journal.holds(name, stamp)}
    todo = {name: stamp for name, stamp in stamps.items() if name not in before}
    settled.fail(found.unreadable)
    settled.add(before)
    count = Count(todo, resumed=len(before), report=progress)
    if todo:
        hearers(todo, partial(_note, journal, settled, count))
    return count, len(before)


def _note(journal: Journal, settled: Settled, count: Count, outcomes: list[Outcome]) -> None:
    lines = {outcome.recording: outcome.line for outcome in outcomes if outcome.line is not None}
    journal.add(lines)
    settled.add(lines)
    settled.fail({outcome.recording: outcome.reason for outcome in outcomes if outcome.reason is not None})
    count.add(outcomes)


def _about(
    result: BatchResult,
    model: Model,
    parameters: Mapping[str, Any],
    times: tuple[datetime, float],
    said: Mapping[str, Any],
) -> str:
    """What `run.json` says; the times are the start by the clock, and the seconds since by one that never jumps."""
    began, seconds = times
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
            "not_in_manifest": said["not_in_manifest"],
            "audio_s": round(result.audio_s, 3),
        },
        "notices": said["notices"],
        "times": {
            "began": began.isoformat(timespec="seconds"),
            "ended": ended.isoformat(timespec="seconds"),
            "seconds": round(seconds, 3),
        },
    }
    return json.dumps(about, indent=2) + "\n"
