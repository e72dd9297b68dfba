"""A trained model: which sound is what, how sure, and how new.

A model turns features into calibrated probabilities (`Model.probabilities`) and novelty (`Model.novelty`). Its file
(`popclass.model.file`) holds an ONNX graph, run by onnxruntime, and a JSON with everything else: classes, the frozen
front end that made the features, calibration, thresholds, novelty reference, what it was trained on and how it scored.
All of it is numbers; loading a model from a stranger runs none of its author's code. Graph (`popclass.model`) and JSON
are checked whenever a model is made, and one that is loaded from a file is tried at once. The default model is first
handed to onnxruntime when a probability is asked for: a recording in which nothing is heard does not pay for it.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from popclass.errors import ModelError, UsageError
from popclass.model import file as modelfile
from popclass.model.calibration import Calibration
from popclass.model.context import Context
from popclass.model.graph_check import check_graph
from popclass.model.novelty import Novelty
from popclass.results import UNCERTAIN
from popclass.utils.text import one_line

if TYPE_CHECKING:
    from popclass.features.frontend import FrontEnd

KEYS = frozenset(
    {
        "schema_version",  # of this list and what the keys hold
        "created_by",  # popclass and its version
        "classes",  # names, in the order of the probabilities
        "features",  # names, in the order of the columns of X
        "frontend",  # the numbers that turn a sound into features
        "classifier",  # kind and settings
        "calibration",
        "thresholds",  # min_probability, novelty
        "novelty",
        "context",  # weights of the company an event keeps, or null
        "training",  # files, counts, settings
        "versions",  # of the libraries that made the model
        "scores",  # grouped cross-validation
    }
)
_MAPPINGS = ("frontend", "classifier", "calibration", "thresholds", "novelty", "training", "versions", "scores")
CLASS_NAME = re.compile(r"[a-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From where on an event is `uncertain`.

    Attributes
    ----------
    min_probability : tuple of float
        Of each class, in the order of the model's classes: below it the class is not likely enough to be named.
    novelty : float
        From it on the sound is too unlike the training data.
    """

    min_probability: tuple[float, ...]
    novelty: float


