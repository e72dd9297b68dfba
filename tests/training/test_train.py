"""Training from labelled recordings."""

import shutil

import numpy as np
import pytest
import soundfile as sf
from labelled_clips import RATE, noise, put, ring

from popclass.context.features import context_names
from popclass.context.similarity import Similarity
from popclass.errors import LabelError, UsageError
from popclass.labels import read_labels
from popclass.model.context import Context, ContextWeights
from popclass.model.model import Model
from popclass.training.dataset import collect
from popclass.training.model_card import card
from popclass.training.train import train


def test_train_real_recordings(realdata, tmp_path):
    """Three real recordings, a track, a selection table and an empty track; with and without a base."""
    for name in ("four_cracks", "wrist_crack", "wrist_no_crack"):
        shutil.copyfile(realdata / "cracks" / f"{name}.wav", tmp_path / f"{name}.wav")
    onsets = (0.0310, 0.0372, 0.1263, 0.2188)
    (tmp_path / "four_cracks.txt").write_text("".join(f"{t}\t{t}\tcavitation\n" for t in onsets))
    table = "Selection\tBegin Time (s)\tEnd Time (s)\tAnnotation\n1\t3.01\t3.04\tcavitation\n"
    (tmp_path / "wrist_crack.Table.1.selections.txt").write_text(table)
    (tmp_path / "wrist_no_crack.txt").touch()
    model = train(tmp_path, classifier="logistic")
    assert model.info["training"]["classes"]["cavitation"] == {"events": 5, "groups": 2}
    assert model.info["scores"]["grouped_by"] == "recording"
    adapted = train(tmp_path, base=Model.default())
    assert adapted.info["training"]["base"]["sha256"] == Model.default().sha256
    assert "labelled recordings" in card(adapted).partition("## Limits")[2]
    assert "generated sounds alone" not in card(adapted)


def test_train_warnings_without_names(tmp_path):
    warnings = []
    for i in range(4):
        wave = put(put(noise(3, i), 1.0, ring(2000, 0.001)), 2.0, ring(400, 0.012))
        sf.write(tmp_path / f"jane-doe-{i}.wav", put(wave, 2.5, ring(3500, 0.006)), RATE)
        (tmp_path / f"jane-doe-{i}.txt").write_text("1.0\t1.0\tcavitation\n1.99\t2.1\tsnapping\n")
    (tmp_path / "jane-doe-3.txt").write_text("1.0\t1.0\tcavitation 0.93\n0.5\t0.5\tsnapping\n")
    model = train(tmp_path, classifier="logistic", notice=warnings.append)
    training = model.info["training"]
    assert training["labels_without_event_by_class"] == {"snapping": 1}
    assert training["uncovered_other"] == 5
    assert "5 events outside of all labels, labelled 'other'" in training["remarks"]
    assert any("jane-doe-3.wav 2" in warning for warning in warnings)
    assert b"jane-doe" not in model.to_bytes()
    text = card(model)
    assert "| events outside of all labels, labelled `other` | 5 |" in text
    assert "| snapping | 3 | 3 | 1 |" in text


def test_train_clips(clips, tmp_path):
    seen = []
    model = train(clips, classifier="logistic", progress=lambda *step: seen.append(step))
    model.save(tmp_path / "m.onnx")
    again = Model.load(tmp_path / "m.onnx")
    again.verify()
    samples = collect(read_labels(clips), again.frontend)
    named = [again.classes[i] for i in again.probabilities(samples.X).argmax(axis=1)]
    assert named == samples.labels
    assert again.info["scores"]["grouped_by"] == "recording"
    assert again.info["training"]["recordings"] == 18
    assert any("subjects are not known" in remark for remark in again.info["training"]["remarks"])
    assert ("extracting events", 18, 18) in seen


def test_train_hides_file_names(clips):
    (clips / "other" / "0.wav").rename(clips / "other" / "jane-doe.wav")
    assert b"jane-doe" not in train(clips, classifier="logistic").to_bytes()


@pytest.mark.slow
def test_train_inherits_context(clips):
    base = train(clips, classifier="logistic")
    names = context_names(base.classes)
    context = Context(
        (0, 1), np.zeros(2), np.ones(2), Similarity(), names, ContextWeights.of_weights(np.ones((len(names), 3)))
    ).to_json()
    base = Model(base.graph, {**base.info, "context": context})
    model = train(clips, classifier="logistic", base=base)
    assert model.frontend.to_json() == base.frontend.to_json()
    assert model.info["context"] == context
    (clips / "snapping").rename(clips / "tendon")
    other = train(clips, classifier="logistic", base=base)
    assert other.context is None
    expected = "the context weights of the base model could not be used: it does not have 'tendon'"
    assert any(remark.startswith(expected) for remark in other.info["training"]["remarks"])
    assert "this model has no context weights" in card(other)


