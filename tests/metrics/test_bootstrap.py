"""Confidence intervals by bootstrap over groups."""

import numpy as np
import pytest

from popclass.metrics.bootstrap import DRAWS, FEWEST_GROUPS, LEVEL, bootstrap, score_with_intervals, spans
from popclass.metrics.scores import score

CLASSES = ("cavitation", "snapping", "other")


TOTALS = ("log_loss", "balanced_accuracy", "ece", "brier")


def share(values, kind):
    return lambda at: {"share": float(values[at][kind[at]].mean()) if kind[at].any() else None}


def mean_of(values):
    return lambda chosen: {"mean": float(values[chosen].mean())}


def predictions(n=200, groups=10, seed=0):
    """Truth, answers that are right more often than not, and groups."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    p = rng.dirichlet(np.ones(3), n) + 0.8 * np.eye(3)[y]
    return y, p / p.sum(axis=1, keepdims=True), [str(g) for g in rng.integers(0, groups, n)]


def test_bootstrap_coverage():
    held = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        groups = np.repeat(np.arange(30), 10).astype(str)
        values = np.repeat(rng.normal(0, 1, 30), 10) + rng.normal(0, 0.3, 300)  # events of a group resemble each other
        low, high = bootstrap(mean_of(values), groups, draws=200, seed=seed)["mean"]
        held += low <= 0 <= high
    assert 85 <= held <= 99


def test_bootstrap_events_of_one_group():
    rng = np.random.default_rng(0)
    own = rng.normal(0, 1, 12)
    few = bootstrap(mean_of(own), [str(i) for i in range(12)], seed=1)["mean"]
    many = bootstrap(mean_of(np.repeat(own, 50)), [str(i) for i in np.repeat(np.arange(12), 50)], seed=1)["mean"]
    assert many == pytest.approx(few)


def test_bootstrap_single_group():
    assert bootstrap(mean_of(np.arange(5.0)), ["one"] * 5) == {}
    assert bootstrap(mean_of(np.arange(0.0)), []) == {}


def test_bootstrap_undefined_figure():
    assert bootstrap(lambda chosen: {"never": None}, ["a", "b"]) == {"never": None}


def test_bootstrap_seed():
    values, groups = np.arange(20.0), [str(i % 5) for i in range(20)]
    assert bootstrap(mean_of(values), groups, seed=3) == bootstrap(mean_of(values), groups, seed=3)


def test_bootstrap_several_figures():
    values, groups = np.arange(20.0), [str(i % 5) for i in range(20)]
    mean, least = mean_of(values), lambda chosen: {"least": float(values[chosen].min())}
    both = bootstrap(lambda chosen: mean(chosen) | least(chosen), groups, seed=3)
    assert both == bootstrap(mean, groups, seed=3) | bootstrap(least, groups, seed=3)
    assert both["mean"] != both["least"]


def test_score_with_intervals_equal_score():
    y, p, groups = predictions()

    def slowly(chosen):
        figures = score(y[chosen], p[chosen], CLASSES)
        each = {f"{key} {i}": one[key] for i, one in enumerate(figures["classes"]) for key in ("precision", "recall")}
        return {key: figures[key] for key in TOTALS} | each

    expected = bootstrap(slowly, groups, seed=4)
    found = score_with_intervals(y, p, CLASSES, groups, seed=4)["intervals"]
    assert found is not None
    for key in TOTALS:
        assert found[key] == pytest.approx(expected[key])
    for i, one in enumerate(found["classes"]):
        assert one["class"] == CLASSES[i]
        for key in ("precision", "recall"):
            assert one[key] == pytest.approx(expected[f"{key} {i}"])


def test_score_with_intervals_contain_score():
    y, p, groups = predictions()
    whole = score_with_intervals(y, p, CLASSES, groups)
    found = whole["intervals"]
    assert (found["level"], found["draws"], found["groups"]) == (LEVEL, DRAWS, 10)
    # the calibration error of a draw is above that of the whole: it only adds distances
    for key in ("log_loss", "balanced_accuracy", "brier"):
        assert found[key][0] < whole[key] < found[key][1]


def test_score_with_intervals_fewest_groups():
    y, p, groups = predictions()
    for count, known in ((FEWEST_GROUPS - 1, False), (FEWEST_GROUPS, True)):
        few = [str(int(group) % count) for group in groups]
        assert (score_with_intervals(y, p, CLASSES, few)["intervals"] is not None) == known


def test_score_with_intervals_class_never_predicted():
    y, p, groups = predictions()
    p[:, 1] = 0.0
    found = score_with_intervals(y, p / p.sum(axis=1, keepdims=True), CLASSES, groups)["intervals"]
    assert found["classes"][1] == {"class": "snapping", "precision": None, "recall": None}


def test_score_with_intervals_class_of_one_group():
    """Ten events of one recording, all right, among many of others."""
    y, p, groups = predictions()
    ten, sure = np.full(10, 3), np.tile([0.0, 0, 0, 1], (10, 1))
    p = np.concatenate([np.column_stack([p, np.zeros(len(p))]), sure])
    found = score_with_intervals(np.append(y, ten), p, (*CLASSES, "hip"), [*groups, *["one"] * 10])["intervals"]
    assert found["classes"][3] == {"class": "hip", "precision": None, "recall": None}
    assert found["balanced_accuracy"] is None
    assert found["log_loss"] is not None
    assert found["classes"][0]["recall"] is not None


def test_score_with_intervals_all_right():
    y = np.arange(60) % 3
    found = score_with_intervals(y, np.eye(3)[y], CLASSES, [str(i // 6) for i in range(60)])["intervals"]
    assert [found[key] for key in TOTALS] == [None] * 4
    assert all(one["precision"] is one["recall"] is None for one in found["classes"])


def test_spans_five_groups():
    groups = np.repeat([f"P{i}" for i in range(12)], 3)
    values = np.arange(36) % 5 / 5
    for held in (1, 4, 5, 12):
        kind = np.isin(groups, [f"P{i}" for i in range(held)])
        found = spans(share(values, kind), groups, {"share": [kind]})["share"]
        assert (found is not None) == (held >= 5)


def test_spans_bootstrap():
    groups, values = np.repeat(list("abcdefgh"), 4), np.random.default_rng(0).random(32)
    everything = np.ones(32, dtype=bool)
    figures = share(values, everything)
    assert spans(figures, groups, {"share": [everything]})["share"] == list(bootstrap(figures, groups)["share"])


def test_spans_rare_draws():
    """Five of a hundred groups hold it; a draw without it has no share, and is not counted."""
    groups = np.repeat([str(i) for i in range(100)], 2)
    kind, missing = np.isin(groups, [str(i) for i in range(5)]), []
    figures = share(np.arange(200) % 2 + 0.0 + kind * np.arange(200) / 100, kind)

    def counted(at):
        missing.append(not kind[at].any())
        return figures(at)

    assert spans(counted, groups, {"share": [kind]})["share"] is not None
    assert 0 < np.mean(missing) < np.exp(-5) * 2


def test_spans_precision_unbiased():
    """Five of 100 groups have a sound, always called right; two false calls are elsewhere, and alone in some draws."""
    groups = [str(i) for i in range(100)]
    own, called = np.arange(100) < 5, np.arange(100) < 7
    precisions = []

    def figures(at):
        if not called[at].any():
            return {"precision": None}
        precisions.append(float((own & called)[at].sum() / called[at].sum()))
        return {"precision": precisions[-1] or np.nan}  # one that is counted spoils the interval

    low, high = spans(figures, groups, {"precision": [own, called]})["precision"]
    assert 0.0 in precisions
    assert 0 < low < 5 / 7 < high


@pytest.mark.slow
def test_spans_coverage():
    def held(count, trials=300):
        hits = 0
        for seed in range(trials):
            means = np.random.default_rng(seed).normal(0, 1, count)
            low, high = bootstrap(mean_of(means), [str(i) for i in range(count)], draws=200, seed=seed)["mean"]
            hits += low <= 0 <= high
        return hits / trials

    assert 0.78 < held(5) < 0.89
    assert 0.89 < held(30) < 0.97


def test_spans_no_variation():
    groups, right = list("abcdefgh"), np.ones(8, dtype=bool)
    assert spans(share(right, right), groups, {"share": [right]}) == {"share": None}


def test_spans_empty():
    assert spans(lambda at: {"share": None}, [], {"share": []}) == {"share": None}
