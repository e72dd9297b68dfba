"""Promises of popclass.training.adapt and correction: few labels do no harm, many help, and the graph says the same."""

import numpy as np
import pytest
from fake_frontend import CLASSES, WIDTH, FakeFrontEnd

from popclass.errors import LabelError
from popclass.metrics.scores import describe
from popclass.model.model import Model
from popclass.training import adapt as module
from popclass.training.adapt import BASE, CORRECTED, Adaptation, choose_correction, clearly_better
from popclass.training.adapt import adapt as adaptation
from popclass.training.correction import RECALIBRATION, base_answers, corrected_graph, fit_correction, scale_of
from popclass.training.fit import fit
from popclass.training.model_card import card
from popclass.training.thresholds import PRECISION


def adapt(*args, **options) -> Model:
    return adaptation(*args, **options).model


NOTHING_LOST = {"subjects": 0, "labels_without_event": 0, "events_left_out": 0}
CAUTIOUS = {"cavitation": 0.6, "snapping": 0.6, "other": 0.0}


def world(n, groups, *, seed, shift=0.0):
    """Three classes; with a shift, a world in which the first two lie elsewhere than in the base's."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(3, WIDTH)) * 0.7
    moved = centres + shift * np.random.default_rng(98).normal(size=(3, WIDTH))
    y = np.concatenate([np.repeat([0, 1, 2], 2), rng.integers(0, 3, n - 6)])  # two of each at least
    group = np.concatenate([np.tile([0, 1], 3), rng.integers(0, groups, n - 6)])
    X = rng.normal(size=(n, WIDTH)) + moved[y]
    return X.astype(np.float32).astype(float), y, [f"P{g}" for g in group]


@pytest.fixture(scope="module")
def base() -> Model:
    X, y, groups = world(600, 12, seed=0)
    return fit(X, [CLASSES[i] for i in y], groups, frontend=FakeFrontEnd(), classifier="forest", folds=3)


def log_loss(p, y):
    return float(-np.log(p[np.arange(len(y)), y]).mean())


def gains(base, n, shift, seeds=8):
    """How much the adapted answers gain over the base's in log loss, on other events of the same world."""
    X, y, _ = world(1500, 12, seed=1000, shift=shift)
    before, found = log_loss(base_answers(base, X), y), []
    for seed in range(seeds):
        own, truth, groups = world(n, 4 if n < 50 else 12, seed=seed + 1, shift=shift)
        chosen = choose_correction(base_answers(base, own), own, truth, groups, scale_of(base), seed=seed)
        after = before if chosen is None else log_loss(chosen.apply(base_answers(base, X), X), y)
        found.append(before - after)
    return np.array(found)


@pytest.mark.parametrize("n", [8, 20, 50])
def test_few_labels_of_the_base_s_own_world_do_no_harm(base, n):
    assert gains(base, n, 0.0).mean() > -0.01


def test_labels_of_a_shifted_world_help_and_more_help_more(base):
    few, many = gains(base, 40, 0.7), gains(base, 400, 0.7)
    assert few.mean() > 0
    assert many.mean() > few.mean() + 0.02


@pytest.mark.parametrize("kind", ["logistic", "svm", "forest", "boosting"])
@pytest.mark.parametrize("strength", [RECALIBRATION, 30.0])
@pytest.mark.parametrize("present", [(0, 1, 2), (0, 2)])
def test_the_graph_answers_as_numpy_does(kind, strength, present):
    X, y, groups = world(300, 6, seed=3)
    base = fit(X, [CLASSES[i] for i in y], groups, frontend=FakeFrontEnd(), classifier=kind, folds=2)
    new, truth, _ = world(200, 6, seed=4, shift=0.7)
    rows = np.isin(truth, present)
    correction = fit_correction(base_answers(base, new)[rows], new[rows], truth[rows], *scale_of(base), strength)
    plain = {"method": "identity", "weights": np.eye(3).tolist(), "bias": [0.0] * 3, "events": 0}
    graph = corrected_graph(base, correction)
    model = Model(graph, {**base.info, "calibration": plain})
    expected = correction.apply(base_answers(base, new), new)
    np.testing.assert_allclose(model.raw_probabilities(new), expected, atol=1e-5)
    np.testing.assert_allclose(expected.sum(axis=1), 1.0)
    assert graph == corrected_graph(base, correction)
    if present == (0, 2):
        np.testing.assert_allclose(expected[:, 1], base.probabilities(new)[:, 1])
    # an adapted model is a base like any other
    again = Model(corrected_graph(model, correction), model.info)
    twice = correction.apply(base_answers(model, new), new)
    np.testing.assert_allclose(again.raw_probabilities(new), twice, atol=1e-5)


