"""Thresholds of a model: when an event is `uncertain`, and which class is its label otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from popclass.errors import require
from popclass.model.calibration import LARGEST


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Limits beyond which an event is `uncertain`.

    Attributes
    ----------
    min_probability : tuple of float
        Of each class, in the order of the model's classes: below it the class is not named.
    novelty : float
        From this novelty on the sound is too unlike the training data.
    weights : tuple of float
        The answer is the class with the largest product of probability and weight; 1 each for the most likely one.
    """

    min_probability: tuple[float, ...]
    novelty: float
    weights: tuple[float, ...]

    @classmethod
    def from_json(cls, stored: Mapping[str, Any], classes: Sequence[str]) -> Thresholds:
        """Return the thresholds that `thresholds` of a model file holds; wrong ones raise ValueError or KeyError."""
        weights = stored.get("weights") or dict.fromkeys(classes, 1.0)
        require(sorted(weights) == sorted(classes), "weights must name every class once")
        usable = all(type(each) in (int, float) and 0 < each <= LARGEST for each in weights.values())
        require(usable, f"weights must be numbers above 0, at most {LARGEST:g}")
        return cls(
            shares(stored["min_probability"], classes),
            _share(stored, "novelty"),
            tuple(float(weights[name]) for name in classes),
        )


def shares(stored: Mapping[str, Any], classes: Sequence[str]) -> tuple[float, ...]:
    """Return a share of each class, 0 to 1, in the order of `classes`; ValueError says what is wrong."""
    require(isinstance(stored, Mapping) and sorted(stored) == sorted(classes), "shares must name every class once")
    return tuple(_share(stored, name) for name in classes)


def _share(stored: Mapping[str, Any], key: str) -> float:
    value = stored[key]
    require(type(value) in (int, float), f"{key} must be a number")
    require(0 <= value <= 1, f"{key} is {value}, allowed are 0 to 1")  # NaN neither
    return float(value)
