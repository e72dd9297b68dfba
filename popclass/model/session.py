"""Running a graph that passed the checks: onnxruntime with everything switched off that reads, writes or loads.

The graph is handed over as bytes, so onnxruntime knows no folder in which it could look for further files. Only the
processor computes, in one thread; no profile and no optimised copy is written, and no library with operators of
somebody's own is registered.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.errors import ModelError
from popclass.model.graph_check import PROBABILITIES

NO_MEMORY = "bad_alloc"  # in whatever exception onnxruntime makes of it
TOLERANCE = 1e-3  # a forest adds up 120 float32 numbers


def open_session(graph: bytes, name: str) -> Any:
    """An onnxruntime session of a checked graph.

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
    options.log_severity_level = 4  # what is an error is told by the exception
    options.add_session_config_entry("session.load_model_format", "ONNX")
    onnxruntime.disable_telemetry_events()  # which only its builds for Windows would send
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions have no common public base
        if NO_MEMORY in str(error):
            raise MemoryError(str(error)) from None
        raise ModelError(f"{name}: {_said(error)}, cannot run the model's graph") from None


def run(session: Any, rows: NDArray[np.float32], classes: int, name: str) -> NDArray[np.float64]:
    """What the graph says of each row, shape (n, classes).

    Parameters
    ----------
    session
        Of `open_session`.
    rows : ndarray of float32, shape (n, features)
    classes : int
    name : str
        What error messages call the model.

    Raises
    ------
    ModelError
        If the answers are no probabilities: outside 0 to 1, or not adding up to 1.
    """
    entry = session.get_inputs()[0].name
    out = np.zeros((len(rows), classes))
    # a row at a time: the rounding of onnxruntime's matrix products depends on how many rows there are
    for place in range(len(rows)):
        try:
            answer = session.run([PROBABILITIES], {entry: rows[place : place + 1]})[0]
        except Exception as error:
            raise ModelError(f"{name}: {_said(error)}, cannot run the model's graph") from None
        if answer.shape != (1, classes):
            raise ModelError(f"{name}: the graph's answer does not fit the model's classes; make the model anew")
        out[place] = answer[0]
    inside = (out >= -TOLERANCE) & (out <= 1 + TOLERANCE)  # false for NaN
    if not (inside.all() and (np.abs(out.sum(axis=1) - 1) <= TOLERANCE).all()):
        raise ModelError(
            f"{name}: the graph's answers are no probabilities, 0 to 1 and together 1; make the model anew"
        )
    return out


def _said(error: Exception) -> str:
    import onnxruntime

    reason = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
    return f"onnxruntime {onnxruntime.__version__} ({reason})"
