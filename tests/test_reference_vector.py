"""The reference vector of docs/embedding.md, computed anew and by the formulas of that page."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from popclass.model.model import Model
from popclass.utils.arrays import unpack

DOCS = Path(__file__).resolve().parents[1] / "docs"


@pytest.fixture(scope="module")
def stored():
    if not DOCS.is_dir():
        pytest.skip("no docs beside the tests")
    return json.loads((DOCS / "reference-vector.json").read_text("utf-8"))


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def test_vector_current(stored):
    spec = importlib.util.spec_from_file_location("reference_vector", DOCS / "generate" / "reference_vector.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    now = module.vector()
    for name in ("model_sha256", "pcm_sha256", "first_samples", "classes", "feature_names"):
        assert now[name] == stored[name]
    for name in ("onset_s", "features", "graph", "acoustic", "novelty", "with_novelty", "with_context"):
        np.testing.assert_allclose(now[name], stored[name], atol=2e-5, err_msg=name)


def test_vector_by_formulas(stored):
    """ONNX Runtime and the numbers in the metadata give the same, without popclass."""
    import onnxruntime

    model, X = Model.default(), np.array(stored["features"])
    session = onnxruntime.InferenceSession(model.to_bytes())
    info = json.loads(session.get_modelmeta().custom_metadata_map["popclass"])
    raw = session.run(["probabilities"], {"X": X.astype(np.float32)})[0]
    np.testing.assert_allclose(raw, stored["graph"], atol=2e-5)
    weights, bias = np.array(info["calibration"]["weights"]), np.array(info["calibration"]["bias"])
    acoustic = softmax(np.log(np.maximum(raw, 1e-4)) @ weights.T + bias)
    np.testing.assert_allclose(acoustic, stored["acoustic"], atol=2e-5)
    space = {name: unpack(info["novelty"][name]) for name in ("mean", "whitening", "references", "distances", "shares")}
    apart = ((X - space["mean"]) @ space["whitening"])[:, None] - space["references"]
    nearest = np.sort(np.linalg.norm(apart, axis=2), axis=1)[:, : info["novelty"]["neighbours"]].mean(axis=1)
    novelty = np.interp(nearest, space["distances"], space["shares"], left=0.0, right=1.0)
    np.testing.assert_allclose(novelty, stored["novelty"], atol=2e-5)
    known = softmax(np.log(acoustic) - novelty[:, None] * info["novelty"]["costs"])
    np.testing.assert_allclose(known, stored["with_novelty"], atol=2e-5)
