"""Subgroups of an evaluation."""

from pathlib import Path

from popclass.evaluation.matching import Case
from popclass.evaluation.subgroups import score_subgroups
from popclass.labels import LabelledRecording, LabelRow
from popclass.results import Event

CLASSES = ("cavitation", "other")


def made(*about):
    """Recordings with two cavitations each, of which the first is called so."""
    recordings, cases = [], []
    for number, fields in enumerate(about):
        recording = LabelledRecording(Path(str(number)), str(number), **fields)
        recordings.append(recording)
        for at, label in enumerate(CLASSES):
            event = Event(0, 0, 1, 48_000, channel=1, snr_db=20.0, peak_dbfs=-6.0, label=label)
            cases.append(Case(recording, "cavitation", LabelRow(at, at, "cavitation"), event, {}))
    return cases, recordings


def test_subgroups_columns_and_values():
    about = [{"site": "Knuckle", "side": "left", "extra": {"x_b": "1"}}, {"side": "right", "extra": {"x_a": "2"}}]
    cases, recordings = made(*about, {"side": "right"})
    found = score_subgroups(cases, recordings, CLASSES, [(each, 60.0) for each in recordings])
    assert [each["column"] for each in found] == ["site", "side", "x_b", "x_a"]
    assert found[0]["parts"][0]["name"] == "mcp"
    left, right = found[1]["parts"]
    assert (left["name"], left["recordings"], right["recordings"]) == ("left", 1, 2)
    (first, _) = right["classes"]
    assert (first["labelled"], first["sensitivity"]) == (4, 0.5)
    assert right["false_joint_calls"]["minutes"] == 2


def test_subgroups_of_one_value():
    cases, recordings = made({"side": "left"}, {"side": "left"})
    assert score_subgroups(cases, recordings, CLASSES, []) == []


def test_subgroups_intervals():
    cases, recordings = made(*({"side": ("left", "right")[i % 2]} for i in range(12)))
    cases[1] = Case(cases[1].recording, "other", LabelRow(1, 1, "other"), cases[1].event, {})
    (found,) = score_subgroups(cases, recordings, CLASSES, [])
    low, high = found["parts"][0]["classes"][0]["intervals"]["sensitivity"]
    assert low <= 6 / 11 <= high
