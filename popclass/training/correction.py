"""Shrunk correction of a base model's probabilities, and the ONNX graph that computes them.

Few labelled events do not suffice for a classifier of fifty features, but they can show where an existing one is wrong.
With p the calibrated probabilities of the base and z the features standardized by its statistics,

    q = softmax(s log p + z V + b)

where s, V and b maximize a penalized likelihood: s is shrunk to 1, b and V to 0 (ridge, Hoerl & Kennard 1970). So
without evidence the base is unchanged. With V = 0 it is temperature scaling with class biases. A class of the base that
is not among the labels keeps its probability; the others share the rest as q does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from popclass.model.calibration import FLOOR, Calibration
from popclass.model.model import Model
from popclass.model.novelty import Novelty
from popclass.training.classifiers import ONNX_OPSETS, to_float32

SHRINKAGE = 50.0  # of s towards 1 and b towards 0, in events; high, since events of one person are not independent
CLIP = 4.0  # of standardized features, so that none decides alone
ABSENT = 1e4  # subtracted from the logit of a class without labels
RECALIBRATION = float("inf")  # strength that keeps V at 0

Scale = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, slots=True)
class Correction:
    """Parameters of one correction.

    Attributes
    ----------
    sharpness : float
        s.
    bias : ndarray, shape (k,)
        b; 0 for classes that are not present.
    slopes : ndarray, shape (f, k)
        V; likewise.
    scale : pair of ndarray, shape (f,)
        Mean and spread for the standardization of the features.
    present : ndarray of bool, shape (k,)
        Classes that were among the labels.
    """

    sharpness: float
    bias: np.ndarray
    slopes: np.ndarray
    scale: Scale
    present: np.ndarray

    def apply(self, p: np.ndarray, X: np.ndarray) -> np.ndarray:
        """Return corrected probabilities, shape (n, k).

        Parameters
        ----------
        p : ndarray, shape (n, k)
            Result of `base_probabilities`.
        X : ndarray, shape (n, f)
        """
        from scipy.special import log_softmax

        scores = self.sharpness * np.log(p) + standardize(X, self.scale) @ self.slopes + self.bias
        share = np.exp(log_softmax(scores - ABSENT * ~self.present, axis=1))
        return np.asarray(np.where(self.present, share * p[:, self.present].sum(axis=1, keepdims=True), p))


def fit_correction(p: np.ndarray, X: np.ndarray, y: np.ndarray, scale: Scale, strength: float) -> Correction:
    """Return the correction that maximizes the penalized likelihood of labelled events.

    Parameters
    ----------
    p : ndarray, shape (n, k)
        Result of `base_probabilities`.
    X : ndarray, shape (n, f)
    y : ndarray of int, shape (n,)
        True classes, 0 to k - 1; not every class need be present.
    scale : pair of ndarray, shape (f,)
        Result of `feature_scale`.
    strength : float
        Strength of the shrinkage of V, in events; `RECALIBRATION` keeps V at 0.
    """
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    k, f = p.shape[1], X.shape[1]
    present = np.isin(np.arange(k), y)
    logs, truth = np.log(p[:, present]), np.eye(k)[y][:, present]
    inputs, pull = np.ones((len(y), 1)), np.array([[SHRINKAGE]])
    if np.isfinite(strength):
        inputs = np.hstack([inputs, standardize(X, scale)])
        pull = np.array([SHRINKAGE, *[strength] * f])[:, None]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        numbers = flat[1:].reshape(inputs.shape[1], -1)
        log_q = log_softmax(flat[0] * logs + inputs @ numbers, axis=1)
        off = np.exp(log_q) - truth
        value = -(truth * log_q).sum() + SHRINKAGE / 2 * (flat[0] - 1) ** 2 + (pull / 2 * numbers**2).sum()
        of_sharpness = (off * logs).sum() + SHRINKAGE * (flat[0] - 1)
        return float(value), np.concatenate([[of_sharpness], (inputs.T @ off + pull * numbers).ravel()])

    start = np.concatenate([[1.0], np.zeros(inputs.shape[1] * int(present.sum()))])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500}).x
    numbers = np.zeros((f + 1, k))
    numbers[: inputs.shape[1], present] = found[1:].reshape(inputs.shape[1], -1)
    return Correction(float(found[0]), numbers[0], numbers[1:], scale, present)


def base_probabilities(base: Model, X: np.ndarray) -> np.ndarray:
    """Return the calibrated probabilities of the base, none of them 0, shape (n, k)."""
    return np.asarray(np.maximum(base.probabilities(X), np.finfo(np.float32).tiny))


def feature_scale(base: Model) -> Scale:
    """Return mean and spread of each feature in the training data of the base, shape (f,) each.

    A few new events could not tell them. The spread is that inside the classes, from the whitening of the base's
    novelty measure.
    """
    novelty = Novelty.from_json(base.info["novelty"])
    covariance = np.linalg.pinv(novelty.whitening @ novelty.whitening.T)
    spread = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    spread[spread == 0] = 1.0  # a constant feature
    return to_float32(novelty.mean), to_float32(spread)


def standardize(X: np.ndarray, scale: Scale) -> np.ndarray:
    """Return features in units of their spread, clipped at `CLIP`."""
    return np.asarray(np.clip((X - scale[0]) / scale[1], -CLIP, CLIP))


def corrected_graph(base: Model, correction: Correction) -> bytes:
    """Return the graph of the base with its calibration and the correction, as a serialized ONNX model.

    The same input gives the same bytes. The nodes of the base stay. The new ones have names that the base does not use,
    so an adapted model can be adapted again.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load_from_string(base.graph)
    graph = model.graph
    used = {name for node in graph.node for name in (*node.input, *node.output)}
    prefix = next(f"adapt{i}_" for i in range(len(used) + 1) if not any(t.startswith(f"adapt{i}_") for t in used))
    raw = f"{prefix}raw"
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [raw if name == "probabilities" else name for name in names]
    constants, nodes = _constants(base, correction), _nodes(graph.input[0].name, raw)
    own = {name: prefix + name for name in (*constants, *(output for _, _, output in nodes))}
    own["probabilities"] = "probabilities"
    for name, values in constants.items():
        graph.initializer.append(numpy_helper.from_array(np.asarray(values, dtype=np.float32), own[name]))
    for kind, inputs, output in nodes:
        axis: dict[str, Any] = {"axis": 1} if kind in ("LogSoftmax", "Softmax") else {}
        names = [own.get(name, name) for name in inputs]
        graph.node.append(helper.make_node(kind, names, [own[output]], name=f"{prefix}to_{output}", **axis))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, len(base.classes)]))
    for opset in model.opset_import:
        opset.version = max(opset.version, ONNX_OPSETS.get(opset.domain, 1))
    if not any(opset.domain == "" for opset in model.opset_import):
        model.opset_import.append(helper.make_opsetid("", ONNX_OPSETS[""]))
    return bytes(model.SerializeToString(deterministic=True))


