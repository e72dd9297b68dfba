"""Check of a whole graph before onnxruntime runs it."""

from __future__ import annotations

from popclass.model.graph_reader import FLOAT, INT32, INT64, Graph, Value, read_graph
from popclass.model.operators import Scope, follow

LABEL, PROBABILITIES = "label", "probabilities"
_TYPES = {"f4": FLOAT, "i4": INT32, "i8": INT64}


def check_graph(data: bytes, features: int, classes: int) -> Graph:
    """Check the graph of a model without running it.

    Every node is followed with the shapes that its values have for one event, so nothing can grow without bound, and no
    index or length can be out of range.

    Parameters
    ----------
    data : bytes
        A serialized ONNX model.
    features, classes : int
        Columns of its input and of its output `probabilities`.

    Returns
    -------
    Graph

    Raises
    ------
    ValueError
        If popclass never writes such a graph; the message names the finding and what is allowed.
    """
    graph = read_graph(data)
    if len(graph.inputs) != 1:
        raise ValueError(f"the graph has {len(graph.inputs)} inputs; allowed is one, the features")
    start = graph.inputs[0].name
    _check_value(graph.inputs[0], FLOAT, (None, features))
    names = sorted(output.name for output in graph.outputs)
    if names not in ([PROBABILITIES], [LABEL, PROBABILITIES]):
        raise ValueError(f"the graph has the outputs {names}; allowed are '{PROBABILITIES}' and '{LABEL}' beside it")
    if start in graph.tensors:
        raise ValueError(f"{start!r} is both an input and a tensor")
    shapes = {name: values.shape for name, values in graph.tensors.items()}
    types = {name: _TYPES[values.dtype.str[1:]] for name, values in graph.tensors.items()}
    scope = Scope({**shapes, start: (1, features)}, {**types, start: FLOAT}, graph.tensors)
    for node in graph.nodes:
        follow(node, scope)
    for output in graph.outputs:
        if output.name == PROBABILITIES:
            _check_value(output, FLOAT, (None, classes))
        else:
            _check_value(output, INT64, (None,))
        if output.name not in scope.shapes or output.name in graph.tensors or output.name == start:
            raise ValueError(f"no node gives the output {output.name!r}")
    if scope.shapes[PROBABILITIES] != (1, classes) or scope.types[PROBABILITIES] != FLOAT:
        shape = scope.shapes[PROBABILITIES]
        raise ValueError(f"the probabilities of an event have the shape {shape}; needed is (1, {classes}), in float32")
    return graph


def _check_value(value: Value, kind: int, shape: tuple[int | None, ...]) -> None:
    fits = len(value.shape) == len(shape) and all(
        found in (None, needed) for found, needed in zip(value.shape, shape, strict=True)
    )
    if value.type != kind or not fits:
        raise ValueError(f"{value.name!r} has type {value.type} and shape {value.shape}; needed are {kind} and {shape}")
