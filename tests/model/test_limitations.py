"""Tests of popclass.model.limitations."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from popclass.model.limitations import CORRECTED, UNCHANGED, brief_limits, limits, reason_against
from popclass.model.model import Model
from popclass.training import adapt

GENERATED = {"training": {"source": "generated"}}
ADAPTED = {
    "training": {"base": GENERATED, "classes": {"snapping": {"events": 4}}, "recordings": 2},
    "classifier": {"kind": "corrected"},
}
OWN = {"training": {"recordings": 9}, "classifier": {"kind": "logistic"}}


class _Model:
    context = None
    thresholds = SimpleNamespace(weights=(1.0, 1.0))

    def __init__(self, info: dict[str, Any], classes: tuple[str, ...]) -> None:
        self.info, self.classes = info, classes


def joined(info: dict[str, Any], *classes: str) -> tuple[str, str]:
    model: Any = _Model(info, classes)
    return " ".join(limits(model)), " ".join(brief_limits(model))


def test_limits_default_model() -> None:
    model = Model.default()
    assert "unknown" in limits(model)[0]
    assert "not known" in brief_limits(model)[0]
    for sentences in (limits(model), brief_limits(model)):
        assert any("repeated tap" in sentence for sentence in sentences)
        assert any("as frequent as in" in sentence for sentence in sentences)


@pytest.mark.parametrize(("info", "generated"), [(GENERATED, True), (ADAPTED, True), (OWN, False)])
def test_limits_generated(info: dict[str, Any], generated: bool) -> None:
    assert [("generated" in text) for text in joined(info, "snapping", "other")] == [generated, generated]


def test_limits_without_snapping() -> None:
    assert all("repeated tap" not in text for text in joined(OWN, "cavitation", "other"))


def test_kinds_are_those_of_training() -> None:
    assert (UNCHANGED, CORRECTED) == (adapt.BASE, adapt.CORRECTED)


def test_limits_classifier_on_base() -> None:
    stacked = {**ADAPTED, "classifier": {"kind": "logistic with base"}}
    assert "uses its probabilities beside the features" in joined(stacked, "snapping", "other")[0]
    assert "Only the correction" in joined(ADAPTED, "snapping", "other")[0]


def test_import_without_training() -> None:
    code = (
        "import popclass.model.limitations, sys;"
        "print([m for m in sys.modules if m.startswith(('sklearn', 'popclass.train'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def scored(accuracy: float, recalls: tuple[float, ...], interval: tuple[float, float] | None, folds: int = 5) -> Any:
    rows = [{"class": name, "events": 20, "recall": each} for name, each in zip("ab", recalls, strict=True)]
    intervals = {"balanced_accuracy": interval} if interval else None
    held_out = {"events": 40, "classes": rows, "balanced_accuracy": accuracy, "intervals": intervals}
    scores = {"folds": folds, "grouped_by": "subject", "held_out": held_out}
    return _Model({**OWN, "scores": scores}, ("a", "b"))


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (scored(0.5, (0.0, 1.0), None), "never finds 'a' (0 of 20), and its balanced accuracy is 0.50"),
        (scored(0.6, (0.5, 0.7), (0.45, 0.75)), "is 0.60, 0.45-0.75; guessing gives 0.50"),
        (scored(0.52, (0.4, 0.64), None), None),
        (scored(0.9, (0.9, 0.9), (0.8, 0.95)), None),
        (scored(0.4, (0.4, 0.4), None, folds=0), None),
    ],
)
def test_reason_against(model: Any, reason: str | None) -> None:
    found = reason_against(model)
    assert (found is None) == (reason is None)
    if found and reason:
        assert reason in found
        assert limits(model)[0] == brief_limits(model)[0] == found


def test_reason_against_weighted_answers() -> None:
    """The scores are of the most likely class, which is `b` throughout; the answers are not."""
    model = scored(0.5, (0.0, 1.0), None)
    model.thresholds = SimpleNamespace(weights=(2.0, 0.7))
    model.info["scores"]["recalls"] = {"a": 0.7, "b": 0.8}
    assert reason_against(model) is None
    model.info["scores"]["recalls"] = {"a": 0.0, "b": 1.0}
    assert "never finds 'a' (0 of 20), and its balanced accuracy at its target is 0.50" in (reason_against(model) or "")
