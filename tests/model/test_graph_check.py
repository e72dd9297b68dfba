"""Promises of popclass.model: a graph that popclass did not write is refused before onnxruntime sees it.

Each forged model has a checksum that fits, as one from somebody who knows the format would.
"""

import os
import struct

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_files import information, refused, resealed, softmax_graph
from onnx import TensorProto, helper, numpy_helper

from popclass.errors import ModelError
from popclass.model.graph_check import check_graph
from popclass.model.model import Model
from popclass.model.protobuf import Field, read_message
from popclass.training.classifiers import BOOSTING, KINDS, to_graph, train_classifier
from popclass.utils.strict_json import read_json

FEATURES, CLASSES = 2, 3


def forged(change, base=None) -> str:
    """The line with which the changed graph is refused, in a model whose checksum fits."""
    model = onnx.load_from_string(base or softmax_graph())
    change(model)
    return refused(resealed(model.SerializeToString(deterministic=True), information()))


def a_forest(kind="forest", classes=CLASSES) -> bytes:
    rng = np.random.default_rng(0)
    y = np.arange(60) % classes
    return to_graph(train_classifier(kind, rng.normal(size=(60, FEATURES)) + y[:, None], y), FEATURES)


@pytest.fixture(scope="module")
def forest():
    return a_forest()


@pytest.mark.parametrize("kind", [*KINDS, BOOSTING])
@pytest.mark.parametrize("classes", [2, 3, 4])
def test_every_classifier_that_popclass_trains_passes(kind, classes):
    check_graph(a_forest(kind, classes), FEATURES, classes)


@pytest.mark.parametrize("location", ["weights.bin", "../weights.bin", "/etc/passwd"])
def test_numbers_in_another_file_are_refused_and_the_file_is_not_opened(location, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def change(model):
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)

    assert "another file" in forged(change)


def node(kind, inputs=("X",), outputs=("y",), **attributes):
    return lambda model: model.graph.node.insert(0, helper.make_node(kind, list(inputs), list(outputs), **attributes))


def branch():
    return helper.make_graph([], "inside", [], [])


SPARSE = helper.make_sparse_tensor(
    numpy_helper.from_array(np.ones(1, np.float32), "v"), numpy_helper.from_array(np.zeros(1, np.int64), "i"), [2]
)
A_TENSOR = numpy_helper.from_array(np.ones(2, np.float32), "t")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (node("Custom", domain="com.example"), "allowed are"),
        (lambda m: m.opset_import.append(helper.make_opsetid("com.example", 1)), "domain 'com.example'"),
        (node("Tile"), "operator ai.onnx Tile"),
        (node("If", then_branch=branch(), else_branch=branch()), "graph inside a node"),
        (node("Loop", body=branch()), "graph inside a node"),
        (node("Scan", body=branch()), "graph inside a node"),
        (node("Constant", (), value=A_TENSOR), "tensor inside a node"),
        (node("Constant", (), sparse_value=SPARSE), "sparse"),
        (lambda m: m.functions.append(helper.make_function("d", "F", ["a"], ["b"], [], [])), "functions"),
        (lambda m: m.graph.sparse_initializer.append(SPARSE), "sparse"),
        (lambda m: m.graph.input.append(helper.make_tensor_value_info("Z", 1, [None, 2])), "2 inputs"),
        (lambda m: m.graph.output.append(helper.make_tensor_value_info("scores", 1, [None, 3])), "outputs"),
        (lambda m: m.graph.input.pop(), "0 inputs"),
        (lambda m: setattr(m.graph.input[0].type.tensor_type, "elem_type", TensorProto.STRING), "type 8"),
        (lambda m: setattr(m.graph.input[0].type.tensor_type.shape.dim[1], "dim_value", 3), "shape (None, 3)"),
        (lambda m: m.graph.initializer.append(helper.make_tensor("s", TensorProto.STRING, [1], [b"x"])), "strings"),
        (lambda m: setattr(m.opset_import[0], "version", 99), "version 99"),
        (lambda m: setattr(m, "ir_version", 99), "IR version 99"),
        (lambda m: m.metadata_props.add(key="ort_config", value="{}"), "metadata"),
        (lambda m: m.graph.initializer[0].dims.__setitem__(0, 2**62), "shape"),
        (lambda m: m.graph.initializer[0].dims.append(2**40), "shape"),
        (lambda m: setattr(m.graph.initializer[0], "raw_data", b"\0" * 8), "do not fit"),
        (lambda m: m.graph.initializer.append(m.graph.initializer[0]), "two tensors"),
        (lambda m: m.graph.node.pop(), "no node gives"),
        (lambda m: m.graph.node.reverse(), "nothing before it gives"),
        (lambda m: setattr(m.graph.node[1].attribute[0], "i", 0), "axis 1"),
        (node("Cast", to=TensorProto.STRING), "numbers"),
        (node("Div", ("n", "n")), "type 7"),
    ],
)
def test_what_popclass_never_writes_is_refused_and_named(change, says):
    def with_whole_number(model):
        model.graph.initializer.append(numpy_helper.from_array(np.zeros(1, np.int64), "n"))
        change(model)

    assert says in forged(with_whole_number)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_refused(number, forest):
    def tensor(model):
        values = np.full((2, 3), number, np.float32)
        model.graph.initializer[0].CopyFrom(numpy_helper.from_array(values, "W"))

    assert "NaN or infinity" in forged(tensor)
    for name in ("nodes_values", "class_weights"):
        assert "NaN or infinity" in forged(lambda m, name=name: set_first(m, name, float(number)), forest)


