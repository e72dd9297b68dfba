"""Scores as tables and sentences, for a terminal and for the model card.

A table is a list of rows of text; the first row is the head. `scores` is what a model file stores under that name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from popclass.utils.text import counted

BASELINE = "baseline"
MFCC_FOREST = "MFCC + forest"
STACKED = " with base"  # ends the name of a classifier that gets the predictions of a base; stored
TOTALS = (("balanced accuracy", "balanced_accuracy"), ("log loss", "log_loss"), ("Brier", "brier"), ("ECE", "ece"))
_EXPLANATIONS = {
    BASELINE: "predicts the class frequencies for every event and is never chosen",
    MFCC_FOREST: "is the usual method (mean and standard deviation of MFCC, a random forest) and is never chosen",
    "base": "is the base model as it is",
    "corrected": "is the base model with a correction fitted to these labels",
}

Rows = list[list[str]]


def total_rows(figures: Mapping[str, Any]) -> Rows:
    """Return a row for each figure over all classes, with its interval."""
    intervals = figures.get("intervals") or {}
    rows = [[name, str(figures["events"]), with_interval(figures[key], intervals.get(key))] for name, key in TOTALS]
    return [["of all", "n", "score"], *rows]


def candidate_rows(candidates: Mapping[str, Mapping[str, Any]]) -> Rows:
    """Return a row for each classifier, the one with the least log loss first."""
    rows = [["classifier", "log loss", "balanced accuracy", "Brier", "ECE"]]
    for name, figures in sorted(candidates.items(), key=lambda item: item[1]["log_loss"]):
        loss = with_interval(figures["log_loss"], figures.get("interval"))
        rows.append([name, loss, *(figure(figures[key]) for key in ("balanced_accuracy", "brier", "ece"))])
    return rows


def class_rows(figures: Mapping[str, Any]) -> Rows:
    """Return a row for each class."""
    intervals = figures.get("intervals")
    known = intervals["classes"] if intervals else [{} for _ in figures["classes"]]
    rows = [["class", "n", "precision", "recall", "F1"]]
    for one, span in zip(figures["classes"], known, strict=True):
        cells = [with_interval(one[key], span.get(key)) for key in ("precision", "recall", "f1")]
        rows.append([one["class"], str(one["events"]), *cells])
    return rows


def confusion_rows(figures: Mapping[str, Any]) -> Rows:
    """Return a row for each true class, with the number of its events that got each label."""
    names = [one["class"] for one in figures["classes"]]
    counts = zip(names, figures["confusion"], strict=True)
    return [["true \\ predicted", *names], *([name, *map(str, row)] for name, row in counts)]


def reliability_rows(figures: Mapping[str, Any]) -> Rows:
    """Return a row for each bin of the largest probability."""
    rows = [
        [f"{b['from']:.1f}-{b['to']:.1f}", str(b["events"]), figure(b["probability"]), figure(b["right"])]
        for b in figures["reliability"]
    ]
    return [["probability", "n", "mean", "right"], *rows]


def risk_rows(curve: Sequence[Mapping[str, float]]) -> Rows:
    """Return every fourth point of a risk-coverage curve, the last one included."""
    rows = [["coverage", "from probability", "risk"]]
    shown = [at for i, at in enumerate(curve, start=1) if i % 4 == 0 or i == len(curve)]
    return rows + [[f"{at['coverage']:.0%}", figure(at["probability"]), f"{at['risk']:.1%}"] for at in shown]


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows in columns for a terminal: the first column to the left, the others to the right."""
    first, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
    lines = ([row[0].ljust(first), *map(str.rjust, row[1:], others)] for row in rows)
    return "\n".join("  ".join(cells).rstrip() for cells in lines)


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as a Markdown table."""
    rule = ["---", *["---:"] * (len(rows[0]) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [rows[0], rule, *rows[1:]])


def figure(value: float | None) -> str:
    """Return a score with three decimals; `-` where there is none."""
    return "-" if value is None else f"{value:.3f}"


def with_interval(value: float | None, span: Sequence[float] | None) -> str:
    """Return a figure and its interval; without an interval of no width, as models of earlier versions store them.

    Examples
    --------
    >>> with_interval(0.5, [0.25, 0.75]), with_interval(None, None)
    ('0.500 (0.250-0.750)', '-')
    >>> with_interval(1.0, [1.0, 1.0])
    '1.000'
    """
    return figure(value) if span is None or math.isclose(*span) else f"{figure(value)} ({span[0]:.3f}-{span[1]:.3f})"


def describe(scores: Mapping[str, Any], render: Callable[[Rows], str] = table) -> str:
    """Return the scores of a trained model as paragraphs.

    Parameters
    ----------
    scores : mapping
    render : callable
        `table` for a terminal, `markdown_table` for a card.
    """
    held_out = scores["held_out"]
    how = f"{scores['folds']} folds by {scores['grouped_by']}"
    if not scores["folds"]:
        how = f"no folds by {scores['grouped_by']}: the base model as it is, on events that did not change it"
    parts = [
        f"{how} ({counted(scores['groups'], 'group')}, {counted(held_out['events'], 'event')})",
        render(candidate_rows(scores["candidates"])),
        *describe_candidates(scores),
        _describe_selection(scores),
        *_describe_score(held_out, render),
    ]
    if with_context := scores.get("with_company"):  # a stored name: sound and context together
        parts += ["with context (neighbouring events):", *_describe_score(with_context, render)]
    joint = scores.get("joint_labels")
    if joint is not None and scores["uncertain_joint"] is not None:
        wanted = "for classes of equal frequency" if joint["wanted"] is None else f"wanted {joint['wanted']:.0%}"
        found = "" if joint.get("recall") is None else f"{joint['recall']:.1%} of the joint events found; "
        parts.append(
            f"joint labels: {joint['precision']:.1%} of {joint['labels']} right ({wanted}); {found}"
            f"uncertain: {scores['uncertain_joint']:.1%} of joint events, {scores['uncertain']:.1%} of all"
        )
    return "\n\n".join(parts) + "\n"


def describe_candidates(scores: Mapping[str, Any]) -> list[str]:
    """Return a paragraph about baselines and base models in the table of candidates, empty without any."""
    rows, chosen = scores["candidates"], scores["chosen"]
    lines = [f"{name} {text}." for name, text in _EXPLANATIONS.items() if name in rows]
    if any(name.endswith(STACKED) for name in rows):
        lines.append(f"Those whose name ends in '{STACKED.strip()}' also get the base model's predictions as features.")
    losses = {name: row["log_loss"] for name, row in rows.items()}
    lines += [
        f"Here {name} did better than {chosen}, which was chosen: log loss {losses[name]:.3f} against "
        f"{losses[chosen]:.3f}."
        for name in (MFCC_FOREST, BASELINE)
        if chosen in losses and name in losses and losses[name] < losses[chosen]
    ]
    return [" ".join(lines)] if lines else []


def _describe_selection(scores: Mapping[str, Any]) -> str:
    """Return which candidate was chosen, and what the scores that follow measure."""
    chosen, nested = scores["chosen"], scores.get("nested")
    if nested is None:
        return f"{chosen} was chosen; held out, by the sound alone:"
    picked = ", ".join(nested["chosen"])
    return f"{chosen} was chosen, so its score above is too good. Nested, by the sound alone (folds chose {picked}):"


def _describe_score(figures: Mapping[str, Any], render: Callable[[Rows], str]) -> Iterator[str]:
    yield from (render(rows) for rows in (class_rows(figures), confusion_rows(figures), total_rows(figures)))
    if spans := figures.get("intervals"):
        yield (
            f"Intervals: {spans['level']:.0%}, bootstrap over {spans['groups']} groups, {spans['draws']} draws; none "
            "where a figure is based on fewer than five groups, or all draws agree."
        )
    elif "intervals" in figures:
        yield "No intervals: at least five groups are needed."
    yield render(reliability_rows(figures))
