"""Outcome of the refractory rule for events given as tuples."""

from dataclasses import dataclass

import numpy as np

from popclass.timing.refractory import PRICE, cavities_needed, check, since_cavitation


@dataclass
class Outcome:
    """Timing of events and what follows if each gets its most likely label."""

    timing: tuple[str, ...]
    takes_cavity: np.ndarray
    cavitation: np.ndarray
    since_cavitation_s: tuple[float | None, ...]
    cavities_needed: int


def outcome(time_s, weight, burst, *, capacity, refractory_s, price=PRICE, count_by="pop"):
    """Return the outcome of `check`, a cavitation without a cavity losing its price where the site is known."""
    options = {"refractory_s": refractory_s, "count_by": count_by}
    timing, takes = check(time_s, weight, burst, capacity=capacity, price=price, **options)
    odds = np.asarray(weight, dtype=float)
    cavitation = odds > 0 if capacity is None else takes | (odds > price)
    since = since_cavitation(time_s, burst, cavitation)
    return Outcome(timing, takes, cavitation, since, cavities_needed(time_s, burst, cavitation, **options))
