"""Training of a candidate model on the labels of a project, its comparison with the model in use, and evaluation.

A candidate is `models/candidate.onnx` with its card beside it, until it is kept under a name or discarded.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from threading import RLock
from typing import Any

from popclass.app.labels import read_project_labels, without_missing
from popclass.app.models import CANDIDATE, DEFAULT
from popclass.app.names import NAME
from popclass.app.project import CACHE, EVALUATION, MODELS
from popclass.errors import LabelError, OutputError, UsageError
from popclass.metrics.tables import BASELINE
from popclass.model.limitations import reason_against
from popclass.model.model import Model
from popclass.training.adapt import BASE
from popclass.training.cross_validation import Progress
from popclass.training.model_card import card
from popclass.training.thresholds import BALANCED, PRECISE
from popclass.training.train import NONE, train
from popclass.utils.files import placing, system_errors, write_bytes
from popclass.utils.text import one_line

SCORES = ("log_loss", "balanced_accuracy", "brier", "ece")
_changing = RLock()  # held while the candidate is replaced, kept or removed


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
    if not read_project_labels(labels).recordings:
        raise LabelError(f"{labels.name}: there are no labels yet; label some sounds of each class first")
    warnings: list[str] = []
    model = train(without_missing(labels)[0], partial=True, target=target, progress=progress, notice=warnings.append)
    path = _candidate(project)
    with system_errors(path):
        path.parent.mkdir(exist_ok=True)
    with _changing, placing(path.with_suffix(".md"), card(model, title=CANDIDATE)):
        model.save(path, force=True)
    compared = _compare(model, in_use)
    # a model stores the beginning of a warning, without the names of recordings after it
    others = [note for note in compared["notes"] if not any(warning.startswith(note) for warning in warnings)]
    return {**compared, "notes": [*map(str, warnings), *others]}


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
        `sha256` : str, of the candidate.
        `target` : str.
        `labels`, `groups`, `grouped_by`, `folds` : labelled sounds, number and kind (`subject`, `recording`, `event`)
        of the groups that were held out, and number of folds, 0 where nothing could be held out.
        `classes` : labelled sounds of each class.
        `in_use`, `new` : scores of both models (below). `in_use` is None where the bundled model lacks a class.
        `baseline` : scores of the class frequencies, None without folds.
        `notes` : list of str, the warnings and remarks of training, word for word.

        Scores are a dict with `name`, `classifier`, `log_loss`, `balanced_accuracy`, `brier`, `ece` (all of the most
        likely class, whatever the target), `labels` (their number), `groups`, `grouped_by`, `intervals` ([low, high]
        by the name of a score, where there is one), `recalls`, `same_labels` and `useless`. `recalls` are the shares of
        each class that are found if the target is followed, None where they were not stored. `same_labels` is False
        for a model in use that was trained here: its scores are those of its own training, on the labels of that time.
        `useless` is None, or a sentence that says why the model is no better than its baseline.

    Raises
    ------
    ModelError
        If a model file is damaged.
    """
    path = _candidate(project)
    return _compare(Model.load(path), in_use) if path.exists() else None


def _compare(new: Model, in_use: Path | None) -> dict[str, Any]:
    scores, training = new.info["scores"], new.info["training"]
    candidates = scores["candidates"]
    of_base = candidates.get(BASE)
    current = None
    if in_use is not None:
        current = {**_held_out(Model.load(in_use), "model in use"), "name": in_use.stem, "same_labels": False}
    elif of_base is not None:
        reason = _not_better(of_base, candidates.get(BASELINE))
        current = {**_row(DEFAULT, of_base, scores), "recalls": None, "useless": reason and f"model in use: {reason}"}
    baseline = candidates.get(BASELINE)
    return {
        "sha256": new.sha256,
        "target": BALANCED if scores["joint_labels"]["wanted"] is None else PRECISE,
        "labels": scores["held_out"]["events"],
        "groups": scores["groups"],
        "grouped_by": scores["grouped_by"],
        "folds": scores["folds"],
        "classes": {name: counts["events"] for name, counts in training["classes"].items()},
        "in_use": current,
        "new": {**_held_out(new, "new model"), "name": CANDIDATE},
        "baseline": None
        if baseline is None
        else {**_row(BASELINE, baseline, scores), "recalls": None, "useless": None},
        "notes": list(training["remarks"]),
    }


def _held_out(model: Model, what: str) -> dict[str, Any]:
    """Return the scores of a model on what was held out of its own training; `what` names it in sentences."""
    scores = model.info["scores"]
    figures, baseline = scores["held_out"], scores["candidates"].get(BASELINE)
    reason = reason_against(model) or _not_better(figures, baseline)
    own = {"classifier": model.info["classifier"]["kind"], "recalls": scores.get("recalls")}
    return {**_row(model.name, figures, scores), **own, "useless": reason and f"{what}: {reason}"}


