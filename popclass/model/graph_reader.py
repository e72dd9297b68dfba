"""An ONNX model as records, read without the onnx package: nodes, their attributes, tensors, input and outputs.

Only what popclass's own models are made of is read. Everything else that the format offers is refused by name:
tensors in other files, functions, graphs inside nodes, sparse tensors, strings, training steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.model.protobuf import Field, read_message

OPSETS = {"": (13, 17), "ai.onnx.ml": (1, 3)}  # lowest and highest version of each domain
IR_VERSIONS = (3, 8)
LARGEST_TENSOR = 2**20  # numbers
MOST_TENSORS = 4096
MOST_NODES = 16_384
FLOAT, INT32, INT64 = 1, 6, 7
BRANCH, LEAF = b"BRANCH_LEQ", b"LEAF"
_FLOAT_ATTRIBUTE, _INT_ATTRIBUTE, _TEXT_ATTRIBUTE, _FLOATS_ATTRIBUTE, _INTS_ATTRIBUTE, _WORDS_ATTRIBUTE = (
    1,
    2,
    3,
    6,
    7,
    8,
)

_MODEL = {
    1: Field("ir_version", "int"),
    2: Field("producer", "text"),
    3: Field("producer_version", "text"),
    4: Field("domain", "text"),
    5: Field("model_version", "int"),
    6: Field("doc", "text"),
    7: Field("graph", "part"),
    8: Field("opsets", "parts"),
}
_NOT_IN_MODEL = {
    14: "the graph carries metadata of its own; popclass keeps all of it in one JSON",
    20: "the graph holds training steps; a model of popclass holds none",
    25: "the graph defines functions of its own; only operators of ONNX itself are allowed",
    26: "the graph asks for devices; popclass computes on the processor alone",
}
_OPSET = {1: Field("domain", "text"), 2: Field("version", "int")}
_GRAPH = {
    1: Field("nodes", "parts"),
    2: Field("name", "text"),
    5: Field("tensors", "parts"),
    10: Field("doc", "text"),
    11: Field("inputs", "parts"),
    12: Field("outputs", "parts"),
}
_NOT_IN_GRAPH = {15: "the graph holds a sparse tensor; only dense ones are allowed"}
_NODE = {
    1: Field("inputs", "texts"),
    2: Field("outputs", "texts"),
    3: Field("name", "text"),
    4: Field("operator", "text"),
    5: Field("attributes", "parts"),
    6: Field("doc", "text"),
    7: Field("domain", "text"),
}
_ATTRIBUTE = {
    1: Field("name", "text"),
    2: Field("f", "float"),
    3: Field("i", "int"),
    4: Field("s", "text"),
    7: Field("floats", "floats"),
    8: Field("ints", "ints"),
    9: Field("words", "words", (LEAF, BRANCH)),
    13: Field("doc", "text"),
    20: Field("type", "int"),
}
_SUBGRAPH = "holds a graph inside a node (as If, Loop and Scan do); only plain operators are allowed"
_TENSOR_INSIDE = "holds a tensor inside a node (as Constant does); tensors must stand in the graph's own list"
_SPARSE_INSIDE = "holds a sparse tensor; only dense ones in the graph's own list are allowed"
_NOT_IN_ATTRIBUTE = {
    **{5: _TENSOR_INSIDE, 10: _TENSOR_INSIDE, 6: _SUBGRAPH, 11: _SUBGRAPH, 22: _SPARSE_INSIDE, 23: _SPARSE_INSIDE},
    **{14: "holds a type; only numbers are allowed", 15: "holds types; only numbers are allowed"},
    21: "refers to a function's attribute; functions are not allowed",
}
_TENSOR = {
    1: Field("dims", "numbers"),
    2: Field("type", "int"),
    4: Field("floats", "packed floats"),
    5: Field("ints", "packed ints"),
    7: Field("longs", "packed ints"),
    8: Field("name", "text"),
    9: Field("raw", "part"),
    12: Field("doc", "text"),
}
_OTHER_FILE = "keeps its numbers in another file; a model of popclass is one file, and no other is ever opened"
_NOT_IN_TENSOR = {
    **{13: _OTHER_FILE, 14: _OTHER_FILE, 6: "holds strings; only numbers are allowed"},
    **{3: "is one part of a divided tensor; it must be whole"},
}
_VALUE = {1: Field("name", "text"), 2: Field("type", "part"), 3: Field("doc", "text")}
_TYPE = {1: Field("tensor", "part"), 6: Field("denotation", "text")}
_TENSOR_TYPE = {1: Field("type", "int"), 2: Field("shape", "part")}
_SHAPE = {1: Field("dims", "parts")}
_DIMENSION = {1: Field("value", "int"), 2: Field("name", "text"), 3: Field("denotation", "text")}


@dataclass(frozen=True, slots=True)
class Node:
    """One step of a graph; attributes are numbers, texts, or arrays of numbers."""

    operator: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Value:
    """An input or output: its name, its type's number, and its shape with None for what is left open."""

    name: str
    type: int
    shape: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """What a graph is made of."""

    nodes: tuple[Node, ...]
    tensors: dict[str, NDArray[Any]]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]


