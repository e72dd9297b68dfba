"""Similarity of two sounds.

Events are compared by their embeddings: standardised acoustic features without level. With `D` the mean over the
features of the squared difference, their similarity is `exp(-D / (2 scale^2))`. It is 1 for the same sound and about
0.37 for unrelated ones at scale 1, since independent standardised features differ by 2 on average. The parameters
belong to the model. Their defaults hold for independent features and are not fitted to a data set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from popclass.errors import UsageError, require
from popclass.utils.arrays import numbers, whole


@dataclass(frozen=True, slots=True)
class Similarity:
    """Parameters by which events are similar and neighbours; part of a model.

    Attributes
    ----------
    scale : float
        Root mean square difference of two embeddings, in standard deviations, at which similarity is `exp(-1/2)`.
    threshold : float
        Similarity from which two events are similar. 0.8 at scale 1 leaves 22% of the variance between unrelated
        events: an intraclass correlation of 0.78, below the 0.85-0.95 of repeats within a session (Kalo 2020).
    window_s : float
        Events further apart are not compared.
    neighbours : int
        Maximum number of events compared on either side.
    quieter_db : float
        Events that much weaker are ignored.
    pair_s : tuple of float
        Shortest and longest distance of a pair, in seconds.
    pair_spread : float
        Difference of the logarithms of two pairs' distances at which their similarity falls by `exp(-1/2)`.
    """

    scale: float = 1.0
    threshold: float = 0.8
    window_s: float = 60.0
    neighbours: int = 100
    quieter_db: float = 8.0
    pair_s: tuple[float, float] = (0.04, 0.2)
    pair_spread: float = 0.3

    def __post_init__(self) -> None:
        spreads = 0 < self.scale < np.inf and 0 < self.pair_spread < np.inf
        others = 0 < self.threshold <= 1 and 0 < self.window_s <= 1e6 and 1 <= self.neighbours <= 10_000
        others = others and 0 <= self.quieter_db <= 200 and 0 < self.pair_s[0] < self.pair_s[1] <= 1e3
        allowed = (
            "greater than 0 for scale and pair_spread, 0-1 for threshold, 0-1e6 s for window_s, 1-10000 for "
            "neighbours, 0-200 for quieter_db, a shorter and a longer distance in seconds for pair_s"
        )
        require(spreads and others, f"{self} is out of range: allowed is {allowed}", UsageError)

    def between(self, one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the similarity of each row of `one` to the same row of `other`; `one` may be a single event.

        Examples
        --------
        >>> Similarity().between(np.array([[0.0, 0.0]]), np.array([[0.0, 2.0]])).round(3)
        array([0.368])
        """
        with np.errstate(over="ignore"):
            apart = one - other
            distance = np.einsum("nd,nd->n", apart, apart) / apart.shape[1]
        return np.asarray(np.exp(-distance / (2 * self.scale**2)))

    def to_json(self) -> dict[str, Any]:
        """Return plain values for the model file."""
        values = {**asdict(self), "pair_s": list(self.pair_s)}
        # "alike" is the stored name of `threshold`.
        return {"alike" if name == "threshold" else name: value for name, value in values.items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Similarity:
        """Return the parameters that `to_json` wrote.

        Raises
        ------
        UsageError
            If a name is unknown or missing, or a value is out of range.
        """
        names = set(cls().to_json())
        if set(values) != names:
            raise UsageError(f"context similarity has {sorted(values)}: expected exactly {sorted(names)}")
        try:
            pair_s, neighbours = numbers(values["pair_s"], "pair_s"), whole(values["neighbours"], "neighbours")
            require(len(pair_s) == 2, "pair_s must be two numbers")
            for name in names - {"pair_s"}:
                numbers([values[name]], name)
        except ValueError as error:
            raise UsageError(f"context similarity holds a value of the wrong type: {error}") from error
        fields = {**values, "pair_s": pair_s, "neighbours": neighbours}
        return cls(threshold=fields.pop("alike"), **fields)


def similarity_scale(embedding: ArrayLike, recording: ArrayLike, *, pairs: int = 20_000, seed: int = 0) -> float:
    """Return the scale at which events of different recordings are typically unrelated, for `Similarity`.

    Half the events of different recordings are then less similar than `exp(-1)`.

    Parameters
    ----------
    embedding : array_like of float, (n, d)
    recording : array_like, (n,)
        Recording of each event; events of sessions known to repeat a sound may share one.
    pairs : int
        Number of pairs to draw.
    seed : int

    Raises
    ------
    UsageError
        If there are not two recordings, or their events do not differ.
    """
    points, group = np.asarray(embedding, dtype=np.float64), np.asarray(recording)
    random = np.random.default_rng(seed)
    one, other = random.integers(0, max(len(points), 1), (2, pairs if len(points) else 0))
    apart = group[one] != group[other]
    distance = ((points[one[apart]] - points[other[apart]]) ** 2).mean(axis=1)
    middle = float(np.median(distance)) if len(distance) else 0.0
    if not middle > 0:
        raise UsageError("similarity needs events of at least two recordings that differ")
    return float(np.sqrt(middle / 2))
