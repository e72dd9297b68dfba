"""Classifiers and their ONNX graphs."""

import numpy as np

from popclass.training.classifiers import to_graph, train_classifier


def test_to_graph_forest_float32_thresholds():
    rng = np.random.default_rng(0)
    steps = np.float32(1000) + np.arange(64) * np.spacing(np.float32(1000))  # neighbours in float32
    X = steps[rng.integers(0, 64, (400, 3))].astype(np.float64)
    y = (X[:, 0] > X[:, 1]).astype(int)
    estimator = train_classifier("forest", X, y)
    before = estimator.predict_proba(X)
    graph = to_graph(estimator, 3)
    assert np.array_equal(estimator.predict_proba(X), before), "rounding the thresholds changes no decision"
    import onnxruntime

    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    (answer,) = session.run(["probabilities"], {session.get_inputs()[0].name: X.astype(np.float32)})
    np.testing.assert_allclose(answer, before, atol=1e-5)


def test_to_graph_forest_size():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(3000, 70)), rng.integers(0, 3, 3000)
    assert len(to_graph(train_classifier("forest", X, y), 70)) < 5e6
