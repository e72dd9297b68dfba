"""Command `popclass batch`: every recording of a folder tree."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from popclass.cli import options
from popclass.cli.console import print_error, print_note, progress_bar, warn_if_useless
from popclass.errors import UsageError
from popclass.utils.signals import as_stopped
from popclass.utils.text import abbreviated, counted, one_line
from popclass.utils.workers import MOST_JOBS, available_cores, start_server

if TYPE_CHECKING:
    from popclass.batch import BatchResult
    from popclass.batch.worker import BatchProgress

# columns of a manifest for options of other commands whose value differs between recordings
COLUMNS = {"--subject": "subject", "--symptom": "symptoms", "--cavities": "cavities", "--recorded-at": "recorded_at"}
SPEED_FROM_S = 3600.0  # of audio; with less, the time to start would count for too much

_HELP = """Classify every recording of a folder tree into tables.

Recordings are found by their file suffix or their content, in all folders below FOLDER that are not hidden. Other
files are listed as skipped. A recording that cannot be used gets a row with the reason; the others are still
classified, and the exit code is 1.

  popclass batch recordings/ -o results/
  popclass batch recordings/ -o results/ --manifest recordings/manifest.csv
  popclass batch /shared/recordings/ -o results/ --scheduler tcp://node1:8786
  popclass batch recordings/ -o results/ --report

