"""Model card."""

import pytest

from popclass.model.model import Model
from popclass.training.model_card import card
from popclass.training.train import train


@pytest.mark.slow
def test_card(clips, tmp_path):
    model = train(clips, classifier="logistic", seed=7)
    text = card(model, title="My model")
    assert text.startswith("# My model\n")
    assert card(Model.from_bytes(model.to_bytes()), title="My model") == text
    assert model.sha256 in text
    model.save(tmp_path / "mine.onnx")
    assert card(model).startswith("# mine\n")
    assert "seed 7" in text
    assert "| cavitation | 6 | 6 |" in text
    assert "logistic was chosen" in text
    assert "| true \\ predicted | cavitation | snapping | other |" in text
    assert "subjects are not known" in text
    assert "None: it needs 30 or more held-out events" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in rows)
