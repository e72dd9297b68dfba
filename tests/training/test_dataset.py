"""Promises of popclass.training.dataset, popclass.training.train and popclass.training.model_card on real files."""

import hashlib
import shutil

import numpy as np
import pytest
import soundfile as sf

from popclass.context.features import context_names
from popclass.context.similarity import Similarity
from popclass.errors import LabelError, UsageError
from popclass.features.frontend import FrontEnd
from popclass.labels import read_labels
from popclass.model.context import Context, ContextWeights
from popclass.model.model import Model
from popclass.training import dataset as samples_module
from popclass.training.dataset import collect
from popclass.training.model_card import card
from popclass.training.train import train

RATE = 16_000


@pytest.fixture(scope="module")
def frontend():
    return FrontEnd.build()


def noise(seconds, seed):
    return np.random.default_rng(seed).normal(0, 1e-3, round(seconds * RATE))


def ring(hertz, decay_s, level=0.5):
    t = np.arange(round(0.06 * RATE)) / RATE
    return level * np.exp(-t / decay_s) * np.sin(2 * np.pi * hertz * t)


def put(wave, at_s, sound):
    start = round(at_s * RATE)
    wave[start : start + len(sound)] += sound
    return wave


def clip(kind, seed):
    """A clip with one sound of a kind, and a quieter one before it."""
    rng = np.random.default_rng(seed)
    hertz, decay = {"cavitation": (2000, 0.001), "snapping": (400, 0.012), "other": (3500, 0.006)}[kind]
    wave = put(noise(0.8, seed), 0.2, ring(900, 0.004, 0.05))
    return put(wave, 0.5, ring(hertz * rng.uniform(0.8, 1.2), decay * rng.uniform(0.8, 1.2)))


@pytest.fixture
def clips(tmp_path):
    for number, kind in enumerate(("cavitation", "snapping", "other")):
        (tmp_path / kind).mkdir()
        for i in range(6):
            sf.write(tmp_path / kind / f"{i}.wav", clip(kind, 10 * number + i), RATE)
    return tmp_path


def test_each_clip_gives_its_strongest_event(clips, frontend):
    samples = collect(read_labels(clips), frontend)
    assert sorted(samples.labels) == ["cavitation"] * 6 + ["other"] * 6 + ["snapping"] * 6
    assert samples.X.shape == (18, len(frontend.names))
    assert [name.split("/")[0] for name in samples.recordings] == samples.labels
    assert samples.ignored >= 18, "the quieter sound of each clip is no sample"
    assert samples.warnings == []
    assert hashlib.sha256((clips / "other" / "0.wav").read_bytes()).hexdigest() in samples.hashes


def test_broken_and_silent_clips_cost_themselves_and_are_named(clips, frontend):
    (clips / "other" / "broken.wav").write_text("this is no audio")
    sf.write(clips / "snapping" / "nothing.wav", noise(0.5, 99), RATE)
    samples = collect(read_labels(clips), frontend)
    assert len(samples.labels) == 18
    broken, silent = samples.warnings
    assert broken.startswith("1 recording left out because it cannot be read")
    assert "broken.wav" in broken
    assert silent.endswith("snapping/nothing.wav")


def test_outcome_does_not_depend_on_the_number_of_processes(clips, frontend, monkeypatch):
    (clips / "other" / "broken.wav").write_text("this is no audio")
    alone = collect(read_labels(clips), frontend)
    monkeypatch.setattr(samples_module, "MANY", 1)
    together = collect(read_labels(clips), frontend)
    assert np.array_equal(alone.X, together.X)
    assert (alone.labels, alone.recordings, alone.warnings) == (together.labels, together.recordings, together.warnings)


def test_class_that_loses_all_its_clips_stops_the_training(clips, frontend):
    for path in (clips / "snapping").iterdir():
        path.write_bytes(b"")
    with pytest.raises(LabelError, match="class 'snapping' has no event") as caught:
        collect(read_labels(clips), frontend)
    assert "\n" not in str(caught.value)


@pytest.fixture
def session(tmp_path):
    """A recording with two labelled sounds and an unlabelled one, and one verified to hold nothing."""
    wave = put(noise(4, 1), 1.0, ring(2000, 0.001))
    wave = put(wave, 2.0, ring(400, 0.012))
    sf.write(tmp_path / "a.wav", put(wave, 3.0, ring(3500, 0.006)), RATE)
    sf.write(tmp_path / "b.wav", put(noise(1, 2), 0.5, ring(3500, 0.006)), RATE)
    (tmp_path / "labels.csv").write_text(
        "file,start_s,end_s,label,subject\n"
        "a.wav,0.995,1.01,cavitation,P1\na.wav,1.99,2.05,snapping,P1\na.wav,3.5,3.6,snapping,P1\nb.wav,,,,P2\n"
    )
    return tmp_path


