"""Promises of popclass.training.fit and what it is made of: classifiers, folds, calibration, novelty, thresholds."""

from itertools import product

import numpy as np
import pytest
from fake_frontend import CLASSES, WIDTH, FakeFrontEnd
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.context.features import context_names
from popclass.context.similarity import Similarity
from popclass.errors import LabelError, UsageError
from popclass.metrics.scores import BY_HAND
from popclass.model.calibration import Calibration
from popclass.model.context import Context, ContextWeights
from popclass.model.model import Model
from popclass.training import cross_validation as trial_module
from popclass.training.calibration import cross_calibrated, fit_calibration
from popclass.training.classifiers import BASELINE, BOOSTING, KINDS, to_graph, train_classifier
from popclass.training.fit import fit
from popclass.training.folds import choose_groups, fewest_groups, make_folds
from popclass.training.novelty import fit_novelty
from popclass.training.thresholds import NOVELTY, joint_precision, min_probability, uncertain


def events(n=240, groups=8, *, apart=1.0, seed=0):
    """Features of three classes whose columns have very different offsets and scales, and of people who differ."""
    rng = np.random.default_rng(seed)
    y = rng.choice(3, n, p=[0.25, 0.25, 0.5])
    group = rng.integers(0, groups, n)
    centres, people = rng.normal(size=(3, WIDTH)) * apart, rng.normal(size=(groups, WIDTH)) * 0.3
    X = rng.normal(size=(n, WIDTH)) + centres[y] + people[group]
    X = X * np.geomspace(1e-3, 1e4, WIDTH) + np.geomspace(1e5, 1e-2, WIDTH)
    return X, [CLASSES[i] for i in y], [f"P{i}" for i in group]


def fitted(**options) -> Model:
    X, labels, groups = events()
    return fit(X, labels, groups, **{"frontend": FakeFrontEnd(), "classifier": "logistic", **options})


@pytest.fixture(scope="module")
def auto() -> Model:
    return fitted(classifier="auto", grouped_by="subject")


@pytest.mark.parametrize("kind", KINDS)
def test_loaded_model_predicts_what_scikit_learn_predicts(kind, tmp_path):
    X, labels, groups = events()
    y = np.array([CLASSES.index(label) for label in labels])
    fit(X, labels, groups, frontend=FakeFrontEnd(), classifier=kind, folds=2).save(tmp_path / "m.onnx")
    model = Model.load(tmp_path / "m.onnx")
    reference = train_classifier(kind, X, y)
    new = events(seed=1)[0].astype(np.float32).astype(np.float64)
    np.testing.assert_allclose(model.raw_probabilities(new), reference.predict_proba(new), atol=1e-5)
    assert model.classes == CLASSES


@pytest.mark.parametrize("kind", KINDS)
def test_the_bits_of_an_answer_do_not_depend_on_how_many_events_came_with_it(kind):
    model = fitted(classifier=kind, folds=2)
    X = events(seed=1)[0].astype(np.float32).astype(np.float64)
    for ask in (model.probabilities, model.novelty):
        alone = np.concatenate([ask(row[None]) for row in X])
        for together in (2, 5, 64, len(X)):
            parts = [ask(X[at : at + together]) for at in range(0, len(X), together)]
            assert np.concatenate(parts).tobytes() == alone.tobytes()


def test_forest_decides_alike_where_float32_cannot_tell_a_threshold_from_a_value():
    rng = np.random.default_rng(0)
    steps = np.float32(1000) + np.arange(64) * np.spacing(np.float32(1000))  # neighbours in float32
    X = steps[rng.integers(0, 64, (400, 3))].astype(np.float64)
    y = (X[:, 0] > X[:, 1]).astype(int)
    estimator = train_classifier("forest", X, y)
    before = estimator.predict_proba(X)
    graph = to_graph(estimator, 3)
    assert np.array_equal(estimator.predict_proba(X), before), "rounding the thresholds changes no decision"
    import onnxruntime

    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    (answer,) = session.run(["probabilities"], {session.get_inputs()[0].name: X.astype(np.float32)})
    np.testing.assert_allclose(answer, before, atol=1e-5)