def read_graph(data: bytes) -> Graph:
    """The records of a serialised ONNX model.

    Raises
    ------
    ValueError
        If it is none, or holds what no model of popclass does.
    """
    model = read_message(data, _MODEL, "the model", _NOT_IN_MODEL)
    low, high = IR_VERSIONS
    if not low <= model.get("ir_version", 0) <= high:
        raise ValueError(f"it has ONNX IR version {model.get('ir_version')}; allowed are {low} to {high}")
    _check_opsets(model.get("opsets", []))
    if "graph" not in model:
        raise ValueError("the model holds no graph")
    graph = read_message(model["graph"], _GRAPH, "the graph", _NOT_IN_GRAPH)
    nodes, tensors = graph.get("nodes", []), graph.get("tensors", [])
    for count, most, what in ((len(nodes), MOST_NODES, "nodes"), (len(tensors), MOST_TENSORS, "tensors")):
        if count > most:
            raise ValueError(f"the graph has {count} {what}; allowed are {most}")
    return Graph(
        tuple(map(_node, nodes)),
        _tensors(tensors),
        tuple(map(_value, graph.get("inputs", []))),
        tuple(map(_value, graph.get("outputs", []))),
    )


def _check_opsets(parts: list[bytes]) -> None:
    found: dict[str, int] = {}
    for part in parts:
        opset = read_message(part, _OPSET, "an operator set", {})
        domain, version = opset.get("domain", ""), opset.get("version", 0)
        if domain not in OPSETS:
            raise ValueError(f"it uses the operator domain {domain!r}; allowed are ai.onnx and ai.onnx.ml")
        low, high = OPSETS[domain]
        if not low <= version <= high:
            shown = domain or "ai.onnx"
            raise ValueError(f"it uses version {version} of the operators {shown}; allowed are {low} to {high}")
        if found.setdefault(domain, version) != version:
            raise ValueError("it names two versions of one operator domain")


def _node(part: bytes) -> Node:
    found = read_message(part, _NODE, "a node", {8: "a node calls a function; functions are not allowed"})
    operator = found.get("operator", "")
    attributes: dict[str, Any] = {}
    for each in found.get("attributes", []):
        name, value = _attribute(each, f"the operator {operator!r}")
        if name in attributes:
            raise ValueError(f"the operator {operator!r} has two attributes {name!r}")
        attributes[name] = value
    return Node(
        operator,
        found.get("domain", ""),
        tuple(found.get("inputs", [])),
        tuple(found.get("outputs", [])),
        attributes,
    )


