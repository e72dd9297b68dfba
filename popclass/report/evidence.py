"""Which properties of a sound spoke for its label, in words people know.

The features of an event are taken in groups that describe one thing each (how it fades, how high it sounds). A group
is set to what is ordinary in the training data, the mean of its features, and the model is asked again: by how much the
log-odds of the label fall is what that group contributed. Groups, not single features, because features of one group
say nearly the same, and each alone would seem to matter little. It is an honest answer to a narrow question: it says
what this model leant on, not what a crack is, and contributions do not add up to the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from popclass.model.model import Model

Array = NDArray[np.float64]

SHOWN_FROM = 0.1  # smaller contributions, in natural log-odds, are not worth a line
MOST_SHOWN = 4
_SMALLEST = 1e-9

# What a group is called, and how the names of its features begin.
GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("how sharply it begins", ("rise", "crest", "before", "stage_2_5")),
    ("how fast it fades", ("fall_", "duration", "time_centroid", "cycles", "stage_", "late", "mfcc_tail_")),
    ("how high it sounds", ("centroid", "rolloff", "dominant", "crossings", "band_", "start_")),
    ("whether it is a tone or a noise", ("flatness", "prominence", "bandwidth", "mfcc_attack_")),
    ("its separate pulses", ("peaks", "peak_spacing", "second_peak")),
    ("what surrounds it", ("fill_",)),
    ("how far it stands out", ("snr",)),
)


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one group of features adds to the log-odds of a label, and what was measured."""

    group: str
    log_odds: float
    measured: str


def contributions(X: Array, labels: Sequence[str], model: Model) -> list[tuple[Contribution, ...]]:
    """The strongest contributions for and against each label, strongest first.

    Parameters
    ----------
    X : ndarray, shape (events, features)
        As the model's front end makes them.
    labels : sequence of str, (events,)
        One of the model's classes for each event.
    model : Model

    Returns
    -------
    list of tuple of Contribution
        At most four an event; none where the sound was ordinary in every way.
    """
    if not len(X):
        return []
    columns = [model.classes.index(label) for label in labels]
    whole = _log_odds(model.probabilities(X), columns)
    names, shares = [], []
    for name, members in groups_of(model.features):
        changed = X.copy()
        changed[:, members] = model.ordinary[members]
        names.append(name)
        shares.append(whole - _log_odds(model.probabilities(changed), columns))
    described = [_measured(row, model.features) for row in X]
    found = []
    for event, said in enumerate(described):
        order = sorted(range(len(names)), key=lambda group: -abs(shares[group][event]))
        found.append(
            tuple(
                Contribution(names[group], float(shares[group][event]), said.get(names[group], ""))
                for group in order[:MOST_SHOWN]
                if abs(shares[group][event]) >= SHOWN_FROM
            )
        )
    return found


def groups_of(features: Sequence[str]) -> list[tuple[str, list[int]]]:
    """The groups that features fall into, each feature in the first that claims it; the rest is `everything else`.

    Examples
    --------
    >>> groups_of(["rise", "fall_20", "snr", "unheard_of"])[-1]
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
    """What was measured of one event, a few words for the groups that can be put into some."""
    value = dict(zip(features, row.tolist(), strict=True))
    return {group: words(value[feature]) for group, (feature, words) in _WORDS.items() if feature in value}


def hertz(frequency: float) -> str:
    """A frequency to two digits.

    Examples
    --------
    >>> hertz(333.3), hertz(2210)
    ('330 Hz', '2.2 kHz')
    """
    return f"{frequency / 1000:.2g} kHz" if frequency >= 995 else f"{float(f'{frequency:.2g}'):.0f} Hz"


def _pulses(count: int) -> str:
    return f"{count} pulse{'' if count == 1 else 's'} within 30 ms"


# For each group the feature that stands for it, in words.
_WORDS: dict[str, tuple[str, Callable[[float], str]]] = {
    "how sharply it begins": ("rise", lambda x: f"at its peak after {2**x:.2g} ms"),
    "how fast it fades": ("fall_20", lambda x: f"20 dB quieter after {2**x:.2g} ms"),
    "how high it sounds": ("dominant", lambda x: f"strongest near {hertz(2**x)}"),
    "whether it is a tone or a noise": ("prominence", lambda x: f"its strongest tone {x:.0f} dB above the mean"),
    "its separate pulses": ("peaks", lambda x: _pulses(round(2**x))),
    "what surrounds it": ("fill_before", lambda x: f"before it {abs(x):.0f} dB {'quieter' if x <= 0 else 'louder'}"),
    "how far it stands out": ("snr", lambda x: f"{x:.0f} dB over the background"),
}
