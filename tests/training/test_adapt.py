"""Adaptation of a base model."""

import numpy as np
import pytest
from fake_frontend import CLASSES, WIDTH, FakeFrontEnd
from training_data import shifted_events

from popclass.errors import LabelError
from popclass.metrics.tables import describe
from popclass.model.model import Model
from popclass.training import adapt as module
from popclass.training.adapt import BASE, CORRECTED, Adaptation, choose_correction, clearly_better
from popclass.training.correction import (
    base_probabilities,
    feature_scale,
)
from popclass.training.fit import fit
from popclass.training.model_card import card
from popclass.training.settings import FitConfig
from popclass.training.thresholds import PRECISION

NOTHING_LOST = {"subjects": 0, "labels_without_event": 0, "events_left_out": 0}


CAUTIOUS = {"cavitation": 0.6, "snapping": 0.6, "other": 0.0}


@pytest.fixture(scope="module")
def base() -> Model:
    X, y, groups = shifted_events(600, 12, seed=0)
    return fit(X, [CLASSES[i] for i in y], groups, FakeFrontEnd(), FitConfig(classifier="forest", folds=3))


def adapted(base, X, labels, groups, **options) -> Model:
    return fit(X, labels, groups, FakeFrontEnd(), FitConfig(**options), base=base)


def log_loss(p, y):
    return float(-np.log(p[np.arange(len(y)), y]).mean())


def gains(base, n, shift, seeds=8):
    """Return the gain in log loss over the base on other events of the same kind."""
    X, y, _ = shifted_events(1500, 12, seed=1000, shift=shift)
    before, found = log_loss(base_probabilities(base, X), y), []
    for seed in range(seeds):
        own, truth, groups = shifted_events(n, 4 if n < 50 else 12, seed=seed + 1, shift=shift)
        chosen = choose_correction(base_probabilities(base, own), own, truth, groups, feature_scale(base), seed=seed)
        after = before if chosen is None else log_loss(chosen.apply(base_probabilities(base, X), X), y)
        found.append(before - after)
    return np.array(found)


@pytest.mark.slow
@pytest.mark.parametrize("n", [8, 20, 50])
def test_choose_correction_same_distribution(base, n):
    assert gains(base, n, 0.0).mean() > -0.01


@pytest.mark.slow
def test_choose_correction_shifted_distribution(base):
    few, many = gains(base, 40, 0.7), gains(base, 400, 0.7)
    assert few.mean() > 0
    assert many.mean() > few.mean() + 0.02


def test_adapt_scores_and_card(base, tmp_path):
    X, y, groups = shifted_events(150, 10, seed=6, shift=0.7)
    model = adapted(base, X, [CLASSES[i] for i in y], groups, grouped_by="subject")
    assert model is not None
    candidates = model.info["scores"]["candidates"]
    assert model.info["scores"]["chosen"] == CORRECTED
    assert candidates.keys() == {BASE, CORRECTED, "baseline"}, "too few events for models of the labels alone"
    assert candidates[CORRECTED]["log_loss"] < candidates[BASE]["log_loss"] < candidates["baseline"]["log_loss"] + 1
    assert any("150 events: the base with a shrunk" in each for each in model.info["training"]["remarks"])
    model.save(tmp_path / "mine.onnx")
    loaded = Model.load(tmp_path / "mine.onnx")
    assert len(loaded.to_bytes()) < 5e6
    np.testing.assert_array_equal(loaded.probabilities(X), model.probabilities(X))
    assert f"Adapted from a base model, SHA-256 `{base.sha256}`" in card(loaded)
    assert "inside the graph" in card(loaded)
    assert (model.novelty(X) <= base.novelty(X) + 1e-6).all(), "a person's own sounds are not novel any more"
    assert model.novelty(X).mean() < base.novelty(X).mean()
    assert adapted(base, X, [CLASSES[i] for i in y], groups, grouped_by="subject").to_bytes() == model.to_bytes()


@pytest.mark.slow
def test_adapt_correction_rejected(base, monkeypatch):
    X, y, groups = shifted_events(60, 12, seed=9)
    monkeypatch.setattr(module, "STRENGTH", 1e-3)  # hardly any shrinkage, so that it overfits
    model = adapted(base, X, [CLASSES[i] for i in y], groups)
    assert model is not None
    assert model.info["classifier"]["kind"] == BASE
    np.testing.assert_array_equal(model.probabilities(X), base.probabilities(X))
    assert any("the base is unchanged" in remark for remark in model.info["training"]["remarks"])


