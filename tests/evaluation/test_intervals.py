"""Intervals of evaluation scores."""

import numpy as np

from popclass.evaluation.intervals import spans
from popclass.metrics.bootstrap import bootstrap


def share(values, kind):
    return lambda at: {"share": float(values[at][kind[at]].mean()) if kind[at].any() else None}


def mean_of(values):
    return lambda at: {"mean": float(values[at].mean())}


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
