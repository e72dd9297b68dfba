"""When two sounds are alike.

Events are compared by their embeddings: standardised acoustic features without level. With `D` the mean over the
features of the squared difference, their similarity is `exp(-D / (2 scale^2))`: 1 for the same sound, about 0.37 for
unrelated ones at scale 1, since independent standardised features differ by 2 on average. Events are *alike* from a
bound on. The figures belong to the model; the defaults hold for independent features and are fitted to no data set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from popclass.errors import UsageError


@dataclass(frozen=True, slots=True)
class Similarity:
    """What counts as alike and as near; part of a model.

    Attributes
    ----------
    scale : float
        Root mean square difference of two embeddings, in standard deviations, at which similarity is `exp(-1/2)`.
    alike : float
        Similarity from which two events are alike. 0.8 at scale 1 is where 22% of the variance between unrelated events
        is left: an intraclass correlation of 0.78, below the 0.85-0.95 of repeats within a session (Kalo 2020).
    window_s : float
        Events further apart are not compared.
    neighbours : int
        How many events on either side are compared at most.
    quieter_db : float
        Events that much weaker are no company.
    pair_s : tuple of float
        Shortest and longest distance of a pair, in seconds.
    pair_spread : float
        Difference of the logarithms of two pairs' distances at which their similarity falls by `exp(-1/2)`.
    """

    scale: float = 1.0
    alike: float = 0.8
    window_s: float = 60.0
    neighbours: int = 100
    quieter_db: float = 8.0
    pair_s: tuple[float, float] = (0.04, 0.2)
    pair_spread: float = 0.3

    def __post_init__(self) -> None:
        if not (np.isfinite(self.scale) and self.scale > 0 and np.isfinite(self.pair_spread) and self.pair_spread > 0):
            raise UsageError(f"scale {self.scale} and pair_spread {self.pair_spread} must be greater than 0")
        if not (0 < self.alike <= 1 and 0 < self.window_s <= 1e6 and 1 <= self.neighbours <= 10_000):
            raise UsageError("alike must lie in 0-1, window_s in 0-1e6 s, neighbours in 1-10000")
        if not 0 <= self.quieter_db <= 200:
            raise UsageError(f"quieter_db {self.quieter_db} must lie in 0-200")
        if not 0 < self.pair_s[0] < self.pair_s[1] <= 1e3:
            raise UsageError(f"pair_s {self.pair_s} must be a shorter and a longer distance in seconds")

    def between(self, one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
        """Likeness of each row of `one` to the same row of `other`.

        Examples
        --------
        >>> Similarity().between(np.array([[0.0, 0.0]]), np.array([[0.0, 2.0]])).round(3)
        array([0.368])
        """
        with np.errstate(over="ignore"):
            distance = np.square(one - other).mean(axis=1)
        return np.asarray(np.exp(-distance / (2 * self.scale**2)))

    def to_json(self) -> dict[str, Any]:
        """Plain values for the model file."""
        return {**asdict(self), "pair_s": list(self.pair_s)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Similarity:
        """What `to_json` wrote; an unknown or missing name is refused.

        Raises
        ------
        UsageError
            Where the names are not exactly the attributes, or a value is out of range.
        """
        names = {field.name for field in fields(cls)}
        if set(values) != names:
            raise UsageError(f"likeness has {sorted(values)}: expected exactly {sorted(names)}")
        try:
            return cls(**{**values, "pair_s": tuple(values["pair_s"])})
        except (TypeError, IndexError) as error:
            raise UsageError(f"likeness holds a value of the wrong type: {error}") from error


def similarity_scale(embedding: ArrayLike, recording: ArrayLike, *, pairs: int = 20_000, seed: int = 0) -> float:
    """The scale at which events of different recordings are typically unrelated, for `Similarity`.

    Half the events of different recordings are then less alike than `exp(-1)`.

    Parameters
    ----------
    embedding : array_like of float, (n, d)
    recording : array_like, (n,)
        Which recording an event is from; events of sessions known to repeat a sound may share one.
    pairs : int
        How many pairs to draw.

    Raises
    ------
    UsageError
        Where there are no two recordings, or their events do not differ.
    """
    points, group = np.asarray(embedding, dtype=np.float64), np.asarray(recording)
    random = np.random.default_rng(seed)
    one, other = random.integers(0, max(len(points), 1), (2, pairs if len(points) else 0))
    apart = group[one] != group[other]
    distance = ((points[one[apart]] - points[other[apart]]) ** 2).mean(axis=1)
    middle = float(np.median(distance)) if len(distance) else 0.0
    if not middle > 0:
        raise UsageError("likeness needs events of at least two recordings that differ")
    return float(np.sqrt(middle / 2))
