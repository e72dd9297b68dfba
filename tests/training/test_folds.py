"""Folds and groups."""

from itertools import product

import numpy as np
import pytest
from fake_frontend import FakeFrontEnd
from hypothesis import given, settings
from hypothesis import strategies as st
from training_data import events

from popclass.errors import LabelError
from popclass.training.fit import fit
from popclass.training.folds import choose_groups, fewest_groups, make_folds
from popclass.training.settings import FitConfig


def test_fit_fewer_groups_than_folds():
    X, labels, _ = events(90)
    groups = [f"P{i % 3}" for i in range(90)]
    model = fit(X, labels, groups, FakeFrontEnd(), FitConfig(classifier="logistic", grouped_by="subject"))
    assert model.info["scores"]["folds"] == 3
    assert "3 folds instead of 5: too few subjects of each class" in model.info["training"]["remarks"]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), groups=st.integers(2, 12), folds=st.integers(2, 6))
def test_make_folds_properties(seed, groups, folds):
    rng = np.random.default_rng(seed)
    # every class in at least two groups, the rest anywhere
    y = np.concatenate([np.repeat([0, 1, 2], 2), rng.integers(0, 3, 50)])
    group = [*map(str, [0, 1, 0, 1, 0, 1]), *map(str, rng.integers(0, groups, 50))]
    made = make_folds(y, group, folds=folds, seed=seed)
    names = np.array(group)
    assert sorted(np.concatenate([test for _, test in made])) == list(range(len(y)))
    for train, test in made:
        assert not set(names[train]) & set(names[test])
        assert set(y[train]) == {0, 1, 2}


def test_make_folds_exhaustive():
    """Held against trying every way of putting up to six groups into two folds."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        pairs = sorted({(int(c), int(g)) for c, g in zip(rng.integers(0, 3, 9), rng.integers(0, 6, 9), strict=True)})
        y, group = np.array([c for c, _ in pairs]), [str(g) for _, g in pairs]
        if len(set(y)) < 3 or fewest_groups(y, group) < 2:
            continue
        names = sorted(set(group))
        sides = [dict(zip(names, each, strict=True)) for each in product((0, 1), repeat=len(names))]
        there_is = any(all(len({side[str(g)] for c, g in pairs if c == k}) == 2 for k in range(3)) for side in sides)
        if not there_is:
            with pytest.raises(LabelError, match=r"3 \(--folds 3\)"):
                make_folds(y, group, folds=2)
        made = make_folds(y, group, folds=2 if there_is else 3)
        assert all(set(y[train]) == {0, 1, 2} for train, _ in made)


def test_make_folds_uneven_split():
    """One recording with both classes, one with each: what somebody records first."""
    y = np.array([0, 1, 1, 0, 0, 0, 0, 1, 1, 1])
    group = ["wrist"] * 3 + ["fingers"] * 4 + ["nothing"] * 3
    held = [{group[i] for i in test} for _, test in make_folds(y, group)]
    assert {"wrist"} in held


def test_make_folds_class_in_one_group():
    with pytest.raises(LabelError, match=r"class 'snapping' \(2 events\) comes from a single subject"):
        make_folds(
            np.array([0, 0, 1, 1]), ["P", "Q", "P", "P"], classes=("cavitation", "snapping"), grouped_by="subject"
        )


def test_choose_groups():
    y = np.array([0, 0, 1, 1])
    files = ["a", "b", "c", "d"]
    assert choose_groups(y, ["P", "Q", "P", "Q"], files)[0::2] == ("subject", [])
    kind, groups, remarks = choose_groups(y, ["P", "Q", None, "Q"], files)
    assert (kind, groups[2]) == ("subject", "recording c")
    assert "the subject of 1 recording is not known" in remarks[0]
    kind, _, remarks = choose_groups(y, [None] * 4, files)
    assert kind == "recording"
    assert "subjects are not known" in remarks[0]
    kind, _, remarks = choose_groups(y, ["P"] * 4, files)
    assert kind == "recording"
    assert "one subject" in remarks[0]
    kind, _, remarks = choose_groups(y, ["P"] * 4, ["a"] * 4)
    assert kind == "event"
    assert "one recording" in remarks[0]
