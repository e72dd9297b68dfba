"""Tests of docs/generate/synthesis_figures.py."""

from __future__ import annotations

import importlib.util
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from popclass.schema import CAVITATION
from popclass.synthesis import Label
from popclass.synthesis import parameters as p

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def figures() -> ModuleType:
    path = ROOT / "docs" / "generate" / "synthesis_figures.py"
    if not path.is_file():
        pytest.skip("no docs beside the tests")
    spec = importlib.util.spec_from_file_location("synthesis_figures", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["synthesis_figures"] = module
    spec.loader.exec_module(module)
    return module


def test_parameter_rows_in_page(figures: ModuleType) -> None:
    """A changed parameter range needs a new page."""
    page = (ROOT / "docs" / "synthesis.md").read_text(encoding="utf-8")
    for row in figures.parameter_rows(lambda q: q.source != p.ASSUMPTION):
        assert "| " + " | ".join(row) + " |" in page, row
    for row in figures.parameter_rows(lambda q: q.source == p.ASSUMPTION):
        assert "| " + " | ".join(row[:4]) + " |" in page, row


def _pops(figures: ModuleType, recording: int, *onsets: float) -> list[object]:
    start = datetime(2025, 1, 1, tzinfo=UTC).timestamp() + 60.0 * recording
    return [
        figures.Found(Label(t, t + 0.01, CAVITATION, "pop", 30.0, 0), "contact", "lumbar", recording, t, start + t, {})
        for t in onsets
    ]


def test_thrusts_end_at_long_gap(figures: ModuleType) -> None:
    found = _pops(figures, 100, 1.0, 1.03, 1.07, 5.0, 5.02) + _pops(figures, 101, 1.08)
    groups = figures.thrusts(found, "lumbar")
    assert [group.tolist() for group in groups] == [[1.0, 1.03, 1.07]]
    assert np.allclose(figures.gaps(groups), [30.0, 40.0])


def test_silent_minutes_per_cavity(figures: ModuleType) -> None:
    found = _pops(figures, 100, 1.0) + _pops(figures, 120, 1.0) + _pops(figures, 200, 1.0)
    assert np.allclose(figures.silent_minutes(found), [20.0])


def test_shares_format(figures: ModuleType) -> None:
    assert figures.shares(np.array([100.0, 700.0, 800.0, 5000.0]), (600.0, 1200.0)) == "25 % / 50 % / 25 % (n 4)"
