"""How good a classifier is on events it was not trained on, and the text that says so.

Beside precision, recall and F1 of each class: balanced accuracy (mean recall), log loss (mean negative natural
logarithm of the probability given to the truth), the Brier score (squared distance of the probabilities from the truth,
summed over the classes, 0 to 2), and the expected calibration error of the largest probability over ten bins of equal
width (Guo et al. 2017, ICML; Naeini et al. 2015, AAAI). Every figure goes with the number of events behind it.

What is gained by not answering: how often the answers are wrong, over how many are given.

Events are answered in the order of their largest probability. A risk-coverage curve (El-Yaniv & Wiener 2010, JMLR)
says, for each share of events answered, the share of wrong answers among them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.utils.text import counted

BINS = 10
TOTALS = (("balanced accuracy", "balanced_accuracy"), ("log loss", "log_loss"), ("Brier", "brier"), ("ECE", "ece"))
BASELINE = "baseline"
BY_HAND = "MFCC + forest"
YARDSTICKS = (BY_HAND, BASELINE)
_ROWS = {
    BASELINE: "a yardstick that knows only how frequent each class is, and no candidate",
    BY_HAND: "a yardstick, too, and no candidate: mean and spread of MFCC and a random forest, as made by hand",
    "base": "the base model as it is",
    "corrected": "the base model with a correction by these labels",
}
LEAST = 1e-15  # of a probability whose logarithm is taken


def score(y: np.ndarray, probabilities: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
    """Scores as plain numbers; None where there is nothing to divide by.

    Parameters
    ----------
    y : numpy.ndarray of int, shape (n,)
        True classes, 0 to k - 1.
    probabilities : numpy.ndarray, shape (n, k)
    classes : sequence of str, length k

    Examples
    --------
    >>> s = score(np.array([0, 1]), np.array([[0.9, 0.1], [0.6, 0.4]]), ["cavitation", "other"])
    >>> s["confusion"], s["balanced_accuracy"], s["classes"][1]["precision"]
    ([[1, 0], [1, 0]], 0.5, None)
    """
    n, k = len(y), len(classes)
    answer = probabilities.argmax(axis=1)
    confusion = np.zeros((k, k), dtype=int)
    np.add.at(confusion, (y, answer), 1)
    recalls = [_ratio(confusion[i, i], confusion[i].sum()) for i in range(k)]
    known = [r for r in recalls if r is not None]
    truth = np.eye(k)[y]
    return {
        "events": n,
        "classes": [{"class": name, **_class_scores(confusion, i)} for i, name in enumerate(classes)],
        "accuracy": _ratio(np.trace(confusion), n),
        "balanced_accuracy": float(np.mean(known)) if known else None,
        "log_loss": log_loss(y, probabilities) if n else None,
        "brier": float(((probabilities - truth) ** 2).sum(axis=1).mean()) if n else None,
        "ece": calibration_error(y, probabilities) if n else None,
        "reliability": reliability(y, probabilities),
        "confusion": confusion.tolist(),
    }


def log_loss(y: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean negative natural logarithm of the probability given to the truth."""
    return float(log_losses(y, probabilities).mean())


