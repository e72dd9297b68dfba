"""Scores from recording to label."""

from pathlib import Path

import pytest

from popclass.evaluation.end_to_end import score_answers
from popclass.evaluation.matching import Case
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


def complete(**seconds):
    """Completely labelled recordings and their lengths."""
    return [(LabelledRecording(Path(name), name), length) for name, length in seconds.items()]


C, S, O, U = "cavitation", "snapping", "other", "uncertain"  # noqa: E741


def test_end_to_end_missed_and_uncertain():
    cases = given([C, C, C, C, S, O, None, None, None], [C, S, U, None, S, C, C, O, S], recordings_=["a"] * 9)
    found = score_answers(cases, KINDS, complete(a=30.0))
    assert {one["class"]: (one["labelled"], one["called"]) for one in found["classes"]} == {
        C: (4, 3),
        S: (1, 3),
        O: (1, 1),
    }
    assert [one["sensitivity"] for one in found["classes"]] == [1 / 4, 1, 0]
    assert [one["positive_predictive_value"] for one in found["classes"]] == [1 / 3, 1 / 3, 1]
    assert found["false_joint_calls"] == {"count": 3, "minutes": 0.5, "per_minute": 6.0, "interval": None}
    table = found["table"]
    assert table["columns"] == [*KINDS, U]
    assert table["rows"][0] == {"truth": C, "given": [1, 1, 0, 1], "missed": 1}
    assert table["unlabelled"] == [1, 1, 1, 0]


def test_end_to_end_partial():
    cases = given([C, None, None], [C, C, S], recordings_=["a"] * 3)
    found = score_answers(cases, KINDS, [])
    assert found["classes"][0]["positive_predictive_value"] == 1
    assert found["classes"][1]["called"] == 0
    assert found["false_joint_calls"]["per_minute"] is None
    assert found["table"]["unlabelled"] is None


def test_end_to_end_unknown_class():
    found = score_answers(given(["cough", C], [C, C], recordings_=["a"] * 2), KINDS, complete(a=60.0))
    assert found["classes"][0]["positive_predictive_value"] == 1 / 2
    assert found["false_joint_calls"]["count"] == 1
    assert found["table"]["rows"][-1] == {"truth": "cough", "given": [1, 0, 0, 0], "missed": 0}


def test_end_to_end_few_groups():
    groups = [str(i // 2) for i in range(12)] + ["0", "1", "2", "3"]
    cases = given([C, C] * 6 + [S] * 4, [C, O] * 5 + [C, C] + [S, O, S, S], recordings_=groups)
    found = {one["class"]: one["intervals"] for one in score_answers(cases, KINDS, [])["classes"]}
    low, high = found[C]["sensitivity"]
    assert 0.5 <= low < 7 / 12 < high <= 1
    assert (found[S]["sensitivity"], found[S]["positive_predictive_value"]) == (None, None), "four groups"
    assert found[C]["positive_predictive_value"] is None, "every call was right in every draw"


def test_specificity_counts_missed_and_unlabelled():
    cases = given([C, S, S, O, None, None], [C, C, None, O, C, O], recordings_=["a"] * 6)
    (first, *_) = score_answers(cases, KINDS, complete(a=60.0))["classes"]
    assert first["specificity"] == 3 / 5


def test_at_prevalence_of_the_labels():
    """At the frequency of the class among these sounds both predictive values are those of their table."""
    groups = [str(i % 5) for i in range(20)]
    cases = given([C] * 8 + [O] * 12, [C] * 6 + [O] * 2 + [C] * 3 + [O] * 9, recordings_=groups)
    first, second, _ = score_answers(cases, KINDS, [], {C: 0.4})["classes"]
    stated = first["at_prevalence"]
    assert stated["positive_predictive_value"] == pytest.approx(first["positive_predictive_value"])
    assert stated["negative_predictive_value"] == pytest.approx(9 / 11)
    low, high = stated["intervals"]["negative_predictive_value"]
    assert low < 9 / 11 < high
    assert second["at_prevalence"] is None


def test_at_prevalence_without_the_class():
    stated = score_answers(given([O, O], [C, O]), KINDS, [], {C: 0.4})["classes"][0]["at_prevalence"]
    assert (stated["positive_predictive_value"], stated["negative_predictive_value"]) == (None, None)


def test_false_joint_calls_interval():
    names = list("abcdefgh")
    cases = given([None] * 4, [C] * 4, recordings_=list("aaab"))
    found = score_answers(cases, KINDS, complete(**dict.fromkeys(names, 60.0)))["false_joint_calls"]
    assert found["per_minute"] == 0.5
    low, high = found["interval"]
    assert low == 0 < 0.5 < high
    assert score_answers(cases, KINDS, complete(a=60.0, b=60.0))["false_joint_calls"]["interval"] is None
