"""Tests of popclass.model.limitations."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from popclass.model.limitations import UNCHANGED, brief_limits, limits
from popclass.model.model import Model
from popclass.training.adapt import BASE

GENERATED = {"training": {"source": "generated"}}
ADAPTED = {
    "training": {"base": GENERATED, "classes": {"snapping": {"events": 4}}, "recordings": 2},
    "classifier": {"kind": "corrected"},
}
OWN = {"training": {"recordings": 9}, "classifier": {"kind": "logistic"}}


class _Model:
    context = None

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


def test_unchanged_is_kind_of_training() -> None:
    assert UNCHANGED == BASE


def test_import_without_training() -> None:
    code = (
        "import popclass.model.limitations, sys;"
        "print([m for m in sys.modules if m.startswith(('sklearn', 'popclass.train'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
