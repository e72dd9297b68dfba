"""What the company of an event is worth: log-odds beside those of the sound itself.

`popclass.context.features` measures the company; a `Context` holds what the measures are worth, learnt from labelled
sessions (`popclass.training.context`) and carried in the model file. What one measure is worth depends on the others
and on the sound (a burst of unlike pops is one thing, the same burst coming again another), so the log-odds come from a
linear part and a layer of hidden units. An event without company has measures of zero and keeps the probabilities of
its sound, whatever the weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.context.features import context_features, context_names
from popclass.context.similarity import Similarity
from popclass.errors import UsageError
from popclass.model.calibration import log_probabilities
from popclass.utils.arrays import pack, softmax, unpack

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ContextWeights:
    """The log-odds that measures add to each class: `m L + (tanh(m I + s S + b) - tanh(s S + b)) O`.

    m are the measures, s the logarithms of the acoustic probabilities less their mean. Measures of zero add nothing.

    Attributes
    ----------
    linear : ndarray, shape (measures, classes)
        L.
    inner : ndarray, shape (measures, units)
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
        """Nothing but a weight for each measure and class."""
        measures, classes = linear.shape
        return cls(linear, np.zeros((measures, 0)), np.zeros((classes, 0)), np.zeros(0), np.zeros((0, classes)))

    def log_odds(self, acoustic: Array, measures: Array) -> Array:
        """What the measures of events add to the logarithms of their probabilities, shape (events, classes)."""
        # einsum, not a matrix product: a row's result must not depend, to the last bit, on how many rows came with it
        base = np.einsum("nk,kh->nh", sound_logs(acoustic), self.sound) + self.bias
        moved = np.tanh(np.einsum("nm,mh->nh", measures, self.inner) + base) - np.tanh(base)
        return np.asarray(np.einsum("nm,mk->nk", measures, self.linear) + np.einsum("nh,hk->nk", moved, self.outer))

    def fits(self, measures: int, classes: int) -> bool:
        """Whether the arrays fit each other, and so many measures and classes."""
        units = self.bias.shape[0] if self.bias.ndim == 1 else -1
        shapes = [self.linear.shape, self.inner.shape, self.sound.shape, self.outer.shape]
        return shapes == [(measures, classes), (measures, units), (classes, units), (units, classes)]


def sound_logs(acoustic: Array) -> Array:
    """Logarithms of probabilities less their mean, none below that of `FLOOR`."""
    logs = log_probabilities(acoustic)
    return np.asarray(logs - logs.mean(axis=1, keepdims=True))


@dataclass(frozen=True, slots=True)
class Context:
    """The numbers of the context stage.

    Attributes
    ----------
    columns : tuple of int
        Which features are compared when two sounds are held against each other; the level is not among them.
    mean, spread : ndarray, shape (len(columns),)
        By which these features are standardised.
    similarity : Similarity
        What counts as alike.
    names : tuple of str
        The measures, as `popclass.context.features.context_names` gives them.
    weighing : ContextWeights
        The log-odds they add to each class.
    """

    columns: tuple[int, ...]
    mean: Array
    spread: Array
    similarity: Similarity
    names: tuple[str, ...]
    weighing: ContextWeights

    def features(self, X: Array, acoustic: Array, onset_s: Array, burst: NDArray[np.int64], level_db: Array) -> Array:
        """The company of each event of one recording, shape (events, measures)."""
        embedding = X[:, self.columns]  # a copy, which is changed in place: there may be thousands of events
        embedding -= self.mean
        embedding /= self.spread
        return context_features(onset_s, burst, embedding, acoustic, similarity=self.similarity, level_db=level_db)

    def probabilities(
        self, X: Array, acoustic: Array, onset_s: Array, burst: NDArray[np.int64], level_db: Array
    ) -> Array:
        """Probabilities of sound and company together, of the events of one recording; shape (events, classes)."""
        return self.apply(acoustic, self.features(X, acoustic, onset_s, burst, level_db))

    def apply(self, acoustic: Array, measures: Array) -> Array:
        """Probabilities of sound and company together, shape (events, classes)."""
        logits = np.log(np.maximum(acoustic, 1e-12)) + self.weighing.log_odds(acoustic, measures)
        return softmax(logits)

    def to_json(self) -> dict[str, Any]:
        """As values for the model file."""
        return {
            "columns": list(self.columns),
            "mean": pack(self.mean),
            "spread": pack(self.spread),
            "likeness": self.similarity.to_json(),
            "names": list(self.names),
            "weighing": {field.name: pack(getattr(self.weighing, field.name)) for field in fields(ContextWeights)},
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any], classes: Sequence[str]) -> Context:
        """From what `to_json` gave.

        Raises
        ------
        ValueError, KeyError, TypeError
            If it is not that, or made for other classes or other measures than this version takes.
        """
        try:
            similarity = Similarity.from_json(stored["likeness"])
        except UsageError as error:
            raise ValueError(str(error)) from None
        context = cls(
            columns=tuple(int(column) for column in stored["columns"]),
            mean=unpack(stored["mean"]),
            spread=unpack(stored["spread"]),
            similarity=similarity,
            names=tuple(stored["names"]),
            weighing=ContextWeights(
                **{field.name: unpack(stored["weighing"][field.name]) for field in fields(ContextWeights)}
            ),
        )
        if context.names != context_names(classes):
            raise ValueError("the context stage was made for other measures or classes")
        if not (context.spread > 0).all():
            raise ValueError("the context stage has a spread that is not greater than 0")
        shapes = [context.mean.shape, context.spread.shape]
        if shapes != [(len(context.columns),)] * 2 or not context.weighing.fits(len(context.names), len(classes)):
            raise ValueError("the arrays of the context stage do not fit together")
        if not (context.spread > 0).all() or not context.columns:
            raise ValueError("the context stage compares no features, or some by a spread that is not above 0")
        return context
