"""The classifier graph of a model: a check of the whole before it runs, and inference with onnxruntime.

Inference has everything switched off that reads, writes or loads files. The graph is passed as bytes, so onnxruntime
knows no folder in which to look for other files. Only the processor computes, in one thread. No profile or optimized
copy is written, and no library of custom operators is registered.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.errors import ModelError, require
from popclass.model.graph_reader import FLOAT, INT32, INT64, Graph, Value, read_graph
from popclass.model.operators import Scope, follow

LABEL, PROBABILITIES = "label", "probabilities"
NO_MEMORY = "bad_alloc"  # in the text of several exceptions of onnxruntime
TOLERANCE = 1e-3  # a forest adds up 120 float32 numbers
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
    require(len(graph.inputs) == 1, f"the graph has {len(graph.inputs)} inputs; allowed is one, the features")
    start = graph.inputs[0].name
    _check_value(graph.inputs[0], FLOAT, (None, features))
    names = sorted(output.name for output in graph.outputs)
    allowed = f"allowed are '{PROBABILITIES}' and '{LABEL}' beside it"
    require(names in ([PROBABILITIES], [LABEL, PROBABILITIES]), f"the graph has the outputs {names}; {allowed}")
    require(start not in graph.tensors, f"{start!r} is both an input and a tensor")
    shapes = {name: values.shape for name, values in graph.tensors.items()}
    types = {name: _TYPES[values.dtype.str[1:]] for name, values in graph.tensors.items()}
    scope = Scope({**shapes, start: (1, features)}, {**types, start: FLOAT}, graph.tensors)
    for node in graph.nodes:
        follow(node, scope)
    for output in graph.outputs:
        kind, shape = (FLOAT, (None, classes)) if output.name == PROBABILITIES else (INT64, (None,))
        _check_value(output, kind, shape)
        computed = output.name in scope.shapes and output.name not in graph.tensors and output.name != start
        require(computed, f"no node gives the output {output.name!r}")
    given, kind = scope.shapes[PROBABILITIES], scope.types[PROBABILITIES]
    fits = given == (1, classes) and kind == FLOAT
    require(fits, f"the probabilities of an event have the shape {given}; needed is (1, {classes}), in float32")
    return graph


def _check_value(value: Value, kind: int, shape: tuple[int | None, ...]) -> None:
    fits = len(value.shape) == len(shape) and all(n in (None, m) for n, m in zip(value.shape, shape, strict=True))
    if value.type != kind or not fits:
        raise ValueError(f"{value.name!r} has type {value.type} and shape {value.shape}; needed are {kind} and {shape}")


def open_session(graph: bytes, name: str) -> Any:
    """Return an onnxruntime session of a checked graph.

    Raises
    ------
    ModelError
        If this onnxruntime cannot run it.
    MemoryError
        If memory runs out.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False  # neither grows with the largest recording
    options.enable_profiling = False
    options.log_severity_level = 4  # errors arrive as exceptions
    options.add_session_config_entry("session.load_model_format", "ONNX")
    onnxruntime.disable_telemetry_events()  # only its builds for Windows send any
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions have no common public base
        if NO_MEMORY in str(error):
            raise MemoryError(str(error)) from None
        raise _failure(name, error) from None


def run(session: Any, rows: NDArray[np.float32], classes: int, name: str) -> NDArray[np.float64]:
    """Return the output of the graph for each row, shape (n, classes).

    Parameters
    ----------
    session
        Of `open_session`.
    rows : ndarray of float32, shape (n, features)
    classes : int
    name : str
        Name of the model in errors.

    Raises
    ------
    ModelError
        If the outputs are not probabilities: outside 0 to 1, or not adding up to 1.
    """
    entry = session.get_inputs()[0].name
    out = np.zeros((len(rows), classes))
    # a row at a time: the rounding of onnxruntime's matrix products depends on how many rows there are
    for place in range(len(rows)):
        try:
            output = session.run([PROBABILITIES], {entry: rows[place : place + 1]})[0]
        except Exception as error:
            raise _failure(name, error) from None
        if output.shape != (1, classes):
            raise ModelError(f"{name}: the output of the graph does not fit the classes of the model; train it anew")
        out[place] = output[0]
    inside = ((out >= -TOLERANCE) & (out <= 1 + TOLERANCE)).all()  # false for NaN
    inside &= (np.abs(out.sum(axis=1) - 1) <= TOLERANCE).all()
    problem = "the outputs of the graph are not probabilities (0 to 1, adding up to 1); train it anew"
    require(inside, f"{name}: {problem}", ModelError)
    return out


def _failure(name: str, error: Exception) -> ModelError:
    import onnxruntime

    reason = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
    return ModelError(f"{name}: onnxruntime {onnxruntime.__version__} cannot run the graph of the model ({reason})")