def test_sounds_between_labels_are_other_unless_labels_are_partial(session, frontend):
    samples = collect(read_labels(session), frontend)
    assert samples.labels == ["cavitation", "snapping", "other", "other"]
    assert samples.subjects == ["P1", "P1", "P1", "P2"]
    assert samples.missed == 1
    assert any("1 label left out because nothing is heard" in warning for warning in samples.warnings)
    assert (samples.became_other, samples.left_unknown) == (2, 0)
    assert samples.missed_by_class == {"snapping": 1}
    assert [(name, len(matched.missed), len(matched.uncovered)) for name, matched in samples.matches] == [
        ("a.wav", 1, 1),
        ("b.wav", 0, 1),
    ]
    assert "2 sounds that no label covers are taken for 'other': a.wav 1, b.wav 1" in samples.warnings
    partial = collect(read_labels(session), frontend, partial=True)
    assert (partial.became_other, partial.left_unknown) == (1, 1)
    provenance = partial.provenance()
    assert (provenance["uncovered_other"], provenance["uncovered_left_out"]) == (1, 1)
    assert provenance["labels_without_event_by_class"] == {"snapping": 1}
    assert partial.labels == ["cavitation", "snapping", "other"]
    assert partial.recordings == ["a.wav", "a.wav", "b.wav"], "what is verified stays other"


def test_label_beyond_the_end_is_refused(session, frontend):
    with (session / "labels.csv").open("a") as file:
        file.write("b.wav,500,501,cavitation,P2\n")
    with pytest.raises(LabelError, match=r"row 6: the label cavitation at 500-501 s .*b\.wav, which lasts 1\.000 s"):
        collect(read_labels(session), frontend)


def test_a_label_that_ends_after_its_recording_is_told_and_kept(session, frontend):
    with (session / "labels.csv").open("a") as file:
        file.write("b.wav,0.49,1.5,snapping,P2\n")
    samples = collect(read_labels(session), frontend)
    where = f"{session / 'labels.csv'}, row 6 (snapping at 0.49-1.5 s)"
    assert f"1 label ends after its recording does: {where}" in samples.warnings
    assert samples.labels.count("snapping") == 2


def test_a_label_that_lost_its_sound_is_not_called_one_without_a_sound(session, frontend):
    with (session / "labels.csv").open("a") as file:
        file.write("b.wav,0.5,0.5,cavitation,P2\nb.wav,0.499,0.51,snapping,P2\n")
    text = (session / "labels.csv").read_text().replace("b.wav,,,,P2\n", "")
    (session / "labels.csv").write_text(text)
    samples = collect(read_labels(session), frontend)
    assert (samples.missed_by_class, samples.lost_by_class) == ({"snapping": 1}, {"snapping": 1})
    said = "1 label left out because another label took the sound there (snapping 1): b.wav 1"
    assert said in samples.warnings
    assert samples.provenance()["labels_overridden"] == 1


def test_what_a_researcher_records_first_can_be_trained_on(realdata, tmp_path):
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


def test_model_and_card_count_what_was_left_out_and_name_nobody(tmp_path):
    told = []
    for i in range(4):
        wave = put(put(noise(3, i), 1.0, ring(2000, 0.001)), 2.0, ring(400, 0.012))
        sf.write(tmp_path / f"jane-doe-{i}.wav", put(wave, 2.5, ring(3500, 0.006)), RATE)
        (tmp_path / f"jane-doe-{i}.txt").write_text("1.0\t1.0\tcavitation\n1.99\t2.1\tsnapping\n")
    (tmp_path / "jane-doe-3.txt").write_text("1.0\t1.0\tcavitation 0.93\n0.5\t0.5\tsnapping\n")
    model = train(tmp_path, classifier="logistic", notice=told.append)
    training = model.info["training"]
    assert training["labels_without_event_by_class"] == {"snapping": 1}
    assert training["uncovered_other"] == 5
    assert "5 sounds that no label covers are taken for 'other'" in training["remarks"]
    assert any("jane-doe-3.wav 2" in warning for warning in told)
    assert b"jane-doe" not in model.to_bytes()
    text = card(model)
    assert "Sounds that no label covers: 5 taken for `other`, 0 left out." in text
    assert "by class: `snapping` 1." in text