def test_a_forest_on_noise_stays_under_5_mb():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(3000, 70)), rng.integers(0, 3, 3000)
    assert len(to_graph(train_classifier("forest", X, y), 70)) < 5e6


def test_same_data_gives_the_same_bytes_however_many_workers(monkeypatch):
    first = fitted(classifier="auto").to_bytes()
    monkeypatch.setattr(trial_module, "WORKERS", 1)
    assert fitted(classifier="auto").to_bytes() == first
    assert fitted(classifier="auto", seed=1).to_bytes() != first


def test_auto_takes_the_least_log_loss_and_shows_all_with_the_baseline(auto):
    scores = auto.info["scores"]
    losses = {kind: figures["log_loss"] for kind, figures in scores["candidates"].items()}
    assert set(losses) == {*KINDS, BASELINE}
    assert scores["chosen"] == auto.info["classifier"]["kind"] == min(losses, key=losses.get)
    assert losses[BASELINE] > losses[scores["chosen"]]
    assert scores["candidates"][BASELINE]["balanced_accuracy"] == pytest.approx(1 / 3)


def test_scores_are_those_of_held_out_groups(auto):
    scores = auto.info["scores"]
    assert (scores["grouped_by"], scores["groups"], scores["folds"]) == ("subject", 8, 5)
    assert scores["held_out"]["events"] == 240
    assert scores["held_out"]["balanced_accuracy"] > 0.8


def test_labels_that_mean_nothing_score_like_the_baseline():
    X, labels, groups = events(400)
    shuffled = list(np.random.default_rng(3).permutation(labels))
    candidates = fit(X, shuffled, groups, frontend=FakeFrontEnd(), classifier="forest").info["scores"]["candidates"]
    assert candidates["forest"]["log_loss"] > candidates[BASELINE]["log_loss"] - 0.03
    assert candidates["forest"]["balanced_accuracy"] < 0.45


@pytest.mark.parametrize("kind", [*KINDS, BOOSTING])
def test_probabilities_of_the_file_are_the_classifiers_calibrated_by_held_out_answers(kind):
    X, labels, groups = events()
    y = np.array([CLASSES.index(label) for label in labels])
    model = fit(X, labels, groups, frontend=FakeFrontEnd(), classifier=kind, folds=3)
    names = sorted(CLASSES)
    y = np.array([names.index(label) for label in labels]) if model.classes == tuple(names) else y
    X = X.astype(np.float32).astype(np.float64)
    raw = np.empty((len(y), 3))
    for train, test in make_folds(y, groups, folds=3):
        raw[test] = train_classifier(kind, X[train], y[train]).predict_proba(X[test])
    new = events(seed=1)[0].astype(np.float32).astype(np.float64)
    expected = fit_calibration(raw, y).apply(train_classifier(kind, X, y).predict_proba(new))
    np.testing.assert_allclose(model.probabilities(new), expected, atol=1e-5)


def test_labels_that_mean_nothing_score_like_the_baseline_though_the_best_was_chosen():
    X, labels, groups = events(400)
    shuffled = list(np.random.default_rng(3).permutation(labels))
    scores = fit(X, shuffled, groups, frontend=FakeFrontEnd()).info["scores"]
    assert len(scores["nested"]["chosen"]) == 5
    assert scores["held_out"]["log_loss"] > scores["candidates"][BASELINE]["log_loss"] - 0.01
    assert scores["held_out"]["balanced_accuracy"] < 0.4


