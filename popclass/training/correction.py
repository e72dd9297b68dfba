"""A shrunk correction of a base model's answers, and the ONNX graph that gives the corrected ones.

Few labelled sounds cannot carry a classifier of fifty features, but they can say where an existing one errs. With p the
base's calibrated probabilities and z the features standardised as the base knows them,

    q = softmax(s log p + z V + b)

where s, V and b are found by penalised maximum likelihood: s is pulled to 1, b and V to 0 (ridge, Hoerl & Kennard
1970), so that without evidence the base's answer stands. With V = 0 it is temperature scaling with class biases. A
class of the base that is not among the labels keeps the base's probability; the others share what is left as q says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from popclass.model.calibration import FLOOR, Calibration
from popclass.model.model import Model
from popclass.model.novelty import Novelty
from popclass.training.classifiers import ONNX_OPSETS

PULL = 50.0  # of s towards 1 and b towards 0, in events; those of one person count for less than strangers would
REACH = 4.0  # standardised features end here: what lies beyond must not decide alone
NOT_AT_ALL = 1e4  # taken from the logit of a class that the labels do not name
RECALIBRATION = float("inf")  # the strength that leaves V at 0


@dataclass(frozen=True, slots=True)
class Correction:
    """The numbers of one correction.

    Attributes
    ----------
    sharpness : float
        s.
    bias : numpy.ndarray, shape (k,)
        b; 0 for classes that are not present.
    slopes : numpy.ndarray, shape (f, k)
        V; likewise.
    mean, scale : numpy.ndarray, shape (f,)
        Of the standardisation.
    present : numpy.ndarray of bool, shape (k,)
        Which classes were among the labels.
    """

    sharpness: float
    bias: np.ndarray
    slopes: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    present: np.ndarray

    def apply(self, p: np.ndarray, X: np.ndarray) -> np.ndarray:
        """Corrected probabilities.

        Parameters
        ----------
        p : numpy.ndarray, shape (n, k)
            The base's calibrated probabilities.
        X : numpy.ndarray, shape (n, f)

        Returns
        -------
        numpy.ndarray, shape (n, k)
        """
        scores = self.sharpness * np.log(p) + standardised(X, self.mean, self.scale) @ self.slopes + self.bias
        share = np.exp(_log_softmax(scores - NOT_AT_ALL * ~self.present))
        return np.asarray(np.where(self.present, share * p[:, self.present].sum(axis=1, keepdims=True), p))


def fit_correction(
    p: np.ndarray, X: np.ndarray, y: np.ndarray, mean: np.ndarray, scale: np.ndarray, strength: float
) -> Correction:
    """The correction under which labelled events are most likely, shrunk to none.

    Parameters
    ----------
    p : numpy.ndarray, shape (n, k)
        The base's calibrated probabilities, none of them 0.
    X : numpy.ndarray, shape (n, f)
    y : numpy.ndarray of int, shape (n,)
        True classes, 0 to k - 1; not every class need be present.
    mean, scale : numpy.ndarray, shape (f,)
        See `scale_of`.
    strength : float
        Of the pull of V to 0, in events; `RECALIBRATION` leaves it there.
    """
    from scipy.optimize import minimize

    k, f = p.shape[1], X.shape[1]
    present = np.isin(np.arange(k), y)
    logs, truth = np.log(p[:, present]), np.eye(k)[y][:, present]
    held = np.isinf(strength)
    inputs = np.hstack([np.ones((len(y), 1)), np.zeros((len(y), 0)) if held else standardised(X, mean, scale)])
    pull = np.array([PULL, *([] if held else [strength] * f)])[:, None]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        numbers = flat[1:].reshape(inputs.shape[1], -1)
        log_q = _log_softmax(flat[0] * logs + inputs @ numbers)
        off = np.exp(log_q) - truth
        value = -(truth * log_q).sum() + PULL / 2 * (flat[0] - 1) ** 2 + (pull / 2 * numbers**2).sum()
        slope = np.concatenate([[(off * logs).sum() + PULL * (flat[0] - 1)], (inputs.T @ off + pull * numbers).ravel()])
        return float(value), slope

    start = np.concatenate([[1.0], np.zeros(inputs.shape[1] * int(present.sum()))])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500}).x
    numbers = np.zeros((f + 1, k))
    numbers[: inputs.shape[1], present] = found[1:].reshape(inputs.shape[1], -1)
    return Correction(float(found[0]), numbers[0], numbers[1:], mean, scale, present)


def scale_of(base: Model) -> tuple[np.ndarray, np.ndarray]:
    """Mean and spread of each feature as the base knows them, which a handful of new events could not tell.

    The spread is that inside the classes, from the whitening of the base's novelty measure.
    """
    novelty = Novelty.from_json(base.info["novelty"])
    covariance = np.linalg.pinv(novelty.whitening @ novelty.whitening.T)
    spread = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    spread[spread == 0] = 1.0  # a feature the base never saw vary
    return novelty.mean.astype(np.float32).astype(np.float64), spread.astype(np.float32).astype(np.float64)


def standardised(X: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Features in units of their spread, ended at `REACH`."""
    return np.asarray(np.clip((X - mean) / scale, -REACH, REACH))


