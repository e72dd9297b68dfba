"""Promises of popclass.model.model, popclass.model.file, popclass.model.calibration and popclass.model.novelty."""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from model_files import CLASSES, FEATURES, WEIGHTS, a_novelty, information, refused, resealed, softmax_graph

from popclass.errors import ModelError, OutputError, UsageError
from popclass.model import file as modelfile
from popclass.model.calibration import FLOOR, Calibration
from popclass.model.model import Model


@pytest.fixture(scope="module")
def graph() -> bytes:
    return softmax_graph()


@pytest.fixture(scope="module")
def model(graph) -> Model:
    return Model(graph, information())


def test_saved_and_loaded_model_is_the_same_to_the_last_bit(model, tmp_path):
    model.save(tmp_path / "m.onnx")
    again = Model.load(tmp_path / "m.onnx")
    X = np.random.default_rng(0).normal(size=(50, 2))
    assert again.to_bytes() == model.to_bytes() == (tmp_path / "m.onnx").read_bytes()
    assert again.info == model.info
    assert str(again.info) == str(model.info), "the order of keys, too"
    assert np.array_equal(again.probabilities(X), model.probabilities(X))
    assert np.array_equal(again.novelty(X), model.novelty(X))
    assert (again.classes, again.features) == (tuple(CLASSES), tuple(FEATURES))
    assert (again.thresholds.min_probability, again.thresholds.novelty) == ((0.45,) * 3, 0.99)


def test_sha256_is_that_of_the_file(model, tmp_path):
    import hashlib

    model.save(tmp_path / "m.onnx")
    assert model.sha256 == hashlib.sha256((tmp_path / "m.onnx").read_bytes()).hexdigest()


def test_file_is_an_onnx_model_whose_metadata_any_tool_can_read(model):
    import onnx
    import onnxruntime

    data = model.to_bytes()
    onnx.checker.check_model(onnx.load_from_string(data))
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    assert json.loads(session.get_modelmeta().custom_metadata_map["popclass"]) == model.info


def test_every_changed_byte_is_refused(model):
    data = model.to_bytes()
    for position in range(len(data)):
        for bit in (1, 32, 128):
            changed = bytearray(data)
            changed[position] ^= bit
            refused(bytes(changed))


@settings(max_examples=200, deadline=None)
@given(cut=st.integers(0, 10_000), tail=st.binary(max_size=80))
def test_a_file_cut_short_or_with_a_tail_is_refused(cut, tail):
    data = modelfile.join(b"\x08\x08" * 50, {"schema_version": 1})
    changed = data[: cut % len(data)] + tail
    if changed != data:
        refused(changed)


def test_pickle_is_named_and_never_opened(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "exploded",))

    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert "pickle" in refused(pickle.dumps(Bomb(), protocol))
    assert not (tmp_path / "exploded").exists()


def test_foreign_onnx_and_other_files_are_no_popclass_models(graph):
    assert "no popclass model" in refused(graph)
    assert "no popclass model" in refused(b"RIFF a recording")
    for start in (b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ"):
        assert "archive" in refused(start + b" unpacked it would be endless")
    assert "empty" in refused(b"")


def test_newer_schema_asks_for_an_update(graph):
    assert "update popclass" in refused(resealed(graph, information(schema_version=2)))
    assert "schema" in refused(resealed(graph, information(schema_version="1")))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"surprise": 1}, "surprise"),
        ({"classes": ["cavitation"]}, "classes"),
        ({"classes": ["cavitation", "uncertain", "other"]}, "uncertain"),
        ({"classes": ["Cavitation", "snapping", "other"]}, "Cavitation"),
        ({"classes": ["cavitation", "other"]}, "calibration"),
        ({"features": ["rise"]}, "novelty"),
        ({"features": "rise"}, "features"),
        ({"thresholds": {"min_probability": dict.fromkeys(CLASSES, 1.5), "novelty": 0.99}}, "allowed are 0 to 1"),
        ({"thresholds": {"min_probability": {"other": 0.5}, "novelty": 0.99}}, "name every class"),
        ({"thresholds": {"novelty": 0.99}}, "min_probability"),
        ({"calibration": None}, "calibration|NoneType"),
        ({"novelty": {"neighbours": 1}}, "mean"),
    ],
)
def test_sealed_but_contradictory_model_is_refused(graph, changes, says):
    message = refused(resealed(graph, information(**changes)))
    assert any(word in message for word in says.split("|")), message


def test_missing_key_is_named(graph):
    info = information()
    del info["context"]
    assert "'context' is missing" in refused(resealed(graph, info))


def test_seal_that_lies_about_the_json_is_refused(graph):
    data = resealed(graph, information())
    start = len(data) - 64 - 9
    for length in (b"00000000", b"00000005", b"ffffffff"):
        lie = data[:start] + length + b":"
        assert "JSON" in refused(lie + modelfile._digest(lie))


def test_sealed_graph_that_is_none_is_refused():
    assert "graph" in refused(resealed(b"\x08\x08no graph", information()))


def test_missing_file_folder_and_oversized_file(tmp_path, monkeypatch):
    with pytest.raises(ModelError, match="no such model file"):
        Model.load(tmp_path / "none.onnx")
    with pytest.raises(ModelError, match="folder"):
        Model.load(tmp_path)
    monkeypatch.setattr(modelfile, "LARGEST_FILE", 1000)
    (tmp_path / "large.onnx").write_bytes(b"x" * 1001)
    with pytest.raises(ModelError, match="larger than"):
        Model.load(tmp_path / "large.onnx")


