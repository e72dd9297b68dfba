"""Tests of popclass.model.model."""

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_files import CLASSES, FEATURES, WEIGHTS, a_novelty, information, refused, resealed, softmax_graph
from onnx import helper

from popclass.errors import ModelError, OutputError, UsageError
from popclass.model.model import Model, _bundled


@pytest.fixture(scope="module")
def graph() -> bytes:
    return softmax_graph()


@pytest.fixture(scope="module")
def model(graph) -> Model:
    return Model(graph, information())


def test_save_load_round_trip(model, tmp_path):
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


def test_sha256(model, tmp_path):
    import hashlib

    model.save(tmp_path / "m.onnx")
    assert model.sha256 == hashlib.sha256((tmp_path / "m.onnx").read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("changes", "expected"),
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
        ({"training": {"frequencies": {"other": 1.0}}}, "name every class"),
        ({"training": {"frequencies": dict.fromkeys(CLASSES, 0.5)}}, "add up to 1"),
        ({"training": {"frequencies": "x"}}, "name every class"),
        ({"novelty": {"neighbours": 1}}, "mean"),
    ],
)
def test_model_inconsistent_json(graph, changes, expected):
    message = refused(resealed(graph, information(**changes)))
    assert any(word in message for word in expected.split("|")), message


def test_model_missing_key(graph):
    info = information()
    del info["context"]
    assert "'context' is missing" in refused(resealed(graph, info))


def test_model_not_a_graph():
    assert "graph" in refused(resealed(b"\x08\x08no graph", information()))


def test_save_force(model, tmp_path):
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


def test_probabilities_calibrated(model):
    X = np.array([[1.0, 2.0], [0.0, 0.0], [-3.0, 1.0]])
    scores = X @ WEIGHTS
    raw = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    halved = np.exp(np.log(raw) / 2)
    np.testing.assert_allclose(model.raw_probabilities(X), raw, atol=1e-6)
    np.testing.assert_allclose(model.probabilities(X), halved / halved.sum(axis=1, keepdims=True), atol=1e-6)


def test_probabilities_no_events(model):
    X = np.zeros((0, 2))
    assert model.probabilities(X).shape == model.raw_probabilities(X).shape == (0, 3)
    assert model.novelty(X).shape == (0,)


@pytest.mark.parametrize("X", [np.zeros(2), np.zeros((1, 3)), np.full((1, 2), np.nan), np.full((1, 2), 1e300)])
def test_probabilities_wrong_features(model, X):
    with pytest.raises(UsageError):
        model.probabilities(X)
    with pytest.raises(UsageError):
        model.novelty(X)


def test_probabilities_row_independent(model):
    X = np.random.default_rng(1).normal(size=(1300, 2)) * 3
    together, far = model.probabilities(X), model.novelty(X)
    for i in (0, 7, 511, 512, 1299):
        np.testing.assert_allclose(model.probabilities(X[i : i + 1])[0], together[i], atol=1e-12)
        assert model.novelty(X[i : i + 1])[0] == far[i]


def test_pickle_round_trip(model):
    copy = pickle.loads(pickle.dumps(model))
    model.probabilities(np.zeros((1, 2)))  # and with a session running, too
    copy = pickle.loads(pickle.dumps(model))
    assert copy.to_bytes() == model.to_bytes()
    assert copy.name == model.name


def test_load_imports(model, tmp_path):
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


def test_load_outputs_not_probabilities(tmp_path):
    model = onnx.load_from_string(softmax_graph())
    model.graph.node[1].CopyFrom(helper.make_node("Exp", ["scores"], ["probabilities"]))
    path = tmp_path / "forged.onnx"
    path.write_bytes(resealed(model.SerializeToString(), information()))
    with pytest.raises(ModelError, match="not probabilities"):
        Model.load(path)


@pytest.mark.robustness
@settings(max_examples=300, deadline=None)
@given(place=st.integers(0, 10**6), change=st.binary(min_size=1, max_size=6), inserted=st.booleans())
def test_model_damaged_graph(place, change, inserted):
    graph = softmax_graph()
    at = place % len(graph)
    forged = graph[:at] + change + graph[at if inserted else at + len(change) :]
    try:
        model = Model(forged, information())
        p = model.probabilities(np.ones((1, len(FEATURES))))
    except ModelError:
        return
    assert p.shape == (1, len(CLASSES))
    assert abs(p.sum() - 1) < 1e-9