def corrected_graph(base: Model, correction: Correction) -> bytes:
    """The base's graph, its calibration and the correction as one serialised ONNX model, the same bytes every time.

    The base's part keeps its nodes; what is added has names that it does not use, so an adapted model can be adapted
    again.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load_from_string(base.graph)
    graph = model.graph
    taken = {name for node in graph.node for name in (*node.input, *node.output)}
    prefix = next(f"adapt{i}_" for i in range(len(taken) + 1) if not any(t.startswith(f"adapt{i}_") for t in taken))
    raw = f"{prefix}raw"
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [raw if name == "probabilities" else name for name in names]
    constants, nodes = _added(base, correction, graph.input[0].name, raw)
    own = {*constants, *(output for _, _, output, _ in nodes)} - {"probabilities"}

    def named(name: str) -> str:
        return prefix + name if name in own else name

    for name, values in constants.items():
        graph.initializer.append(numpy_helper.from_array(np.asarray(values, dtype=np.float32), prefix + name))
    for kind, inputs, output, attributes in nodes:
        graph.node.append(
            helper.make_node(
                kind, [named(i) for i in inputs], [named(output)], name=prefix + "to_" + output, **attributes
            )
        )
    del graph.output[:]
    shape = [None, len(base.classes)]
    graph.output.append(helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, shape))
    for opset in model.opset_import:
        opset.version = max(opset.version, ONNX_OPSETS.get(opset.domain, 1))
    if not any(opset.domain == "" for opset in model.opset_import):
        model.opset_import.append(helper.make_opsetid("", ONNX_OPSETS[""]))
    return bytes(model.SerializeToString(deterministic=True))


def _added(
    base: Model, correction: Correction, features: str, raw: str
) -> tuple[dict[str, np.ndarray], list[tuple[str, list[str], str, dict[str, Any]]]]:
    """The constants, and the nodes (operator, inputs, output, attributes) from raw answers to corrected ones."""
    calibration = Calibration.from_json(base.info["calibration"])
    constants = {
        "floor": np.array(FLOOR),
        "one": np.array(1.0),
        "weights": calibration.weights.T,
        "base_bias": calibration.bias,
        "mean": correction.mean,
        "scale": correction.scale,
        "low": np.array(-REACH),
        "high": np.array(REACH),
        "slopes": correction.slopes,
        "sharpness": np.array(correction.sharpness),
        "bias": correction.bias - NOT_AT_ALL * ~correction.present,
        "present": correction.present[:, None],
        "absent": ~correction.present,
    }
    nodes: list[tuple[str, list[str], str, dict[str, Any]]] = [
        ("Clip", [raw, "floor", "one"], "clipped", {}),
        ("Log", ["clipped"], "logs", {}),
        ("MatMul", ["logs", "weights"], "weighted", {}),
        ("Add", ["weighted", "base_bias"], "base_scores", {}),
        ("LogSoftmax", ["base_scores"], "base_logs", {"axis": 1}),
        ("Exp", ["base_logs"], "base", {}),
        ("Sub", [features, "mean"], "centred", {}),
        ("Div", ["centred", "scale"], "scaled", {}),
        ("Clip", ["scaled", "low", "high"], "ended", {}),
        ("MatMul", ["ended", "slopes"], "moved", {}),
        ("Mul", ["base_logs", "sharpness"], "sharpened", {}),
        ("Add", ["sharpened", "moved"], "summed", {}),
        ("Add", ["summed", "bias"], "scores", {}),
        ("Softmax", ["scores"], "share", {"axis": 1}),
        ("MatMul", ["base", "present"], "mass", {}),
        ("Mul", ["share", "mass"], "shared", {}),
        ("Mul", ["base", "absent"], "kept", {}),
        ("Add", ["shared", "kept"], "probabilities", {}),
    ]
    return constants, nodes


def base_answers(base: Model, X: np.ndarray) -> np.ndarray:
    """The base's calibrated probabilities, none of them 0, shape (n, k)."""
    return np.asarray(np.maximum(base.probabilities(X), np.finfo(np.float32).tiny))


def _log_softmax(scores: np.ndarray) -> np.ndarray:
    scores = scores - scores.max(axis=1, keepdims=True)
    return np.asarray(scores - np.log(np.exp(scores).sum(axis=1, keepdims=True)))
