"""The graph of a model file: nodes, their attributes, tensors, inputs and outputs.

Read by `popclass.model.protobuf` rather than the onnx package, for three reasons: importing onnx takes 0.12 s of CPU
time where all of `popclass classify` has 0.3 s; it adds 36 MB for users who only classify; and its checker accepts
fields it does not know and a second graph that is merged into the first, and opens the files that a tensor names.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from popclass.errors import require
from popclass.model.protobuf import Field, Schema, read_message

OPSETS = {"": (13, 17), "ai.onnx.ml": (1, 3)}  # lowest and highest version of each domain
IR_VERSIONS = (3, 8)
LARGEST_TENSOR = 2**20  # numbers
FLOAT, INT32, INT64 = 1, 6, 7
BRANCH, LEAF = b"BRANCH_LEQ", b"LEAF"
_MANY = 64
_SPARSE = "holds a sparse tensor; only dense ones are allowed"


def _fields(kind: str | tuple[bytes, ...] | Schema, most: int = 1, **numbers: int) -> Schema:
    return {number: Field(name, kind, most) for name, number in numbers.items()}


# names and numbers of onnx.proto
_ATTRIBUTE: Schema = {
    **_fields("text", name=1, s=4, doc_string=13),
    **_fields("int", i=3, type=20),
    **_fields("float", f=2),
    **_fields("floats", floats=7),
    **_fields("ints", ints=8),
    **_fields((LEAF, BRANCH), strings=9),
    **dict.fromkeys((5, 10), "holds a tensor inside a node (as Constant does); it must be in the graph's own list"),
    **dict.fromkeys((6, 11), "holds a graph inside a node (as If, Loop and Scan do); only plain operators are allowed"),
    **dict.fromkeys((14, 15), "holds a type; only numbers are allowed"),
    **dict.fromkeys((22, 23), _SPARSE),
    21: "refers to a function's attribute; functions are not allowed",
}
_NODE: Schema = {
    **_fields("text", _MANY, input=1, output=2),
    **_fields("text", name=3, op_type=4, doc_string=6, domain=7),
    **_fields(_ATTRIBUTE, _MANY, attribute=5),
    8: "calls a function; functions are not allowed",
}
_TENSOR: Schema = {
    **_fields("int", _MANY, dims=1),
    **_fields("int", data_type=2),
    **_fields("packed floats", float_data=4),
    **_fields("packed ints", int32_data=5, int64_data=7),
    **_fields("text", name=8, doc_string=12),
    **_fields("bytes", raw_data=9),
    **dict.fromkeys((13, 14), "keeps its numbers in another file; a model is one file, and no other is opened"),
    3: "is one part of a divided tensor; it must be whole",
    6: "holds strings; only numbers are allowed",
}
_DIMENSION: Schema = {**_fields("int", value=1), **_fields("text", param=2, denotation=3)}
_TENSOR_TYPE: Schema = {**_fields("int", elem_type=1), **_fields(_fields(_DIMENSION, _MANY, dim=1), shape=2)}
_TYPE: Schema = {**_fields(_TENSOR_TYPE, tensor_type=1), **_fields("text", denotation=6)}
_GRAPH: Schema = {
    **_fields(_NODE, 16_384, node=1),
    **_fields("text", name=2, doc_string=10),
    **_fields(_TENSOR, 4096, initializer=5),
    **_fields({**_fields("text", name=1, doc_string=3), **_fields(_TYPE, type=2)}, _MANY, input=11, output=12),
    15: _SPARSE,
}
_MODEL: Schema = {
    **_fields("int", ir_version=1, model_version=5),
    **_fields("text", producer_name=2, producer_version=3, domain=4, doc_string=6),
    **_fields(_GRAPH, graph=7),
    **_fields({**_fields("text", domain=1), **_fields("int", version=2)}, _MANY, opset_import=8),
    14: "carries metadata of its own; popclass keeps all of it in one JSON",
    20: "holds training steps; a model of popclass holds none",
    25: "defines functions of its own; only operators of ONNX itself are allowed",
    26: "requests devices; popclass computes on the processor alone",
}
_ATTRIBUTE_TYPES: dict[int, tuple[str, Any]] = {  # key and the value of an absent one
    1: ("f", 0.0),
    2: ("i", 0),
    3: ("s", ""),
    6: ("floats", np.zeros(0, np.float32)),
    7: ("ints", np.zeros(0, np.int64)),
    8: ("strings", np.zeros(0, np.uint8)),
}
_TENSOR_TYPES = {FLOAT: ("float_data", "<f4"), INT32: ("int32_data", "<i4"), INT64: ("int64_data", "<i8")}


class Node(NamedTuple):
    """One step of a graph; attributes are numbers, texts, or arrays of numbers."""

    operator: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]


class Value(NamedTuple):
    """An input or output: its name, ONNX type number and shape, with None for a size that is left open."""

    name: str
    type: int
    shape: tuple[int | None, ...]


class Graph(NamedTuple):
    """Parts of a graph."""

    nodes: tuple[Node, ...]
    tensors: dict[str, NDArray[Any]]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]


def read_graph(data: bytes) -> Graph:
    """Return the graph of a serialized ONNX model.

    Raises
    ------
    ValueError
        If the bytes are not an ONNX model, or hold anything that popclass never writes.
    """
    model = read_message(data, _MODEL, "the model")
    low, high = IR_VERSIONS
    version = model.get("ir_version", 0)
    require(low <= version <= high, f"it has ONNX IR version {version}; allowed are {low} to {high}")
    _check_opsets(model.get("opset_import", []))
    require("graph" in model, "the model holds no graph")
    graph = model["graph"]
    nodes, initializers, inputs, outputs = (graph.get(name, []) for name in ("node", "initializer", "input", "output"))
    steps, tensors = tuple(map(_node, nodes)), dict(map(_tensor, initializers))
    require(len(tensors) == len(initializers), "there are two tensors of the same name")
    total = sum(values.size for values in tensors.values())
    require(total <= LARGEST_TENSOR, f"its tensors hold more than {LARGEST_TENSOR} numbers")
    return Graph(steps, tensors, tuple(map(_value, inputs)), tuple(map(_value, outputs)))


def _check_opsets(opsets: list[dict[str, Any]]) -> None:
    versions = {(each.get("domain", ""), each.get("version", 0)) for each in opsets}
    for domain, version in sorted(versions):
        require(domain in OPSETS, f"it uses the operator domain {domain!r}; allowed are ai.onnx and ai.onnx.ml")
        low, high = OPSETS[domain]
        used = f"version {version} of the operators {domain or 'ai.onnx'}"
        require(low <= version <= high, f"it uses {used}; allowed are {low} to {high}")
    require(len(versions) == len(dict(versions)), "it names two versions of one operator domain")


def _node(node: dict[str, Any]) -> Node:
    operator = node.get("op_type", "")
    attributes = dict(_attribute(each, operator) for each in node.get("attribute", []))
    distinct = len(attributes) == len(node.get("attribute", []))
    require(distinct, f"the operator {operator!r} has two attributes of the same name")
    inputs, outputs = (tuple(node.get(name, ())) for name in ("input", "output"))
    return Node(operator, node.get("domain", ""), inputs, outputs, attributes)


def _attribute(attribute: dict[str, Any], operator: str) -> tuple[str, Any]:
    name = attribute.get("name", "")
    key, absent = _ATTRIBUTE_TYPES.get(attribute.get("type", 0), ("", None))
    known = key and not set(attribute) - {"name", "type", "doc_string", key}
    require(known, f"the operator {operator!r} has an attribute {name!r} of a type that popclass never writes")
    value = attribute.get(key, absent)
    finite = key not in ("f", "floats") or np.isfinite(value).all()
    require(finite, f"the operator {operator!r} has NaN or infinity in its {name}")
    return name, value


def _tensor(tensor: dict[str, Any]) -> tuple[str, NDArray[Any]]:
    name, kind, dims = tensor.get("name", ""), tensor.get("data_type", 0), tensor.get("dims", [])
    size, shown = math.prod(dims), f"the tensor {name!r}"
    fits = len(dims) <= 2 and all(n > 0 for n in dims) and size <= LARGEST_TENSOR
    require(fits, f"{shown} has the shape {dims}; allowed are two dimensions and {LARGEST_TENSOR} numbers")
    require(kind in _TENSOR_TYPES, f"{shown} is of type {kind}; allowed are float32, int32 and int64")
    key, dtype = _TENSOR_TYPES[kind]
    held = tensor.keys() & {"float_data", "int32_data", "int64_data", "raw_data"}
    require(held in ({key}, {"raw_data"}), f"{shown} holds numbers of another type than it declares, or none")
    values = tensor[key] if key in held else np.frombuffer(tensor["raw_data"], dtype)
    require(len(values) == size, f"{shown} holds numbers that do not fit its shape {dims}")
    require(kind != FLOAT or np.isfinite(values).all(), f"{shown} holds NaN or infinity")
    return name, values.astype(dtype).reshape(dims)


def _value(value: dict[str, Any]) -> Value:
    name, kind = value.get("name", ""), value.get("type", {}).get("tensor_type")
    require(kind is not None, f"{name!r} is not a tensor")
    shape = tuple(each.get("value") for each in kind.get("shape", {}).get("dim", []))
    return Value(name, kind.get("elem_type", 0), shape)
