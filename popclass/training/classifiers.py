"""Classifiers and their conversion to ONNX.

- `logistic`: standardized features, multinomial logistic regression. Hard to beat with few events.
- `svm`: standardized features, a support vector machine with a Gaussian kernel and Platt scaling.
- `forest`: extremely randomized trees (Geurts, Ernst & Wehenkel 2006), bounded so that the file stays under 5 MB.
- `boosting`: gradient boosted trees over histograms (Ke et al. 2017, NeurIPS), for thousands of events and more. The
  default model uses it.
- `small boosting`: the same with smaller trees and equally weighted classes, for hundreds of events.

Two more are baselines and never become a model: a random forest on MFCC statistics, and the class frequencies.

All but `boosting` weigh classes equally (`class_weight="balanced"`); the calibration restores the class frequencies.
onnxruntime computes in float32. So everything is fitted on numbers that float32 holds exactly: the features, the means
and scales of the standardization, and the thresholds of the trees.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from popclass.errors import LabelError
from popclass.metrics.tables import BASELINE, MFCC_FOREST, STACKED

KINDS = ("logistic", "svm", "forest")
BOOSTING, SMALL_BOOSTING = "boosting", "small boosting"
ALONE = (*KINDS, SMALL_BOOSTING)  # candidates of the labels alone
ON_BASE = ("logistic", SMALL_BOOSTING)  # candidates that also get the predictions of a base
OF_MANY = ("logistic", "forest", SMALL_BOOSTING)  # those of the labels alone where there are thousands of events
ONNX_OPSETS = {"": 17, "ai.onnx.ml": 3}  # old enough for every onnxruntime that popclass allows
SVM_EVENTS = 4000  # the time of a support vector machine grows with the square of the events
PLATT_FOLDS = 3

BALANCED = {"class_weight": "balanced"}
SETTINGS: dict[str, dict[str, Any]] = {
    "logistic": {"C": 0.3, "max_iter": 2000, **BALANCED},
    "svm": {"C": 3.0, "kernel": "rbf", "gamma": "scale", "cache_size": 500, **BALANCED},
    "forest": {"n_estimators": 120, "max_leaf_nodes": 256, "min_samples_leaf": 2, "max_features": "sqrt", **BALANCED},
    BOOSTING: {
        "max_iter": 180,
        "learning_rate": 0.06,
        "max_leaf_nodes": 15,
        "min_samples_leaf": 60,
        "max_features": 0.3,
        "l2_regularization": 5.0,
        "early_stopping": False,
    },
    SMALL_BOOSTING: {
        "max_iter": 60,
        "learning_rate": 0.06,
        "max_leaf_nodes": 8,
        "min_samples_leaf": 10,
        "max_bins": 32,  # a fifth of the time of 255
        "max_features": 0.3,
        "l2_regularization": 5.0,
        "early_stopping": False,
        **BALANCED,
    },
    MFCC_FOREST: {},  # scikit-learn's defaults
    BASELINE: {"strategy": "prior"},  # the class frequencies
}


def to_float32(X: np.ndarray) -> np.ndarray:
    """Return numbers rounded to float32, as float64."""
    return X.astype(np.float32).astype(np.float64)


def draw_balanced(y: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Return rising indices of events, at most `most` of each class."""
    rng = np.random.default_rng(seed)
    chosen = [rng.permutation(np.flatnonzero(y == c))[:most] for c in range(int(y.max()) + 1)]
    return np.sort(np.concatenate(chosen))


def train_classifier(kind: str, X: np.ndarray, y: np.ndarray, *, seed: int = 0) -> Any:
    """Return a fitted scikit-learn estimator.

    Parameters
    ----------
    kind : str
        A key of `SETTINGS`, also with `STACKED` after it.
    X : ndarray, shape (n, f)
        Features; rounded to float32 here.
    y : ndarray of int, shape (n,)
        Classes, 0 to k - 1, each present.
    seed : int

    Raises
    ------
    LabelError
        If a class has too few events for this kind.
    """
    from sklearn.dummy import DummyClassifier
    from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    kind = kind.removesuffix(STACKED)
    X, settings = to_float32(X), SETTINGS[kind]
    if kind == "logistic":
        return _fit_scaled(X, y, LogisticRegression(**settings))
    if kind == "svm":
        return _fit_svm(X, y, seed)
    makers = {
        "forest": partial(ExtraTreesClassifier, n_jobs=1),
        BOOSTING: HistGradientBoostingClassifier,
        SMALL_BOOSTING: HistGradientBoostingClassifier,
        MFCC_FOREST: RandomForestClassifier,
        BASELINE: DummyClassifier,
    }
    return makers[kind](random_state=seed, **settings).fit(X, y)