def test_an_infinite_shrinkage_leaves_the_slopes_at_zero_and_no_weight_leaves_the_base(base):
    X, y, _ = world(30, 4, seed=5, shift=0.7)
    p = base_answers(base, X)
    correction = fit_correction(p, X, y, *scale_of(base), RECALIBRATION)
    assert not correction.slopes.any()
    assert abs(correction.sharpness - 1) < 1
    stiff = fit_correction(p, X, y, *scale_of(base), 1e5)
    np.testing.assert_allclose(stiff.apply(p, X), correction.apply(p, X), atol=0.01)


def test_an_adapted_model_shows_the_base_beside_it_and_its_card_names_the_base(base, tmp_path):
    X, y, groups = world(150, 10, seed=6, shift=0.7)
    model = adapt(base, X, [CLASSES[i] for i in y], groups, grouped_by="subject")
    assert model is not None
    candidates = model.info["scores"]["candidates"]
    assert model.info["scores"]["chosen"] == CORRECTED
    assert candidates[CORRECTED]["log_loss"] < candidates[BASE]["log_loss"] < candidates["baseline"]["log_loss"] + 1
    assert any("150 events: the base's answers with a shrunk" in each for each in model.info["training"]["remarks"])
    model.save(tmp_path / "mine.onnx")
    loaded = Model.load(tmp_path / "mine.onnx")
    assert len(loaded.to_bytes()) < 5e6
    np.testing.assert_array_equal(loaded.probabilities(X), model.probabilities(X))
    assert f"Adapted from a base model, SHA-256 `{base.sha256}`" in card(loaded)
    assert "inside the graph" in card(loaded)
    assert (model.novelty(X) <= base.novelty(X) + 1e-6).all(), "one's own sounds are no longer new"
    assert model.novelty(X).mean() < base.novelty(X).mean()
    assert adapt(base, X, [CLASSES[i] for i in y], groups, grouped_by="subject").to_bytes() == model.to_bytes()


def test_where_held_out_groups_speak_against_a_correction_the_base_s_answers_stay(base, monkeypatch):
    X, y, groups = world(60, 12, seed=9)
    monkeypatch.setattr(module, "STRENGTH", 1e-3)  # all but free, so that it learns these events by heart
    model = adapt(base, X, [CLASSES[i] for i in y], groups)
    assert model is not None
    assert model.info["classifier"]["kind"] == BASE
    np.testing.assert_array_equal(model.probabilities(X), base.probabilities(X))
    assert any("answers as they are" in remark for remark in model.info["training"]["remarks"])


def test_without_recordings_to_hold_out_the_remark_says_so(base):
    X, y, _ = world(150, 1, seed=10, shift=0.7)
    model = adapt(base, X, [CLASSES[i] for i in y], [str(i) for i in range(150)], grouped_by="event")
    assert model is not None
    assert "nothing is known of other recordings" in model.info["training"]["remarks"][-1]
    p = base_answers(base, X)
    assert choose_correction(p, X, y, ["one"] * 150, scale_of(base)) is not None


def turned_world(base, monkeypatch, grouped_by, groups=None) -> Adaptation:
    """A world in which every class is called by another's name, so that the base errs throughout."""
    X, y, people = world(600, 12, seed=7)
    monkeypatch.setattr(module, "STRENGTH", 1e9)
    labels = [CLASSES[i] for i in (y + 1) % 3]
    return adaptation(base, X, labels, groups or people, folds=3, grouped_by=grouped_by)


def test_a_model_of_its_own_takes_over_when_it_is_clearly_better_for_new_subjects(base, monkeypatch):
    found = turned_world(base, monkeypatch, "subject")
    assert found.verdict.replaces
    assert "clearly better" in found.verdict.remark
    assert set(found.rows) == {BASE, CORRECTED}
    assert all(low < row["log_loss"] < high for row in found.rows.values() for low, high in [row["interval"]])


@pytest.mark.parametrize("grouped_by", ["recording", "event"])
def test_nothing_replaces_a_base_where_nothing_is_known_of_a_new_person(base, monkeypatch, grouped_by):
    found = turned_world(base, monkeypatch, grouped_by)
    assert not found.verdict.replaces
    assert "nothing is known of a new person" in found.model.info["training"]["remarks"][-1]
    assert {BASE, CORRECTED, "forest", "logistic", "svm"} <= set(found.model.info["scores"]["candidates"])
    assert found.model.info["scores"]["chosen"] == CORRECTED


def test_four_subjects_are_too_few_to_give_up_a_base(base, monkeypatch):
    found = turned_world(base, monkeypatch, "subject", groups=[f"P{i % 4}" for i in range(600)])
    assert not found.verdict.replaces
    assert "too few groups" in found.verdict.remark


