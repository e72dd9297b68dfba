"""Contributions of feature groups to the label of an event.

Contributions are found by ablation. The features are split into groups that describe one property each (decay,
frequency). The features of one group are replaced by their training means, and the model is applied again. The
contribution of the group is the drop in the log-odds of the label. Groups are used because features of one group are
correlated: each alone would seem to matter little. Contributions describe this model, not the nature of the sound, and
they do not add up to the log-odds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from popclass.model.model import Model
from popclass.utils.text import counted

Floats = NDArray[np.float64]
Contribution = tuple[str, float, str]  # feature group, its contribution to the log-odds, measured value in words

MIN_SHOWN = 0.1  # in natural log-odds; smaller contributions are not shown
MAX_SHOWN = 4

# Name of each group as the page shows it, and prefixes of its features; the last group has all others.
GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("attack", ("rise", "crest", "before", "stage_2_5")),
    ("decay", ("fall_", "duration", "time_centroid", "cycles", "stage_", "late", "mfcc_tail_")),
    ("frequency", ("centroid", "rolloff", "dominant", "crossings", "band_", "start_")),
    ("tone or noise", ("flatness", "prominence", "bandwidth", "mfcc_attack_")),
    ("pulses", ("peaks", "peak_spacing", "second_peak")),
    ("sound before and after", ("fill_",)),
    ("signal-to-noise ratio", ("snr",)),
    ("everything else", ("",)),
)
# The representative feature of a group, and its value in words.
_WORDS: dict[str, tuple[str, Callable[[float], str]]] = {
    "attack": ("rise", lambda x: f"peak after {2**x:.2g} ms"),
    "decay": ("fall_20", lambda x: f"20 dB quieter after {2**x:.2g} ms"),
    "frequency": ("dominant", lambda x: f"strongest near {hertz(2**x)}"),
    "tone or noise": ("prominence", lambda x: f"strongest tone {x:.0f} dB above the mean"),
    "pulses": ("peaks", lambda x: f"{counted(round(2**x), 'pulse')} within 30 ms"),
    "sound before and after": ("fill_before", lambda x: f"before the event {abs(x):.0f} dB {_quieter(x)}"),
    "signal-to-noise ratio": ("snr", lambda x: f"{x:.0f} dB above the background"),
}


def contributions(X: Floats, labels: Sequence[str], model: Model) -> list[tuple[Contribution, ...]]:
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
    baseline, groups = _log_odds(model.probabilities(X), columns), groups_of(model.features)
    drops = []
    for _, members in groups:
        changed = X.copy()
        changed[:, members] = model.ordinary[members]
        drops.append(baseline - _log_odds(model.probabilities(changed), columns))
    found = []
    for row, of_groups in zip(X, np.array(drops).T, strict=True):
        value = dict(zip(model.features, row.tolist(), strict=True))
        measured = {group: words(value[feature]) for group, (feature, words) in _WORDS.items() if feature in value}
        order = np.argsort(-np.abs(of_groups), kind="stable")[:MAX_SHOWN]
        shown = [(groups[at][0], float(of_groups[at])) for at in order if abs(of_groups[at]) >= MIN_SHOWN]
        found.append(tuple((group, drop, measured.get(group, "")) for group, drop in shown))
    return found


def groups_of(features: Sequence[str]) -> list[tuple[str, list[int]]]:
    """Return the feature groups with their columns; features without a group are `everything else`.

    A feature belongs to the first group with a matching prefix.

    Examples
    --------
    >>> groups_of(["rise", "fall_20", "snr", "unknown"])[-1]
    ('everything else', [3])
    """
    members: dict[str, list[int]] = {name: [] for name, _ in GROUPS}
    for column, feature in enumerate(features):
        members[next(name for name, prefixes in GROUPS if feature.startswith(prefixes))].append(column)
    return [(name, columns) for name, columns in members.items() if columns]


def _log_odds(probabilities: Floats, columns: Sequence[int]) -> Floats:
    chosen = np.clip(probabilities[np.arange(len(probabilities)), columns], 1e-9, 1 - 1e-9)
    return np.asarray(np.log(chosen) - np.log1p(-chosen))


def hertz(frequency: float) -> str:
    """Return a frequency with two significant digits and its unit.

    Examples
    --------
    >>> hertz(333.3), hertz(2210)
    ('330 Hz', '2.2 kHz')
    """
    return f"{frequency / 1000:.2g} kHz" if frequency >= 995 else f"{float(f'{frequency:.2g}'):.0f} Hz"


def _quieter(decibels: float) -> str:
    return "quieter" if decibels <= 0 else "louder"
