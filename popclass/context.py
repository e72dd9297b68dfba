"""What the company of an event is worth: log-odds beside those of the sound itself.

`popclass.timing.repetition` measures the company; a `Context` holds what the measures are worth, learnt from labelled
sessions (`popclass.training.context`) and carried in the model file. An event without company has measures of zero and
keeps the probabilities of its sound.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.errors import UsageError
from popclass.packing import pack, unpack
from popclass.timing.likeness import Likeness
from popclass.timing.repetition import context_features, context_names

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Context:
    """The numbers of the context stage.

    Attributes
    ----------
    columns : tuple of int
        Which features are compared when two sounds are held against each other; the level is not among them.
    mean, spread : ndarray, shape (len(columns),)
        By which these features are standardised.
    likeness : Likeness
        What counts as alike.
    names : tuple of str
        The measures, as `popclass.timing.repetition.context_names` gives them.
    weights : ndarray, shape (len(names), classes)
        Log-odds a unit of each measure adds to each class.
    """

    columns: tuple[int, ...]
    mean: Array
    spread: Array
    likeness: Likeness
    names: tuple[str, ...]
    weights: Array

    def measure(self, X: Array, acoustic: Array, onset_s: Array, burst: NDArray[np.int64], level_db: Array) -> Array:
        """The company of each event of one recording, shape (events, measures)."""
        embedding = (X[:, self.columns] - self.mean) / self.spread
        return context_features(onset_s, burst, embedding, acoustic, likeness=self.likeness, level_db=level_db)

    def apply(self, acoustic: Array, measures: Array) -> Array:
        """Probabilities of sound and company together, shape (events, classes)."""
        logits = np.log(np.maximum(acoustic, 1e-12)) + np.einsum("nm,mk->nk", measures, self.weights)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))

    def to_json(self) -> dict[str, Any]:
        """As values for the model file."""
        return {
            "columns": list(self.columns),
            "mean": pack(self.mean),
            "spread": pack(self.spread),
            "likeness": self.likeness.to_json(),
            "names": list(self.names),
            "weights": pack(self.weights),
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
            likeness = Likeness.from_json(stored["likeness"])
        except UsageError as error:
            raise ValueError(str(error)) from None
        context = cls(
            columns=tuple(int(column) for column in stored["columns"]),
            mean=unpack(stored["mean"]),
            spread=unpack(stored["spread"]),
            likeness=likeness,
            names=tuple(stored["names"]),
            weights=unpack(stored["weights"]),
        )
        if context.names != context_names(classes):
            raise ValueError("the context stage was made for other measures or classes")
        shapes = [context.mean.shape, context.spread.shape, context.weights.shape]
        if shapes != [(len(context.columns),)] * 2 + [(len(context.names), len(classes))]:
            raise ValueError("the arrays of the context stage do not fit together")
        return context