class Model:
    """A classifier with its front end, calibration and novelty measure.

    Parameters
    ----------
    graph : bytes
        A serialised ONNX model with one float32 input (n, f) and an output `probabilities` (n, k), of such operators
        as popclass's own classifiers are made of (`popclass.model.graph_check`).
    info : mapping
        The keys of `KEYS`.
    name : str
        What messages and results call the model.

    Raises
    ------
    ModelError
        If `info` is incomplete or contradicts itself, or the graph holds anything that popclass never writes.

    Examples
    --------
    >>> model = Model.default()                                              # doctest: +SKIP
    >>> model.probabilities(popclass.extract_features("hip.m4a")[0])         # doctest: +SKIP
    """

    def __init__(self, graph: bytes, info: Mapping[str, Any], *, name: str = "unsaved model") -> None:
        self.name = name
        self.graph = graph
        # through JSON and back, so that a fresh model and the same one loaded are alike to the last bit
        try:
            self.info: dict[str, Any] = json.loads(json.dumps(info, sort_keys=True, allow_nan=False))
            self._understand()
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
            problem = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise ModelError(
                f"{name}: the model's JSON is not usable: {_short(problem)}; make the model anew"
            ) from None
        try:
            check_graph(graph, len(self.features), len(self.classes))
        except ValueError as error:
            raise ModelError(
                f"{name}: the graph is refused: {_short(str(error))}; use a model made by popclass"
            ) from None

    @classmethod
    def load(cls, path: str | Path) -> Model:
        """Read a model file and try it (`verify`).

        Raises
        ------
        ModelError
            If it is missing, damaged, newer than this popclass, no popclass model, or does not work.
        """
        path = Path(path)
        model = cls.from_bytes(modelfile.read(path), name=one_line(str(path)))
        model.verify()
        return model

    @classmethod
    def from_bytes(cls, data: bytes, *, name: str = "model") -> Model:
        """The model that `to_bytes` gave, checked but not tried. Raises as `load` does."""
        graph, info = modelfile.split(data, name)
        return cls(graph, info, name=name)

    @classmethod
    def default(cls) -> Model:
        """The model that comes with popclass."""
        package = Path(__file__).resolve().parents[1]
        for folder in (package / "models", package.parent / "models"):  # in a wheel; in a checkout
            if (folder / "default.onnx").is_file():
                return cls.from_bytes(modelfile.read(folder / "default.onnx"), name="default")
        raise ModelError("the default model is missing from this installation; install popclass anew, or name a model")

    def to_bytes(self) -> bytes:
        """The bytes of the model's file."""
        return modelfile.join(self.graph, self.info)

    def save(self, path: str | Path, *, force: bool = False) -> None:
        """Write the model file, whole or not at all; the model is called by its file's name from then on.

        Raises
        ------
        OutputError
            If the file exists and `force` is not set, or cannot be written.
        """
        modelfile.write(Path(path), self.to_bytes(), force=force)
        self.name = one_line(str(path))

    def __reduce__(self) -> tuple[Any, ...]:
        # what a worker process gets is the sealed file, never a running session
        return _revive, (self.to_bytes(), self.name)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the model's file, as `sha256sum` prints it."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @cached_property
    def frontend(self) -> FrontEnd:
        """The front end that makes this model's features."""
        from popclass.features.frontend import FrontEnd

        try:
            frontend = FrontEnd.from_json(self.info["frontend"])
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            problem = _short(str(error))
            raise ModelError(f"{self.name}: the model's front end is not usable: {problem}; make it anew") from None
        if list(frontend.names) != self.info["features"]:
            raise ModelError(f"{self.name}: its front end makes other features than it was trained on; make it anew")
        return frontend

    def probabilities(self, X: np.ndarray) -> np.ndarray:
        """Calibrated probabilities of events.

        Parameters
        ----------
        X : numpy.ndarray, shape (n, f)
            Features, as this model's front end makes them; n may be 0.

        Returns
        -------
        numpy.ndarray, shape (n, k)
            float64, columns as in `classes`, each row summing to 1.

        Raises
        ------
        UsageError
            If X has another shape, or a number that is not finite.
        """
        return self._calibration.apply(self.raw_probabilities(X))

    def raw_probabilities(self, X: np.ndarray) -> np.ndarray:
        """What the classifier itself says, before calibration; see `probabilities`."""
        values = self._check(X).astype(np.float32)
        if not len(values):
            return np.zeros((0, len(self.classes)))
        from popclass.model.session import run

        return run(self._session, values, len(self.classes), self.name)

    def novelty(self, X: np.ndarray) -> np.ndarray:
        """Share of held-out training events closer to the training data than each event, shape (n,), 0 to 1.

        Raises
        ------
        UsageError
            As `probabilities`.
        """
        return self._novelty.score(self._check(X))

    @property
    def ordinary(self) -> np.ndarray:
        """The mean of each feature in the training data, shape (f,)."""
        return self._novelty.mean

    def verify(self) -> None:
        """Try the front end, and the graph on the least, usual and largest features.

        Raises
        ------
        ModelError
            If something does not work, or the answers are no probabilities.
        """
        from popclass.features.definitions import FEATURES

        bounds = {each.name: (each.low, each.high) for each in FEATURES}
        low, high = np.array([bounds[name] for name in self.frontend.names]).T
        X = np.stack([low, np.clip(self.ordinary, low, high), high])
        p, new = self.probabilities(X), self.novelty(X)
        if not (np.isfinite(p).all() and (np.abs(p.sum(axis=1) - 1) < 1e-9).all() and ((new >= 0) & (new <= 1)).all()):
            raise ModelError(f"{self.name}: calibration or novelty give no shares of 1; make the model anew")

    def _understand(self) -> None:
        info = self.info
        if unknown := sorted(set(info) - KEYS):
            raise ValueError(f"unknown key {unknown[0]!r}")
        if missing := sorted(KEYS - set(info)):
            raise KeyError(missing[0])
        for key in _MAPPINGS:
            if not isinstance(info[key], dict):
                raise TypeError(f"{key} must be an object")
        if not isinstance(info["created_by"], str):
            raise TypeError("created_by must be a text")
        known = info["training"].get("sha256", [])
        if not isinstance(known, list) or not all(isinstance(each, str) for each in known):
            raise TypeError("training.sha256 must be a list of texts")
        self.classes = tuple(_names(info["classes"], "classes"))
        self.features = tuple(_names(info["features"], "features"))
        if len(self.classes) < 2 or UNCERTAIN in self.classes or not all(map(CLASS_NAME.fullmatch, self.classes)):
            raise ValueError(f"classes {self.classes} are not allowed")
        self.context = None if info["context"] is None else Context.from_json(info["context"], self.classes)
        if self.context is not None and not all(0 <= c < len(self.features) for c in self.context.columns):
            raise ValueError("the context stage compares features that are not there")
        self._calibration = Calibration.from_json(info["calibration"])
        self._novelty = Novelty.from_json(info["novelty"])
        if len(self._calibration.bias) != len(self.classes):
            raise ValueError("the calibration does not fit the classes")
        if len(self._novelty.mean) != len(self.features):
            raise ValueError("the novelty measure does not fit the features")
        least = info["thresholds"]["min_probability"]
        if sorted(least) != sorted(self.classes):
            raise ValueError("min_probability must name every class once")
        self.thresholds = Thresholds(
            min_probability=tuple(_share(least, name) for name in self.classes),
            novelty=_share(info["thresholds"], "novelty"),
        )

    def _check(self, X: np.ndarray) -> np.ndarray:
        X = np.asarray(X, dtype=np.float64)
        if X.ndim != 2 or X.shape[1] != len(self.features):
            raise UsageError(f"expected features of shape (events, {len(self.features)}), got {X.shape}")
        with np.errstate(over="ignore"):
            if not np.isfinite(X.astype(np.float32)).all():
                raise UsageError("features must be finite and within the range of float32")
        return X

    @cached_property
    def _session(self) -> Any:
        from popclass.model.session import open_session

        return open_session(self.graph, self.name)


def _revive(data: bytes, name: str) -> Model:
    return Model.from_bytes(data, name=name)


def _short(problem: str) -> str:
    """What is said of a stranger's model: on one line, and not as long as the stranger likes."""
    line = one_line(problem)
    return line if len(line) <= 300 else line[:297] + "..."


def _names(value: Any, what: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value) or len(set(value)) != len(value):
        raise ValueError(f"{what} must be a list of different names")
    return value


def _share(stored: Mapping[str, Any], key: str) -> float:
    value = stored[key]
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"{key} must be a number")
    value = float(value)
    if not (math.isfinite(value) and 0 <= value <= 1):
        raise ValueError(f"{key} is {value}, allowed are 0 to 1")
    return value