def test_the_headline_of_auto_is_nested_and_has_intervals(auto):
    scores = auto.info["scores"]
    held, chosen = scores["held_out"], scores["candidates"][scores["chosen"]]
    assert set(scores["nested"]["chosen"]) <= set(KINDS)
    assert held["log_loss"] != chosen["log_loss"]
    for key in ("log_loss", "balanced_accuracy", "ece", "brier"):
        assert held["intervals"][key][0] < held["intervals"][key][1]
    assert scores["risk_coverage"][-1]["risk"] == pytest.approx(1 - held["accuracy"])


def test_one_classifier_or_two_folds_have_no_nested_score_and_the_latter_is_said():
    assert fitted().info["scores"]["nested"] is None
    model = fitted(classifier="auto", folds=2)
    assert model.info["scores"]["nested"] is None
    assert any("a little too good" in remark for remark in model.info["training"]["remarks"])


def test_an_outer_folds_labels_change_nothing_that_judges_it(monkeypatch):
    X, labels, groups = events()
    y = np.array([CLASSES.index(label) for label in labels])
    X = X.astype(np.float32).astype(np.float64)
    splits = make_folds(y, groups, folds=3)
    changed = y.copy()
    test = splits[0][1]
    changed[test] = (y[test] + 1) % 3
    kinds = ("logistic", "forest")
    before, after = (trial_module.try_out(kinds, X, each, CLASSES, splits).nested for each in (y, changed))
    assert before.chosen[0] == after.chosen[0]
    assert np.array_equal(before.answers[test], after.answers[test])
    assert not np.allclose(before.answers[splits[1][1]], after.answers[splits[1][1]])


def test_the_baseline_made_by_hand_is_tried_where_there_are_clips():
    mfcc = np.random.default_rng(0).normal(size=(240, 40))
    scores = fitted(mfcc=mfcc).info["scores"]
    assert set(scores["candidates"]) == {"logistic", BASELINE, BY_HAND}
    assert scores["chosen"] == "logistic"


def test_a_higher_precision_wants_a_higher_bound():
    named = [fitted(precision=p).info["scores"]["joint_labels"] for p in (0.5, 1.0)]
    assert [each["wanted"] for each in named] == [0.5, 1.0]
    assert named[0]["band"]["to"] <= named[1]["band"]["to"]
    with pytest.raises(UsageError, match=r"0\.5 to 1"):
        fitted(precision=0.4)


def test_at_most_one_joint_event_in_ten_is_uncertain(auto):
    assert auto.info["scores"]["uncertain_joint"] <= 0.1
    least = dict(zip(auto.classes, auto.thresholds.min_probability, strict=True))
    assert 1 / 3 <= least["cavitation"] == least["snapping"] < 1
    assert least["other"] == 0, "doubt is spent where a sound is called a joint's"
    assert auto.thresholds.novelty == NOVELTY


def test_model_says_what_it_was_trained_on():
    training = fitted(provenance={"recordings": 3}, remarks=["mind the gap"]).info["training"]
    _, labels, groups = events()
    assert training["recordings"] == 3
    assert training["remarks"][0] == "mind the gap"
    assert training["remarks"][1].startswith("MFCC + forest, the baseline made by hand, was not tried")
    for name in CLASSES:
        mine = {g for g, label in zip(groups, labels, strict=True) if label == name}
        assert training["classes"][name] == {"events": labels.count(name), "groups": len(mine)}


def test_context_is_kept_as_it_is():
    names = context_names(CLASSES)
    weights = np.arange(3.0 * len(names)).reshape(-1, 3)
    context = Context((0, 2), np.zeros(2), np.ones(2), Similarity(scale=2.0), names, ContextWeights.of_weights(weights))
    model = fitted(context=context.to_json())
    assert model.info["context"] == context.to_json()
    assert np.array_equal(model.context.weighing.linear, weights)
    assert fitted().context is None


def test_progress_comes_to_its_end():
    seen = []
    fitted(progress=lambda what, done, total: seen.append((what, done, total)))
    assert ("cross-validation", 10, 10) in seen


