"""Calibration and net benefit of an evaluation."""

from pathlib import Path

import numpy as np
import pytest

from popclass.evaluation.matching import Case
from popclass.evaluation.probabilities import score_calibration, score_net_benefit
from popclass.labels import LabelledRecording
from popclass.results import Event

CLASSES = ("cavitation", "other")
EVENT = Event(0, 0, 1, 48_000, channel=1, snr_db=20.0, peak_dbfs=-6.0, label="other")


def cases(truths, probabilities, groups):
    """Sounds with a label or None and the probability of cavitation, or None where missed."""
    made = []
    for truth, p, group in zip(truths, probabilities, groups, strict=True):
        tables = {} if p is None else {"both": np.array([p, 1 - p])}
        event = None if p is None else EVENT
        made.append(Case(LabelledRecording(Path(group), group), truth, None, event, tables))
    return made


@pytest.fixture
def overconfident():
    """Sounds of 20 recordings, with log-odds twice as large as they should be."""
    rng = np.random.default_rng(0)
    logit = rng.normal(0, 1.5, 2000)
    own = rng.random(2000) < 1 / (1 + np.exp(-logit))
    truths = ["cavitation" if each else None for each in own]
    return cases(truths, 1 / (1 + np.exp(-2 * logit)), [str(i % 20) for i in range(2000)])


def test_calibration_slope_of_overconfident_model(overconfident):
    found = score_calibration(overconfident, CLASSES)
    assert found["slope"]["cavitation"] == pytest.approx(0.5, abs=0.05)
    low, high = found["intervals"]["slope"]["cavitation"]
    assert low < 0.5 < high < 0.7
    assert found["slope"]["other"] == pytest.approx(found["slope"]["cavitation"])
    assert found["intercept"]["cavitation"] == pytest.approx(-found["intercept"]["other"])


def test_calibration_undefined():
    found = score_calibration(cases(["cavitation"] * 2, [0.9, 0.8], ["a", "b"]), CLASSES)
    assert found["slope"] == {"cavitation": None, "other": None}
    assert found["intercept"] == {"cavitation": None, "other": None}
    assert found["intervals"]["slope"] == {"cavitation": None, "other": None}
    assert score_calibration([], CLASSES)["events"] == 0


def test_net_benefit_counts_missed_sounds():
    sounds = cases(["cavitation", "cavitation", "other", None], [0.9, None, 0.6, 0.1], "abcd")
    found = score_net_benefit(sounds, CLASSES)
    at_half = next(at for at in found["cavitation"] if at["threshold"] == 0.5)
    assert at_half["model"] == pytest.approx((1 - 1) / 4)
    assert at_half["all"] == pytest.approx((2 - 2) / 4)
    at_high = next(at for at in found["cavitation"] if at["threshold"] == 0.7)
    assert at_high["model"] == pytest.approx(1 / 4)
    assert at_high["interval"] is None, "four groups"


def test_net_benefit_intervals(overconfident):
    for at in score_net_benefit(overconfident, CLASSES)["cavitation"]:
        assert at["interval"][0] < at["model"] < at["interval"][1]


def test_net_benefit_without_sounds():
    assert all(at["model"] is None and at["all"] is None for at in score_net_benefit([], CLASSES)["other"])
