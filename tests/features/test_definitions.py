"""Definitions of the features and their page in the docs."""

import importlib
import sys
from pathlib import Path

import pytest

from popclass.features import FEATURES, NAMES

ROOT = Path(__file__).resolve().parents[2]


def test_names_unique():
    assert len(set(NAMES)) == len(FEATURES)
    assert tuple(feature.name for feature in FEATURES) == NAMES


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_feature_complete(feature):
    assert feature.low < feature.high
    assert feature.unit in {"1", "dB", "log2", "log2 Hz", "log2 ms"}
    assert len(feature.meaning) > 20


def test_features_page(monkeypatch):
    if not (ROOT / "docs" / "generate" / "features_table.py").is_file():
        pytest.skip("no docs beside the tests")
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "generate"))
    sys.modules.pop("features_table", None)
    table = importlib.import_module("features_table")
    assert table.PAGE.read_text("utf-8") == table.page(), "run: python docs/generate/features_table.py --write"
