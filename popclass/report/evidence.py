"""Contribution of feature groups to the label of an event, by ablation.

The features are split into groups that describe one property each (decay, frequency). The features of one group are
replaced by their training means, and the model is applied again. The contribution of the group is the drop in the
log-odds of the label. Groups are used because features of one group are correlated: each alone would seem to matter
little. Contributions describe this model, not the nature of the sound, and they do not add up to the log-odds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from popclass.model.model import Model

Array = NDArray[np.float64]

MIN_SHOWN = 0.1  # in natural log-odds; smaller contributions are not shown
MAX_SHOWN = 4
_SMALLEST = 1e-9

# Name of each group as the page shows it, and prefixes of its features.
GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("attack", ("rise", "crest", "before", "stage_2_5")),
    ("decay", ("fall_", "duration", "time_centroid", "cycles", "stage_", "late", "mfcc_tail_")),
    ("frequency", ("centroid", "rolloff", "dominant", "crossings", "band_", "start_")),
    ("tone or noise", ("flatness", "prominence", "bandwidth", "mfcc_attack_")),
    ("pulses", ("peaks", "peak_spacing", "second_peak")),
    ("sound before and after", ("fill_",)),
    ("signal-to-noise ratio", ("snr",)),
)


@dataclass(frozen=True, slots=True)
class Contribution:
    """Contribution of one feature group to the log-odds of a label, and the measured value in words."""

    group: str
    log_odds: float
    measured: str


def contributions(X: Array, labels: Sequence[str], model: Model) -> list[tuple[Contribution, ...]]:
    """Return the largest contributions for and against each label, largest first.

    Parameters
    ----------
    X : ndarray, shape (events, features)
        Features from the model's front end.
    labels : sequence of str, (events,)
        One of the model's classes for each event.
    model : Model

    Returns
    -------
    list of tuple of Contribution
        At most four for each event; empty if no group contributes at least `MIN_SHOWN`.
    """
    if not len(X):
        return []
    columns = [model.classes.index(label) for label in labels]
    baseline = _log_odds(model.probabilities(X), columns)
    names, drops = [], []
    for name, members in groups_of(model.features):
        changed = X.copy()
        changed[:, members] = model.ordinary[members]
        names.append(name)
        drops.append(baseline - _log_odds(model.probabilities(changed), columns))
    described = [_measured(row, model.features) for row in X]
    found = []
    for event, measured in enumerate(described):
        order = sorted(range(len(names)), key=lambda group: -abs(drops[group][event]))
        found.append(
            tuple(
                Contribution(names[group], float(drops[group][event]), measured.get(names[group], ""))
                for group in order[:MAX_SHOWN]
                if abs(drops[group][event]) >= MIN_SHOWN
            )
        )
    return found


def groups_of(features: Sequence[str]) -> list[tuple[str, list[int]]]:
    """Return the feature groups with their columns; features without a group are `everything else`.

    A feature belongs to the first group with a matching prefix.

    Examples
    --------
    >>> groups_of(["rise", "fall_20", "snr", "unknown"])[-1]
    ('everything else', [3])
    """
    members: dict[str, list[int]] = {}
    for column, feature in enumerate(features):
        owner = next((name for name, starts in GROUPS if feature.startswith(starts)), "everything else")
        members.setdefault(owner, []).append(column)
    order = [name for name, _ in GROUPS] + ["everything else"]
    return [(name, members[name]) for name in order if name in members]


def _log_odds(probabilities: Array, columns: Sequence[int]) -> Array:
    chosen = np.clip(probabilities[np.arange(len(probabilities)), columns], _SMALLEST, 1 - _SMALLEST)
    return np.asarray(np.log(chosen) - np.log1p(-chosen))


def _measured(row: Array, features: Sequence[str]) -> dict[str, str]:
    """Return the measured value of each group in words, for the groups that have a representative feature."""
    value = dict(zip(features, row.tolist(), strict=True))
    return {group: words(value[feature]) for group, (feature, words) in _WORDS.items() if feature in value}


def hertz(frequency: float) -> str:
    """Return a frequency with two significant digits and its unit.

    Examples
    --------
    >>> hertz(333.3), hertz(2210)
    ('330 Hz', '2.2 kHz')
    """
    return f"{frequency / 1000:.2g} kHz" if frequency >= 995 else f"{float(f'{frequency:.2g}'):.0f} Hz"


def _pulses(count: int) -> str:
    return f"{count} pulse{'' if count == 1 else 's'} within 30 ms"


# The representative feature of each group, and its value in words.
_WORDS: dict[str, tuple[str, Callable[[float], str]]] = {
    "attack": ("rise", lambda x: f"peak after {2**x:.2g} ms"),
    "decay": ("fall_20", lambda x: f"20 dB quieter after {2**x:.2g} ms"),
    "frequency": ("dominant", lambda x: f"strongest near {hertz(2**x)}"),
    "tone or noise": ("prominence", lambda x: f"strongest tone {x:.0f} dB above the mean"),
    "pulses": ("peaks", lambda x: _pulses(round(2**x))),
    "sound before and after": (
        "fill_before",
        lambda x: f"before the event {abs(x):.0f} dB {'quieter' if x <= 0 else 'louder'}",
    ),
    "signal-to-noise ratio": ("snr", lambda x: f"{x:.0f} dB above the background"),
}
