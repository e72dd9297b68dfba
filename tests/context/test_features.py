"""Context features."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.context.features import ContextCounter, context_features, context_names
from popclass.context.similarity import Similarity
from popclass.errors import UsageError

CLASSES = ("cavitation", "snapping", "other")
NAMES = context_names(CLASSES)
D = 30


def bursts_of(onset):
    """Return burst numbers: gaps up to 250 ms continue a burst."""
    return np.cumsum(np.diff(onset, prepend=-np.inf) > 0.25)


def measure(onset, embedding, p=None, burst=None, similarity=None, **options):
    onset = np.asarray(onset, dtype=float)
    p = np.full((len(onset), 3), 1 / 3) if p is None else p
    burst = bursts_of(onset) if burst is None else burst
    table = context_features(onset, burst, embedding, p, similarity=similarity or Similarity(), **options)
    return dict(zip(NAMES, table.T, strict=True))


def sounds(n, seed=0):
    """Return n unrelated sounds."""
    return np.random.default_rng(seed).normal(size=(n, D))


@st.composite
def recordings(draw, most=25):
    n = draw(st.integers(0, most))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    onset = np.sort(random.choice(draw(st.sampled_from([2_000, 20_000, 300_000])), n, replace=False)) / 1000
    kinds = random.normal(size=(4, D))
    embedding = kinds[random.integers(0, 4, n)] + random.normal(size=(n, D)) * draw(st.sampled_from([0.0, 0.3, 1.0]))
    return onset, bursts_of(onset), embedding, random.dirichlet(np.ones(3), n)


few = Similarity(neighbours=4)
similarities = st.sampled_from([Similarity(), few, Similarity(window_s=2.0)])


@settings(deadline=None)
@given(recordings(), similarities, st.randoms(use_true_random=False))
def test_context_features_any_order(recording, similarity, random):
    onset, burst, embedding, p = recording
    order = list(range(len(onset)))
    random.shuffle(order)
    straight = context_features(onset, burst, embedding, p, similarity=similarity)
    shuffled = [values[order] for values in (onset, burst, embedding, p)]
    np.testing.assert_array_equal(straight[order], context_features(*shuffled, similarity=similarity))


@settings(deadline=None)
@given(recordings(), similarities, st.integers(-(10**6), 2 * 10**9))
def test_context_features_shift(recording, similarity, shift):
    onset, burst, embedding, p = recording
    np.testing.assert_array_equal(
        context_features(onset, burst, embedding, p, similarity=similarity),
        context_features(onset + shift, burst, embedding, p, similarity=similarity),
    )


@settings(deadline=None)
@given(recordings(), similarities)
def test_context_features_range(recording, similarity):
    onset, burst, embedding, p = recording
    found = measure(onset, embedding, p, burst, similarity)
    for name in ("accompanied", "alike_share", "alike_best", "regularity", "burst_unlikeness", "pair_repeat"):
        assert ((found[name] >= 0) & (found[name] <= 1)).all(), name
    assert (found["alike_count"] <= np.log1p(2 * similarity.neighbours)).all()
    for name in (name for name in NAMES if "_p_" in name):
        assert ((found[name] >= -1 / 3 - 1e-12) & (found[name] <= 2 / 3 + 1e-12)).all(), name


@settings(deadline=None)
@given(recordings(), similarities)
def test_context_features_brute_force(recording, similarity):
    onset, burst, embedding, p = recording
    found = measure(onset, embedding, p, burst, similarity)
    for i in range(len(onset)):
        near = [
            j
            for j in range(len(onset))
            if j != i and abs(j - i) <= similarity.neighbours and abs(onset[j] - onset[i]) <= similarity.window_s + 1e-9
        ]
        like = {j: np.exp(-np.mean((embedding[i] - embedding[j]) ** 2) / 2) for j in near}
        elsewhere = [j for j in near if burst[j] != burst[i]]
        alike = [j for j in elsewhere if like[j] >= 0.8]
        best = sorted((like[j] for j in elsewhere), reverse=True)[:3]
        assert found["alike_count"][i] == np.log1p(len(alike))
        assert found["alike_share"][i] == pytest.approx(len(alike) / max(len(elsewhere), 1))
        assert found["alike_best"][i] == pytest.approx(np.mean(best) if best else 0)
        others = [j for j in near if burst[j] == burst[i]]
        assert found["burst_size"][i] == pytest.approx(np.log(1 + len(others)))
        assert found["alike_p_other"][i] == pytest.approx(np.mean([p[j, 2] for j in alike]) - 1 / 3 if alike else 0)
        assert found["elsewhere_p_other"][i] == pytest.approx(
            np.mean([p[j, 2] for j in elsewhere]) - 1 / 3 if elsewhere else 0
        )
        assert found["burst_p_other"][i] == pytest.approx(np.mean([p[j, 2] for j in others]) - 1 / 3 if others else 0)


def test_context_features_one_event():
    found = measure([0.0], sounds(1), np.eye(3)[[0]])
    assert all((values == 0).all() for values in found.values())


def test_context_features_no_events():
    table = context_features([], np.empty(0, int), np.empty((0, D)), np.empty((0, 3)), similarity=Similarity())
    assert table.shape == (0, len(NAMES))


def test_context_features_duplicates():
    found = measure([1.0] * 5, np.tile(sounds(1), (5, 1)), burst=np.arange(5))
    assert all(np.isfinite(values).all() for values in found.values())
    assert (found["alike_best"] == 1).all()
    assert (found["regularity"] == 0).all()


def test_context_features_extreme_values():
    found = measure([0, 1, 2, 3], np.array([[1e308], [-1e308], [1e308], [0.0]]) * np.ones(D))
    assert all(np.isfinite(values).all() for values in found.values())


def test_regularity_snaps_and_cavitation():
    onset = np.sort(np.append(np.arange(12) * 2.5, 11.0))
    embedding = np.tile(sounds(1), (13, 1)) + 0.2 * sounds(13, seed=1)
    odd = int(np.flatnonzero(onset == 11.0)[0])
    embedding[odd] = sounds(1, seed=2)
    found = measure(onset, embedding)
    snaps = np.arange(13) != odd
    assert (found["regularity"][snaps] > 0.95).all()
    assert (found["alike_share"][snaps] > 0.9).all()
    assert found["alike_count"][odd] == found["regularity"][odd] == found["alike_share"][odd] == 0


def test_regularity_missed_movement():
    regular = np.delete(np.arange(12) * 2.5, 5)
    by_chance = np.cumsum(np.random.default_rng(1).exponential(2.5, 200)) + np.arange(200) * 0.3
    assert (measure(regular, np.zeros((11, D)))["regularity"] > 0.95).all()
    assert measure(by_chance, np.zeros((200, D)))["regularity"].mean() < 0.7


@pytest.mark.parametrize(("events", "regular"), [(3, 0.0), (4, 1.0)])
def test_regularity_needs_three_intervals(events, regular):
    assert (measure(np.arange(events) * 2.0, np.zeros((events, D)))["regularity"] == regular).all()


def test_burst_unlikeness():
    onset = np.arange(4) * 0.035
    unlike, like = measure(onset, sounds(4)), measure(onset, np.zeros((4, D)))
    assert (unlike["burst_unlikeness"] > 0.5).all()
    assert (like["burst_unlikeness"] == 0).all()
    np.testing.assert_allclose(like["burst_size"], np.log(4))
    assert (like["alike_count"] == 0).all()


def test_pair_repeat_press_release():
    press, release = sounds(2)
    onset = np.array([0, 0.1, 3, 3.11, 8, 8.09])
    embedding = np.array([press, release] * 3) + 0.1 * sounds(6, seed=3)
    assert (measure(onset, embedding)["pair_repeat"] > 0.8).all()


@pytest.mark.parametrize("gap", [0.02, 0.24])
def test_pair_repeat_distance_limits(gap):
    onset = np.array([0, gap, 3, 3 + gap])
    assert (measure(onset, np.zeros((4, D)))["pair_repeat"] == 0).all()


def test_pair_repeat_dissimilar_pairs():
    onset = np.array([0, 0.05, 3, 3.05])
    assert (measure(onset, sounds(4))["pair_repeat"] < 0.3).all()
    assert (measure(np.array([0, 0.05, 3, 3.19]), np.zeros((4, D)))["pair_repeat"] < 0.3).all()


def test_context_features_window():
    found = measure([0.0, 100.0], np.zeros((2, D)))
    assert all((values == 0).all() for values in found.values())


def test_neighbours_by_level():
    found = measure([0.0, 0.1, 2.0], np.zeros((3, D)), burst=[1, 1, 2], level_db=[40.0, 10.0, 12.0])
    assert found["burst_size"][0] == 0
    assert found["accompanied"].tolist() == [0, 1, 1]
    assert found["alike_count"].tolist() == pytest.approx(np.log1p([0, 1, 2]).tolist())


def test_series_levels():
    found = measure([0.0, 0.1, 0.2, 2.0], sounds(4), burst=[1, 1, 1, 2], level_db=[40.0, 28.0, 34.0, 60.0])
    np.testing.assert_allclose(found["earlier_level"], [0, 1.2, 0.6, 0])
    np.testing.assert_allclose(found["later_level"], [-0.6, 0.6, 0, 0])


def test_series_gaps():
    found = measure([0.0, 0.1, 0.104, 2.0], sounds(4), burst=[1, 1, 1, 2])
    np.testing.assert_allclose(found["earlier_gap"], np.log([1, 2.5, 50, 1]))
    np.testing.assert_allclose(found["later_gap"], np.log([2.5, 50, 1, 1]))


def test_series_far_weaker_event():
    found = measure([0.0, 0.1], sounds(2), burst=[1, 1], level_db=[50.0, 5.0])
    assert (found["later_level"].tolist(), found["earlier_level"].tolist()) == ([-2, 0], [0, 2])


def test_burst_rate():
    onset = np.array([0.0, 0.05, 3.0, 4.0, 20.0])
    np.testing.assert_allclose(measure(onset, sounds(5))["burst_rate"], np.log1p([2, 2, 2, 2, 0]))


def test_measures_documented():
    assert len(NAMES) == len(set(NAMES)) == 15 + 3 * len(CLASSES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"onset_s": [[0.0]]}, "one value for each event"),
        ({"onset_s": [np.nan]}, "finite"),
        ({"onset_s": [1e13]}, "beyond"),
        ({"burst": [1, 2]}, "one value for each event"),
        ({"level_db": [1, 2]}, "one value for each event"),
        ({"embedding": np.zeros((1, 0))}, "embedding has shape"),
        ({"embedding": [[np.inf]]}, "finite"),
        ({"p_acoustic": np.zeros((2, 3))}, "p_acoustic has shape"),
    ],
)
def test_context_features_refuses(change, message):
    values = {"onset_s": [0.0], "burst": [1], "embedding": [[0.0]], "p_acoustic": [[1.0]], "similarity": Similarity()}
    with pytest.raises(UsageError, match=message):
        context_features(**(values | change))


def test_crowd():
    few, many = np.arange(9) * 0.3, np.arange(36) * 0.2
    assert (measure(few, sounds(9))["crowd"] == 0).all()
    assert measure(many, sounds(36))["crowd"][18] == pytest.approx(np.log(36 / 9))


def test_faint_crowd():
    found = measure([0.0, 1.0, 2.0, 9.0], sounds(4), level_db=[40.0, 20.0, 25.0, 20.0])
    np.testing.assert_allclose(found["faint_crowd"], np.log1p([2, 0, 0, 0]))
    assert found["accompanied"].tolist() == [0, 1, 1, 1]


def counter(n=900, seconds=300.0, seed=8):
    random = np.random.default_rng(seed)
    onset = np.sort(random.uniform(0, seconds, n))
    points = random.normal(size=(6, 30))[random.integers(0, 6, n)] + 0.4 * random.normal(size=(n, 30))
    acoustic, level = random.dirichlet(np.ones(3), n), random.integers(0, 12, n) * 1.0
    return ContextCounter(onset, bursts_of(onset), points, acoustic, level, Similarity())


def test_counter_blocks(monkeypatch):
    whole = counter().features()
    assert whole.shape == (900, len(NAMES))
    monkeypatch.setattr("popclass.context.features._ROWS_OF_ONE_WIDTH", 7)
    np.testing.assert_array_equal(counter().features(), whole)


def test_counter_alike_count_brute_force():
    context = counter(n=60, seconds=40.0)
    counted = context.features()[:, NAMES.index("alike_count")]
    similarity = context.similarity
    for one in range(context.n):
        similar = 0
        for other in range(context.n):
            near = abs(context.time[other] - context.time[one]) <= similarity.window_s * 1e6
            loud = context.level[other] >= context.level[one] - similarity.quieter_db
            if near and loud and context.burst[other] != context.burst[one]:
                pair = context.points[[one]], context.points[[other]]
                similar += similarity.between(*pair)[0] >= similarity.threshold
        assert counted[one] == pytest.approx(np.log1p(similar))
