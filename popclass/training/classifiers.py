"""The classifiers one can train, each of which becomes an ONNX graph that answers the same.

- `logistic`: standardised features, multinomial logistic regression. Hard to beat with few events.
- `svm`: standardised features, a support vector machine with a Gaussian kernel and Platt's sigmoid for probabilities.
- `forest`: extremely randomised trees (Geurts, Ernst & Wehenkel 2006), bounded so that the file stays under 5 MB.
- `boosting`: gradient boosted trees over histograms (Ke et al. 2017, NeurIPS), for thousands of events and more. The
  default model is one.

Rare classes weigh as much as frequent ones (`class_weight="balanced"`), in all but boosting; the calibration afterwards
puts back how frequent each class was. onnxruntime computes in float32, so everything is fitted on numbers that float32
holds exactly: the features, the means and scales of the standardisation, and the thresholds of the trees.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from popclass.errors import LabelError, UsageError
from popclass.metrics.scores import BASELINE as BASELINE

KINDS = ("logistic", "svm", "forest")
BOOSTING = "boosting"
ONNX_OPSETS = {"": 17, "ai.onnx.ml": 3}  # old enough for every onnxruntime that popclass allows
SVM_EVENTS = 4000  # a support vector machine's time grows with the square of the events
PLATT_FOLDS = 3

SETTINGS: dict[str, dict[str, Any]] = {
    "logistic": {"C": 0.3, "max_iter": 2000, "class_weight": "balanced"},
    "svm": {"C": 3.0, "kernel": "rbf", "gamma": "scale", "class_weight": "balanced", "cache_size": 500},
    "forest": {
        "n_estimators": 120,
        "max_leaf_nodes": 256,
        "min_samples_leaf": 2,
        "max_features": "sqrt",
        "class_weight": "balanced",
    },
    BOOSTING: {
        "max_iter": 180,
        "learning_rate": 0.06,
        "max_leaf_nodes": 15,
        "min_samples_leaf": 60,
        "max_features": 0.3,
        "l2_regularization": 5.0,
        "early_stopping": False,
    },
    BASELINE: {"strategy": "prior"},
}


def train_classifier(kind: str, X: np.ndarray, y: np.ndarray, *, seed: int = 0) -> Any:
    """A fitted scikit-learn estimator.

    Parameters
    ----------
    kind : str
        One of `KINDS`, or `baseline`, which knows nothing but how frequent each class is.
    X : numpy.ndarray, shape (n, f)
        Features; rounded to float32 here.
    y : numpy.ndarray of int, shape (n,)
        Classes, 0 to k - 1, each present.
    seed : int
        Decides everything random.

    Raises
    ------
    UsageError
        If there is no such kind.
    LabelError
        If a class has too few events for this kind.
    """
    X = X.astype(np.float32).astype(np.float64)
    if kind == BASELINE:
        return _baseline().fit(X, y)
    if kind == "forest":
        return _forest(seed).fit(X, y)
    if kind == "logistic":
        return _scaled(X, y, _logistic())
    if kind == "svm":
        chosen = _thin_out(y, SVM_EVENTS, seed)
        return _scaled(X[chosen], y[chosen], _svm(y[chosen], seed))
    if kind == BOOSTING:
        return _boosting(seed).fit(X, y)
    raise UsageError(f"there is no classifier {kind!r}; allowed are auto, {', '.join(KINDS)}")


def enough_for(kind: str, y: np.ndarray) -> bool:
    """Whether every class has the events that a kind of classifier needs."""
    return kind != "svm" or int(np.bincount(y).min()) >= 2


def to_graph(estimator: Any, features: int) -> bytes:
    """A fitted estimator as a serialised ONNX model with the output `probabilities`, the same bytes every time."""
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.ensemble import HistGradientBoostingClassifier

    _round_thresholds(estimator)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # skl2onnx asks a support vector machine for its old attributes
        onnx = convert_sklearn(
            estimator,
            "popclass",
            [("X", FloatTensorType([None, features]))],
            options={"zipmap": False},
            target_opset=ONNX_OPSETS,
            custom_conversion_functions={HistGradientBoostingClassifier: _convert_boosting},
        )
    return bytes(onnx.SerializeToString(deterministic=True))


def _convert_boosting(scope: Any, operator: Any, container: Any) -> None:
    """skl2onnx's own conversion, with whole numbers where it writes booleans, which onnx has come to refuse."""
    from skl2onnx.operator_converters.random_forest import convert_sklearn_random_forest_classifier

    plain = container.add_node

    def add_node(kind: str, inputs: Any, outputs: Any, **attributes: Any) -> Any:
        for name in ("nodes_missing_value_tracks_true",):
            if name in attributes:
                attributes[name] = [int(value) for value in attributes[name]]
        return plain(kind, inputs, outputs, **attributes)

    container.add_node = add_node
    try:
        convert_sklearn_random_forest_classifier(scope, operator, container)
    finally:
        del container.add_node


def _baseline() -> Any:
    from sklearn.dummy import DummyClassifier

    return DummyClassifier(**SETTINGS[BASELINE])


def _forest(seed: int) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier

    return ExtraTreesClassifier(random_state=seed, n_jobs=1, **SETTINGS["forest"])


def _logistic() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(**SETTINGS["logistic"])


def _svm(y: np.ndarray, seed: int) -> Any:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.model_selection import StratifiedKFold
    from sklearn.svm import SVC

    folds = min(PLATT_FOLDS, int(np.bincount(y).min()))
    if folds < 2:
        raise LabelError("svm needs at least two events of each class to learn from; choose logistic or forest")
    split = StratifiedKFold(folds, shuffle=True, random_state=seed)
    return CalibratedClassifierCV(SVC(**SETTINGS["svm"]), method="sigmoid", cv=split, ensemble=False)


def _boosting(seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(random_state=seed, **SETTINGS[BOOSTING])


def _scaled(X: np.ndarray, y: np.ndarray, classifier: Any) -> Any:
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(X)
    scaler.mean_ = scaler.mean_.astype(np.float32).astype(np.float64)
    scaler.scale_ = scaler.scale_.astype(np.float32).astype(np.float64)
    return Pipeline([("scale", scaler), ("classify", classifier.fit(scaler.transform(X), y))])


def _thin_out(y: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Indices of at most `most` events, small classes kept whole."""
    if len(y) <= most:
        return np.arange(len(y))
    rng = np.random.default_rng(seed)
    counts = np.bincount(y)
    quota = _even_quota(counts, most)
    chosen = [rng.permutation(np.flatnonzero(y == c))[:quota] for c in range(len(counts))]
    return np.sort(np.concatenate(chosen))


def _even_quota(counts: np.ndarray, most: int) -> int:
    """The largest number q for which taking at most q of each class takes at most `most`."""
    low, high = 1, int(counts.max())
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if np.minimum(counts, middle).sum() <= most else (low, middle - 1)
    return low


def _round_thresholds(estimator: Any) -> None:
    """Round the thresholds of trees down to float32, which changes no decision on float32 features."""
    for tree in getattr(estimator, "estimators_", []):
        tree.tree_.threshold[:] = _down(tree.tree_.threshold)
    for stage in getattr(estimator, "_predictors", []):
        for predictor in stage:
            predictor.nodes["num_threshold"] = _down(predictor.nodes["num_threshold"])


def _down(threshold: np.ndarray) -> np.ndarray:
    """The largest float32 not above each number."""
    down = threshold.astype(np.float32)
    above = down.astype(np.float64) > threshold
    return np.where(above, np.nextafter(down, np.float32(-np.inf)), down)