RESULTS_DIR gets events.csv, bursts.csv (bursts with a joint event), recordings.csv (one row for every file found),
run.json and journal.jsonl; with --to parquet it gets Parquet tables of the same names instead of the CSV files.
The same command again continues after an interruption: it processes only new, changed and failed files.
With another manifest or other options for labels (--site to --min-probability), no sound is detected again.
The manifest is a CSV with file (relative to it) and any of subject,site,side,cavities,recorded_at,symptoms;
columns of your own begin with x_ and are carried into every table.
"""


@click.command(help=_HELP, cls=options.Command)
@click.argument("folder", type=options.PATH)
@options.checked("-o", options.folder, "RESULTS_DIR", "Folder for results.", "results_dir", required=True)
@options.model
@options.path("--manifest", "CSV", "Table with subject, site etc. of the recordings.")
@options.site
@options.refractory
@options.count_by
@options.class_frequencies
@options.min_probability
@options.number("--jobs", "Processes (default: one per core).", 1, MOST_JOBS)
@click.option("--report", is_flag=True, help="Also write report.html, with a page for each recording with events.")
@click.option("--fresh", is_flag=True, help="Start over: delete the tables and the journal of an earlier run.")
@click.option("--scheduler", metavar="ADDRESS", help="Use the Dask cluster of this scheduler, such as tcp://host:8786.")
@click.option("--to", type=click.Choice(["csv", "parquet"]), default="csv", help="Format of the tables.")
@click.option("--quiet", is_flag=True, help="Print only failures.")
def batch(folder: str, results_dir: str, report: bool, quiet: bool, **settings: Any) -> int:
    """Run `popclass batch`; the settings have the names of the parameters of `classify_folder`."""
    jobs, scheduler, manifest = settings["jobs"], settings["scheduler"], settings["manifest"]
    if jobs is not None and scheduler is not None:
        raise UsageError("--jobs counts processes on this machine, --scheduler uses others: omit one of them")
    if scheduler is None and (available_cores() if jobs is None else jobs) > 1:
        start_server("popclass.batch.worker")  # before the imports, which take as long as it does
    from popclass.batch import classify_folder
    from popclass.batch.manifest import read_symptoms
    from popclass.pipeline import load_model

    if manifest is not None:  # an unknown symptom is found before hours of work, even without a report
        read_symptoms(Path(manifest), Path(folder), (), options.check_symptom)
    latest: BatchProgress | None = None
    try:
        with progress_bar("processing recordings") as bar:

            def progress(now: BatchProgress) -> None:
                nonlocal latest
                latest = now
                if not quiet:
                    bar(round(1000 * now.share), 1000, _status(now))

            notice = None if quiet else print_note
            settings["model"] = load_model(settings["model"])
            result = classify_folder(folder, results_dir, progress=progress, notice=notice, **settings)
    except KeyboardInterrupt as error:
        done = "" if latest is None else f" after {latest.done:,} of {latest.total:,} recordings"
        again = "the same command without --fresh" if settings["fresh"] else "the same command"
        journal = f"{one_line(results_dir)}/journal.jsonl"
        print_error(f"{as_stopped(error).word}{done}; {again} continues from there, using {journal}")
        return as_stopped(error).exit_code
    if not quiet:
        print_note(_summary(result))
    for row in result.failed:
        print_error(f"{one_line(row.recording)}: {row.reason}")
    failed = len(result.failed)
    pages_failed = _write_pages(result, folder, quiet, settings) if report else 0
    if not report and not quiet and (earlier := Path(results_dir) / "report.html").exists():
        print_note(
            f"warning: {one_line(str(earlier))} is from an earlier run; give --report to write it with these labels"
        )
    warn_if_useless(settings["model"])
    if not failed + pages_failed:
        return 0
    return 1 if failed < len(result.recordings) else 2


def _write_pages(result: BatchResult, folder: str, quiet: bool, settings: dict[str, Any]) -> int:
    """Write the report of a batch; return the number of recordings that could not be read again."""
    from popclass.report import write_batch_report

    rules = ("refractory", "min_probability", "count_by", "class_frequencies")
    options = {name: settings[name] for name in ("model", "manifest", "site", *rules)}
    with progress_bar("writing reports") as bar:
        index, failures = write_batch_report(result, folder, progress=None if quiet else bar, **options)
    for failure in failures:
        print_error(failure)
    if not quiet:
        print_note(f"report: {one_line(str(index))}")
    return len(failures)


def _status(now: BatchProgress) -> str:
    """Return the text before the progress bar, short enough for 80 columns: files, hours of audio, times real time.

    Examples
    --------
    >>> from popclass.batch.worker import BatchProgress
    >>> _status(BatchProgress(done=1200, total=24000, failed=3, audio_s=36000.0, elapsed_s=40.0, share=0.05))
    '1,200 of 24,000 files, 3 failed, 10.0 h, 900x'
    """
    failed = f", {now.failed:,} failed" if now.failed else ""
    speed = "" if now.speed is None else f", {now.speed:,.0f}x"
    return f"{now.done:,} of {now.total:,} files{failed}, {now.audio_s / 3600:.1f} h{speed}"


def _summary(result: BatchResult) -> str:
    found, failed, events = len(result.recordings), len(result.failed), sum(result.counts.values())
    resumed = f" ({result.resumed} of them by an earlier run)" if result.resumed else ""
    labels = ", ".join(f"{count} {label}" for label, count in result.counts.items() if count)
    text = f"{found - failed} of {counted(found, 'recording')} processed{resumed}, {failed} failed"
    if result.audio_s >= SPEED_FROM_S and result.elapsed_s:
        speed = result.audio_s / result.elapsed_s
        text += f"; {result.audio_s / 3600:.1f} h of audio in {result.elapsed_s:.0f} s, {speed:,.0f} times real time"
    text += f"; {counted(events, 'event')}{f': {labels}' if labels else ''}"
    return f"{text}{_joints(result)}; see {one_line(str(result.results_dir))}"


def _joints(result: BatchResult) -> str:
    """Return the joints that the timeline with the most of them needs; of several recordings, if that is several."""
    from popclass.formats.table import joints_needed

    most = max(result.sessions, key=lambda each: each.cavities_needed, default=None)
    several = len(result.recordings) > 1
    if most is None or most.cavities_needed < (2 if several else 1):
        return ""
    where = abbreviated(most.recordings)
    if len(most.recordings) > 1:
        where = f"{len(most.recordings)} recordings of one timeline ({where})"
    return f"; {f'in {where} ' if several else ''}{joints_needed(most.cavities_needed, most)}"
