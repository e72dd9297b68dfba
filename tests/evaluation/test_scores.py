"""Scores of an evaluation."""

from pathlib import Path

import numpy as np
import pytest

from popclass.evaluation import scores
from popclass.evaluation.matching import Case
from popclass.evaluation.scores import ranking, score_answers, score_classification
from popclass.label_rules import LabelRules
from popclass.labels import LabelledRecording, LabelRow
from popclass.results import Event

KINDS = ["cavitation", "snapping", "other"]


def given(truths, answers, *, recordings_=None):
    """Cases with these labels (None: without) and answers (None: missed), each in a recording of its own or named."""
    names = recordings_ or [str(i) for i in range(len(truths))]
    rows = []
    for name, truth, answer in zip(names, truths, answers, strict=True):
        event = Event(0, 0, 1, 48_000, channel=1, snr_db=20.0, peak_dbfs=-6.0, label=answer) if answer else None
        label = None if truth is None else LabelRow(0.0, 0.0, truth)
        rows.append(Case(LabelledRecording(Path(name), name), truth, label, event, {}))
    return rows


C, S, O, U = "cavitation", "snapping", "other", "uncertain"  # noqa: E741


def test_end_to_end_missed_and_uncertain():
    cases = given([C, C, C, C, S, O, None, None, None], [C, S, U, None, S, C, C, O, S], recordings_=["a"] * 9)
    found = score_answers(cases, KINDS, {"a"}, 30.0)
    assert {one["class"]: (one["labelled"], one["called"]) for one in found["classes"]} == {
        C: (4, 3),
        S: (1, 3),
        O: (1, 1),
    }
    assert [one["sensitivity"] for one in found["classes"]] == [1 / 4, 1, 0]
    assert [one["positive_predictive_value"] for one in found["classes"]] == [1 / 3, 1 / 3, 1]
    assert found["false_joint_calls"] == {"count": 3, "minutes": 0.5, "per_minute": 6.0}
    table = found["table"]
    assert table["columns"] == [*KINDS, U]
    assert table["rows"][0] == {"truth": C, "given": [1, 1, 0, 1], "missed": 1}
    assert table["unlabelled"] == [1, 1, 1, 0]


def test_end_to_end_partial():
    cases = given([C, None, None], [C, C, S], recordings_=["a"] * 3)
    found = score_answers(cases, KINDS, set(), 0.0)
    assert found["classes"][0]["positive_predictive_value"] == 1
    assert found["classes"][1]["called"] == 0
    assert found["false_joint_calls"]["per_minute"] is None
    assert found["table"]["unlabelled"] is None


def test_end_to_end_unknown_class():
    found = score_answers(given(["cough", C], [C, C], recordings_=["a"] * 2), KINDS, {"a"}, 60.0)
    assert found["classes"][0]["positive_predictive_value"] == 1 / 2
    assert found["false_joint_calls"]["count"] == 1
    assert found["table"]["rows"][-1] == {"truth": "cough", "given": [1, 0, 0, 0], "missed": 0}


def test_end_to_end_few_groups():
    groups = [str(i // 2) for i in range(12)] + ["0", "1", "2", "3"]
    cases = given([C, C] * 6 + [S] * 4, [C, O] * 5 + [C, C] + [S, O, S, S], recordings_=groups)
    found = {one["class"]: one["intervals"] for one in score_answers(cases, KINDS, set(), 0.0)["classes"]}
    low, high = found[C]["sensitivity"]
    assert 0.5 <= low < 7 / 12 < high <= 1
    assert found[S] == {"sensitivity": None, "positive_predictive_value": None}, "four groups"
    assert found[C]["positive_predictive_value"] is None, "every call was right in every draw"


@pytest.fixture
def answered(monkeypatch):
    """Function that returns the scores of `sound` for cases with given labels, groups and probabilities."""
    monkeypatch.setattr(scores, "READINGS", {"sound": "sound alone"})  # the others are scored in the same way

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
