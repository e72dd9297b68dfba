"""Two models on the same recordings."""

from pathlib import Path

import numpy as np
import pytest

from popclass.evaluation.comparison import Side, score_comparison
from popclass.evaluation.counts import RECORDING, Count, Counted
from popclass.evaluation.matching import Case
from popclass.label_rules import LabelRules
from popclass.labels import LabelledRecording, LabelRow
from popclass.metrics.agreement import concordance
from popclass.metrics.scores import score
from popclass.results import Cavitations, Event

CLASSES = ("cavitation", "other")


def rules(classes=CLASSES, weights=1.0):
    share = np.full(len(classes), 1 / len(classes))
    return LabelRules(tuple(classes), np.zeros(len(classes)), share, 1.0, None, 0.0, weights=weights)


def side(recordings, truths, probabilities, classes=CLASSES, counts=()):
    """A model that gives each sound a probability of its first class, and names the likelier one."""
    cases = []
    for number, (recording, truth, p) in enumerate(zip(recordings, truths, probabilities, strict=True)):
        label = classes[0] if p > 0.5 else classes[1]
        event = Event(0, 0, 1, 48_000, channel=1, snr_db=20.0, peak_dbfs=-6.0, event=number + 1, label=label)
        row = LabelRow(float(number), float(number), truth)
        cases.append(Case(recording, truth, row, event, {"both": np.array([p, 1 - p])}))
    return Side(rules(classes), cases, Counted(tuple(counts)))


@pytest.fixture
def sounds():
    """Sounds of ten recordings: recordings, truths, and probabilities of a good and a poor model."""
    rng = np.random.default_rng(0)
    own = [LabelledRecording(Path(str(i // 12)), str(i // 12), subject=f"P{i // 12}") for i in range(120)]
    kind = rng.random(120) < 0.5
    noise = rng.normal(0, 1, (2, 120))
    signal = 2 * (2 * kind - 1)
    good, poor = (1 / (1 + np.exp(-signal - scale * each)) for scale, each in zip((1, 4), noise, strict=True))
    return own, ["cavitation" if each else "other" for each in kind], good, poor


def figures(found):
    return {(one["figure"], one["class"]): one for one in found["figures"]}


def compared(own, first, second, mfcc=lambda case: np.zeros(2)):
    unique = list({each.name: each for each in own}.values())
    return score_comparison(first, second, unique, [(each, 30.0) for each in unique], mfcc)


def test_comparison_differences(sounds):
    own, truths, good, poor = sounds
    found = compared(own, side(own, truths, good), side(own, truths, poor))
    assert (found["events"], found["groups"], found["intervals_over"]) == (120, 10, "subject")
    y = np.array([CLASSES.index(each) for each in truths])
    for at, p in (("model", good), ("compared", poor)):
        expected = score(y, np.stack([p, 1 - p], axis=1), CLASSES)
        for name in ("balanced_accuracy", "log_loss", "brier"):
            assert figures(found)[name, None][at] == pytest.approx(expected[name])
    loss = figures(found)["log_loss", None]
    assert loss["difference"] == pytest.approx(loss["model"] - loss["compared"])
    assert loss["interval"][0] < loss["difference"] < loss["interval"][1] < 0
    hits = figures(found)["sensitivity", "cavitation"]
    assert hits["model"] > hits["compared"]
    assert figures(found)["false_joint_calls_per_minute", None]["model"] == np.sum((good > 0.5) & (y == 1)) / 5


def test_comparison_with_itself(sounds):
    own, truths, good, _ = sounds
    found = compared(own, side(own, truths, good), side(own, truths, good))
    assert {one["difference"] for one in found["figures"]} <= {0.0, None}
    assert {str(one["interval"]) for one in found["figures"]} == {"None"}, "all draws agree"


def test_comparison_paired_interval_is_narrower(sounds):
    """What makes a group hard for both models cancels out."""
    own, truths, good, _ = sounds
    hard = np.array([int(each.name) % 2 for each in own])
    first, second = (0.5 + (p - 0.5) * np.where(hard, 0.05, 1) for p in (good, 0.5 + 0.9 * (good - 0.5)))
    found = figures(compared(own, side(own, truths, first), side(own, truths, second)))["log_loss", None]
    assert found["interval"][1] - found["interval"][0] < 0.1


def test_comparison_other_classes(sounds):
    own, truths, good, poor = sounds
    theirs = side(own, ["other" if each == "other" else "cavitation" for each in truths], poor, ("click", "other"))
    found = compared(own, side(own, truths, good), theirs)
    assert found["classes"] == ["other"]
    assert found["baseline"]["reason"] == "the models have other classes"
    assert ("log_loss", None) not in figures(found)
    assert figures(found)["sensitivity", "other"]["difference"] is not None


def test_comparison_classes_in_another_order(sounds):
    own, truths, good, _ = sounds
    turned = side(own, truths, 1 - good, ("other", "cavitation"))
    found = figures(compared(own, side(own, truths, good), turned))
    for name in ("balanced_accuracy", "log_loss", "brier"):
        assert found[name, None]["difference"] == pytest.approx(0)


def test_comparison_baseline(sounds):
    own, truths, good, poor = sounds
    kind = np.array([each == "cavitation" for each in truths])

    def mfcc(case):
        return np.array([kind[case.event.event - 1], 1.0])

    found = compared(own, side(own, truths, good), side(own, truths, poor), mfcc)
    assert found["baseline"]["folds"] == 5
    assert found["baseline"]["reason"] is None
    accuracy = figures(found)["balanced_accuracy", None]
    assert accuracy["baseline"] == 1.0
    assert accuracy["less_baseline"] == pytest.approx(accuracy["model"] - 1)
    assert accuracy["less_baseline_interval"][1] <= 0
    assert figures(found)["sensitivity", "cavitation"]["baseline"] is None


def test_comparison_baseline_single_recording(sounds):
    own, truths, good, poor = (each[:12] for each in sounds)
    found = compared(own, side(own, truths, good), side(own, truths, poor))
    assert "single recording" in found["baseline"]["reason"]
    assert figures(found)["log_loss", None]["interval"] is None


def test_comparison_counts(sounds):
    own, truths, good, _ = sounds
    rng = np.random.default_rng(1)
    unique = list({each.name: each for each in own}.values())
    true, first, second = rng.integers(0, 6, 10), rng.random(10) * 5, rng.random(10) * 5

    def counts(expected):
        return [
            Count(RECORDING, each, int(n), Cavitations(float(x), 0, 9), 0)
            for each, n, x in zip(unique, true, expected, strict=True)
        ]

    sides = [side(own, truths, good, counts=counts(x)) for x in (first, second)]
    found = figures(compared(own, *sides))
    for at, x in (("model", first), ("compared", second)):
        assert found["counts_concordance", None][at] == pytest.approx(concordance(true, x))
        assert found["counts_mean_absolute_error", None][at] == pytest.approx(np.abs(true - x).mean())
