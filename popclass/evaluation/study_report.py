"""Sections of the report for a study: counts, observers, calibration, predictive values, subgroups, two models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from popclass.metrics.tables import figure
from popclass.schema import OTHER
from popclass.utils.text import abbreviated, counted, one_line

Rows = list[list[str]]
Scores = Mapping[str, Any]

SHOWN_THRESHOLDS = (0.1, 0.2, 0.3, 0.5)
_NAMES = {
    "balanced_accuracy": "balanced accuracy",
    "log_loss": "log loss",
    "brier": "Brier",
    "positive_predictive_value": "positive predictive value",
    "false_joint_calls_per_minute": "false joint calls a minute",
    "counts_mean_absolute_error": "counts, mean absolute error",
    "counts_concordance": "counts, concordance",
}


def ranged(value: float | None, span: Sequence[float] | None) -> str:
    """Return a figure that may be negative, with its interval.

    Examples
    --------
    >>> ranged(-0.25, [-0.5, 0.125]), ranged(None, None)
    ('-0.250 (-0.500 to 0.125)', '-')
    """
    return figure(value) if span is None else f"{figure(value)} ({figure(span[0])} to {figure(span[1])})"


def count_parts(counts: Scores) -> list[Any]:
    """Return what to show of the agreement of counts."""
    if not counts["scored"]:
        return [f"Counts are not scored: {counts['reason']}."]
    rows = [
        ["counted by", "n", "true", "expected", "mean error", "bias", "limits of agreement", "concordance", "in bounds"]
    ]
    for name, one in (("recording", counts), ("burst", counts["bursts"]), ("subject", counts["subjects"])):
        if one["n"]:
            rows.append([name, *_count_cells(one)])
    by_label, elsewhere = counts["labels"], counts["rows_without_label"]
    note = (
        "Cavitations, the expected number less the labelled one; a limit lies 1.96 standard deviations from the bias. "
        f"In bounds: true numbers within the {counts['bounds_level']:.0%} bounds. "
        f"{counted(counts['bursts_without_row'], 'labelled burst')} without a row in bursts.csv; "
        f"{counted(elsewhere['rows'], 'row')} without a labelled cavitation, {elsewhere['expected']:.1f} expected in "
        f"them. Labels named cavitation instead of expected numbers, by recording: bias {figure(by_label['bias'])}, "
        f"concordance {figure(by_label['concordance'])}."
    )
    return [rows, note]


def _count_cells(one: Scores) -> list[str]:
    spans, limits = one["intervals"], one["limits_of_agreement"]
    shown = "-" if limits is None else f"{figure(limits[0])} to {figure(limits[1])}"
    return [
        *(str(one["n"]), str(one["true"]), f"{one['expected']:.1f}"),
        ranged(one["mean_absolute_error"], spans["mean_absolute_error"]),
        ranged(one["bias"], spans["bias"]),
        shown,
        ranged(one["concordance"], spans["concordance"]),
        ranged(one["coverage"], spans["coverage"]),
    ]


def observer_parts(observers: Scores | None) -> list[Any]:
    """Return what to show of two observers; empty without a second one."""
    if observers is None:
        return []
    line = f"{counted(observers['recordings'], 'recording')} labelled by both observers"
    for which, names in (("first", observers["only_first"]), ("second", observers["only_second"])):
        line += f"; only by the {which}: {abbreviated(names)}" if names else ""
    rows = [["agreement of", "sounds", "equal", "kappa", "ICC of counts"]]
    for one in observers["pairs"]:
        spans, equal = one["intervals"], one["agreement"]
        shown = "-" if equal is None else f"{equal:.1%}"
        agreement = (ranged(one["kappa"], spans["kappa"]), ranged(one["icc"], spans["icc"]))
        rows.append([" and ".join(one["raters"]), str(one["sounds"]), shown, *agreement])
    late, counts = observers["onset_difference_ms"], observers["counts"]
    line += (
        f". Labels match up to {1e3 * observers['window_s']:g} ms apart, and sounds match labels as far away. "
        "The agreement of the observers is the ceiling for that of the model."
    )
    parts: list[Any] = [line, rows]
    if late["n"]:
        parts.append(
            f"Onsets of {late['n']} sounds that both mark: median distance {late['median']:.2f} ms, 95 % within "
            f"{late['p95']:.2f} ms; the second observer is later by {late['bias']:.2f} ms (median)."
        )
    if limits := counts["limits_of_agreement"]:
        parts.append(
            f"Cavitations a recording, second observer less the first: bias {figure(counts['bias'])}, limits of "
            f"agreement {figure(limits[0])} to {figure(limits[1])}, concordance {figure(counts['concordance'])}."
        )
    return parts


def prevalence_parts(answers: Scores) -> list[Any]:
    """Return the predictive values at stated prevalences; empty where none is stated."""
    rows = [["class", "prevalence", "positive predictive value", "negative predictive value"]]
    for one in answers["classes"]:
        if (at := one["at_prevalence"]) is not None:
            values = (
                ranged(at[key], at["intervals"][key])
                for key in ("positive_predictive_value", "negative_predictive_value")
            )
            rows.append([one["class"], f"{at['prevalence']:g}", *values])
    explained = "Predictive values if sounds of the class were as frequent as stated, by sensitivity and specificity:"
    return [explained, rows] if len(rows) > 1 else []


def calibration_parts(calibration: Scores) -> list[Any]:
    """Return slope and intercept of each class."""
    if not calibration["events"]:
        return []
    explained = (
        f"Final probabilities of {calibration['events']} detected sounds, each class against the rest; intervals over "
        f"{calibration['intervals_over']}s. Slope: 1 is right, below 1 probabilities are too extreme. Intercept: 0 is "
        "right, above 0 probabilities are too low. `-`: the sounds do not determine it, as when all are told apart."
    )
    rows = [["class", "slope", "intercept"]]
    for name in calibration["slope"]:
        cells = (ranged(calibration[key][name], calibration["intervals"][key][name]) for key in ("slope", "intercept"))
        rows.append([name, *cells])
    return [explained, rows]


def benefit_parts(curves: Scores) -> list[Any]:
    """Return some points of the decision curves of the joint classes."""
    rows = [["class", "from probability", "net benefit", "calling all sounds"]]
    for name, curve in curves.items():
        shown = [at for at in curve if at["threshold"] in SHOWN_THRESHOLDS and at["model"] is not None]
        for at in shown if name != OTHER else []:
            rows.append([name, f"{at['threshold']:g}", ranged(at["model"], at["interval"]), figure(at["all"])])
    explained = (
        "True calls a sound, less false ones times the odds of the threshold: at 0.2, one missed sound weighs as much "
        "as four false calls. Calling none is worth 0."
    )
    return [explained, rows] if len(rows) > 1 else []


def subgroup_parts(part: Scores) -> list[Any]:
    """Return a row for each value of a column and each joint class, and the false joint calls of each value."""
    rows = [
        [part["column"], "recordings", "class", "labelled", "sensitivity", "specificity", "positive predictive value"]
    ]
    for one in part["parts"]:
        for each in one["classes"]:
            if each["class"] != OTHER:
                keys = ("sensitivity", "specificity", "positive_predictive_value")
                values = (ranged(each[key], each["intervals"][key]) for key in keys)
                name = one_line(one["name"]).replace("|", "\\|")
                rows.append([name, str(one["recordings"]), each["class"], str(each["labelled"]), *values])
    calls = [[part["column"], "minutes", "false joint calls", "a minute"]]
    for one in part["parts"]:
        false, name = one["false_joint_calls"], one_line(one["name"]).replace("|", "\\|")
        if false["per_minute"] is not None:
            rate = ranged(false["per_minute"], false["interval"])
            calls.append([name, f"{false['minutes']:.1f}", str(false["count"]), rate])
    return [rows, *([calls] if len(calls) > 1 else [])]


def comparison_parts(comparison: Scores | None, model: Scores) -> list[Any]:
    """Return the scores of two models and of the baseline; empty without a second model."""
    if comparison is None:
        return []
    other, baseline = comparison["model"], comparison["baseline"]
    line = (
        f"{one_line(model['name'])} (model) against {one_line(other['name'])} (compared), on the same draws of "
        f"{comparison['intervals_over']}s; classification of {comparison['events']} sounds that both found."
    )
    if known := other["trained_on"]:
        line += f" Warning: {one_line(other['name'])} was trained on {len(known)} of these recordings."
    line += f" Baseline: {baseline['name']}, " + (
        f"trained on these recordings in {baseline['folds']} folds, which favours it."
        if baseline["folds"]
        else f"not scored: {baseline['reason']}."
    )
    rows = [["figure", "model", "compared", "difference", "baseline", "model less baseline"]]
    for one in comparison["figures"]:
        name = _NAMES.get(one["figure"], one["figure"]) + (f", {one['class']}" if one["class"] else "")
        less = ranged(one["less_baseline"], one["less_baseline_interval"])
        difference = ranged(one["difference"], one["interval"])
        rows.append([name, figure(one["model"]), figure(one["compared"]), difference, figure(one["baseline"]), less])
    return [line, rows]