def _constants(base: Model, correction: Correction) -> dict[str, Any]:
    calibration, (mean, scale) = Calibration.from_json(base.info["calibration"]), correction.scale
    present, bias = correction.present, correction.bias - ABSENT * ~correction.present
    calibrated = {"floor": FLOOR, "one": 1.0, "weights": calibration.weights.T, "base_bias": calibration.bias}
    standardized = {"mean": mean, "scale": scale, "low": -CLIP, "high": CLIP}
    corrected = {"slopes": correction.slopes, "sharpness": correction.sharpness, "bias": bias}
    return {**calibrated, **standardized, **corrected, "present": present[:, None], "absent": ~present}


def _nodes(features: str, raw: str) -> list[tuple[str, list[str], str]]:
    """Return operator, inputs and output of each node from the raw to the corrected probabilities."""
    return [
        ("Clip", [raw, "floor", "one"], "clipped"),
        ("Log", ["clipped"], "logs"),
        ("MatMul", ["logs", "weights"], "weighted"),
        ("Add", ["weighted", "base_bias"], "base_scores"),
        ("LogSoftmax", ["base_scores"], "base_logs"),
        ("Exp", ["base_logs"], "base"),
        ("Sub", [features, "mean"], "centred"),
        ("Div", ["centred", "scale"], "scaled"),
        ("Clip", ["scaled", "low", "high"], "ended"),
        ("MatMul", ["ended", "slopes"], "moved"),
        ("Mul", ["base_logs", "sharpness"], "sharpened"),
        ("Add", ["sharpened", "moved"], "summed"),
        ("Add", ["summed", "bias"], "scores"),
        ("Softmax", ["scores"], "share"),
        ("MatMul", ["base", "present"], "mass"),
        ("Mul", ["share", "mass"], "shared"),
        ("Mul", ["base", "absent"], "kept"),
        ("Add", ["shared", "kept"], "probabilities"),
    ]
