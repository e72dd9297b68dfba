"""Bursts that hold a joint event, and the number of cavitations in them with its bounds.

The expected number of cavitations is the sum of their posteriors. If these were right and independent, the number would
follow the Poisson-binomial distribution. It is wider, for two reasons.

- Events of one recording share their sensor, room and joint, so the classifier errs in all of them alike. The log-odds
  of all events are therefore shifted by one normal variable of standard deviation `SHARED_ERROR`, or
  `SHARED_ERROR_OF_SEVERAL` for the events of several bursts with cavitations, where an error of the same size is a
  larger number.
- The detector misses pops, mostly quiet ones or those within a few milliseconds of another. Every cavitation may hide
  another one, with probability `MISSED`.

The constants were measured by `python benchmarks/counts.py --measure` on generated thrusts: the detector missed 0.3 %
of 1,355 pops; with a shared error of 1.0 the bounds held 91 % of the true numbers of thrusts, and with 2.25 those of
80 % of the recordings near the body (87 % with estimated class frequencies); larger ones held hardly more. Without the
option the benchmark shows how often they hold on other thrusts. A new detector or default model needs new constants.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from operator import attrgetter

import numpy as np
from numpy.typing import ArrayLike, NDArray

from popclass.results import Burst, Cavitations, Event, count_labels
from popclass.schema import CAVITATION, OTHER

Array = NDArray[np.float64]

LEVEL = 0.90
SHARED_ERROR, SHARED_ERROR_OF_SEVERAL = 1.0, 2.25
MISSED = 0.003
LIKELY = 0.5  # expected cavitations in a burst that counts as one with cavitations
PLACES = 2  # decimals of an expected number
_MANY = 1000  # events for which the shifts are taken one by one, since memory is bounded
# the normal variable in steps; numpy.polynomial has better ones, but is slow to import
_SHIFTS = np.arange(-2.5, 2.6, 0.5)
_WEIGHTS = np.exp(-(_SHIFTS**2) / 2) / np.exp(-(_SHIFTS**2) / 2).sum()


def find_bursts(
    events: Sequence[Event], classes: Sequence[str], needed: Callable[[Sequence[Event]], int]
) -> tuple[Burst, ...]:
    """Return the bursts of labelled events that hold a joint event or an uncertain one.

    Parameters
    ----------
    events : sequence of Event
        Of one recording, in order.
    classes : sequence of str
    needed : callable
        Returns the joint cavities that some events need.
    """
    found = []
    for number, members in groupby(events, attrgetter("burst")):
        own = tuple(members)
        if any(event.label != OTHER for event in own):
            counts, end_s = count_labels(own, classes), max(event.end_s for event in own)
            found.append(
                Burst(number, own[0].start_s, end_s, len(own), counts, count_cavitations(own, classes), needed(own))
            )
    return tuple(found)


def in_bursts(events: Iterable[Event], bursts: Iterable[Burst]) -> list[Event]:
    """Return the events of some bursts."""
    numbers = {burst.burst for burst in bursts}
    return [event for event in events if event.burst in numbers]


def count_cavitations(events: Iterable[Event], classes: Sequence[str], rows: Sequence[Burst] = ()) -> Cavitations:
    """Return the number of cavitations among some events with its bounds; see `count`.

    Parameters
    ----------
    events : iterable of Event
    classes : sequence of str
    rows : sequence of Burst
        Their bursts; may be left out for a single one.
    """
    if CAVITATION not in classes:
        return Cavitations()
    error = SHARED_ERROR_OF_SEVERAL if are_several(rows) else SHARED_ERROR
    return count([event.posteriors[CAVITATION] for event in events], shared_error=error)


def are_several(rows: Iterable[Burst]) -> bool:
    """Return True if more than one of some bursts is likely to hold a cavitation."""
    return sum((row.expected_cavitations or 0.0) >= LIKELY for row in rows) > 1


def count(posterior: ArrayLike, *, shared_error: float = SHARED_ERROR, missed: float = MISSED) -> Cavitations:
    """Return the expected number of cavitations and its bounds at 90 %.

    Parameters
    ----------
    posterior : array_like, shape (n,)
        Probability of cavitation of each event.
    shared_error : float
        Standard deviation of the error that all log-odds share.
    missed : float
        Probability that a cavitation hides another one.

    Returns
    -------
    Cavitations
        The expected number has two decimals and always lies between the bounds.

    Examples
    --------
    >>> count([0.98, 0.95, 0.9, 0.03])
    Cavitations(expected=2.86, low=2, high=3)
    """
    p = np.asarray(posterior, dtype=np.float64)
    if not len(p):  # most clips of an archive
        return Cavitations(0.0, 0, 0)
    expected = round(float(p.sum()), PLACES)
    inside = np.clip(p, 1e-9, 1 - 1e-9)
    shifted = 1 / (1 + np.exp(-np.log(inside / (1 - inside)) - shared_error * _SHIFTS[:, None]))
    parts = np.array_split(shifted, 1 if len(p) < _MANY else len(shifted))
    share = np.cumsum(_WEIGHTS @ np.concatenate([_distribution(part, missed) for part in parts]))
    low, high = np.searchsorted(share, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]).tolist()
    return Cavitations(expected, min(low, math.floor(expected)), max(high, math.ceil(expected)))


def _distribution(p: Array, missed: float) -> Array:
    """Return the probability of each number from 0 on, for rows of independent events of shape (rows, n).

    An event counts 0, 1 or, with a missed pop, 2. The distributions are convolved in pairs.
    """
    table = np.zeros((len(p), 1 << max(p.shape[1] - 1, 0).bit_length(), 4))
    table[..., 0] = 1
    table[:, : p.shape[1], :3] = np.stack([1 - p, p * (1 - missed), p * missed], axis=-1)
    while table.shape[1] > 1:
        length = 2 * table.shape[2]
        spectrum = np.fft.rfft(table, n=length)
        table = np.fft.irfft(spectrum[:, ::2] * spectrum[:, 1::2], n=length)
    return np.asarray(table[:, 0])