def predict_with(kind: str, X: np.ndarray, y: np.ndarray, new: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Return the probabilities of new events by a classifier trained on others, shape (m, k)."""
    return np.asarray(train_classifier(kind, X, y, seed=seed).predict_proba(to_float32(new)))


def trainable(kind: str, y: np.ndarray, training_sides: Sequence[np.ndarray]) -> bool:
    """Return whether every class has enough events for a classifier on each training side."""
    fewest = min(int(np.bincount(y[train], minlength=y.max() + 1).min()) for train in training_sides)
    return fewest >= (2 if kind.removesuffix(STACKED) == "svm" else 1)


def to_graph(estimator: Any, features: int) -> bytes:
    """Return a fitted estimator as a serialized ONNX model with the output `probabilities`, always the same bytes."""
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.ensemble import HistGradientBoostingClassifier

    _round_thresholds(estimator)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # skl2onnx reads old attributes of support vector machines
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
    """Convert as skl2onnx does, with integers where it writes booleans, which newer onnx refuses."""
    from skl2onnx.operator_converters.random_forest import convert_sklearn_random_forest_classifier

    plain, name = container.add_node, "nodes_missing_value_tracks_true"

    def add_node(kind: str, inputs: Any, outputs: Any, **attributes: Any) -> Any:
        if name in attributes:
            attributes[name] = [int(value) for value in attributes[name]]
        return plain(kind, inputs, outputs, **attributes)

    container.add_node = add_node
    convert_sklearn_random_forest_classifier(scope, operator, container)


def _fit_svm(X: np.ndarray, y: np.ndarray, seed: int) -> Any:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.model_selection import StratifiedKFold
    from sklearn.svm import SVC

    counts = np.bincount(y)
    totals = np.minimum(counts, np.arange(1, counts.max() + 1)[:, None]).sum(axis=1)  # of 1, 2 ... of each class
    chosen = draw_balanced(y, max(1, int((totals <= SVM_EVENTS).sum())), seed)
    folds = min(PLATT_FOLDS, int(np.bincount(y[chosen]).min()))
    if folds < 2:
        raise LabelError("svm needs at least two events of each class; choose logistic or forest")
    split = StratifiedKFold(folds, shuffle=True, random_state=seed)
    svm = CalibratedClassifierCV(SVC(**SETTINGS["svm"]), method="sigmoid", cv=split, ensemble=False)
    return _fit_scaled(X[chosen], y[chosen], svm)


def _fit_scaled(X: np.ndarray, y: np.ndarray, classifier: Any) -> Any:
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(X)
    scaler.mean_, scaler.scale_ = to_float32(scaler.mean_), to_float32(scaler.scale_)
    return Pipeline([("scale", scaler), ("classify", classifier.fit(scaler.transform(X), y))])


def _round_thresholds(estimator: Any) -> None:
    """Round the thresholds of trees down to float32, which changes no decision on float32 features."""
    for tree in getattr(estimator, "estimators_", []):
        tree.tree_.threshold[:] = _round_down(tree.tree_.threshold)
    for stage in getattr(estimator, "_predictors", []):
        for predictor in stage:
            predictor.nodes["num_threshold"] = _round_down(predictor.nodes["num_threshold"])


def _round_down(threshold: np.ndarray) -> np.ndarray:
    """Return the largest float32 that is not above each number."""
    down = threshold.astype(np.float32)
    return np.where(down.astype(np.float64) > threshold, np.nextafter(down, np.float32(-np.inf)), down)
