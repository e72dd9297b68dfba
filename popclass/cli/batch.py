"""popclass batch: every recording of a folder tree."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from popclass.cli import options
from popclass.cli.console import Report, complain, progress_bar, say
from popclass.cli.options import check_symptoms, write_pages
from popclass.errors import UsageError
from popclass.utils.signals import stopped
from popclass.utils.text import one_line
from popclass.utils.workers import one_a_core, start_server

if TYPE_CHECKING:
    from popclass.batch import BatchResult
    from popclass.batch.progress import BatchProgress

MOST_JOBS = 256
# options of other commands that differ from recording to recording, and the columns that say it here
IN_MANIFEST = {
    "--subject": "subject",
    "--symptom": "symptoms",
    "--cavities": "cavities",
    "--recorded-at": "recorded_at",
}
SPEED_FROM_S = 3600.0  # of audio; with less of it, the time to start would count for too much

_EPILOG = """\b
Examples:
  popclass batch recordings/ -o results/
  popclass batch recordings/ -o results/ --manifest recordings/manifest.csv --jobs 2
  popclass batch /shared/recordings/ -o results/ --scheduler tcp://node1:8786 --to parquet
  popclass batch recordings/ -o results/ --report

\b
RESULTS_DIR gets events.csv, recordings.csv (a row for every file found), run.json and journal.jsonl;
--to parquet makes events.parquet and recordings.parquet instead.
The same command again goes on where it was interrupted, and hears only new, changed and failed files.
The manifest is a CSV with file (relative to it) and any of subject,site,cavities,recorded_at,symptoms.
"""


_HELP = """Classify every recording of a folder tree into tables.

Recordings are found by the ending of their names, in all folders of FOLDER that are not hidden. One that cannot be
used costs a row with the reason and exit code 1, never the rest.
"""


@click.command(help=_HELP, epilog=_EPILOG)
@click.argument("folder", type=options.PATH)
@click.option("-o", "results_dir", type=options.PATH, metavar="RESULTS_DIR", required=True, help="Folder for results.")
@options.model_option()
@click.option("--manifest", type=options.PATH, metavar="CSV", help="What is known about the recordings.")
@options.site_option()
@options.refractory_option()
@options.min_probability_option()
@click.option(
    "--jobs",
    type=options.WholeNumber(1, MOST_JOBS),
    metavar="N",
    help="Processes to work in; left out, one for each core.",
)
@click.option(
    "--report", is_flag=True, help="Also write report.html, which links a page for each recording with events."
)
@click.option("--fresh", is_flag=True, help="Start over: forget what an earlier run heard, tables and all.")
@click.option("--scheduler", metavar="ADDRESS", help="Work on the Dask cluster of this scheduler: tcp://host:8786.")
@click.option("--to", type=click.Choice(["csv", "parquet"]), default="csv", help="What the tables are written as.")
@click.option("--quiet", is_flag=True, help="Say nothing but what failed.")
def batch(
    folder: str,
    results_dir: str,
    model: str | None,
    manifest: str | None,
    site: str | None,
    refractory: float | None,
    min_probability: float | None,
    jobs: int | None,
    report: bool,
    fresh: bool,
    scheduler: str | None,
    to: str,
    quiet: bool,
) -> int:
    """`popclass batch`; see `_HELP`."""
    if jobs is not None and scheduler is not None:
        raise UsageError("--jobs is about this machine, and --scheduler works on others: leave out one of them")
    if scheduler is None and (one_a_core() if jobs is None else jobs) > 1:
        start_server()  # before the imports, which take as long as it does
    from popclass.batch import classify_folder

    if manifest is not None:
        check_symptoms(folder, manifest)
    show = _Shown(results_dir, fresh=fresh)
    try:
        with progress_bar("" if quiet else "hearing recordings") as bar:
            result = classify_folder(
                folder,
                results_dir,
                model=model,
                manifest=manifest,
                site=site,
                refractory=refractory,
                min_probability=min_probability,
                jobs=jobs,
                fresh=fresh,
                scheduler=scheduler,
                to=to,
                progress=partial(show.progress, None if quiet else bar),
                notice=None if quiet else say,
            )
    except KeyboardInterrupt as error:
        complain(show.stopped(stopped(error).word))
        return stopped(error).exit_code
    if not quiet:
        say(_summary(result))
    for row in result.failed:
        complain(f"{one_line(row.recording)}: {row.reason}")
    pages_failed = 0
    if report:
        settings = {"site": site, "refractory": refractory, "min_probability": min_probability}
        pages_failed = write_pages(result, folder, model=model, manifest=manifest, quiet=quiet, **settings)
    failed = len(result.failed)
    return 0 if not failed + pages_failed else 1 if failed < len(result.recordings) else 2


class _Shown:
    """How far along the batch was when it last said so."""

    def __init__(self, results_dir: str, *, fresh: bool) -> None:
        self._results_dir = one_line(results_dir)
        self._again = "the same command without --fresh" if fresh else "the same command"
        self._last: BatchProgress | None = None

    def progress(self, bar: Report | None, now: BatchProgress) -> None:
        self._last = now
        if bar is not None:
            bar(round(1000 * now.share), 1000, _along(now))

    def stopped(self, how: str) -> str:
        far = "" if self._last is None else f" after {self._last.done:,} of {self._last.total:,} recordings"
        return f"{how}{far}; {self._again} goes on from there, by {self._results_dir}/journal.jsonl"


def _along(now: BatchProgress) -> str:
    """What stands before the bar.

    Examples
    --------
    >>> from popclass.batch.progress import BatchProgress
    >>> _along(BatchProgress(done=1200, total=24000, failed=3, audio_s=36000.0, elapsed_s=40.0, share=0.05))
    '1,200 of 24,000 files, 3 failed, 10.0 h of audio at 900 times real time'
    """
    failed = f", {now.failed:,} failed" if now.failed else ""
    speed = "" if now.speed is None else f" at {now.speed:,.0f} times real time"
    return f"{now.done:,} of {now.total:,} files{failed}, {now.audio_s / 3600:.1f} h of audio{speed}"


def _summary(result: BatchResult) -> str:
    found, failed, events = len(result.recordings), len(result.failed), sum(result.counts.values())
    before = f" ({result.resumed} of them by an earlier run)" if result.resumed else ""
    labels = ", ".join(f"{count} {label}" for label, count in result.counts.items() if count)
    return (
        f"{found - failed} of {found} recordings heard{before}, {failed} failed{_speed(result)}; {events} event"
        f"{'' if events == 1 else 's'}{f': {labels}' if labels else ''}; see {one_line(str(result.results_dir))}"
    )


def _speed(result: BatchResult) -> str:
    if result.audio_s < SPEED_FROM_S or not result.elapsed_s:
        return ""
    speed = result.audio_s / result.elapsed_s
    return f"; {result.audio_s / 3600:.1f} h of audio in {result.elapsed_s:.0f} s, {speed:,.0f} times real time"
