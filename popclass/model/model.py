"""Trained model: probabilities and novelty of events from their features.

A model file (`popclass.model.file`) holds an ONNX graph, run by onnxruntime, and a JSON with everything else: classes,
the frozen front end, calibration, thresholds, novelty reference, training data and scores. All of it is numbers, so
loading an untrusted model runs no code of its author. Graph and JSON are checked whenever a model is made; one that is
read from a file is run once. onnxruntime is imported when probabilities are first needed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from copy import deepcopy
from functools import cache, cached_property, partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from popclass.errors import ModelError, UsageError, require
from popclass.features.definitions import FEATURES
from popclass.features.frontend import FrontEnd
from popclass.model import file as modelfile
from popclass.model.calibration import Calibration
from popclass.model.context import Context
from popclass.model.graph import check_graph, open_session, run
from popclass.model.novelty import Novelty, weigh
from popclass.model.thresholds import Thresholds, shares
from popclass.schema import OTHER, UNCERTAIN
from popclass.utils.arrays import whole
from popclass.utils.checks import as_array, check_path
from popclass.utils.files import write_bytes
from popclass.utils.notebook import html_table
from popclass.utils.text import one_line

_MAPPINGS = ("frontend", "classifier", "calibration", "thresholds", "novelty", "training", "versions", "scores")
KEYS = frozenset({"schema_version", "created_by", "classes", "features", "context", *_MAPPINGS})
"""Keys of the JSON; docs/reference-formats.md describes them."""
_LOADING = Lock()
CLASS_NAME = re.compile(r"[a-z0-9_-]+")
BUNDLED = "default"  # name of the model that comes with popclass


class Model:
    """A classifier with its front end, calibration and novelty measure.

    Parameters
    ----------
    graph : bytes
        A serialized ONNX model with one float32 input (n, f) and an output `probabilities` (n, k), of the operators
        that `popclass.model.operators` allows.
    info : mapping
        With the keys of `KEYS`.
    name : str
        Name in messages and results.

    Raises
    ------
    ModelError
        If `info` is incomplete or inconsistent, or the graph is not one that popclass writes.

    Examples
    --------
    >>> model = Model.default()                                              # doctest: +SKIP
    >>> model.probabilities(popclass.extract_features("hip.m4a")[0])         # doctest: +SKIP
    """

    def __init__(self, graph: bytes, info: Mapping[str, Any], *, name: str = "unsaved model") -> None:
        self.name = name
        self.graph = graph
        self._open = cache(partial(open_session, graph, name))
        # through JSON and back, so that a fresh model and the same one loaded are equal to the last bit
        try:
            self.info: dict[str, Any] = json.loads(json.dumps(info, sort_keys=True, allow_nan=False))
            self._parse()
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
            raise ModelError(f"{name}: its JSON is not usable: {_short(error)}; train the model anew") from None
        try:
            check_graph(graph, len(self.features), len(self.classes))
        except ValueError as error:
            raise ModelError(f"{name}: its graph is refused: {_short(error)}; use a model made by popclass") from None

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Model:
        """Read a model file and test it (`verify`); `default` is the bundled model, `./default` a file of that name.

        Raises
        ------
        ModelError
            If it is missing, damaged, newer than this popclass, not a popclass model, or does not work.
        """
        if path == BUNDLED:
            return cls.default()
        path = Path(check_path(path, "a model"))
        model = cls.from_bytes(modelfile.read(path), name=one_line(str(path)))
        model.verify()
        return model

    @classmethod
    def from_bytes(cls, data: bytes, *, name: str = "model") -> Model:
        """Return the model of the bytes of a file, checked but not run; raises as `load` does."""
        return cls(*modelfile.split(data, name), name=name)

    @classmethod
    def default(cls) -> Model:
        """Return the bundled model.

        It is read once per process. Each call returns an object of its own, with `info` and `name` that may be
        changed; the rest is read-only and shared.

        Examples
        --------
        >>> Model.default().classes
        ('cavitation', 'snapping', 'other')
        """
        with _LOADING:
            loaded = _bundled()
        model = cls.__new__(cls)
        vars(model).update(vars(loaded), info=deepcopy(loaded.info))
        return model

    def to_bytes(self) -> bytes:
        """Return the bytes of the model file."""
        return modelfile.join(self.graph, self.info)

    def save(self, path: str | Path, *, force: bool = False) -> None:
        """Write the model file atomically and take its name.

        Raises
        ------
        OutputError
            If the file exists and `force` is not set, or cannot be written.
        """
        write_bytes(path, self.to_bytes(), force=force)
        self.name = one_line(str(path))

    def __reduce__(self) -> tuple[Any, ...]:
        # a worker process gets the sealed file, never a running session
        return partial(Model.from_bytes, name=self.name), (self.to_bytes(),)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the model's file, as `sha256sum` prints it."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @cached_property
    def frontend(self) -> FrontEnd:
        """Front end that computes the features of this model."""
        try:
            frontend = FrontEnd.from_json(self.info["frontend"])
            require(list(frontend.names) == self.info["features"], "it makes other features than those of the model")
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise ModelError(
                f"{self.name}: its front end is not usable: {_short(error)}; train the model anew"
            ) from None
        return frontend

    def probabilities(self, X: np.ndarray) -> np.ndarray:
        """Return calibrated probabilities of events.

        Parameters
        ----------
        X : numpy.ndarray, shape (n, f)
            Features by the front end of this model; n may be 0.

        Returns
        -------
        numpy.ndarray, shape (n, k)
            float64, columns as in `classes`, each row summing to 1.

        Raises
        ------
        UsageError
            If X has another shape, or a value that is not finite.
        """
        return self._calibration.apply(self.raw_probabilities(X))

    def raw_probabilities(self, X: np.ndarray) -> np.ndarray:
        """Return the probabilities before calibration; see `probabilities`."""
        values = self._check(X).astype(np.float32)
        if not len(values):
            return np.zeros((0, len(self.classes)))
        return run(self._open(), values, len(self.classes), self.name)

    def novelty(self, X: np.ndarray) -> np.ndarray:
        """Return the share of held-out training events closer to the training data than each event, shape (n,).

        Raises
        ------
        UsageError
            As `probabilities`.
        """
        return self._novelty.score(self._check(X))

    def whiten(self, X: np.ndarray) -> np.ndarray:
        """Return features as the novelty measure compares them: centred and whitened, shape (n, f)."""
        return np.asarray((self._check(X) - self._novelty.mean) @ self._novelty.whitening)

    def include_novelty(self, probabilities: np.ndarray, novelty: np.ndarray) -> np.ndarray:
        """Return probabilities of sounds with their novelty as evidence; see `popclass.model.novelty.weigh`."""
        return weigh(probabilities, novelty, self._novelty.costs)

    @property
    def frequencies(self) -> np.ndarray:
        """Share of each class for which the probabilities are calibrated, shape (k,); equal where it is not stated."""
        if stated := self.info["training"].get("frequencies"):
            return np.array([stated[name] for name in self.classes])
        counted = self.info["training"].get("classes", {})
        events = np.array([counted.get(name, {}).get("events", 0) for name in self.classes], dtype=np.float64)
        return events / events.sum() if events.all() else np.full(len(events), 1 / len(events))

    @property
    def novelty_costs(self) -> tuple[float, ...]:
        """Log-odds that each class loses from novelty 0 to 1; empty where novelty is no evidence."""
        return self._novelty.costs

    @property
    def ordinary(self) -> np.ndarray:
        """Mean of each feature in the training data, shape (f,)."""
        return self._novelty.mean

    def verify(self) -> None:
        """Test the front end, and the graph on the smallest, mean and largest features.

        Raises
        ------
        ModelError
            If something does not work, or the outputs are not probabilities.
        """
        bounds = {each.name: (each.low, each.high) for each in FEATURES}
        low, high = np.array([bounds[name] for name in self.frontend.names]).T
        X = np.stack([low, np.clip(self.ordinary, low, high), high])
        p, new = self.probabilities(X), self.novelty(X)
        inside = (np.abs(p.sum(axis=1) - 1) < 1e-9).all() and ((new >= 0) & (new <= 1)).all()  # false for NaN
        require(inside, f"{self.name}: calibration or novelty are not within 0 to 1; train the model anew", ModelError)

    def _parse(self) -> None:
        """Set the attributes from the JSON."""
        info = self.info
        if wrong := sorted(KEYS ^ set(info)):
            raise ValueError(f"the key {wrong[0]!r} is {'missing' if wrong[0] in KEYS else 'unknown'}")
        for key in _MAPPINGS:
            require(isinstance(info[key], dict), f"{key} must be an object")
        require(isinstance(info["created_by"], str), "created_by must be a text")
        _check_texts(info["training"].get("sha256", []), "training.sha256")
        self.classes, self.features = (_names(info[key], key) for key in ("classes", "features"))
        allowed = len(self.classes) >= 2 and UNCERTAIN not in self.classes
        allowed &= all(map(CLASS_NAME.fullmatch, self.classes))
        require(allowed, f"classes {self.classes} are not allowed")
        self.context = None if info["context"] is None else Context.from_json(info["context"], self.classes)
        columns = self.context.columns if self.context is not None else ()
        exist = all(0 <= column < len(self.features) for column in columns)
        require(exist, "the context model compares features that do not exist")
        self._calibration = Calibration.from_json(info["calibration"])
        self._novelty = Novelty.from_json(info["novelty"])
        require(len(self._calibration.bias) == len(self.classes), "the calibration does not fit the classes")
        require(len(self._novelty.mean) == len(self.features), "the novelty measure does not fit the features")
        fits = len(self._novelty.costs) in (0, len(self.classes))
        require(fits, "the costs of novelty do not fit the classes")
        paid = [name for name, cost in zip(self.classes, self._novelty.costs, strict=False) if cost]
        require(OTHER not in paid, f"the costs of novelty must be 0 for {OTHER}: only sounds of a joint lose by it")
        if (stated := info["training"].get("frequencies")) is not None:
            require(abs(sum(shares(stated, self.classes)) - 1) < 1e-6, "frequencies must add up to 1")
        counted = info["training"].get("classes", {})
        require(isinstance(counted, dict), "training.classes must be an object")
        for name in counted:
            events = whole(counted[name].get("events", 0), f"training.classes.{name}.events")
            require(events >= 0, f"training.classes.{name}.events is {events}, allowed are numbers from 0")
        self.thresholds = Thresholds.from_json(info["thresholds"], self.classes)

    def _check(self, X: np.ndarray) -> np.ndarray:
        X = as_array(X, "features")
        f = len(self.features)
        require(X.ndim == 2 and X.shape[1] == f, f"expected features of shape (events, {f}), got {X.shape}", UsageError)
        X = X.astype(np.float64, copy=False)
        with np.errstate(over="ignore"):
            finite = np.isfinite(X.astype(np.float32)).all()
        require(finite, "features must be finite and within the range of float32", UsageError)
        return X

    def __repr__(self) -> str:
        return f"<Model {self.name!r}: {', '.join(self.classes)}; {len(self.features)} features>"

    def _repr_html_(self) -> str:
        """Return a short summary for notebooks."""
        training = self.info["training"]
        rows = {
            "classes": ", ".join(self.classes),
            "features": len(self.features),
            "training recordings": training.get("recordings", "unknown"),
            "training subjects": training.get("subjects", "unknown"),
            "made by": self.info["created_by"],
        }
        return html_table(f"Model {self.name}", (), rows.items())


@cache
def _bundled() -> Model:
    """Return the bundled model, which all others made by `Model.default` share."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "models", package.parent / "models"):  # in a wheel; in a checkout
        if (folder / "default.onnx").is_file():
            model = Model.from_bytes(modelfile.read(folder / "default.onnx"), name="default")
            _ = model.frontend
            return model
    raise ModelError("the default model is missing from this installation: reinstall popclass, or name a model")


def _short(error: Exception) -> str:
    """Return the text of an error, which may hold parts of the file, on one line of limited length."""
    line = one_line(f"{error} is missing" if isinstance(error, KeyError) else str(error))
    return line if len(line) <= 300 else line[:297] + "..."


def _check_texts(value: Any, what: str) -> None:
    texts = isinstance(value, list) and all(isinstance(each, str) for each in value)
    require(texts, f"{what} must be a list of texts")


def _names(value: Any, what: str) -> tuple[str, ...]:
    _check_texts(value, what)
    require(len(set(value)) == len(value), f"{what} must be a list of different names")
    return tuple(value)