def changed(key, **values):
    return {key: {**information()[key], **values}}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (changed("frontend", rate=10**9), "rate"),
        (changed("frontend", window=0), "window"),
        (changed("frontend", hop="128"), "hop"),
        (changed("frontend", window=256), "do not fit"),
        (changed("frontend", dct=information()["frontend"]["mel"]), "do not fit"),
        (changed("frontend", mel={"float32": "", "shape": [-1, 257]}), "not a list of sizes"),
        (changed("frontend", mel={"float32": "", "shape": [2**62, 2**62]}), "not a list of sizes"),
        (changed("calibration", bias=[1e300, 0, 0]), "beyond"),
        (changed("calibration", bias=["0", "0", "0"]), "bias of the calibration must be a list of numbers"),
        (
            changed("calibration", weights=[[True, False, False]] * 3),
            "calibration must be a list of numbers",
        ),
        (changed("calibration", weights=[[1.0, 0.0, 0.0], [0.0, 1.0], [0.0, 0.0, 1.0]]), "not a square"),
        (changed("calibration", events="50"), "events of the calibration is '50'"),
        (changed("novelty", neighbours=1.5), "neighbours is 1.5"),
        (changed("training", classes={"cavitation": {"events": "7"}}), "training.classes.cavitation.events is '7'"),
        (changed("training", classes={"cavitation": {"events": -4}}), "training.classes.cavitation.events is -4"),
        (changed("training", classes=[]), "training.classes must be an object"),
        (changed("thresholds", weights={"cavitation": True, "snapping": 1, "other": 1}), "weights must be numbers"),
        (changed("thresholds", novelty=True), "novelty must be a number"),
        (changed("novelty", shares=information()["novelty"]["mean"]), "fit together"),
        ({"scores": []}, "scores must be"),
        (changed("training", sha256=7), "sha256 must be"),
        ({"created_by": {}}, "created_by"),
        (changed("thresholds", novelty="0.99"), "novelty must be a number"),
        ({"context": {}}, "missing"),
    ],
)
def test_load_json_does_not_fit(changes, expected, tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(resealed(softmax_graph(), information(**changes)))
    with pytest.raises(ModelError, match=expected) as caught:
        Model.load(path)
    assert "\n" not in str(caught.value)


def test_include_novelty(graph):
    """A joint class loses in proportion to novelty; a model without costs changes nothing."""
    p = np.array([[0.6, 0.3, 0.1]] * 3)
    novelty = np.array([0.0, 0.5, 1.0])
    plain = Model(graph, information())
    np.testing.assert_array_equal(plain.include_novelty(p, novelty), p)
    costly = Model(graph, information(novelty={**a_novelty().to_json(), "costs": [2.0, 1.0, 0.0]}))
    weighed = Model.from_bytes(costly.to_bytes()).include_novelty(p, novelty)
    odds = np.log(weighed[:, :2] / weighed[:, 2:])
    np.testing.assert_allclose(odds - odds[0], [[0, 0], [-1, -0.5], [-2, -1]], atol=1e-12)


@pytest.mark.parametrize(
    "costs",
    [
        *([1.0], [1.0, 1.0, -0.1], [1.0, 1.0, 51.0], ["1", "1", "0"], [True, True, False], [0, 0, 3.0]),
        *("110", {"cavitation": 1.0}, [1.0, None, 0.0], [[1.0], [1.0], [0.0]], 1.0, None),
    ],
)
def test_costs_refused(graph, costs):
    with pytest.raises(ModelError, match="costs of novelty"):
        Model(graph, information(novelty={**a_novelty().to_json(), "costs": costs}))


def test_default_own_info():
    first = Model.default()
    first.info["training"].clear()
    first.name = "spoilt"
    with pytest.raises(ValueError, match="read-only"):
        first.ordinary[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        first.frontend.mel[0, 0] = 0
    second = Model.default()
    assert (second.name, "recordings" in second.info["training"]) == ("default", True)


def test_default_loaded_once(monkeypatch):
    read = []
    _bundled.cache_clear()
    original = Model.from_bytes
    monkeypatch.setattr(Model, "from_bytes", lambda data, name: read.append(name) or original(data, name=name))
    with ThreadPoolExecutor(4) as pool:
        models = [each.result() for each in [pool.submit(Model.default) for _ in range(8)]]
    assert read == ["default"]
    assert len({id(each) for each in models}) == 8
    assert len({id(each._open()) for each in models}) == 1


def test_repr(graph):
    model = Model(graph, information())
    assert repr(model) == "<Model 'unsaved model': " + f"{', '.join(CLASSES)}; {len(FEATURES)} features>"
    assert model._repr_html_().startswith("<table><caption>Model unsaved model</caption>")


@pytest.mark.parametrize("path", [b"model", 3, None])
def test_load_not_a_path(path):
    with pytest.raises(UsageError, match="give its path"):
        Model.load(path)