def attribute(model, name):
    return next(each for each in model.graph.node[0].attribute if each.name == name)


def set_first(model, name, value, place=0):
    found = attribute(model, name)
    (found.floats if found.floats else found.ints)[place] = value


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda m: set_first(m, "nodes_truenodeids", 0), "not there"),
        (lambda m: set_first(m, "nodes_truenodeids", 2**40), "not there"),
        (lambda m: set_first(m, "nodes_falsenodeids", -1), "not there"),
        (lambda m: set_first(m, "nodes_falsenodeids", attribute(m, "nodes_truenodeids").ints[0]), "or two"),
        (lambda m: set_first(m, "nodes_featureids", FEATURES), "feature 2"),
        (lambda m: set_first(m, "nodes_featureids", -1), "feature -1"),
        (lambda m: set_first(m, "nodes_nodeids", 5), "numbered"),
        (lambda m: set_first(m, "nodes_treeids", 7), "numbered"),
        (lambda m: set_first(m, "class_ids", CLASSES), "class that is not there"),
        (lambda m: set_first(m, "class_treeids", 10**6), "tree that is not there"),
        (lambda m: set_first(m, "class_nodeids", 0), "leaf that is not there"),
        (lambda m: attribute(m, "nodes_values").floats.pop(), "nodes_values"),
        (lambda m: attribute(m, "class_weights").floats.pop(), "class_weights"),
        (lambda m: attribute(m, "nodes_modes").strings.__setitem__(0, b"BRANCH_EQ"), "other than"),
        (lambda m: attribute(m, "classlabels_int64s").ints.append(3), "there must be|shape"),
    ],
)
def test_trees_without_end_or_with_numbers_of_what_is_not_there_are_refused(change, says, forest):
    message = forged(change, forest)
    assert any(word in message for word in says.split("|")), message


def test_a_branch_that_leads_back_up_is_refused(forest):
    def cycle(model):
        modes, true = attribute(model, "nodes_modes").strings, attribute(model, "nodes_truenodeids").ints
        inner = next(i for i in range(1, len(modes)) if modes[i] == b"BRANCH_LEQ")
        true[inner] = 1

    assert "leads back" in forged(cycle, forest)


