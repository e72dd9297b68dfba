"""Classification of a folder of recordings into tables of events, bursts and recordings, and `run.json`.

Every recording is analyzed by itself, in one or several processes or on a cluster, and noted in the journal. Then the
recordings of each subject, site and side are labelled together. Every file found has a row in the table of recordings,
whether it could be used or not. Options that only change labels use the journal of an earlier run: nothing is detected
again. These files are written at the end, each in one move; until then those of an
earlier run remain, unless the batch starts over. The tables depend on the recordings, the model and the options that
change labels, and on nothing else: not on the number of processes, the cluster or interruptions.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path

from popclass.batch.files import find_recordings, same_content
from popclass.batch.journal import Journal
from popclass.batch.labeler import Labeler
from popclass.batch.manifest import Summary, extra_columns, notices, read_manifest, summarize
from popclass.batch.result import CSV, RUN, BatchResult, ResultsFolder
from popclass.batch.worker import LIBRARIES, BatchProgress, OnProgress, Outcome, Process, ProgressCounter, process_here
from popclass.errors import LabelError, UsageError
from popclass.metadata import Metadata
from popclass.model.model import Model
from popclass.pipeline import load_model
from popclass.results import RecordingResult
from popclass.schema import FROM_MODEL, PER_BURST, SCHEMA_VERSION
from popclass.timing.sites import assumption, lookup
from popclass.timing.timeline import mixed_offsets
from popclass.utils.checks import check_number, check_path
from popclass.utils.duration import in_future
from popclass.utils.files import Stamp
from popclass.utils.signals import defer_signals
from popclass.utils.text import abbreviated, counted, one_line
from popclass.utils.workers import MOST_JOBS, available_cores
from popclass.version import __version__

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
    count_by: str = PER_BURST,
    class_frequencies: str = FROM_MODEL,
    jobs: int | None = 1,
    fresh: bool = False,
    scheduler: str | None = None,
    to: str = CSV,
    features: PathLike | None = None,
    on_result: Callable[[RecordingResult], None] | None = None,
    progress: OnProgress | None = None,
    notice: Callable[[str], None] | None = None,
) -> BatchResult:
    """Classify every recording of a folder tree.

    Parameters
    ----------
    folder : path
        Searched for audio files, see `popclass.batch.files`.
    results_dir : path
        Folder for `events.csv`, `bursts.csv`, `recordings.csv`, `run.json` and `journal.jsonl`; made if it does not
        exist. If it holds a journal of the same folder and model, only new, changed and failed files are processed;
        other options than before only change labels. With another model all are processed again.
    model : Model or path, optional
        Default: the bundled model.
    manifest : path, optional
        A CSV with metadata of the recordings, see `popclass.batch.manifest`.
    site : str, optional
        Site of the recordings for which the manifest has none.
    refractory, min_probability : float, optional
        As `popclass.classify`.
    count_by, class_frequencies : str
        As `popclass.classify`.
    jobs : int or None
        Number of processes, 1 to 256; None for one per core. With more than one, a script must do its work below
        `if __name__ == "__main__":`.
    fresh : bool
        Ignore the journal of an earlier run and remove its tables.
    scheduler : str, optional
        Address of a Dask scheduler whose workers process the recordings, see `popclass.batch.cluster`.
    to : str
        `csv`, or `parquet` for `events.parquet`, `bursts.parquet` and `recordings.parquet`, see
        `popclass.batch.parquet`.
    features : path, optional
        Folder in which the features of each recording that is processed are kept, see `popclass.batch.features`; not
        with a scheduler.
    on_result : callable, optional
        Called with the result of each recording once it is labelled, in no particular order.
    progress : callable, optional
        Called with a `popclass.batch.worker.BatchProgress` after each chunk of recordings.
    notice : callable, optional
        Called with a line about the manifest or a site, see `popclass.batch.manifest.notices`, before recordings are
        processed.

    Returns
    -------
    BatchResult
        Recordings that failed are in it and raise nothing.

    Raises
    ------
    UsageError
        If an option is out of range, the folder holds no recordings, or the cluster cannot be used.
    LabelError
        If the manifest cannot be used, or has a column of the user's own with the name of a class.
    ModelError
        If the model cannot be used.
    OutputError
        If the results cannot be written, or would replace files of another program or batch.

    Examples
    --------
    >>> table = popclass.classify_folder("recordings/", "results/", jobs=2)          # doctest: +SKIP
    >>> [row.reason for row in table.failed]                                          # doctest: +SKIP
    """
    began, clock = datetime.now(UTC), time.monotonic()
    source, target = Path(check_path(folder, "a folder")), Path(check_path(results_dir, "results_dir"))
    notice = notice or (lambda line: None)
    jobs = available_cores() if jobs is None else jobs
    check_number(jobs, "jobs", 1, MOST_JOBS, whole=True)
    results = ResultsFolder(target, to)
    site = None if site is None else lookup(site).name
    recordings, unreadable, skipped = find_recordings(source, exclude=target)
    table = None if manifest is None else Path(check_path(manifest, "a manifest"))
    stated = {} if table is None else read_manifest(table, source, recordings, site=site)
    metadata = {name: Metadata(site=site) for name in recordings} | stated
    chosen = load_model(model)
    extra = () if table is None else extra_columns(table)
    if clashing := sorted({*extra} & {*chosen.classes}):
        raise LabelError(f"{one_line(os.fspath(table or ''))}: column {clashing[0]} is a class of the model; rename it")
    rules = refractory, min_probability, count_by, class_frequencies
    labeler = Labeler(metadata, chosen, *rules, extra, on_result)
    labeler.fail(unreadable)
    made_by = {
        "popclass": __version__,
        "model": chosen.sha256,
        "folder": os.path.realpath(source),
        "--site": site,
        "--refractory": None if refractory is None else f"{refractory:g}s",
        "--min-probability": min_probability,
        "--count-by": count_by,
        "--class-frequencies": class_frequencies,
    }
    shown = None if manifest is None else one_line(os.fspath(manifest))
    parameters = {
        "folder": one_line(os.fspath(folder)),
        "manifest": shown,
        "site": site,
        "refractory_s": refractory,
        "min_probability": min_probability,
        "count_by": count_by,
        "class_frequencies": class_frequencies,
        "jobs": jobs if scheduler is None else None,
        "scheduler": scheduler,
        "to": to,
        "fresh": fresh,
    }
    connection: AbstractContextManager[Process] = nullcontext(
        partial(process_here, source, chosen, jobs, features=None if features is None else Path(features))
    )
    if scheduler is not None:
        try:
            from popclass.batch.cluster import connected
        except ImportError:
            raise UsageError("--scheduler needs Dask: pip install 'popclass[cluster]', also on the workers") from None
        connection = connected(scheduler, source, chosen, notice)
    with connection as process:
        results.prepare()
        with Journal(target, made_by, classes=len(chosen.classes), fresh=fresh) as journal:
            if fresh:
                results.remove_tables()
            lines = _notices(shown, summarize(stated), metadata, journal)
            own = None if manifest is None else os.path.realpath(manifest)
            others = {name: skipped[name] for name in skipped if os.path.realpath(source / name) != own}
            if others:
                lines.append(f"{_skipped(others)} (all in {one_line(os.fspath(target / RUN))})")
            if os.path.realpath(source) == os.path.realpath(target):
                lines.append("the results are written among the recordings; -o with another folder keeps them apart")
            for line in lines:
                notice(line)
            stamps = {name: Stamp.of(source / name) for name in recordings}
            resumed, done = _process_all(stamps, process, journal, labeler, progress)
            copies = same_content(source, labeler.fingerprints)
            if copies:
                lines.append(
                    f"{len(copies)} recordings have the same content as others; see warnings in recordings.{to}"
                )
                notice(lines[-1])
            rows = labeler.finish(copies)
            if mixed := mixed_offsets([row.info for row in rows]):
                lines.append(f"warning: {mixed}")
                notice(lines[-1])
            cost = done.audio_s, done.elapsed_s
            result = BatchResult(rows, chosen.classes, target, resumed, to, *cost, extra, labeler.sessions())
            trained = dict(zip(chosen.classes, chosen.frequencies.round(4).tolist(), strict=True))
            run = {
                "popclass": __version__,
                "schema_version": SCHEMA_VERSION,
                "libraries": {name: version(name) for name in LIBRARIES},
                "model": {"name": chosen.name, "sha256": chosen.sha256},
                "parameters": parameters,
                "class_frequencies": {"training": trained, "estimated": labeler.frequencies()},
                "counts": {
                    "recordings": len(result.recordings),
                    "failed": len(result.failed),
                    "heard_before": result.resumed,  # a stored name
                    "events": sum(result.counts.values()),
                    "labels": result.counts,
                    "not_in_manifest": None if manifest is None else len(recordings) - len(stated),
                    "audio_s": round(result.audio_s, 3),
                },
                "notices": lines,
                "skipped": skipped,
                "times": {
                    "began": began.isoformat(timespec="seconds"),
                    "ended": datetime.now(UTC).isoformat(timespec="seconds"),
                    "seconds": round(time.monotonic() - clock, 3),  # the other clock may jump
                },
            }
            with defer_signals():  # the tables belong together
                results.write(result, labeler, json.dumps(run, indent=2) + "\n")
    return result


def _notices(manifest: str | None, now: Summary, metadata: Mapping[str, Metadata], journal: Journal) -> list[str]:
    """Return the notices about the manifest, changed options and the sites, and note the manifest in the journal."""
    before = (journal.manifest or {}) if journal.entries else None
    journal.note_manifest(now)
    sites = sorted({each.site for each in metadata.values() if each.site is not None})
    assumptions = [line for site in sites if (line := assumption(site)) is not None]
    future = [name for name, each in metadata.items() if each.recorded_at is not None and in_future(each.recorded_at)]
    dated = [f"recorded_at of {counted(len(future), 'recording')} lies in the future: {abbreviated(future)}"]
    other_model = any(text.startswith("model ") for text in journal.changed)
    effect = "what this model has not processed yet is processed again" if other_model else "labels follow"
    changed = [f"{effect}; changed since an earlier run: {', '.join(journal.changed)}"]
    of_manifest = notices(tuple(metadata), manifest, now, before)
    return [*of_manifest, *(changed if journal.changed else ()), *(dated if future else ()), *assumptions]


def _skipped(reasons: Mapping[str, str]) -> str:
    """Return a line about skipped files, hidden ones last."""
    hidden = [name for name, reason in reasons.items() if "hidden" in reason]
    others = [name for name in reasons if name not in hidden]
    parts = {"skipped, not recognized as audio": others, "skipped as hidden": hidden}
    return "; ".join(
        f"{counted(len(names), 'file')} {what}: {abbreviated(names)}" for what, names in parts.items() if names
    )


def _process_all(
    stamps: Mapping[str, Stamp], process: Process, journal: Journal, labeler: Labeler, progress: OnProgress | None
) -> tuple[int, BatchProgress]:
    """Process what the journal does not hold, and label what can be; return the number that it holds."""
    kept = {name: entry for name, entry in journal.entries.items() if entry.stamp == stamps.get(name)}
    pending = {name: stamp for name, stamp in stamps.items() if name not in kept}
    labeler.keep(kept.values())
    counter = ProgressCounter(pending, resumed=len(kept), report=progress)

    def note(outcomes: list[Outcome]) -> None:
        labeler.add(journal.add([outcome.line for outcome in outcomes if outcome.line is not None]))
        labeler.fail({outcome.recording: outcome.reason for outcome in outcomes if outcome.reason is not None})
        counter.add(outcomes)

    if pending:
        process(pending, note)
    return len(kept), counter.now
