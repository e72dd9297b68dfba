"""Rules by which the events of a timeline are labelled: those of the model, the site and the options."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from popclass.frequencies import check_class_frequencies, estimate, reweight
from popclass.model.model import Model
from popclass.schema import FROM_MODEL, OTHER, PER_BURST
from popclass.timing import refractory
from popclass.timing.sites import REFRACTORY_S, lookup
from popclass.utils.checks import check_number
from popclass.utils.duration import check_duration

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class LabelRules:
    """Parameters by which the events of one timeline are labelled.

    Attributes
    ----------
    classes : tuple of str
    min_probability : ndarray, shape (classes,)
        Below it the class is not named.
    frequencies : ndarray, shape (classes,)
        Share of each class in the training data.
    novelty : float
        From this novelty on no joint class is named.
    capacity : int or None
        Joint cavities; None where the site is unknown.
    refractory_s : float
    price : float
        Log-odds against a cavitation without a free cavity, see `popclass.timing.refractory.check`.
    count_by : str
        `burst` or `pop`: what counts as one cavitation.
    class_frequencies : str
        `estimate` or `model`: from the events of the timeline, or those of the training data.
    estimated : ndarray, shape (classes,), optional
        Class frequencies of the timeline, see `with_frequencies_of`.
    weights : ndarray, shape (classes,), optional
        See `popclass.model.model.Thresholds` (default: 1 each).
    """

    classes: tuple[str, ...]
    min_probability: Array
    frequencies: Array
    novelty: float
    capacity: int | None
    refractory_s: float
    price: float = refractory.PRICE
    count_by: str = PER_BURST
    class_frequencies: str = FROM_MODEL
    estimated: Array | None = None
    weights: Array | float = 1.0

    @classmethod
    def of(
        cls,
        model: Model,
        *,
        site: str | None = None,
        capacity: int | None = None,
        refractory_s: float | None = None,
        min_probability: float | None = None,
        price: float = refractory.PRICE,
        count_by: str = PER_BURST,
        class_frequencies: str = FROM_MODEL,
    ) -> LabelRules:
        """Return the rules of a model at a site; `refractory_s` and `min_probability` override their defaults.

        Raises
        ------
        UsageError
            If a value is out of range.
        """
        least = np.array(model.thresholds.min_probability)
        if min_probability is not None:
            check_number(min_probability, "min probability", 0, 1)
            least = np.full(len(model.classes), min_probability)
        if refractory_s is None:
            refractory_s = REFRACTORY_S if site is None else lookup(site).refractory_s
        check_duration(refractory_s, what="refractory")
        refractory.check_count_by(count_by)
        check_class_frequencies(class_frequencies)
        limits = model.thresholds.novelty, capacity, refractory_s, price
        weights = np.array(model.thresholds.weights)
        return cls(model.classes, least, model.frequencies, *limits, count_by, class_frequencies, weights=weights)

    def with_frequencies_of(self, contextual: Array, earlier: Array | None = None) -> LabelRules:
        """Return the rules with the class frequencies of some events, where they are to be estimated.

        Parameters
        ----------
        contextual : ndarray, shape (n, classes)
            Probabilities after context of the events of the timeline.
        earlier : ndarray, shape (classes,), optional
            As `popclass.frequencies.estimate`.
        """
        if self.class_frequencies == FROM_MODEL:
            return self
        return replace(self, estimated=estimate(contextual, self.frequencies, earlier=earlier))

    @property
    def estimated_shares(self) -> dict[str, float] | None:
        """Estimated class frequencies by class; None where they are not estimated."""
        return None if self.estimated is None else dict(zip(self.classes, self.estimated.tolist(), strict=True))

    def at_frequencies(self, probabilities: Array) -> Array:
        """Return probabilities at the class frequencies of the timeline; unchanged where these are not estimated."""
        return probabilities if self.estimated is None else reweight(probabilities, self.frequencies, self.estimated)

    def answers(self, probabilities: Array) -> NDArray[np.int64]:
        """Return the index of the class that each event is called, for probabilities of shape (n, classes)."""
        return np.asarray((probabilities * self.weights).argmax(axis=1))

    def unclear(self, probabilities: Array, novelty: Array) -> Flags:
        """Return the events that are `uncertain`, for probabilities of shape (n, classes)."""
        best = self.answers(probabilities)
        joint = np.array([name != OTHER for name in self.classes])[best]
        own = probabilities[np.arange(len(best)), best]
        return np.asarray((own < self.min_probability[best]) | joint & (novelty >= self.novelty))