def log_losses(y: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """The log loss of each event, shape (n,)."""
    return np.asarray(-np.log(np.maximum(probabilities[np.arange(len(y)), y], LEAST)))


def reliability(y: np.ndarray, probabilities: np.ndarray) -> list[dict[str, Any]]:
    """For each bin of the largest probability: how many events, how sure on average, how often right."""
    sure = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == y
    place = np.minimum((sure * BINS).astype(int), BINS - 1)
    return [
        {
            "from": b / BINS,
            "to": (b + 1) / BINS,
            "events": int((place == b).sum()),
            "probability": float(sure[place == b].mean()),
            "right": float(right[place == b].mean()),
        }
        for b in np.unique(place).tolist()
    ]


def calibration_error(y: np.ndarray, probabilities: np.ndarray) -> float:
    """Expected calibration error: mean distance between how sure and how often right, over the bins' events."""
    bins = reliability(y, probabilities)
    return float(sum(b["events"] * abs(b["probability"] - b["right"]) for b in bins) / len(y))


def describe(scores: Mapping[str, Any]) -> str:
    """The scores of a trained model, as `Model.info["scores"]` holds them, as text for people."""
    held = scores["held_out"]
    parts = [
        f"{split_into(scores)} ({counted(scores['groups'], 'group')}, {counted(held['events'], 'event')})",
        table(candidate_rows(scores["candidates"])),
        *about_rows(scores),
        headline(scores),
        describe_score(held),
        *_with_company(scores),
        *_doubt(scores),
    ]
    return "\n\n".join(parts) + "\n"


def split_into(scores: Mapping[str, Any]) -> str:
    """How the events were held out."""
    if not scores["folds"]:
        return f"no folds by {scores['grouped_by']}: the base as it is, on events that changed nothing of its answers"
    return f"{scores['folds']} folds by {scores['grouped_by']}"


def about_rows(scores: Mapping[str, Any]) -> list[str]:
    """What the rows of the table are that no classifier trained here is, and which of them beat the chosen one."""
    rows, chosen = scores["candidates"], scores["chosen"]
    lines = [f"{name} is {what}." for name, what in _ROWS.items() if name in rows]
    least = rows[chosen]["log_loss"] if chosen in rows else None
    for name in YARDSTICKS:
        if name in rows and least is not None and rows[name]["log_loss"] < least:
            lines.append(
                f"Here {name} did better than {chosen}, which was chosen: log loss {figure(rows[name]['log_loss'])} "
                f"against {figure(least)}."
            )
    return [" ".join(lines)] if lines else []


def headline(scores: Mapping[str, Any]) -> str:
    """What the scores that follow are scores of."""
    chosen, nested = scores["chosen"], scores.get("nested")
    if nested is None:
        return f"{chosen} was chosen; held out:"
    picked = ", ".join(nested["chosen"])
    return (
        f"{chosen} was chosen. Its own score above was used to choose it; what follows is the score of choosing and "
        f"training together, on folds that saw neither (nested; chosen there: {picked}):"
    )


def _doubt(scores: Mapping[str, Any]) -> list[str]:
    named = scores.get("joint_labels")
    if named is None or scores["uncertain_joint"] is None:
        return []
    return [
        f"joint labels: {named['precision']:.1%} of {named['labels']} right (wanted {named['wanted']:.0%}); "
        f"uncertain: {scores['uncertain_joint']:.1%} of joint events, {scores['uncertain']:.1%} of all"
    ]


def _with_company(scores: Mapping[str, Any]) -> list[str]:
    figures = scores.get("with_company")
    return ["with the company an event keeps:", describe_score(figures)] if figures else []


def describe_score(figures: Mapping[str, Any]) -> str:
    """One set of scores: classes, confusion, totals with their intervals, reliability."""
    shown = [class_rows(figures), confusion_rows(figures), total_rows(figures), reliability_rows(figures)]
    parts = [table(rows) for rows in shown]
    if "intervals" in figures:
        parts.insert(3, interval_note(figures["intervals"]))
    return "\n\n".join(parts)


def total_rows(figures: Mapping[str, Any]) -> list[list[str]]:
    """A head, and a row for each figure over all classes, with its interval where there is one."""
    spans = figures.get("intervals") or {}
    rows = [["of all", "n", "score", "95 % interval"]]
    for name, key in TOTALS:
        rows.append([name, str(figures["events"]), figure(figures[key]), interval(spans.get(key))])
    return rows


def interval_note(spans: Mapping[str, Any] | None) -> str:
    """How the intervals were found, or why there are none."""
    if spans is None:
        return "No intervals: fewer than five groups say too little about another one."
    return f"Intervals: {spans['level']:.0%}, bootstrap over {spans['groups']} groups, {spans['draws']} draws."


def risk_rows(curve: Sequence[Mapping[str, float]]) -> list[list[str]]:
    """A head, and every fourth point of a risk-coverage curve, the last one included."""
    rows = [["answered", "from probability", "wrong"]]
    shown = [at for i, at in enumerate(curve, start=1) if i % 4 == 0 or i == len(curve)]
    return rows + [[f"{at['coverage']:.0%}", figure(at["probability"]), f"{at['risk']:.1%}"] for at in shown]


def candidate_rows(candidates: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """A head, and a row for each classifier, the one with the least log loss first."""
    rows = [["classifier", "log loss", "balanced accuracy", "Brier", "ECE"]]
    for name, figures in sorted(candidates.items(), key=lambda item: item[1]["log_loss"]):
        loss = with_interval(figures["log_loss"], figures.get("interval"))
        rows.append([name, loss, *(figure(figures[key]) for key in ("balanced_accuracy", "brier", "ece"))])
    return rows


def class_rows(figures: Mapping[str, Any]) -> list[list[str]]:
    """A head, and a row for each class."""
    spans = figures.get("intervals")
    known = spans["classes"] if spans else [{} for _ in figures["classes"]]
    rows = [["class", "n", "precision", "recall", "F1"]]
    for one, span in zip(figures["classes"], known, strict=True):
        cells = [with_interval(one[key], span.get(key)) for key in ("precision", "recall", "f1")]
        rows.append([one["class"], str(one["events"]), *cells])
    return rows


def confusion_rows(figures: Mapping[str, Any]) -> list[list[str]]:
    """A head, and a row for each true class: how many of its events were called what."""
    names = [one["class"] for one in figures["classes"]]
    counts = zip(names, figures["confusion"], strict=True)
    return [["true \\ called", *names], *([name, *map(str, row)] for name, row in counts)]


def reliability_rows(figures: Mapping[str, Any]) -> list[list[str]]:
    """A head, and a row for each bin of the largest probability."""
    rows = [["probability", "n", "mean", "right"]]
    for b in figures["reliability"]:
        span = f"{b['from']:.1f}-{b['to']:.1f}"
        rows.append([span, str(b["events"]), figure(b["probability"]), figure(b["right"])])
    return rows


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of text in columns: the first to the left, numbers to the right; the first row is the head."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _class_scores(confusion: np.ndarray, i: int) -> dict[str, Any]:
    hits, events, called = int(confusion[i, i]), int(confusion[i].sum()), int(confusion[:, i].sum())
    return {
        "events": events,
        "precision": _ratio(hits, called),
        "recall": _ratio(hits, events),
        "f1": _ratio(2 * hits, events + called),
    }


def _ratio(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None


def figure(value: float | None) -> str:
    """A score with three decimals; `-` where there is none."""
    return "-" if value is None else f"{value:.3f}"


def interval(span: Sequence[float] | None) -> str:
    """Both ends of an interval; `-` where there is none."""
    return "-" if span is None else f"{span[0]:.3f}-{span[1]:.3f}"


def with_interval(value: float | None, span: Sequence[float] | None) -> str:
    """A score, and its interval behind it where there is one."""
    return figure(value) if span is None else f"{figure(value)} ({interval(span)})"


POINTS = 20  # of a curve as it is stored


def risk_coverage(
    y: NDArray[np.intp], probabilities: NDArray[np.float64], *, points: int = POINTS
) -> list[dict[str, float]]:
    """Coverage, the probability from which on is answered, and the risk, at even steps of coverage up to 1.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
        True classes.
    probabilities : ndarray, shape (n, k)
    points : int

    Examples
    --------
    >>> curve = risk_coverage(np.array([0, 1]), np.array([[0.9, 0.1], [0.6, 0.4]]), points=2)
    >>> [(at["coverage"], at["risk"]) for at in curve]
    [(0.5, 0.0), (1.0, 0.5)]
    """
    n = len(y)
    if not n:
        return []
    sure = probabilities.max(axis=1)
    order = np.argsort(-sure, kind="stable")
    wrong = np.cumsum((probabilities.argmax(axis=1) != y)[order])
    last = np.unique(np.maximum(np.round(np.arange(1, points + 1) / points * n).astype(int), 1))
    return [
        {"coverage": float(k / n), "probability": float(sure[order[k - 1]]), "risk": float(wrong[k - 1] / k)}
        for k in last
    ]
