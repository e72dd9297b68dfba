"""Promises of popclass.training.adapt: the weights of the company follow their classes by name."""

import numpy as np
import pytest

from popclass.context.features import context_names
from popclass.context.similarity import Similarity
from popclass.model.context import Context, ContextWeights
from popclass.model.model import Model
from popclass.training.adapt import inherited_context, reordered

OLD, NEW = ("snapping", "cavitation", "other"), ("cavitation", "snapping", "other")


def stage(seed=0):
    rng = np.random.default_rng(seed)
    names, units = context_names(OLD), 5
    shapes = [(len(names), 3), (len(names), units), (3, units), (units,), (units, 3)]
    weighing = ContextWeights(*(rng.normal(size=shape) for shape in shapes))
    return Context((0, 1), np.zeros(2), np.ones(2), Similarity(), names, weighing)


def test_another_order_of_the_classes_changes_no_answer():
    rng = np.random.default_rng(1)
    acoustic, n = rng.dirichlet(np.ones(3), 12), 12
    X, onset, burst, level = (
        rng.normal(size=(n, 2)),
        np.sort(rng.uniform(0, 9, n)),
        np.arange(n) // 2,
        rng.normal(size=n),
    )
    swapped, before = acoustic[:, [1, 0, 2]], stage()
    after = reordered(before, OLD, NEW)
    expected = before.apply(acoustic, before.features(X, acoustic, onset, burst, level))
    found = after.apply(swapped, after.features(X, swapped, onset, burst, level))
    np.testing.assert_allclose(found[:, [1, 0, 2]], expected, atol=1e-12)
    assert not np.allclose(expected, acoustic), "the weights do something"
    assert Context.from_json(after.to_json(), NEW).names == context_names(NEW)


@pytest.mark.parametrize(
    ("classes", "says"),
    [
        (("cavitation", "other"), "'snapping' is not among the labels"),
        (("cavitation", "snapping", "click", "other"), "it does not know 'click'"),
    ],
)
def test_the_class_that_differs_is_named(classes, says):
    class Base(Model):
        def __init__(self):
            self.classes, self.context, self.info = OLD, stage(), {}

    stored, remarks = inherited_context(Base(), classes)
    assert stored is None
    assert remarks[0].endswith(says)
    assert inherited_context(Base(), NEW)[1] == []
    assert inherited_context(None, NEW) == (None, [])
