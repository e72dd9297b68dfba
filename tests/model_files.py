"""Small models and damaged model files."""

import numpy as np
import pytest

from popclass.errors import ModelError
from popclass.model import file as modelfile
from popclass.model.calibration import Calibration
from popclass.model.model import Model
from popclass.model.novelty import Novelty

CLASSES = ["cavitation", "snapping", "other"]


FEATURES = ["rise", "duration"]


WEIGHTS = np.array([[1.0, -1.0, 0.0], [0.5, 0.5, -1.0]], dtype=np.float32)


def softmax_graph() -> bytes:
    """softmax(X @ WEIGHTS) as ONNX."""
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["X", "W"], ["scores"]),
            helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1),
        ],
        "popclass",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, 2])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 3])],
        [numpy_helper.from_array(WEIGHTS, "W")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def a_novelty() -> Novelty:
    return Novelty(
        mean=np.array([1.0, 2.0]),
        whitening=np.eye(2),
        references=np.array([[0.0, 0.0], [4.0, 0.0]]),
        neighbours=1,
        distances=np.array([0.5, 1.0, 2.0]),
        shares=np.array([0.0, 0.5, 1.0]),
    )


def information(**changes):
    info = {
        "schema_version": 1,
        "created_by": "popclass test",
        "classes": CLASSES,
        "features": FEATURES,
        "frontend": {**Model.default().info["frontend"], "names": FEATURES},
        "classifier": {"kind": "logistic"},
        "calibration": Calibration("temperature", np.eye(3) / 2, np.zeros(3), 50).to_json(),
        "thresholds": {"min_probability": dict.fromkeys(CLASSES, 0.45), "novelty": 0.99},
        "novelty": a_novelty().to_json(),
        "context": None,
        "training": {"seed": 0},
        "versions": {},
        "scores": {},
    }
    return {**info, **changes}


def refused(data: bytes) -> str:
    """The one line with which a file of these bytes is refused."""
    with pytest.raises(ModelError) as caught:
        Model.from_bytes(data, name="m.onnx")
    message = str(caught.value)
    assert message.startswith("m.onnx: ")
    assert "\n" not in message
    return message


def resealed(graph: bytes, info) -> bytes:
    return modelfile.join(graph, info)
