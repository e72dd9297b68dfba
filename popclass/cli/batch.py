"""popclass batch: every recording of a folder tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from popclass.cli import options
from popclass.cli.messages import complain, progress_bar, say
from popclass.cli.report import check_symptoms, write_pages
from popclass.formats.text import one_line

if TYPE_CHECKING:
    from popclass.batch import BatchResult

MOST_JOBS = 256

_EPILOG = """\b
Examples:
  popclass batch recordings/ -o results/
  popclass batch recordings/ -o results/ --manifest recordings/manifest.csv --jobs 2
  popclass batch recordings/ -o results/ --report

\b
RESULTS_DIR gets events.csv, recordings.csv (a row for every file found), run.json and journal.jsonl.
The same command again goes on where it was interrupted, and hears only new and changed files.
The manifest is a CSV with file (relative to it) and any of subject,site,cavities,recorded_at,symptoms.
"""


@click.command(epilog=_EPILOG)
@click.argument("folder", type=options.PATH)
@click.option("-o", "results_dir", type=options.PATH, metavar="RESULTS_DIR", required=True, help="Folder for results.")
@options.model_option()
@click.option("--manifest", type=options.PATH, metavar="CSV", help="What is known about the recordings.")
@options.site_option()
@options.refractory_option()
@options.min_probability_option()
@click.option("--jobs", type=click.IntRange(1, MOST_JOBS), default=1, metavar="N", help="Processes to work in.")
@click.option(
    "--report", is_flag=True, help="Also write report.html, which links a page for each recording with events."
)
@click.option("--fresh", is_flag=True, help="Start over: forget what an earlier run heard.")
@click.option("--quiet", is_flag=True, help="Say nothing but what failed.")
def batch(
    folder: str,
    results_dir: str,
    model: str | None,
    manifest: str | None,
    site: str | None,
    refractory: float | None,
    min_probability: float | None,
    jobs: int,
    report: bool,
    fresh: bool,
    quiet: bool,
) -> int:
    """Classify every recording of a folder tree into tables.

    Recordings are found by the ending of their names, in all folders of FOLDER that are not hidden. One that cannot be
    used costs a row with the reason and exit code 1, never the rest.
    """
    from popclass.batch import classify_folder

    if report:
        check_symptoms(folder, results_dir, manifest)
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
            progress=None if quiet else bar,
        )
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


def _summary(result: BatchResult) -> str:
    found, failed, events = len(result.recordings), len(result.failed), sum(result.counts.values())
    before = f" ({result.resumed} of them by an earlier run)" if result.resumed else ""
    labels = ", ".join(f"{count} {label}" for label, count in result.counts.items() if count)
    return (
        f"{found - failed} of {found} recordings heard{before}, {failed} failed; {events} event"
        f"{'' if events == 1 else 's'}{f': {labels}' if labels else ''}; see {one_line(str(result.results_dir))}"
    )