def test_train_option_errors(tmp_path):
    with pytest.raises(UsageError, match="classifier"):
        train(tmp_path, classifier="magic")
    with pytest.raises(UsageError, match="folds"):
        train(tmp_path, folds=1)


@pytest.mark.slow
def test_train_base(clips):
    base = train(clips, classifier="logistic")
    adapted = train(clips, base=base, folds=2)
    assert adapted.info["training"]["base"]["sha256"] == base.sha256
    assert {"base", "corrected"} <= set(adapted.info["scores"]["candidates"])
    assert adapted.frontend.to_json() == base.frontend.to_json()
    (clips / "snapping").rename(clips / "tendon")
    other = train(clips, base=base, folds=2)
    assert "base" not in other.info["training"]
    expected = "trained from scratch, since the base model cannot be corrected: it does not have 'tendon'"
    assert expected in other.info["training"]["remarks"]
    named = train(clips, base=train(clips, classifier="logistic"), classifier="logistic")
    assert {"base", "corrected", "logistic"} <= set(named.info["scores"]["candidates"])


@pytest.mark.slow
def test_train_default_base(clips):
    default = Model.default()
    assert train(clips).info["training"]["base"]["sha256"] == default.sha256
    assert "base" not in train(clips, classifier="logistic").info["training"]
    (clips / "snapping").rename(clips / "tendon")
    other = train(clips)
    assert "base" not in other.info["training"]
    expected = "trained on these labels alone, since the bundled model cannot be corrected: it does not have 'tendon'"
    assert expected in other.info["training"]["remarks"]


@pytest.mark.slow
def test_train_no_base(clips):
    for base in ("none", None):
        model = train(clips, base=base)
        assert "base" not in model.info["training"]
        assert model.context is None


def test_train_base_class_without_events(clips):
    base = train(clips, classifier="logistic")
    for path in (clips / "snapping").iterdir():
        sf.write(path, noise(0.5, 99), RATE)
    warnings = []
    adapted = train(clips, base=base, notice=warnings.append)
    assert adapted.info["training"]["classes"]["snapping"] == {"events": 0, "groups": 0}
    assert any(warning.startswith("6 clips skipped because no event was detected") for warning in warnings)
    for options in ({"base": None}, {"base": base, "classifier": "logistic"}):
        with pytest.raises(LabelError, match="class 'snapping' has no event"):
            train(clips, **options)


def test_train_class_without_events(clips):
    for path in (clips / "snapping").iterdir():
        path.write_bytes(b"")
    with pytest.raises(LabelError, match="class 'snapping' has no event") as caught:
        train(clips, base="none")
    assert "\n" not in str(caught.value)


def test_train_base_without_events(clips):
    base = train(clips, classifier="logistic")
    for path in clips.glob("*/*.wav"):
        sf.write(path, noise(0.5, 99), RATE)
    with pytest.raises(LabelError, match="no labelled event"):
        train(clips, base=base)


@pytest.mark.slow
def test_train_base_precision(clips, tmp_path):
    train(clips, classifier="logistic").save(tmp_path / "base.onnx")
    base = Model.load(tmp_path / "base.onnx")
    stated, kept = train(clips, base=base, precision=0.95), train(clips, base=base)
    assert "base" in stated.info["training"], "it was adapted"
    assert stated.info["scores"]["joint_labels"]["wanted"] == 0.95
    assert kept.thresholds == base.thresholds
    with pytest.raises(UsageError, match=r"precision 0\.3"):
        train(clips, base=base, precision=0.3)


@pytest.mark.slow
def test_train_target_balanced(clips):
    balanced, precise = train(clips, target="balanced"), train(clips)
    assert balanced.thresholds.min_probability == (0.0, 0.0, 0.0)
    assert precise.thresholds.weights == (1.0, 1.0, 1.0)
    counts = balanced.info["training"]["classes"]
    events = np.array([counts[name]["events"] for name in balanced.classes])
    shares = (
        events / events.sum() if balanced.info["classifier"]["kind"] == "corrected" else Model.default().frequencies
    )
    np.testing.assert_allclose(balanced.thresholds.weights * shares, [1 / 3] * 3, rtol=1e-3)
    assert balanced.info["scores"]["joint_labels"]["wanted"] is None
    alone = train(clips, base=None, classifier="logistic", target="balanced")
    np.testing.assert_allclose(alone.thresholds.weights * events / events.sum(), [1 / 3] * 3, rtol=1e-3)


def test_train_target_refuses(clips):
    with pytest.raises(UsageError, match="target 'best': allowed are balanced and precision"):
        train(clips, target="best")
    with pytest.raises(UsageError, match=r"a precision of 0\.9 cannot be wanted as well"):
        train(clips, target="balanced", precision=0.9)