def test_svm_is_left_out_of_auto_where_a_class_is_too_small_for_it_and_that_is_said():
    X, labels, groups = events(60)
    labels = [name if name != "snapping" else "other" for name in labels]
    labels[:2], groups[:2] = ["snapping", "snapping"], ["P0", "P1"]
    model = fit(X, labels, groups, frontend=FakeFrontEnd(), folds=2)
    assert "svm" not in model.info["scores"]["candidates"]
    assert any(remark.startswith("svm was not tried") for remark in model.info["training"]["remarks"])
    with pytest.raises(LabelError, match="svm needs"):
        fit(X, labels, groups, frontend=FakeFrontEnd(), classifier="svm", folds=2)


def test_fewer_groups_than_folds_make_fewer_folds_and_a_remark():
    X, labels, _ = events(90)
    groups = [f"P{i % 3}" for i in range(90)]
    model = fit(X, labels, groups, frontend=FakeFrontEnd(), classifier="logistic", grouped_by="subject")
    assert model.info["scores"]["folds"] == 3
    assert "3 folds instead of 5, for want of subjects of each class" in model.info["training"]["remarks"]


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"labels": ["other"] * 240}, LabelError, "only 'other'"),
        ({"labels": ["other"] * 239 + ["snapping"]}, LabelError, "'snapping' has a single event"),
        ({"labels": ["uncertain"] * 120 + ["other"] * 120}, LabelError, "cannot be a class"),
        (
            {"groups": ["one"] * 240},
            LabelError,
            r"class 'cavitation' \(\d+ events\) comes from a single group.*label it in one more group",
        ),
        ({"folds": 1}, UsageError, "at least 2"),
        ({"classifier": "tree"}, UsageError, "allowed are auto, logistic, svm, forest"),
        ({"X": np.zeros((240, 2))}, UsageError, r"expected \(240, 12\)"),
        ({"X": np.full((240, WIDTH), np.nan)}, UsageError, "finite"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(change, error, says):
    X, labels, groups = events()
    options = {"X": X, "labels": labels, "groups": groups, "frontend": FakeFrontEnd(), **change}
    with pytest.raises(error, match=says):
        fit(**options)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), groups=st.integers(2, 12), folds=st.integers(2, 6))
def test_no_group_is_on_both_sides_and_every_class_can_be_learnt(seed, groups, folds):
    rng = np.random.default_rng(seed)
    # every class in at least two groups, the rest anywhere
    y = np.concatenate([np.repeat([0, 1, 2], 2), rng.integers(0, 3, 50)])
    group = [*map(str, [0, 1, 0, 1, 0, 1]), *map(str, rng.integers(0, groups, 50))]
    made = make_folds(y, group, folds=folds, seed=seed)
    names = np.array(group)
    assert sorted(np.concatenate([test for _, test in made])) == list(range(len(y)))
    for train, test in made:
        assert not set(names[train]) & set(names[test])
        assert set(y[train]) == {0, 1, 2}