def test_train_makes_a_model_that_knows_its_clips_again(clips, tmp_path):
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
    assert ("hearing recordings", 18, 18) in seen


def test_model_does_not_tell_the_names_of_its_recordings(clips):
    (clips / "other" / "0.wav").rename(clips / "other" / "jane-doe.wav")
    assert b"jane-doe" not in train(clips, classifier="logistic").to_bytes()


def test_base_gives_its_front_end_and_its_context_where_the_classes_are_the_same(clips):
    base = train(clips, classifier="logistic")
    names = context_names(base.classes)
    context = Context(
        (0, 1), np.zeros(2), np.ones(2), Similarity(), names, ContextWeights.of_weights(np.ones((len(names), 3)))
    ).to_json()
    base = Model(base.graph, {**base.info, "context": context})
    model = train(clips, classifier="logistic", base=base)
    assert model.frontend == base.frontend
    assert model.info["context"] == context
    (clips / "snapping").rename(clips / "tendon")
    other = train(clips, classifier="logistic", base=base)
    assert other.context is None
    said = "the worth of a sound's company was not taken over from the base model: it does not know 'tendon'"
    assert any(remark.startswith(said) for remark in other.info["training"]["remarks"])
    assert "the company a sound keeps is not" in card(other)


def test_wrong_options_are_refused_before_anything_is_read(tmp_path):
    with pytest.raises(UsageError, match="classifier"):
        train(tmp_path, classifier="magic")
    with pytest.raises(UsageError, match="folds"):
        train(tmp_path, folds=1)


def test_card_is_written_from_the_model_alone(clips, tmp_path):
    model = train(clips, classifier="logistic", seed=7)
    text = card(model, title="My model")
    assert text.startswith("# My model\n")
    assert card(Model.from_bytes(model.to_bytes()), title="My model") == text
    assert model.sha256 in text
    model.save(tmp_path / "mine.onnx")
    assert card(model).startswith("# mine\n")
    assert "seed 7" in text
    assert "| cavitation | 6 | 6 |" in text
    assert "logistic was chosen" in text
    assert "| true \\ called | cavitation | snapping | other |" in text
    assert "subjects are not known" in text
    assert "None: 30 or more held-out events" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in rows)


def test_a_base_is_adapted_by_default_and_other_classes_train_from_scratch_with_a_remark(clips):
    base = train(clips, classifier="logistic")
    adapted = train(clips, base=base, folds=2)
    assert adapted.info["training"]["base"]["sha256"] == base.sha256
    assert {"base", "corrected"} <= set(adapted.info["scores"]["candidates"])
    assert adapted.frontend == base.frontend
    (clips / "snapping").rename(clips / "tendon")
    other = train(clips, base=base, folds=2)
    assert "base" not in other.info["training"]
    said = "trained from scratch, since the base model cannot be corrected: it does not know 'tendon'"
    assert said in other.info["training"]["remarks"]
    named = train(clips, base=train(clips, classifier="logistic"), classifier="logistic")
    assert {"base", "corrected", "logistic"} <= set(named.info["scores"]["candidates"])


def test_a_class_in_which_nothing_is_heard_is_no_obstacle_where_the_base_knows_it(clips):
    base = train(clips, classifier="logistic")
    for path in (clips / "snapping").iterdir():
        sf.write(path, noise(0.5, 99), RATE)
    told = []
    adapted = train(clips, base=base, notice=told.append)
    assert adapted.info["training"]["classes"]["snapping"] == {"events": 0, "groups": 0}
    assert any(warning.startswith("6 clips left out because nothing is heard") for warning in told)
    for options in ({}, {"base": base, "classifier": "logistic"}):
        with pytest.raises(LabelError, match="class 'snapping' has no event"):
            train(clips, **options)


def test_a_precision_that_is_stated_holds_where_a_base_is_adapted_too(clips, tmp_path):
    train(clips, classifier="logistic").save(tmp_path / "base.onnx")
    base = Model.load(tmp_path / "base.onnx")
    stated, kept = train(clips, base=base, precision=0.95), train(clips, base=base)
    assert "base" in stated.info["training"], "it was adapted"
    assert stated.info["scores"]["joint_labels"]["wanted"] == 0.95
    assert kept.thresholds == base.thresholds
    with pytest.raises(UsageError, match=r"precision 0\.3"):
        train(clips, base=base, precision=0.3)
