"""Calibration slope and intercept of each class, and its net benefit over thresholds.

Both take each class against all others and the final probabilities, after context and timing. Calibration is that of
detected sounds whose truth is known. Net benefit is for all sounds: a labelled sound that was missed has probability 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.evaluation.matching import Case, groups_of
from popclass.metrics.bootstrap import Figures, Indices, ratios, spans
from popclass.metrics.decisions import (
    THRESHOLDS,
    benefits,
    calibration_in_the_large,
    calibration_line,
    log_odds,
    net_benefit,
)
from popclass.schema import OTHER

Scores = dict[str, Any]
Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


def score_calibration(known: Sequence[Case], classes: Sequence[str]) -> Scores:
    """Return slope and intercept of the calibration of each class, with intervals.

    Parameters
    ----------
    known : sequence of Case
        Those whose truth is known (`popclass.evaluation.end_to_end.counted_cases`).
    classes : sequence of str
        Of the model.
    """
    detected = [case for case in known if case.event is not None]
    over, groups = groups_of(detected)
    found: Scores = {"events": len(detected), "intervals_over": over, "slope": {}, "intercept": {}}
    intervals: dict[str, Scores] = {"slope": {}, "intercept": {}}
    for place, name in enumerate(classes):
        own = _own(detected, name)
        logit = log_odds(np.array([case.probabilities["both"][place] for case in detected], dtype=float))

        line, shift = (calibration_line(own, logit), calibration_in_the_large(own, logit)) if detected else (None, None)
        found["slope"][name], found["intercept"][name] = None if line is None else line[1], shift
        drawn: dict[str, list[float] | None] = {}
        if shift is not None:
            behind = {key: [own, ~own] for key in intervals if found[key][name] is not None}
            drawn = spans(_redrawn(own, logit, line or (0.0, 0.0), shift), groups, behind)
        for key in intervals:
            intervals[key][name] = drawn.get(key)
    return {**found, "intervals": intervals}


def _redrawn(own: Flags, logit: Array, line: tuple[float, float], shift: float) -> Figures:
    """Return a function that fits some of the sounds, starting from the fit of all."""

    def figures(at: Indices) -> dict[str, float | None]:
        fitted = calibration_line(own[at], logit[at], start=line)
        shifted = calibration_in_the_large(own[at], logit[at], start=shift)
        return {"slope": None if fitted is None else fitted[1], "intercept": shifted}

    return figures


def score_net_benefit(known: Sequence[Case], classes: Sequence[str]) -> Scores:
    """Return the decision curve of each class: net benefit of the model and of calling all sounds, by threshold.

    Calling no sound has a net benefit of 0. It is in units of true calls a sound.
    """
    _, groups = groups_of(known)
    names, place = np.unique(np.array(groups, dtype=object).astype(str), return_inverse=True)
    sounds = np.bincount(place, minlength=len(names)).astype(float)
    curves: Scores = {}
    for index, name in enumerate(classes):
        own = _own(known, name)
        given = [case.probabilities["both"][index] if case.event is not None else 0.0 for case in known]
        probability = np.array(given, dtype=float)
        # sums of whole groups, since these are drawn
        sums = {f"{at}": (np.bincount(place, benefits(own, probability, at), len(names)), sounds) for at in THRESHOLDS}
        values, intervals = ratios(sums, names.tolist())
        curves[name] = [
            {
                "threshold": at,
                "model": values[f"{at}"],
                "all": net_benefit(own, np.ones(len(own)), at),
                "interval": intervals[f"{at}"],
            }
            for at in THRESHOLDS
        ]
    return curves


def _own(cases: Sequence[Case], name: str) -> Flags:
    return np.array([(case.truth or OTHER) == name for case in cases], dtype=bool)
