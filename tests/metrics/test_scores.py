"""Promises of popclass.metrics.scores: the figures are what their definitions say, and readable."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from popclass.metrics.scores import (
    BY_HAND,
    about_rows,
    calibration_error,
    candidate_rows,
    describe,
    reliability,
    score,
    table,
)

CLASSES = ["cavitation", "snapping", "other"]


def random_case(seed=0, n=400):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet([0.7, 0.7, 0.7], n)
    return rng.integers(0, 3, n), p


def test_figures_equal_scikit_learn():
    from sklearn import metrics

    y, p = random_case()
    ours, answer = score(y, p, CLASSES), p.argmax(axis=1)
    precision, recall, f1, n = metrics.precision_recall_fscore_support(y, answer)
    for i, name in enumerate(CLASSES):
        expected = {"class": name, "events": n[i], "precision": precision[i], "recall": recall[i], "f1": f1[i]}
        assert ours["classes"][i] == pytest.approx(expected)
    assert ours["confusion"] == metrics.confusion_matrix(y, answer).tolist()
    assert ours["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(y, answer))
    assert ours["accuracy"] == pytest.approx(metrics.accuracy_score(y, answer))
    assert ours["log_loss"] == pytest.approx(metrics.log_loss(y, p))


def test_brier_is_the_squared_distance_from_the_truth():
    assert score(np.array([0]), np.array([[0.0, 1.0]]), CLASSES[:2])["brier"] == 2.0
    assert score(np.array([0]), np.array([[0.8, 0.2]]), CLASSES[:2])["brier"] == pytest.approx(0.08)


def test_calibration_error_by_hand():
    # two events at 0.9, one right: off by 0.4; two at 0.6, both right: off by 0.4
    y = np.array([0, 1, 0, 0])
    p = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    assert calibration_error(y, p) == pytest.approx(0.4)
    assert [b["events"] for b in reliability(y, p)] == [2, 2]


def test_events_drawn_from_their_own_probabilities_are_well_calibrated_and_overconfident_ones_are_not():
    rng = np.random.default_rng(0)
    p = rng.dirichlet([1, 1, 1], 20_000)
    y = (rng.random((len(p), 1)) > p.cumsum(axis=1)).sum(axis=1)
    assert calibration_error(y, p) < 0.02
    sharp = p**3 / (p**3).sum(axis=1, keepdims=True)
    assert calibration_error(y, sharp) > 0.1


def test_a_class_never_called_has_no_precision_and_no_events_no_scores():
    figures = score(np.array([0, 1]), np.array([[0.9, 0.1], [0.8, 0.2]]), CLASSES[:2])
    assert figures["classes"][1] == {"class": "snapping", "events": 1, "precision": None, "recall": 0.0, "f1": 0.0}
    empty = score(np.zeros(0, dtype=int), np.zeros((0, 3)), CLASSES)
    assert (empty["log_loss"], empty["balanced_accuracy"], empty["events"]) == (None, None, 0)


@given(hnp.arrays(np.float64, (7, 3), elements=st.floats(0, 1)), st.lists(st.integers(0, 2), min_size=7, max_size=7))
def test_scores_stay_in_their_range(weights, y):
    p = (weights + 1e-9) / (weights + 1e-9).sum(axis=1, keepdims=True)
    figures = score(np.array(y), p, CLASSES)
    assert 0 <= figures["ece"] <= 1
    assert 0 <= figures["brier"] <= 2
    assert sum(b["events"] for b in figures["reliability"]) == 7
    assert np.sum(figures["confusion"]) == 7


def test_description_shows_choice_baseline_classes_and_counts():
    y, p = random_case()
    held = score(y, p, CLASSES)
    worse = {**held, "log_loss": 9.0}
    text = describe(
        {
            "folds": 5,
            "grouped_by": "subject",
            "groups": 12,
            "chosen": "forest",
            "candidates": {"baseline": worse, "forest": held},
            "held_out": held,
            "joint_labels": {"wanted": 0.8, "precision": 0.81, "labels": 100},
            "uncertain": 0.05,
            "uncertain_joint": 0.1,
        }
    )
    assert "5 folds by subject (12 groups, 400 events)" in text
    assert "10.0% of joint events" in text
    lines = text.splitlines()
    forest = next(i for i, line in enumerate(lines) if line.startswith("forest"))
    assert "forest was chosen; held out:" in lines
    assert lines[forest + 1].startswith("baseline"), "the best comes first"
    for one in held["classes"]:
        assert any(line.startswith(one["class"]) and str(one["events"]) in line for line in lines)


def test_table_lines_up():
    assert table([["a", "n"], ["long name", "12"]]) == "a           n\nlong name  12"


def trained(**losses):
    """What a model tells of its scores, as far as the table goes."""
    rows = {name.replace("_", " "): dict.fromkeys(("balanced_accuracy", "brier", "ece"), 0.5) for name in losses}
    for name, loss in losses.items():
        rows[name.replace("_", " ")]["log_loss"] = loss
    if "by hand" in rows:
        rows[BY_HAND] = rows.pop("by hand")
    return {"candidates": rows, "chosen": "forest", "folds": 5, "grouped_by": "subject"}


def test_what_is_no_candidate_is_called_so_and_when_it_did_better():
    (told,) = about_rows(trained(forest=0.3, baseline=1.1, by_hand=0.2))
    assert f"{BY_HAND} is a yardstick, too, and no candidate" in told
    assert f"Here {BY_HAND} did better than forest, which was chosen: log loss 0.200 against 0.300." in told
    assert "Here baseline" not in told
    (told,) = about_rows(trained(forest=0.3, baseline=1.1, by_hand=0.4))
    assert "did better" not in told
    assert about_rows(trained(forest=0.3, svm=0.2)) == []


def test_the_table_shows_the_interval_of_the_log_loss_where_there_is_one():
    rows = trained(forest=0.3, svm=0.4)["candidates"]
    rows["forest"]["interval"] = [0.2, 0.5]
    rows["svm"]["interval"] = None
    assert [row[1] for row in candidate_rows(rows)] == ["log loss", "0.300 (0.200-0.500)", "0.400"]