def test_a_tree_that_is_too_deep_is_refused():
    deep, last = 600, 1200
    child = [2 * (i // 2) + 1 if i % 2 == 0 and i < last else 0 for i in range(last + 1)]
    leaves = [i for i in range(last + 1) if not child[i]]

    def chain(model):
        new = {
            **{"nodes_treeids": [0] * (last + 1), "nodes_nodeids": list(range(last + 1))},
            **{"nodes_featureids": [0] * (last + 1), "nodes_values": [0.0] * (last + 1)},
            **{"nodes_modes": ["LEAF" if i in leaves else "BRANCH_LEQ" for i in range(last + 1)]},
            **{"nodes_truenodeids": child, "nodes_falsenodeids": [c + 1 if c else 0 for c in child]},
            **{"class_treeids": [0] * len(leaves), "class_nodeids": leaves},
            **{"class_ids": [0] * len(leaves), "class_weights": [1.0] * len(leaves)},
            **{"classlabels_int64s": [0, 1, 2], "post_transform": "NONE"},
        }
        kind = "TreeEnsembleClassifier"
        made = helper.make_node(kind, ["X"], ["label", "probabilities"], domain="ai.onnx.ml", **new)
        model.graph.node[0].CopyFrom(made)

    assert "deeper" in forged(chain, a_forest()), deep


def test_numbers_for_operators_that_onnxruntime_would_read_beyond_are_refused():
    logistic = a_forest("logistic")
    for place, name in ((0, "offset"), (1, "coefficients"), (1, "intercepts")):

        def shorten(model, place=place, name=name):
            next(a for a in model.graph.node[place].attribute if a.name == name).floats.pop()

        assert name in forged(shorten, logistic)
    svm = a_forest("svm")

    def beyond(model):
        chosen = next(t for t in model.graph.initializer if t.name == "k1")
        chosen.CopyFrom(helper.make_tensor("k1", TensorProto.INT64, [], [-1]))

    assert "columns that need not be there" in forged(beyond, svm)


def test_answers_that_are_no_probabilities_are_refused_when_a_file_is_loaded(tmp_path):
    model = onnx.load_from_string(softmax_graph())
    model.graph.node[1].CopyFrom(helper.make_node("Exp", ["scores"], ["probabilities"]))
    path = tmp_path / "forged.onnx"
    path.write_bytes(resealed(model.SerializeToString(), information()))
    with pytest.raises(ModelError, match="no probabilities"):
        Model.load(path)


@settings(max_examples=300, deadline=None)
@given(place=st.integers(0, 10**6), change=st.binary(min_size=1, max_size=6), inserted=st.booleans())
def test_damaged_graphs_with_a_checksum_that_fits_are_refused_or_work(place, change, inserted):
    graph = softmax_graph()
    at = place % len(graph)
    forged = graph[:at] + change + graph[at if inserted else at + len(change) :]
    try:
        model = Model(forged, information())
        p = model.probabilities(np.ones((1, FEATURES)))
    except ModelError:
        return
    assert p.shape == (1, CLASSES)
    assert abs(p.sum() - 1) < 1e-9


def test_two_readers_cannot_take_a_message_in_two_ways():
    fields = {1: Field("a", "int"), 2: Field("b", "part")}
    for data, says in (
        (b"\x08\x01\x08\x02", "two values"),
        (b"\x18\x01", "never writes"),
        (b"\x12\x05ab", "cut short"),
        (b"\x0d" + struct.pack("<f", 1.0), "form"),
        (b"\x08" + b"\xff" * 10 + b"\x01", "64 bits"),
        (b"\x08", "cut short"),
    ):
        with pytest.raises(ValueError, match=says):
            read_message(data, fields, "it", {})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b'{"a": NaN}', "not finite"),
        (b'{"a": 1e999}', "not finite"),
        (b'{"a": ' + b"9" * 5000 + b"}", "64 bits"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b"[" * 100_000, "nested"),
        (b'{"a": "' + b"x" * 3000 + b'"}', "bytes"),
        (b'"\xff"', "UTF-8"),
        (b"{", "Expecting"),
    ],
)
def test_json_beyond_its_bounds_is_refused(text, says):
    with pytest.raises(ValueError, match=says):
        read_json(text, largest=2000 if says == "bytes" else 10**6, deepest=50)


def changed(key, **values):
    return {key: {**information()[key], **values}}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (changed("frontend", rate=10**9), "rate"),
        (changed("frontend", window=0), "window"),
        (changed("frontend", hop="128"), "hop"),
        (changed("frontend", window=256), "do not fit"),
        (changed("frontend", dct=information()["frontend"]["mel"]), "do not fit"),
        (changed("frontend", mel={"float32": "", "shape": [-1, 257]}), "no list of sizes"),
        (changed("frontend", mel={"float32": "", "shape": [2**62, 2**62]}), "no list of sizes"),
        (changed("calibration", bias=[1e300, 0, 0]), "beyond"),
        (changed("novelty", shares=information()["novelty"]["mean"]), "fit together"),
        ({"scores": []}, "scores must be"),
        (changed("training", sha256=7), "sha256 must be"),
        ({"created_by": {}}, "created_by"),
        (changed("thresholds", novelty="0.99"), "novelty must be a number"),
        ({"context": {}}, "missing"),
    ],
)
def test_arrays_and_numbers_that_do_not_fit_are_refused(changes, says, tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(resealed(softmax_graph(), information(**changes)))
    with pytest.raises(ModelError, match=says) as caught:
        Model.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_and_devices_are_refused_without_waiting_and_a_link_to_a_file_is_followed(tmp_path):
    os.mkfifo(tmp_path / "pipe.onnx")
    (tmp_path / "device.onnx").symlink_to("/dev/zero")
    for name in ("pipe.onnx", "device.onnx"):
        with pytest.raises(ModelError, match="neither a file nor a link"):
            Model.load(tmp_path / name)
    Model(softmax_graph(), information()).save(tmp_path / "m.onnx")
    (tmp_path / "link.onnx").symlink_to(tmp_path / "m.onnx")
    assert Model.load(tmp_path / "link.onnx").sha256 == Model.load(tmp_path / "m.onnx").sha256
