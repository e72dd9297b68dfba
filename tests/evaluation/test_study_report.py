"""Sections of the report for a study."""

from popclass.evaluation.counts import Counted, score_counts
from popclass.evaluation.study_report import (
    benefit_parts,
    calibration_parts,
    comparison_parts,
    count_parts,
    observer_parts,
    prevalence_parts,
    subgroup_parts,
)

FIGURE = {
    "figure": "sensitivity",
    "class": "cavitation",
    "model": 0.5,
    "compared": 0.75,
    "difference": -0.25,
    "interval": [-0.5, 0.0],
    "baseline": None,
    "less_baseline": None,
    "less_baseline_interval": None,
}


def comparison(**changed):
    other = {"name": "b|c.onnx", "trained_on": ["0.wav"]}
    baseline = {"name": "MFCC + forest", "folds": None, "reason": "too few"}
    scores = {"model": other, "baseline": baseline, "intervals_over": "subject", "events": 4, "figures": [FIGURE]}
    return {**scores, **changed}


def test_nothing_to_show():
    assert observer_parts(None) == comparison_parts(None, {}) == []
    assert calibration_parts({"events": 0}) == []
    assert prevalence_parts({"classes": [{"class": "cavitation", "at_prevalence": None}]}) == []
    assert benefit_parts({"other": [{"threshold": 0.1, "model": 0.1, "all": 0.0, "interval": None}]}) == []
    (line,) = count_parts(score_counts(Counted()))
    assert line == "Counts are not scored: no recording is labelled completely and with times."


def test_comparison_rows_and_warnings():
    line, rows = comparison_parts(comparison(), {"name": "a.onnx"})
    assert "a.onnx (model) against b|c.onnx (compared)" in line
    assert "b|c.onnx was trained on 1 of these recordings" in line
    assert line.endswith("Baseline: MFCC + forest, not scored: too few.")
    assert rows[1] == ["sensitivity, cavitation", "0.500", "0.750", "-0.250 (-0.500 to 0.000)", "-", "-"]


def test_comparison_baseline_scored():
    baseline = {"name": "MFCC + forest", "folds": 5, "reason": None}
    line, _ = comparison_parts(comparison(baseline=baseline), {"name": "a.onnx"})
    assert line.endswith("Baseline: MFCC + forest, trained on these recordings in 5 folds, which favours it.")


def test_subgroup_parts_escape():
    keys = ("sensitivity", "specificity", "positive_predictive_value")
    one = {"class": "cavitation", "labelled": 3, **dict.fromkeys(keys, 0.5), "intervals": dict.fromkeys(keys)}
    false = {"count": 3, "minutes": 2.0, "per_minute": 1.5, "interval": [0.5, 2.5]}
    part = {"name": "a|b\n", "recordings": 2, "classes": [one, {**one, "class": "other"}], "false_joint_calls": false}
    (head, row), calls = subgroup_parts({"column": "x_sensor", "parts": [part]})
    assert head[0] == calls[0][0] == "x_sensor"
    assert row == ["a\\|b\\n", "2", "cavitation", "3", "0.500", "0.500", "0.500"]
    assert calls[1] == ["a\\|b\\n", "2.0", "3", "1.500 (0.500 to 2.500)"]


def test_subgroup_parts_partial():
    part = {"name": "a", "recordings": 2, "classes": [], "false_joint_calls": {"per_minute": None}}
    assert len(subgroup_parts({"column": "x_sensor", "parts": [part]})) == 1
