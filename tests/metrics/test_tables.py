"""Scores as tables and text."""

import numpy as np

from popclass.metrics.scores import score
from popclass.metrics.tables import MFCC_FOREST, candidate_rows, describe, describe_candidates, table

CLASSES = ("cavitation", "snapping", "other")


def test_describe():
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 3, 400), rng.dirichlet(np.ones(3), 400)
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
    assert "forest was chosen; held out, by the sound alone:" in lines
    assert lines[forest + 1].startswith("baseline"), "the best comes first"
    for one in held["classes"]:
        assert any(line.startswith(one["class"]) and str(one["events"]) in line for line in lines)


def test_table():
    assert table([["a", "n"], ["long name", "12"]]) == "a           n\nlong name  12"


def trained(**losses):
    """What a model tells of its scores, as far as the table goes."""
    rows = {name.replace("_", " "): dict.fromkeys(("balanced_accuracy", "brier", "ece"), 0.5) for name in losses}
    for name, loss in losses.items():
        rows[name.replace("_", " ")]["log_loss"] = loss
    if "by hand" in rows:
        rows[MFCC_FOREST] = rows.pop("by hand")
    return {"candidates": rows, "chosen": "forest", "folds": 5, "grouped_by": "subject"}


def test_describe_candidates_baselines():
    (text,) = describe_candidates(trained(forest=0.3, baseline=1.1, by_hand=0.2))
    assert f"{MFCC_FOREST} is the usual method" in text
    assert f"Here {MFCC_FOREST} did better than forest, which was chosen: log loss 0.200 against 0.300." in text
    assert "Here baseline" not in text
    (text,) = describe_candidates(trained(forest=0.3, baseline=1.1, by_hand=0.4))
    assert "did better" not in text
    assert describe_candidates(trained(forest=0.3, svm=0.2)) == []


def test_candidate_rows_interval():
    rows = trained(forest=0.3, svm=0.4)["candidates"]
    rows["forest"]["interval"] = [0.2, 0.5]
    rows["svm"]["interval"] = None
    assert [row[1] for row in candidate_rows(rows)] == ["log loss", "0.300 (0.200-0.500)", "0.400"]
