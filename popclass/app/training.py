"""Training of a candidate model on the labels of a project, its comparison, evaluation, and export of results.

A candidate is `models/candidate.onnx` with its card beside it, until it is kept under a name or discarded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from popclass.training.cross_validation import Progress

CANDIDATE = "candidate"
KINDS = (
    *("events.csv", "bursts.csv", "recordings.csv", "labels.csv"),
    *("events.jsonl", "audacity.zip", "raven.zip", "model"),
)


class Export(NamedTuple):
    """A file to download.

    Attributes
    ----------
    name : str
        File name.
    mime : str
    data : bytes
    """

    name: str
    mime: str
    data: bytes


def train_candidate(
    project: Path,
    labels: Path,
    *,
    in_use: Path | None = None,
    target: str = "balanced",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train a model on all labels of one observer, write it as the candidate, and return its comparison.

    Training always starts from the bundled model. A model that had already learnt some of these labels would make the
    held-out scores dishonest, since what is held out of its new training was in its old one.

    Parameters
    ----------
    project : Path
    labels : Path
        `labels.csv` or that of another observer. The recordings count as labelled in part; `unsure` is left out.
    in_use : Path, optional
        File of the model in use (default: the bundled one), for the comparison.
    target : str
        `balanced` or `precision`, as `popclass.train` takes it.
    progress : callable, optional
        Called with a description, how many steps are done, and how many there are.

    Returns
    -------
    dict
        As `compare` returns it; its `notes` also name the recordings.

    Raises
    ------
    LabelError
        If there are no labels, they cannot be used, or do not suffice.
    UsageError
        If the target is unknown.
    OutputError
        If the model cannot be written.
    """
    raise NotImplementedError


def compare(project: Path, *, in_use: Path | None = None) -> dict[str, Any] | None:
    """Return the comparison of the candidate and the model in use, as values for JSON; None without a candidate.

    All numbers were stored in training: here nothing is computed.

    Parameters
    ----------
    project : Path
    in_use : Path, optional
        File of the model in use (default: the bundled one).

    Returns
    -------
    dict
        `target` : str.
        `labels`, `groups`, `grouped_by`, `folds` : labelled sounds, number and kind (`subject`, `recording`, `event`)
        of the groups that were held out, and number of folds, 0 where nothing could be held out.
        `classes` : labelled sounds of each class.
        `in_use`, `new` : scores of both models (below). `in_use` is None where the bundled model lacks a class.
        `baseline` : scores of the class frequencies, None without folds.
        `notes` : list of str, the warnings and remarks of training, word for word.

        Scores are a dict with `name`, `log_loss`, `balanced_accuracy`, `brier`, `ece`, `labels` (their number),
        `groups`, `grouped_by`, `intervals` ([low, high] by the name of a score, where there is one), `same_labels` and
        `useless`. `same_labels` is False for a model in use that was trained here: its scores are those that it had
        in its own training, on the labels of that time. `useless` is None, or a sentence that says why the model is
        no better than its baseline.
    """
    raise NotImplementedError


def keep(project: Path, name: str) -> Path:
    """Give the candidate a name; return the file of the model. An existing model is never replaced.

    Raises
    ------
    UsageError
        If there is no candidate, or the name is taken or not made of 1 to 40 of `a-z`, `0-9`, `-` and `_`.
    OutputError
        If it cannot be written.
    """
    raise NotImplementedError


def discard(project: Path) -> None:
    """Remove the candidate, if there is one."""
    raise NotImplementedError


def evaluate(
    project: Path,
    labels: Path,
    *,
    second: Path | None = None,
    model: Path | None = None,
    progress: Progress | None = None,
) -> list[str]:
    """Evaluate a model on the labels of an observer into `evaluation/`; return the names of its files.

    The folder is replaced as a whole when the new evaluation is complete.

    Parameters
    ----------
    project : Path
    labels : Path
        Labels of one observer; the recordings count as labelled in part.
    second : Path, optional
        Labels of a second observer.
    model : Path, optional
        Default: the bundled model.
    progress : callable, optional

    Raises
    ------
    LabelError
        If the labels cannot be used.
    AudioError
        If no recording can be read.
    OutputError
        If the folder holds something else than an evaluation, or cannot be written.
    """
    raise NotImplementedError


def export(project: Path, kind: str, *, labels: Path | None = None, model: Path | None = None) -> Export:
    """Return results, labels or a model of a project as a file to download.

    Parameters
    ----------
    project : Path
    kind : str
        One of `KINDS`. The tables are those in `results/`. A zip holds a label track or selection table for each
        recording, at the place where it belongs beside the recording.
    labels : Path, optional
        File of labels (default: `labels.csv` of the project).
    model : Path, optional
        File of the model in use (default: the bundled one).

    Raises
    ------
    UsageError
        If the kind is unknown, or there is nothing to export yet.
    """
    raise NotImplementedError
