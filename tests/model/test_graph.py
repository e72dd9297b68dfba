"""Tests of popclass.model.graph, graph_reader, operators, trees and protobuf.

Each forged model has a valid checksum, as one from somebody who knows the format would.
"""

import numpy as np
import onnx
import pytest
from model_files import information, refused, resealed, softmax_graph
from onnx import TensorProto, helper, numpy_helper

from popclass.model.graph import check_graph
from popclass.training.classifiers import BOOSTING, KINDS, to_graph, train_classifier

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
def test_check_graph_every_classifier(kind, classes):
    check_graph(a_forest(kind, classes), FEATURES, classes)


@pytest.mark.parametrize("location", ["weights.bin", "../weights.bin", "/etc/passwd"])
def test_check_graph_external_data(location, tmp_path, monkeypatch):
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
    ("change", "expected"),
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
def test_check_graph_foreign(change, expected):
    def with_whole_number(model):
        model.graph.initializer.append(numpy_helper.from_array(np.zeros(1, np.int64), "n"))
        change(model)

    assert expected in forged(with_whole_number)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_check_graph_not_finite(number, forest):
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
    ("change", "expected"),
    [
        (lambda m: set_first(m, "nodes_truenodeids", 0), "does not exist"),
        (lambda m: set_first(m, "nodes_truenodeids", 2**40), "does not exist"),
        (lambda m: set_first(m, "nodes_falsenodeids", -1), "does not exist"),
        (lambda m: set_first(m, "nodes_falsenodeids", attribute(m, "nodes_truenodeids").ints[0]), "or two"),
        (lambda m: set_first(m, "nodes_featureids", FEATURES), "feature 2"),
        (lambda m: set_first(m, "nodes_featureids", -1), "feature -1"),
        (lambda m: set_first(m, "nodes_nodeids", 5), "numbered"),
        (lambda m: set_first(m, "nodes_treeids", 7), "numbered"),
        (lambda m: set_first(m, "class_ids", CLASSES), "class that does not exist"),
        (lambda m: set_first(m, "class_treeids", 10**6), "tree that does not exist"),
        (lambda m: set_first(m, "class_nodeids", 0), "leaf that does not exist"),
        (lambda m: attribute(m, "nodes_values").floats.pop(), "nodes_values"),
        (lambda m: attribute(m, "class_weights").floats.pop(), "class_weights"),
        (lambda m: attribute(m, "nodes_modes").strings.__setitem__(0, b"BRANCH_EQ"), "not allowed"),
        (lambda m: attribute(m, "classlabels_int64s").ints.append(3), "there must be|shape"),
    ],
)
def test_check_trees_damaged(change, expected, forest):
    message = forged(change, forest)
    assert any(word in message for word in expected.split("|")), message


def test_check_trees_cycle(forest):
    def cycle(model):
        modes, true = attribute(model, "nodes_modes").strings, attribute(model, "nodes_truenodeids").ints
        inner = next(i for i in range(1, len(modes)) if modes[i] == b"BRANCH_LEQ")
        true[inner] = 1

    assert "leads back" in forged(cycle, forest)


def test_check_trees_too_deep():
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


def test_follow_attribute_lengths():
    logistic = a_forest("logistic")
    for place, name in ((0, "offset"), (1, "coefficients"), (1, "intercepts")):

        def shorten(model, place=place, name=name):
            next(a for a in model.graph.node[place].attribute if a.name == name).floats.pop()

        assert name in forged(shorten, logistic)
    svm = a_forest("svm")

    def beyond(model):
        chosen = next(t for t in model.graph.initializer if t.name == "k1")
        chosen.CopyFrom(helper.make_tensor("k1", TensorProto.INT64, [], [-1]))

    assert "columns that may not exist" in forged(beyond, svm)
