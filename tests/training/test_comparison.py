"""Comparison of a base with models of the labels alone."""

import numpy as np
import pytest

from popclass.training.comparison import EVENTS_NEEDED, compare, predict_held_out

PEOPLE = [f"P{i // 20}" for i in range(120)]


def compared(gain, groups=PEOPLE, grouped_by="subject"):
    """Compare a model whose log loss is lower by `gain` for each person."""
    _, place = np.unique(groups, return_inverse=True)
    own = np.full(len(groups), 1.0) - np.resize(gain, place.max() + 1)[place]
    return compare({"forest": own, "svm": own + 0.5}, np.ones(len(groups)), groups, grouped_by)


def test_compare_better_for_every_subject():
    found = compared([0.2, 0.3, 0.4])
    assert (found.kind, found.replaces) == ("forest", True)
    assert "0.300 (95 % interval -0.367 to -0.233) below" in found.remark


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gain": [0.9, -0.4, -0.4]}, "not clear enough"),
        ({"gain": [-0.2]}, "0.200 (95 % interval +0.200 to +0.200) above"),
        ({"gain": [0.3], "groups": PEOPLE[:80]}, "too few groups for an interval"),
        ({"gain": [0.3], "grouped_by": "recording"}, "does not apply to a new person"),
        ({"gain": [0.3], "grouped_by": "event"}, "name the subjects in a labels.csv"),
    ],
)
def test_compare_base_stays(change, message):
    found = compared(**change)
    assert not found.replaces
    assert message in found.remark
    assert "the base stays" in found.remark


def test_predict_held_out_few_events():
    X, y = np.zeros((EVENTS_NEEDED - 1, 2)), np.arange(EVENTS_NEEDED - 1) % 2
    assert predict_held_out(X, y, [], 0) == {}
    assert compare({}, np.ones(4), list("abcd"), "subject") is None
