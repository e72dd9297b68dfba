"""Promises of popclass.training.adapt: a base is given up only on evidence about people."""

import numpy as np
import pytest

from popclass.training.adapt import EVENTS_NEEDED, held_out_answers, judge

PEOPLE = [f"P{i // 20}" for i in range(120)]


def verdict(gain, groups=PEOPLE, grouped_by="subject"):
    """On one model whose log loss is lower by so much for each person."""
    _, place = np.unique(groups, return_inverse=True)
    own = np.full(len(groups), 1.0) - np.resize(gain, place.max() + 1)[place]
    return judge({"forest": own, "svm": own + 0.5}, np.ones(len(groups)), groups, grouped_by)


def test_the_best_model_replaces_the_base_where_it_is_better_for_every_subject():
    found = verdict([0.2, 0.3, 0.4])
    assert (found.kind, found.replaces) == ("forest", True)
    assert "0.300 (95 % interval -0.367 to -0.233) below" in found.remark


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"gain": [0.9, -0.4, -0.4]}, "not clear enough"),
        ({"gain": [-0.2]}, "0.200 (95 % interval +0.200 to +0.200) above"),
        ({"gain": [0.3], "groups": PEOPLE[:80]}, "too few groups for an interval"),
        ({"gain": [0.3], "grouped_by": "recording"}, "nothing is known of a new person"),
        ({"gain": [0.3], "grouped_by": "event"}, "name the subjects in a labels.csv"),
    ],
)
def test_in_all_other_cases_the_base_stays_and_the_remark_says_why(change, says):
    found = verdict(**change)
    assert not found.replaces
    assert says in found.remark
    assert "the base stays" in found.remark


def test_nothing_is_tried_with_few_events_and_nothing_judged_then():
    X, y = np.zeros((EVENTS_NEEDED - 1, 2)), np.arange(EVENTS_NEEDED - 1) % 2
    assert held_out_answers(X, y, [], 0) == {}
    assert judge({}, np.ones(4), list("abcd"), "subject") is None