def test_adapt_kept_base_frequencies(base):
    """A base without a correction stays calibrated for the class frequencies of its own training data."""
    X, _, _ = shifted_events(12, 1, seed=3)
    model = adapted(base, X, ["snapping"] * 12, ["one"] * 12)
    assert model.info["classifier"]["kind"] == BASE
    assert model.info["training"]["classes"]["snapping"]["events"] == 12
    np.testing.assert_allclose(model.frequencies, base.frequencies)
    again = adapted(model, X, ["snapping"] * 12, ["one"] * 12)
    np.testing.assert_allclose(again.frequencies, base.frequencies)


def test_adapt_grouped_by_event(base):
    X, y, _ = shifted_events(150, 1, seed=10, shift=0.7)
    model = adapted(base, X, [CLASSES[i] for i in y], [str(i) for i in range(150)], grouped_by="event")
    assert model is not None
    assert "not tested on other recordings" in model.info["training"]["remarks"][-1]
    p = base_probabilities(base, X)
    assert choose_correction(p, X, y, ["one"] * 150, feature_scale(base)) is not None


def rotated_labels(base, monkeypatch, grouped_by, groups=None):
    """Adapt the base to labels that name every class by another, so that it is always wrong."""
    X, y, people = shifted_events(240, 12, seed=7)
    monkeypatch.setattr(module, "STRENGTH", 1e9)
    labels = [CLASSES[i] for i in (y + 1) % 3]
    return adapted(base, X, labels, groups or people, folds=2, grouped_by=grouped_by)


@pytest.mark.slow
def test_adapt_replaced_by_better_model(base, monkeypatch):
    model = rotated_labels(base, monkeypatch, "subject")
    assert any("clearly better" in remark for remark in model.info["training"]["remarks"])
    assert model.info["scores"]["chosen"] == model.info["classifier"]["kind"] not in (BASE, CORRECTED)
    rows = [model.info["scores"]["candidates"][name] for name in (BASE, CORRECTED)]
    assert all(low < row["log_loss"] < high for row in rows for low, high in [row["interval"]])


@pytest.mark.parametrize("grouped_by", ["recording", "event"])
def test_adapt_not_replaced_without_subjects(base, monkeypatch, grouped_by):
    model = rotated_labels(base, monkeypatch, grouped_by)
    assert model.info["scores"]["chosen"] in (BASE, CORRECTED)
    assert "does not apply to a new person" in model.info["training"]["remarks"][-1]
    assert {BASE, CORRECTED, "forest", "logistic", "svm"} <= set(model.info["scores"]["candidates"])
    assert model.info["scores"]["chosen"] == CORRECTED


@pytest.mark.slow
def test_adapt_not_replaced_with_four_subjects(base, monkeypatch):
    model = rotated_labels(base, monkeypatch, "subject", groups=[f"P{i % 4}" for i in range(240)])
    assert model.info["scores"]["chosen"] in (BASE, CORRECTED)
    assert "too few groups" in model.info["training"]["remarks"][-1]


def test_adapt_intervals(base):
    X, y, groups = shifted_events(60, 12, seed=9)
    scores = adapted(base, X, [CLASSES[i] for i in y], groups).info["scores"]
    assert scores["held_out"]["intervals"]["groups"] == 12
    assert "No intervals" not in describe(scores)
    few = adapted(base, X, [CLASSES[i] for i in y], [f"P{i % 3}" for i in range(60)]).info["scores"]
    assert few["held_out"]["intervals"] is None


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["cavitation"] * 4, "4 events, all of cavitation, cannot show where the base is wrong"),
        (
            ["other"] * 5 + ["cavitation"],
            "no correction can be tested: class 'cavitation' (1 event) comes from a single event",
        ),
    ],
)
def test_adapt_too_few_labels(base, labels, message):
    X, _, _ = shifted_events(20, 4, seed=8)
    X = X[: len(labels)]
    model = adapted(
        base, X, labels, [str(i) for i in range(len(labels))], grouped_by="event", fold_remarks=["folds mix"]
    )
    np.testing.assert_array_equal(model.probabilities(X), base.probabilities(X))
    assert "folds mix" not in model.info["training"]["remarks"]
    assert message in model.info["training"]["remarks"][-1]
    assert model.info["scores"]["candidates"].keys() == {BASE}
    assert "no folds by event" in describe(model.info["scores"])
    assert "no folds by event" in card(model)