def test_a_split_is_found_wherever_there_is_one():
    """Held against trying every way of putting up to six groups into two folds."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        pairs = sorted({(int(c), int(g)) for c, g in zip(rng.integers(0, 3, 9), rng.integers(0, 6, 9), strict=True)})
        y, group = np.array([c for c, _ in pairs]), [str(g) for _, g in pairs]
        if len(set(y)) < 3 or fewest_groups(y, group) < 2:
            continue
        names = sorted(set(group))
        sides = [dict(zip(names, each, strict=True)) for each in product((0, 1), repeat=len(names))]
        there_is = any(all(len({side[str(g)] for c, g in pairs if c == k}) == 2 for k in range(3)) for side in sides)
        if not there_is:
            with pytest.raises(LabelError, match=r"3 \(--folds 3\)"):
                make_folds(y, group, folds=2)
        made = make_folds(y, group, folds=2 if there_is else 3)
        assert all(set(y[train]) == {0, 1, 2} for train, _ in made)


def test_two_recordings_against_one_keep_both_classes_though_no_even_split_does():
    """One recording with both classes, one with each: what somebody records first."""
    y = np.array([0, 1, 1, 0, 0, 0, 0, 1, 1, 1])
    group = ["wrist"] * 3 + ["fingers"] * 4 + ["nothing"] * 3
    held = [{group[i] for i in test} for _, test in make_folds(y, group)]
    assert {"wrist"} in held


def test_a_class_of_one_group_is_named_with_its_count():
    with pytest.raises(LabelError, match=r"class 'snapping' \(2 events\) comes from a single subject"):
        make_folds(
            np.array([0, 0, 1, 1]), ["P", "Q", "P", "P"], classes=("cavitation", "snapping"), grouped_by="subject"
        )


def test_groups_are_subjects_else_recordings_else_events():
    y = np.array([0, 0, 1, 1])
    files = ["a", "b", "c", "d"]
    assert choose_groups(y, ["P", "Q", "P", "Q"], files)[0::2] == ("subject", [])
    kind, groups, remarks = choose_groups(y, ["P", "Q", None, "Q"], files)
    assert (kind, groups[2]) == ("subject", "recording c")
    assert "the subject of 1 recording is not known" in remarks[0]
    kind, _, remarks = choose_groups(y, [None] * 4, files)
    assert kind == "recording"
    assert "subjects are not known" in remarks[0]
    kind, _, remarks = choose_groups(y, ["P"] * 4, files)
    assert kind == "recording"
    assert "one subject" in remarks[0]
    kind, _, remarks = choose_groups(y, ["P"] * 4, ["a"] * 4)
    assert kind == "event"
    assert "one recording" in remarks[0]


def overconfident(n=3000, power=3.0):
    """Answers that are `power` times too sure, and the truth."""
    rng = np.random.default_rng(0)
    p = rng.dirichlet([1, 1, 1], n)
    y = (rng.random((n, 1)) > p.cumsum(axis=1)).sum(axis=1)
    raw = p**power
    return raw / raw.sum(axis=1, keepdims=True), y, p


def test_calibration_finds_how_far_to_trust():
    raw, y, true = overconfident()
    found = fit_calibration(raw, y)
    assert (found.method, found.events) == ("dirichlet", 3000)
    assert np.abs(found.apply(raw) - true).mean() < 0.03 < np.abs(raw - true).mean()


def test_calibration_is_as_simple_as_little_data_asks_for():
    raw, y, _ = overconfident(60)
    few = np.concatenate([np.flatnonzero(y == c)[:10] for c in range(3)])
    found = fit_calibration(raw[few], y[few])
    assert found.method == "temperature"
    assert np.array_equal(found.weights, np.eye(3) * found.weights[0, 0])
    assert found.weights[0, 0] < 1
    assert fit_calibration(raw[few[:20]], y[few[:20]]).method == "identity"
    assert fit_calibration(raw[y < 2][:30], y[y < 2][:30]).method == "identity", "a class is missing"


def test_cross_calibration_never_sees_its_own_fold():
    raw, y, _ = overconfident(600)
    folds = [np.arange(0, 300), np.arange(300, 600)]
    changed = y.copy()
    changed[:300] = (y[:300] + 1) % 3
    before, after = cross_calibrated(raw, y, folds), cross_calibrated(raw, changed, folds)
    assert np.array_equal(before[:300], after[:300])
    assert not np.allclose(before[300:], after[300:])


@pytest.fixture(scope="module")
def people():
    """Events of 20 people to train on, their novelty, and events of 10 others."""
    X, labels, groups = events(1500, groups=30)
    y = np.array([CLASSES.index(label) for label in labels])
    known = np.array([int(group[1:]) < 20 for group in groups])
    splits = make_folds(y[known], [group for group, mine in zip(groups, known, strict=True) if mine])
    return X[known], *fit_novelty(X[known], y[known], splits), X[~known]


def test_novelty_of_held_out_events_is_spread_evenly(people):
    _, _, held_out, _ = people
    np.testing.assert_allclose(np.quantile(held_out, [0.1, 0.5, 0.9]), [0.1, 0.5, 0.9], atol=0.01)
    assert (held_out >= NOVELTY).mean() <= 0.015


def test_new_people_are_ordinary_and_strange_sounds_are_not(people):
    X, novelty, _, strangers = people
    assert (novelty.score(strangers) >= NOVELTY).mean() < 0.05
    assert 0.35 < np.median(novelty.score(strangers)) < 0.65
    spread = X.std(axis=0)
    assert (novelty.score(strangers[:50] + 8 * spread) == 1.0).all()
    one_odd = strangers[:50].copy()
    one_odd[:, 3] += 15 * spread[3]
    assert (novelty.score(one_odd) >= NOVELTY).all(), "one feature far out is enough"


@pytest.mark.parametrize("n", [8, 40, 600])
def test_novelty_holds_with_fewer_events_than_features_and_with_constant_ones(n):
    X, _, _ = events(n)
    y = np.arange(n) % 2
    X[:, 0], X[:, 1] = 5.0, y  # constant; constant inside each class
    novelty, _ = fit_novelty(X, y, make_folds(y, [str(i // 2) for i in range(n)], folds=2))
    score = novelty.score(X)
    assert np.isfinite(score).all()
    assert score.min() < 0.5
    assert novelty.score(X + 100 * X.std(axis=0)).min() == 1.0


EITHER = np.array([True, False])  # the first class is a joint's


def contextual(n=60):
    p = np.linspace(0.3, 0.9, n)
    return np.column_stack([p, 1 - p])


def test_doubt_is_spent_on_joint_labels_and_at_most_on_a_tenth_of_joint_events():
    p, joint = contextual(), np.zeros(60, dtype=int)
    least = min_probability(p, np.zeros(60), joint, EITHER, precision=1.01)  # never reached
    doubtful = uncertain(p, np.zeros(60), np.array([least, 0.0]))
    assert doubtful.sum() == 6
    assert not doubtful[p.argmax(axis=1) == 1].any(), "other is named whenever it is the most likely"


def test_novel_events_count_as_doubtful():
    p, joint = contextual(), np.zeros(60, dtype=int)
    novel = np.zeros(60)
    novel[-2:] = 1.0
    least = min_probability(p, novel, joint, EITHER, precision=1.01)
    assert uncertain(p, novel, np.array([least, 0.0])).sum() == 6
    assert min_probability(p, np.ones(60), joint, EITHER) == 0.5, "novelty alone fills the share"


def test_no_more_doubt_than_the_wanted_precision_needs():
    p = contextual(600)
    y = (np.arange(600) % 10 >= 9).astype(int)  # nine in ten are the joint's, whatever the probability
    assert min_probability(p, np.zeros(600), y, EITHER, precision=0.8) == 0.5
    y = (np.arange(600) < 230).astype(int)  # joint from 0.53 on: the few below cost precision
    least = min_probability(p, np.zeros(600), y, EITHER, precision=0.99)
    assert 0.52 < least < 0.54
    reached = joint_precision(p, np.zeros(600), y, np.array([least, 0.0]))
    assert reached["precision"] >= 0.99
    assert reached["labels"] == (p[:, 0] >= least).sum()


def test_a_classifier_that_is_always_right_needs_no_doubt():
    p = np.tile([0.999, 0.001], (50, 1))
    assert min_probability(p, np.zeros(50), np.zeros(50, dtype=int), EITHER) == 0.5
    assert min_probability(p, np.zeros(50), np.ones(50, dtype=int), EITHER) == 0.5, "no joint events to go by"


def test_identity_is_kept_in_the_file_and_named():
    X, labels, groups = events(24, groups=4, seed=1)
    model = fit(X, labels, groups, frontend=FakeFrontEnd(), classifier="logistic", folds=2)
    assert Calibration.from_json(model.info["calibration"]).method == "identity"
