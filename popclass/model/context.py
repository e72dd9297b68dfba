"""Context model: log-odds that the neighbouring events add to the probabilities of a sound.

`popclass.context.features` computes the context features. A `Context` holds their weights, which are learnt from
labelled sessions (`popclass.training.context`) and stored in the model file. The effect of one feature depends on the
others and on the sound, so the log-odds come from a linear part and a layer of hidden units. An event without
neighbours has features of zero and keeps its probabilities, whatever the weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.context.features import context_features, context_names
from popclass.context.similarity import Similarity
from popclass.errors import require
from popclass.model.calibration import log_probabilities
from popclass.utils.arrays import pack, softmax, unpack, whole

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ContextWeights:
    """Log-odds that context features add to each class: `m L + (tanh(m I + s S + b) - tanh(s S + b)) O`.

    m are the context features, s the logarithms of the acoustic probabilities less their mean.

    Attributes
    ----------
    linear : ndarray, shape (m, classes)
        L.
    inner : ndarray, shape (m, units)
        I; there may be no hidden units at all.
    sound : ndarray, shape (classes, units)
        S.
    bias : ndarray, shape (units,)
        b.
    outer : ndarray, shape (units, classes)
        O.
    """

    linear: Array
    inner: Array
    sound: Array
    bias: Array
    outer: Array

    @classmethod
    def of_weights(cls, linear: Array) -> ContextWeights:
        """Return weights without hidden units."""
        measures, classes = linear.shape
        return cls(linear, np.zeros((measures, 0)), np.zeros((classes, 0)), np.zeros(0), np.zeros((0, classes)))

    def log_odds(self, acoustic: Array, measures: Array) -> Array:
        """Return the log-odds that context features add to acoustic probabilities, shape (events, classes)."""
        # einsum, not a matrix product: a row's result must not depend, to the last bit, on how many rows came with it
        base = np.einsum("nk,kh->nh", sound_logs(acoustic), self.sound) + self.bias
        moved = np.tanh(np.einsum("nm,mh->nh", measures, self.inner) + base) - np.tanh(base)
        return np.asarray(np.einsum("nm,mk->nk", measures, self.linear) + np.einsum("nh,hk->nk", moved, self.outer))


def sound_logs(acoustic: Array) -> Array:
    """Return logarithms of probabilities less their mean, none below that of `calibration.FLOOR`."""
    logs = log_probabilities(acoustic)
    return np.asarray(logs - logs.mean(axis=1, keepdims=True))


@dataclass(frozen=True, slots=True)
class Context:
    """Parameters of the context model.

    Attributes
    ----------
    columns : tuple of int
        Features by which two sounds are compared; the level is not among them.
    mean, spread : ndarray, shape (len(columns),)
        By which these features are standardized.
    similarity : Similarity
    names : tuple of str
        Of the context features, see `popclass.context.features.context_names`; an older model has the first of them.
    weighing : ContextWeights
    """

    columns: tuple[int, ...]
    mean: Array
    spread: Array
    similarity: Similarity
    names: tuple[str, ...]
    weighing: ContextWeights

    def features(self, X: Array, acoustic: Array, onset_s: Array, burst: Ints, level_db: Array) -> Array:
        """Return the context features of the events of one recording, shape (events, len(names)).

        Parameters
        ----------
        X : ndarray, shape (events, features)
        acoustic : ndarray, shape (events, classes)
            Probabilities by the sound alone.
        onset_s, burst, level_db : ndarray, shape (events,)
        """
        table = context_features(
            onset_s, burst, self._embed(X), acoustic, similarity=self.similarity, level_db=level_db
        )
        return table[:, : len(self.names)]

    def similar(self, X: Array, level_db: Array, at: int) -> Ints:
        """Return the events of one recording that are similar to one of them, the most similar first.

        Parameters
        ----------
        X : ndarray, shape (events, features)
        level_db : ndarray, shape (events,)
            As for the context features, much weaker events are not compared.
        at : int
            Index of the event.
        """
        points = self._embed(X)
        similarity = self.similarity.between(points[at], points)
        found = (similarity >= self.similarity.threshold) & (level_db >= level_db[at] - self.similarity.quieter_db)
        found[at] = False
        order = np.argsort(-similarity, kind="stable")
        return np.asarray(order[found[order]], dtype=np.int64)

    def _embed(self, X: Array) -> Array:
        embedding = X[:, self.columns]  # a copy, which is changed in place: there may be thousands of events
        embedding -= self.mean
        embedding /= self.spread
        return embedding

    def probabilities(self, X: Array, acoustic: Array, onset_s: Array, burst: Ints, level_db: Array) -> Array:
        """Return probabilities by sound and context, shape (events, classes); parameters as `features`."""
        return self.apply(acoustic, self.features(X, acoustic, onset_s, burst, level_db))

    def apply(self, acoustic: Array, measures: Array) -> Array:
        """Return probabilities by sound and context from context features, shape (events, classes)."""
        return softmax(np.log(np.maximum(acoustic, 1e-12)) + self.weighing.log_odds(acoustic, measures))

    def to_json(self) -> dict[str, Any]:
        """Return the parameters as values for JSON."""
        return {
            "columns": list(self.columns),
            "mean": pack(self.mean),
            "spread": pack(self.spread),
            "likeness": self.similarity.to_json(),  # a stored name
            "names": list(self.names),
            "weighing": {field.name: pack(getattr(self.weighing, field.name)) for field in fields(ContextWeights)},
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any], classes: Sequence[str]) -> Context:
        """Return the context model that `to_json` wrote.

        Raises
        ------
        ValueError, KeyError, TypeError
            If the values are not usable, or made for other classes or context features.
        """
        similarity = Similarity.from_json(stored["likeness"])
        weights = {field.name: unpack(stored["weighing"][field.name]) for field in fields(ContextWeights)}
        columns = tuple(whole(column, "a column of the context model") for column in stored["columns"])
        mean, spread = unpack(stored["mean"]), unpack(stored["spread"])
        names = tuple(stored["names"])
        known = names == context_names(classes)[: len(names)]  # an older model has the first of them
        require(known and len(names) > 0, "the context model was made for other context features or classes")
        c, m, k, h = len(columns), len(names), len(classes), weights["bias"].size
        shapes = [array.shape for array in (mean, spread, *weights.values())]
        fits = shapes == [(c,), (c,), (m, k), (m, h), (k, h), (h,), (h, k)]
        require(fits, "the arrays of the context model do not fit together")
        positive = len(columns) and (spread > 0).all()
        require(positive, "the context model compares no features, or some by a spread that is not above 0")
        return cls(columns, mean, spread, similarity, names, ContextWeights(**weights))
