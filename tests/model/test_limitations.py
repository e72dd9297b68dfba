"""What a model cannot do is said in full on its card and in short in a report, and both follow from its own JSON."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from popclass.model.limitations import UNCHANGED, in_short, limits
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


def said(info: dict[str, Any], *classes: str) -> tuple[str, str]:
    model: Any = _Model(info, classes)
    return " ".join(limits(model)), " ".join(in_short(model))


def test_the_default_model_says_that_real_snapping_is_unknown() -> None:
    model = Model.default()
    assert "unknown" in limits(model)[0]
    assert "not known" in in_short(model)[0]
    for sentences in (limits(model), in_short(model)):
        assert any("repeated tap" in sentence for sentence in sentences)
        assert any("as frequent as in" in sentence for sentence in sentences)


@pytest.mark.parametrize(("info", "generated"), [(GENERATED, True), (ADAPTED, True), (OWN, False)])
def test_generated_sounds_are_named_where_they_taught_the_model(info: dict[str, Any], generated: bool) -> None:
    assert [("generated" in text) for text in said(info, "snapping", "other")] == [generated, generated]


def test_snapping_is_spoken_of_only_where_it_can_be_the_answer() -> None:
    assert all("repeated tap" not in text for text in said(OWN, "cavitation", "other"))


def test_the_kind_of_an_unchanged_base_is_spelt_as_training_spells_it() -> None:
    assert UNCHANGED == BASE


def test_saying_it_loads_nothing_of_training() -> None:
    code = "import popclass.model.limitations, sys; print([m for m in sys.modules if m.startswith(('sklearn', 'popclass.train'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