def test_adapt_no_labels(base):
    with pytest.raises(LabelError, match="label at least one"):
        adapted(base, np.empty((0, WIDTH)), [], [])


@pytest.mark.parametrize("kind", [BASE, CORRECTED])
def test_adapt_card_limits(base, kind, monkeypatch):
    """Check generated data alone, a generated base with recordings, and neither."""
    monkeypatch.setattr(module, "clearly_better", lambda *_: False)  # so that the correction stands
    made = {**base.info["training"], "source": "generated"}
    generated = Model(base.graph, {**base.info, "training": made})
    assert "It was trained on generated sounds only" in card(generated)
    assert "generated" not in card(base)
    labels = ["cavitation"] * 6 if kind == BASE else ["cavitation", "other"] * 3
    X = shifted_events(20, 4, seed=8)[0][:6]
    text = card(adapted(generated, X, labels, list("aabbcc"), provenance={"recordings": 3, **NOTHING_LOST}))
    assert "It was trained on generated sounds" not in text
    assert "The base model was trained on generated sounds." in text
    own = "3 labelled recordings given to `train` (6 events) changed none" if kind == BASE else "from 3 labelled rec"
    assert own in text


def shifted_recordings(n, seed):
    """Return few events on which the base is often wrong."""
    X, y, groups = shifted_events(n, 10, seed=seed, shift=0.7)
    return X, [CLASSES[i] for i in y], groups


def test_adapt_precision_sets_thresholds(base):
    events = shifted_recordings(150, 7)
    plain, loose, strict = (adapted(base, *events, precision=p) for p in (None, 0.5, 0.99))
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


def test_adapt_precision_never_lowers_thresholds(base):
    cautious = Model(base.graph, {**base.info, "thresholds": {**base.info["thresholds"], "min_probability": CAUTIOUS}})
    X, y, groups = shifted_events(40, 4, seed=11)
    truth = base.probabilities(X).argmax(axis=1)  # labels that agree with the base throughout
    truth[:6] = y[:6]
    labels = [base.classes[i] for i in truth]
    same, less = (adapted(cautious, X, labels, groups, precision=p) for p in (0.8, 0.5))
    assert max(same.thresholds.min_probability) >= 0.6
    assert max(less.thresholds.min_probability) < 0.6


def test_clearly_better():
    loss, other = np.zeros(10), np.ones(10)
    assert not clearly_better(loss, other, ["a"] * 10)
    assert clearly_better(loss, other, list("aabbccddee"))
    assert not clearly_better(other, loss, list("aabbccddee"))


def test_choose_correction_strict(base, monkeypatch):
    X, y, groups = shifted_events(60, 12, seed=9)
    monkeypatch.setattr(module, "clearly_better", lambda *_: False)
    data = base_probabilities(base, X), X, y, groups, feature_scale(base)
    overfit = {"strength": 1e-3}
    assert choose_correction(*data, **overfit) is not None
    assert choose_correction(*data, **overfit, strict=True) is None


@pytest.mark.parametrize(("grouped_by", "strength"), [("subject", 200.0), ("recording", 100.0)])
def test_adaptation_strength(base, grouped_by, strength):
    X, y, _ = shifted_events(80, 4, seed=9)
    people = [f"P{i % 4}" for i in range(80)]
    made = Adaptation(base, X, [CLASSES[i] for i in y], people, FitConfig(grouped_by=grouped_by))
    assert made.strength == strength


@pytest.mark.parametrize("rare", [3, 4, 6])
def test_choose_correction_keeps_every_class(rare):
    y = np.array([0] * rare + [1] * 200)
    p = np.full((len(y), 2), [0.1, 0.9])
    p[: rare + 60] = [0.6, 0.4]  # the base finds the rare class, and calls many others so
    X = np.random.default_rng(0).normal(size=(len(y), 2))
    groups, scale = [str(i) for i in range(len(y))], (np.zeros(2), np.eye(2))
    assert choose_correction(p, X, y, groups, scale) is None
    y[rare : rare + 60] = 0  # now the base is right
    assert choose_correction(p, X, y, groups, scale) is not None


@pytest.mark.parametrize("events", [6, 10, 30])
def test_no_interval_of_one_recording(base, events):
    X, y, _ = shifted_events(events, 1, seed=1)
    labels, groups = [CLASSES[i] for i in y], [str(i) for i in range(events)]
    scores = adapted(base, X, labels, groups, grouped_by="event").info["scores"]
    assert scores["held_out"]["intervals"] is None
    assert all(row["interval"] is None for row in scores["candidates"].values())