def test_save_overwrites_only_when_told_and_leaves_nothing_behind(model, tmp_path):
    path = tmp_path / "m.onnx"
    path.write_text("precious")
    with pytest.raises(OutputError, match="force"):
        model.save(path)
    assert path.read_text() == "precious"
    model.save(path, force=True)
    assert Model.load(path).info == model.info
    with pytest.raises(OutputError):
        model.save(tmp_path / "no" / "m.onnx")
    assert [p.name for p in tmp_path.iterdir()] == ["m.onnx"]


def test_probabilities_are_the_calibrated_answer_of_the_graph(model):
    X = np.array([[1.0, 2.0], [0.0, 0.0], [-3.0, 1.0]])
    scores = X @ WEIGHTS
    raw = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    halved = np.exp(np.log(raw) / 2)
    np.testing.assert_allclose(model.raw_probabilities(X), raw, atol=1e-6)
    np.testing.assert_allclose(model.probabilities(X), halved / halved.sum(axis=1, keepdims=True), atol=1e-6)


def test_no_events_is_a_normal_question(model):
    X = np.zeros((0, 2))
    assert model.probabilities(X).shape == model.raw_probabilities(X).shape == (0, 3)
    assert model.novelty(X).shape == (0,)


@pytest.mark.parametrize("X", [np.zeros(2), np.zeros((1, 3)), np.full((1, 2), np.nan), np.full((1, 2), 1e300)])
def test_wrong_features_are_refused(model, X):
    with pytest.raises(UsageError):
        model.probabilities(X)
    with pytest.raises(UsageError):
        model.novelty(X)


def test_an_event_is_judged_the_same_alone_and_in_company(model):
    X = np.random.default_rng(1).normal(size=(1300, 2)) * 3
    together, far = model.probabilities(X), model.novelty(X)
    for i in (0, 7, 511, 512, 1299):
        np.testing.assert_allclose(model.probabilities(X[i : i + 1])[0], together[i], atol=1e-12)
        assert model.novelty(X[i : i + 1])[0] == far[i]


def test_workers_get_the_model_by_its_file(model):
    copy = pickle.loads(pickle.dumps(model))
    model.probabilities(np.zeros((1, 2)))  # and with a session running, too
    copy = pickle.loads(pickle.dumps(model))
    assert copy.to_bytes() == model.to_bytes()
    assert copy.name == model.name


def test_loading_imports_no_training_library_and_asking_for_nothing_no_onnxruntime(model, tmp_path):
    model.save(tmp_path / "m.onnx")
    program = (
        "import sys, numpy as np; from popclass.model.model import Model;"
        "m = Model.from_bytes(open(sys.argv[1], 'rb').read());"
        "m.novelty(np.ones((1, 2)));"
        "print('onnxruntime' in sys.modules); m.probabilities(np.ones((1, 2)));"
        "print([n for n in ('sklearn', 'scipy', 'onnx', 'skl2onnx', 'librosa', 'pandas', 'google.protobuf')"
        " if n in sys.modules])"
    )
    command = [sys.executable, "-c", program, tmp_path / "m.onnx"]
    out = subprocess.run(command, capture_output=True, text=True, check=True)
    assert out.stdout.split("\n")[:2] == ["False", "[]"]


probability_rows = hnp.arrays(np.float64, (5, 3), elements=st.floats(0, 1)).map(
    lambda a: (a + 1e-12) / (a + 1e-12).sum(axis=1, keepdims=True)
)


@given(probability_rows, hnp.arrays(np.float64, (3, 3), elements=st.floats(-5, 5)))
def test_calibrated_rows_sum_to_one_whatever_the_numbers(raw, weights):
    p = Calibration("dirichlet", weights, weights[0], 1).apply(raw)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-12)
    assert np.isfinite(p).all()
    assert (p >= 0).all()


def test_identity_calibration_changes_nothing_above_the_floor():
    raw = np.array([[0.7, 0.2, 0.1], [1.0, 0.0, 0.0]])
    p = Calibration.identity(3).apply(raw)
    np.testing.assert_allclose(p[0], raw[0], atol=1e-12)
    np.testing.assert_allclose(p[1], np.array([1, FLOOR, FLOOR]) / (1 + 2 * FLOOR))


def test_novelty_is_the_share_of_held_out_events_that_lay_closer():
    # references lie, after the mean is taken off, at (0, 0) and (4, 0)
    X = np.array([[1.0, 2.0], [1.0, 3.0], [1.0, 3.5], [6.5, 2.0], [100.0, 2.0]])
    np.testing.assert_allclose(a_novelty().distance(X), [0, 1, 1.5, 1.5, 95])
    np.testing.assert_allclose(a_novelty().score(X), [0, 0.5, 0.75, 0.75, 1.0])


@given(hnp.arrays(np.float64, st.tuples(st.integers(0, 20), st.just(2)), elements=st.floats(-1e30, 1e30)))
def test_novelty_is_between_0_and_1(X):
    score = a_novelty().score(X)
    assert score.shape == (len(X),)
    assert ((score >= 0) & (score <= 1)).all()
