"""ONNX graphs that contain the graph of a base model.

The nodes of the base stay. Its calibration is added as nodes, and then a correction or another classifier. New nodes
have names that the base does not use, so that an adapted model can be adapted again. The same input gives the same
bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from popclass.model.calibration import FLOOR, Calibration
from popclass.model.graph import PROBABILITIES, open_session
from popclass.model.model import Model
from popclass.training.classifiers import ONNX_OPSETS
from popclass.training.correction import ABSENT, CLIP, Correction

LOGS, BOTH = "base_logs", "features_and_logs"


def corrected_graph(base: Model, correction: Correction) -> bytes:
    """Return the graph of the base with its calibration and the correction, as a serialized ONNX model."""
    mean, whitening = correction.scale
    present, bias = correction.present, correction.bias - ABSENT * ~correction.present
    constants = {
        **{"mean": mean, "whitening": whitening, "low": -CLIP, "high": CLIP},
        **{"slopes": correction.slopes, "sharpness": correction.sharpness, "bias": bias},
        **{"present": present[:, None], "absent": ~present},
    }
    graph = _Extended(base)
    nodes = [
        ("Exp", [LOGS], "base"),
        ("Sub", [graph.features, "mean"], "centred"),
        ("MatMul", ["centred", "whitening"], "white"),
        ("Clip", ["white", "low", "high"], "ended"),
        ("MatMul", ["ended", "slopes"], "moved"),
        ("Mul", [LOGS, "sharpness"], "sharpened"),
        ("Add", ["sharpened", "moved"], "summed"),
        ("Add", ["summed", "bias"], "scores"),
        ("Softmax", ["scores"], "share"),
        ("MatMul", ["base", "present"], "mass"),
        ("Mul", ["share", "mass"], "shared"),
        ("Mul", ["base", "absent"], "kept"),
        ("Add", ["shared", "kept"], PROBABILITIES),
    ]
    graph.add(constants, nodes)
    return graph.finish(PROBABILITIES)


def stacked_graph(base: Model, classifier: bytes) -> bytes:
    """Return the graph of a classifier whose input is the features followed by `base_logs`.

    Parameters
    ----------
    base : Model
    classifier : bytes
        Serialized ONNX model with one input and the output `probabilities`.
    """
    graph = _Extended(base)
    graph.add({}, [("Concat", [graph.features, LOGS], BOTH)])
    graph.append(classifier, BOTH)
    return graph.finish(PROBABILITIES)


def base_logs(base: Model, X: np.ndarray) -> np.ndarray:
    """Return the logarithms of the calibrated probabilities of the base, as its extended graph computes them.

    Parameters
    ----------
    base : Model
    X : ndarray, shape (n, f)

    Returns
    -------
    ndarray, shape (n, k)
        Numbers that float32 holds exactly.
    """
    session = open_session(_Extended(base).finish(LOGS), base.name)
    name, rows = session.get_inputs()[0].name, X.astype(np.float32)
    # a row at a time, as a model computes them
    logs = [session.run(None, {name: rows[at : at + 1]})[0] for at in range(len(rows))]
    return np.concatenate([np.zeros((0, len(base.classes))), *logs]).astype(np.float64)


class _Extended:
    """The graph of a base model, extended by its calibration."""

    def __init__(self, base: Model) -> None:
        import onnx

        self.model = onnx.load_from_string(base.graph)
        self.graph, self.classes = self.model.graph, len(base.classes)
        self.features = self.graph.input[0].name
        used = {name for node in self.graph.node for name in (*node.input, *node.output)}
        tries = (f"adapt{i}_" for i in range(len(used) + 1))
        self.prefix = next(each for each in tries if not any(name.startswith(each) for name in used))
        self.own = {PROBABILITIES: PROBABILITIES}
        raw = f"{self.prefix}raw"
        for node in self.graph.node:
            for names in (node.input, node.output):
                names[:] = [raw if name == PROBABILITIES else name for name in names]
        calibration = Calibration.from_json(base.info["calibration"])
        constants = {"floor": FLOOR, "one": 1.0, "weights": calibration.weights.T, "base_bias": calibration.bias}
        nodes = [
            ("Clip", [raw, "floor", "one"], "clipped"),
            ("Log", ["clipped"], "logs"),
            ("MatMul", ["logs", "weights"], "weighted"),
            ("Add", ["weighted", "base_bias"], "base_scores"),
            ("LogSoftmax", ["base_scores"], LOGS),
        ]
        self.add(constants, nodes)

    def add(self, constants: Mapping[str, Any], nodes: Sequence[tuple[str, list[str], str]]) -> None:
        """Add constants, and nodes given as operator, inputs and output."""
        from onnx import helper, numpy_helper

        self.own |= {name: self.prefix + name for name in (*constants, *(output for _, _, output in nodes))}
        self.own[PROBABILITIES] = PROBABILITIES
        for name, values in constants.items():
            tensor = numpy_helper.from_array(np.asarray(values, dtype=np.float32), self.own[name])
            self.graph.initializer.append(tensor)
        for kind, inputs, output in nodes:
            axis: dict[str, Any] = {"axis": 1} if kind in ("Concat", "LogSoftmax", "Softmax") else {}
            names = [self.own.get(name, name) for name in inputs]
            name = f"{self.prefix}to_{output}"
            self.graph.node.append(helper.make_node(kind, names, [self.own[output]], name=name, **axis))

    def append(self, classifier: bytes, features: str) -> None:
        """Add the nodes of another graph, whose input is `features`."""
        import onnx

        prefix = f"{self.prefix}then_"
        other = onnx.compose.add_prefix(onnx.load_from_string(classifier), prefix)
        renamed = {other.graph.input[0].name: self.own[features], prefix + PROBABILITIES: PROBABILITIES}
        for node in other.graph.node:
            for names in (node.input, node.output):
                names[:] = [renamed.get(name, name) for name in names]
        self.graph.node.extend(other.graph.node)
        self.graph.initializer.extend(other.graph.initializer)
        for opset in other.opset_import:
            self._allow(opset.domain)

    def finish(self, output: str) -> bytes:
        """Return the serialized model with one output."""
        from onnx import TensorProto, helper

        del self.graph.output[:]
        made = helper.make_tensor_value_info(self.own[output], TensorProto.FLOAT, [None, self.classes])
        self.graph.output.append(made)
        for opset in self.model.opset_import:
            opset.version = max(opset.version, ONNX_OPSETS.get(opset.domain, 1))
        self._allow("")
        return bytes(self.model.SerializeToString(deterministic=True))

    def _allow(self, domain: str) -> None:
        """Import the operators of a domain."""
        from onnx import helper

        if not any(opset.domain == domain for opset in self.model.opset_import):
            self.model.opset_import.append(helper.make_opsetid(domain, ONNX_OPSETS[domain]))
