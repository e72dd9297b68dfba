"""Scores of the classification of labelled sounds."""

from pathlib import Path

import numpy as np
import pytest

from popclass.evaluation import classification
from popclass.evaluation.classification import ranking, score_classification
from popclass.evaluation.matching import Case
from popclass.label_rules import LabelRules
from popclass.labels import LabelledRecording, LabelRow
from popclass.results import Event

KINDS = ["cavitation", "snapping", "other"]


@pytest.fixture
def answered(monkeypatch):
    """Function that returns the scores of `sound` for cases with given labels, groups and probabilities."""
    monkeypatch.setattr(classification, "READINGS", {"sound": "sound alone"})  # the others are scored in the same way

    def found(truths, groups, probabilities):
        event = Event(0, 0, 1, 48_000, channel=1, snr_db=20.0, peak_dbfs=-6.0, label="other", novelty=0.0)
        cases = [
            Case(LabelledRecording(Path(group), group), truth, LabelRow(0.0, 0.0, truth), event, {"sound": np.array(p)})
            for truth, group, p in zip(truths, groups, probabilities, strict=True)
        ]
        rules = LabelRules(tuple(KINDS), np.zeros(3), np.full(3, 1 / 3), 1.0, None, 0.0)
        return score_classification(cases, rules)["readings"]["sound"]

    return found


def test_score_class_few_groups(answered):
    rng = np.random.default_rng(0)
    truths, groups = ["cavitation", "other"] * 24, [str(i // 4) for i in range(48)]
    truths[0] = truths[2] = "snapping"  # of one group only
    found = answered(truths, groups, rng.dirichlet(np.ones(3), 48))
    spans = {one["class"]: one["intervals"] for one in found["classes"]}
    assert spans["snapping"] == {"precision": None, "recall": None, "f1": None}
    assert all(low < high for one in ("cavitation", "other") for low, high in spans[one].values())
    assert found["intervals"]["balanced_accuracy"] is None, "it is a mean over snapping, too"
    assert found["intervals"]["log_loss"] is not None


def test_score_few_groups(answered):
    rng = np.random.default_rng(0)
    for count, known in ((4, False), (5, True)):
        groups = [str(i % count) for i in range(60)]
        found = answered(["cavitation", "snapping", "other"] * 20, groups, rng.dirichlet(np.ones(3), 60))
        assert all((span is not None) == known for span in found["intervals"].values())


def test_ranking_threshold_free():
    p = np.array([[0.2, 0.1, 0.7], [0.1, 0.2, 0.7], [0.05, 0.05, 0.9], [0.15, 0.05, 0.8]])
    found = ranking(np.array([0, 1, 2, 2]), p, KINDS)
    assert found["cavitation"] == {"roc_auc": 1.0, "average_precision": 1.0}
    assert found["other"]["roc_auc"] == 1.0
    assert ranking(np.array([0, 0]), p[:2], KINDS)["cavitation"] == {"roc_auc": None, "average_precision": None}