def _attribute(part: bytes, owner: str) -> tuple[str, Any]:
    refused = {number: f"{owner} {what}" for number, what in _NOT_IN_ATTRIBUTE.items()}
    found = read_message(part, _ATTRIBUTE, f"an attribute of {owner}", refused)
    name, kind = found.pop("name", ""), found.pop("type", 0)
    found.pop("doc", None)
    empty: dict[int, tuple[str, Any]] = {
        _FLOAT_ATTRIBUTE: ("f", 0.0),
        _INT_ATTRIBUTE: ("i", 0),
        _TEXT_ATTRIBUTE: ("s", ""),
        _FLOATS_ATTRIBUTE: ("floats", np.zeros(0, np.float32)),
        _INTS_ATTRIBUTE: ("ints", np.zeros(0, np.int64)),
        _WORDS_ATTRIBUTE: ("words", np.zeros(0, np.uint8)),
    }
    if kind not in empty or set(found) - {empty[kind][0]}:
        raise ValueError(f"{owner} has an attribute {name!r} of a type that popclass never writes")
    key, nothing = empty[kind]
    value = found.get(key, nothing)
    if kind in (_FLOAT_ATTRIBUTE, _FLOATS_ATTRIBUTE) and not np.isfinite(value).all():
        raise ValueError(f"{owner} has NaN or infinity in its {name}")
    return name, value


def _tensors(parts: list[bytes]) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {}
    total = 0
    for part in parts:
        name, values = _tensor(part)
        if name in found:
            raise ValueError(f"there are two tensors {name!r}")
        total += values.size
        if total > LARGEST_TENSOR:
            raise ValueError(f"its tensors hold more than {LARGEST_TENSOR} numbers")
        found[name] = values
    return found


def _tensor(part: bytes) -> tuple[str, NDArray[Any]]:
    refused = {number: f"a tensor {what}" for number, what in _NOT_IN_TENSOR.items()}
    found = read_message(part, _TENSOR, "a tensor", refused)
    name, kind, dims = found.get("name", ""), found.get("type", 0), found.get("dims", [])
    if len(dims) > 2 or any(not 0 < n <= LARGEST_TENSOR for n in dims) or math.prod(dims) > LARGEST_TENSOR:
        raise ValueError(
            f"the tensor {name!r} has the shape {dims}; allowed are two dimensions and {LARGEST_TENSOR} numbers"
        )
    stored = {FLOAT: ("floats", "<f4"), INT32: ("ints", "<i4"), INT64: ("longs", "<i8")}
    if kind not in stored:
        raise ValueError(f"the tensor {name!r} is of type {kind}; allowed are float32, int32 and int64")
    key, dtype = stored[kind]
    held = [k for k in ("floats", "ints", "longs", "raw") if k in found]
    if held not in ([key], ["raw"]):
        raise ValueError(f"the tensor {name!r} holds numbers of another type than it says, or none")
    size = math.prod(dims)
    if held == ["raw"]:
        if len(found["raw"]) != size * np.dtype(dtype).itemsize:
            raise ValueError(f"the tensor {name!r} holds {len(found['raw'])} bytes, which do not fit its shape {dims}")
        values = np.frombuffer(found["raw"], dtype)
    else:
        values = found[key]
    if len(values) != size:
        raise ValueError(f"the tensor {name!r} holds {len(values)} numbers, its shape {dims} asks for {size}")
    if kind == FLOAT and not np.isfinite(values).all():
        raise ValueError(f"the tensor {name!r} holds NaN or infinity")
    return name, values.astype(dtype).reshape(dims)


def _value(part: bytes) -> Value:
    value = read_message(part, _VALUE, "an input or output", {})
    name = value.get("name", "")
    kind = read_message(value.get("type", b""), _TYPE, f"the type of {name!r}", {})
    if "tensor" not in kind:
        raise ValueError(f"{name!r} is no tensor")
    tensor = read_message(kind["tensor"], _TENSOR_TYPE, f"the type of {name!r}", {})
    shape = read_message(tensor.get("shape", b""), _SHAPE, f"the shape of {name!r}", {})
    dims = [read_message(each, _DIMENSION, f"the shape of {name!r}", {}) for each in shape.get("dims", [])]
    return Value(name, tensor.get("type", 0), tuple(each.get("value") for each in dims))
