"""Whether a graph is one that popclass may have made: the door every model passes."""

from __future__ import annotations

from popclass.model.graph_reader import FLOAT, INT32, INT64, Graph, Value, read_graph
from popclass.model.operators import Scope, Shape, follow

INPUT, LABEL, PROBABILITIES = "X", "label", "probabilities"
_TYPES = {"f4": FLOAT, "i4": INT32, "i8": INT64}


def check_graph(data: bytes, features: int, classes: int) -> Graph:
    """Check the graph of a model without running it.

    Every node is followed with the shape that its values have for one event, so nothing may grow without bound, and no
    index or length may lie beyond what is there.

    Parameters
    ----------
    data : bytes
        A serialised ONNX model.
    features, classes : int
        Columns of its input and of its output `probabilities`.

    Returns
    -------
    Graph

    Raises
    ------
    ValueError
        If anything in it is not what popclass writes; the message says what was found and what is allowed.
    """
    graph = read_graph(data)
    if len(graph.inputs) != 1:
        raise ValueError(f"the graph has {len(graph.inputs)} inputs; allowed is one, the features")
    _check_value(graph.inputs[0], FLOAT, (None, features), "input")
    _check_outputs(graph, classes)
    start = graph.inputs[0].name
    if start in graph.tensors:
        raise ValueError(f"{start!r} is given twice")
    shapes: dict[str, Shape] = {name: values.shape for name, values in graph.tensors.items()}
    types = {name: _TYPES[values.dtype.str[1:]] for name, values in graph.tensors.items()}
    scope = Scope({**shapes, start: (1, features)}, {**types, start: FLOAT}, graph.tensors)
    for node in graph.nodes:
        follow(node, scope)
    for output in graph.outputs:
        if output.name not in scope.shapes or output.name in graph.tensors or output.name == start:
            raise ValueError(f"no node gives the output {output.name!r}")
    if scope.shapes[PROBABILITIES] != (1, classes) or scope.types[PROBABILITIES] != FLOAT:
        shape = scope.shapes[PROBABILITIES]
        raise ValueError(f"an event's probabilities are of the shape {shape}; needed is (1, {classes}), in float32")
    return graph


def _check_outputs(graph: Graph, classes: int) -> None:
    """`probabilities` must be there, the number of the likeliest class may be."""
    names = [output.name for output in graph.outputs]
    if sorted(names) not in ([PROBABILITIES], [LABEL, PROBABILITIES]):
        raise ValueError(f"the graph has the outputs {names}; allowed are '{PROBABILITIES}' and '{LABEL}' beside it")
    for output in graph.outputs:
        if output.name == PROBABILITIES:
            _check_value(output, FLOAT, (None, classes), "output")
        else:
            _check_value(output, INT64, (None,), "output")


def _check_value(value: Value, kind: int, shape: tuple[int | None, ...], what: str) -> None:
    fits = len(value.shape) == len(shape) and all(
        found in (None, wanted) for found, wanted in zip(value.shape, shape, strict=True)
    )
    if value.type != kind or not fits:
        raise ValueError(
            f"the {what} {value.name!r} has type {value.type} and shape {value.shape}; needed are {kind} and {shape}"
        )