def _row(name: str, figures: Mapping[str, Any], scores: Mapping[str, Any]) -> dict[str, Any]:
    """Return the scores of one classifier, all stored in training."""
    spans = {"log_loss": figures.get("interval"), **(figures.get("intervals") or {})}
    return {
        "name": name,
        **{each: figures[each] for each in SCORES},
        "intervals": {each: spans[each] for each in SCORES if spans.get(each) is not None},
        "labels": scores["held_out"]["events"],
        "groups": scores["groups"],
        "grouped_by": scores["grouped_by"],
        "same_labels": True,
        "classifier": name,
    }


def _not_better(figures: Mapping[str, Any], baseline: Mapping[str, Any] | None) -> str | None:
    """Return a sentence if the log loss is not below that of the baseline; None if it is, or nothing was held out."""
    if baseline is None or figures["log_loss"] < baseline["log_loss"]:
        return None
    losses = f"{figures['log_loss']:.3f} against {baseline['log_loss']:.3f}"
    return f"it is no better than the class frequencies alone: log loss {losses} on held-out labels."


def keep(project: Path, name: str, sha256: str | None = None) -> Path:
    """Give the candidate a name; return the file of the model. An existing model is never replaced.

    Parameters
    ----------
    project : Path
    name : str
        1 to 40 of `a-z`, `0-9`, `-` and `_` that begin with a letter or digit.
    sha256 : str, optional
        As `compare` returned it; another candidate is refused (default: any is kept).

    Raises
    ------
    UsageError
        If there is no candidate, it is another one, or the name is taken or not allowed.
    OutputError
        If it cannot be written.
    """
    if not NAME.fullmatch(name) or name in (CANDIDATE, DEFAULT, NONE):
        allowed = "allowed are 1 to 40 of a-z, 0-9, - and _, first a letter or digit"
        raise UsageError(f"'{one_line(name)[:60]}' cannot be the name of a model; {allowed}, but not {CANDIDATE}")
    path = _candidate(project).with_name(f"{name}.onnx")
    with _changing:  # two windows may keep it at once
        data = _read(_candidate(project))
        # an earlier call may have been interrupted
        again = data is not None and data == _read(path)
        if not again and (path.exists() or path.with_suffix(".md").exists()):
            raise UsageError(f"there is a model {name} already; choose another name")
        if data is None:
            raise UsageError("there is no candidate to keep; train a model first")
        model = Model.from_bytes(data, name=path.name)
        _check_shown(model, sha256)
        with placing(path.with_suffix(".md"), card(model, title=name), force=again):
            write_bytes(path, data, force=again)
        if data == _read(_candidate(project)):
            _remove_candidate(project)
    return path


def discard(project: Path, sha256: str | None = None) -> None:
    """Remove the candidate, if there is one; raises UsageError if it is not the one of this SHA-256."""
    with _changing:
        if sha256 is not None and (data := _read(_candidate(project))) is not None:
            _check_shown(Model.from_bytes(data), sha256)
        _remove_candidate(project)


def _check_shown(candidate: Model, sha256: str | None) -> None:
    if sha256 not in (None, candidate.sha256):
        raise UsageError("another model has been trained since; look at its scores, then keep or discard it")


def _read(path: Path) -> bytes | None:
    with system_errors(path, "read"):
        return path.read_bytes() if path.exists() else None


def _remove_candidate(project: Path) -> None:
    path = _candidate(project)
    for each in (path, path.with_suffix(".md")):
        with system_errors(each, "remove"):
            each.unlink(missing_ok=True)


def _candidate(project: Path) -> Path:
    return project / MODELS / f"{CANDIDATE}.onnx"


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
    from popclass.evaluation import evaluate as score

    target = project / EVALUATION
    if target.is_dir() and any(target.iterdir()) and not (target / "scores.json").is_file():
        raise OutputError(f"{target.name} holds files of your own; move them to another folder")
    if not read_project_labels(labels).recordings:
        raise LabelError(f"{labels.name}: there are no labels yet; label some sounds first")
    usable, other = without_missing(labels)[0], None if second is None else without_missing(second)[0]
    found = score(usable, model=model, partial=True, second=other, progress=progress)
    aside, old = project / CACHE, _old_evaluation(project)
    new = aside / f"{EVALUATION}.new"
    with system_errors(target):
        aside.mkdir(parents=True, exist_ok=True)
        restore_evaluation(project)
        for each in (new, old):  # of a run that was interrupted
            shutil.rmtree(each, ignore_errors=True)
        found.save(new)
        if target.is_dir():
            target.rename(old)
        new.rename(target)
        shutil.rmtree(old, ignore_errors=True)
        return sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file())


def restore_evaluation(project: Path) -> None:
    """Put the evaluation back that a program moved aside, if it was killed before the new one had its place."""
    target, old = project / EVALUATION, _old_evaluation(project)
    if not target.exists() and old.is_dir():
        with system_errors(target):
            old.rename(target)


def _old_evaluation(project: Path) -> Path:
    return project / CACHE / f"{EVALUATION}.old"