def test_adapted_scores_have_intervals_where_there_are_groups_enough(base):
    X, y, groups = world(60, 12, seed=9)
    scores = adapt(base, X, [CLASSES[i] for i in y], groups).info["scores"]
    assert scores["held_out"]["intervals"]["groups"] == 12
    assert "No intervals" not in describe(scores)
    few = adapt(base, X, [CLASSES[i] for i in y], [f"P{i % 3}" for i in range(60)]).info["scores"]
    assert few["held_out"]["intervals"] is None


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (["cavitation"] * 4, "4 events, all of cavitation, cannot show where the base errs"),
        (["other"] * 5 + ["cavitation"], r"no correction can be judged: class 'cavitation' has a single event"),
    ],
)
def test_labels_too_few_to_judge_a_correction_leave_the_base_as_it_is_and_say_so(base, labels, says):
    X, _, _ = world(20, 4, seed=8)
    X = X[: len(labels)]
    model = adapt(base, X, labels, [str(i) for i in range(len(labels))], grouped_by="event", about_folds=["folds mix"])
    np.testing.assert_array_equal(model.probabilities(X), base.probabilities(X))
    assert "folds mix" not in model.info["training"]["remarks"]
    assert says in model.info["training"]["remarks"][-1]
    assert model.info["scores"]["candidates"].keys() == {BASE}
    assert "no folds by event" in describe(model.info["scores"])
    assert "no folds by event" in card(model)


def test_no_label_at_all_is_refused(base):
    with pytest.raises(LabelError, match="label at least one"):
        adapt(base, np.empty((0, WIDTH)), [], [])


@pytest.mark.parametrize("kind", [BASE, CORRECTED])
def test_the_limits_of_a_card_follow_from_where_the_events_came(base, kind, monkeypatch):
    """Generated alone, or a generated base beneath recordings, or neither."""
    monkeypatch.setattr(module, "clearly_better", lambda *_: False)  # so that the correction stands
    made = {**base.info["training"], "source": "generated"}
    generated = Model(base.graph, {**base.info, "training": made})
    assert "It was trained on generated sounds alone" in card(generated)
    assert "generated" not in card(base)
    labels = ["cavitation"] * 6 if kind == BASE else ["cavitation", "other"] * 3
    X = world(20, 4, seed=8)[0][:6]
    text = card(adapt(generated, X, labels, list("aabbcc"), provenance={"recordings": 3, **NOTHING_LOST}))
    assert "generated sounds alone" not in text
    assert "The base model was trained on generated sounds." in text
    own = "3 labelled recordings given to `train` (6 events) changed none" if kind == BASE else "from 3 labelled rec"
    assert own in text


def shifted_recordings(n, seed):
    """Few events of a world in which the base errs."""
    X, y, groups = world(n, 10, seed=seed, shift=0.7)
    return X, [CLASSES[i] for i in y], groups


def test_a_stated_precision_decides_the_thresholds_of_an_adapted_model(base):
    events = shifted_recordings(150, 6)
    plain, loose, strict = (adapt(base, *events, precision=p) for p in (None, 0.5, 0.99))
    assert plain.thresholds == base.thresholds
    assert plain.info["scores"]["joint_labels"]["wanted"] == PRECISION
    for model, wanted in ((loose, 0.5), (strict, 0.99)):
        named = model.info["scores"]["joint_labels"]
        least = dict(zip(model.classes, model.thresholds.min_probability, strict=True))
        assert named["wanted"] == wanted
        assert least["cavitation"] == least["snapping"] == named["band"]["to"]
        assert least["other"] == 0
    named = [model.info["scores"]["joint_labels"] for model in (loose, strict)]
    assert named[0]["band"]["to"] < named[1]["band"]["to"]
    assert named[0]["labels"] > named[1]["labels"]
    assert named[0]["precision"] >= 0.5
    assert f"{named[1]['band']['to']:.2f}" in card(strict)


def test_lucky_labels_do_not_lower_what_the_base_asks_for_unless_less_is_asked_for(base):
    cautious = Model(base.graph, {**base.info, "thresholds": {**base.info["thresholds"], "min_probability": CAUTIOUS}})
    X, y, groups = world(40, 4, seed=11)
    truth = base.probabilities(X).argmax(axis=1)  # labels that agree with the base throughout
    truth[:6] = y[:6]
    labels = [base.classes[i] for i in truth]
    same, less = (adapt(cautious, X, labels, groups, precision=p) for p in (0.8, 0.5))
    assert max(same.thresholds.min_probability) >= 0.6
    assert max(less.thresholds.min_probability) < 0.6


def test_classes_the_base_does_not_know_are_refused(base):
    X, _, groups = world(20, 4, seed=8)
    with pytest.raises(LabelError, match="'click' is no class of the base"):
        adapt(base, X, ["click", "other"] * 10, groups)


def test_one_group_shows_nothing_and_a_steady_gain_is_clear():
    loss, other = np.zeros(10), np.ones(10)
    assert not clearly_better(loss, other, ["a"] * 10)
    assert clearly_better(loss, other, list("aabbccddee"))
    assert not clearly_better(other, loss, list("aabbccddee"))
