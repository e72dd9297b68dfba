"""Confusion counts of `evidence.py` and scores with their intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.metrics.bootstrap import bootstrap
from popclass.model.model import Model
from popclass.schema import CAVITATION, SNAPPING

VARIANTS = ("sound", "timing", "context", "both")
FIGURES = ("balanced", "log_loss", "swaps", "removed", "left", "lost", "false", "precision", "recall")

Array = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tally:
    """Confusion counts, shape (sessions, variants, classes, classes), true class before the most likely one.

    `left` is the number of the acoustic classifier's swaps that still are swaps, `loss` the sum of the log losses, both
    of shape (sessions, variants).
    """

    called: Counts
    left: Counts
    loss: Array


def score(tally: Tally, model: Model) -> dict[str, dict[str, Any]]:
    """Return the scores of each variant with intervals by bootstrap over sessions.

    Returns
    -------
    dict
        By variant, a dict of `balanced` accuracy, `log_loss`, `swaps` (cavitation labelled snapping or the reverse, per
        100 joint sounds), `removed` (the share by which there are fewer swaps than by sound alone), `left` (share of
        the acoustic classifier's swaps that still are swaps), `lost` (cavitations labelled snapping, per 100), `false`
        (snaps labelled cavitation, per 100), `precision` and `recall` of cavitation. Each is a tuple of value, low and
        high, or None where there is nothing to count. `n` is the number of joint sounds, `wrong` the number of swaps.
    """

    def figures(sessions: NDArray[np.intp]) -> dict[str, float | None]:
        called, left, loss = (each[sessions].sum(axis=0) for each in (tally.called, tally.left, tally.loss))
        sound = swaps(called[VARIANTS.index("sound")], model)
        return {
            f"{variant} {name}": value
            for variant, table, still, lost in zip(VARIANTS, called, left.tolist(), loss.tolist(), strict=True)
            for name, value in {
                **_figures(table, sound, model),
                "left": still / sound if sound else None,
                "log_loss": lost / max(table.sum(), 1),
            }.items()
        }

    everything = figures(np.arange(len(tally.called)))
    spans = bootstrap(figures, np.arange(len(tally.called)).astype(str))
    scores: dict[str, dict[str, Any]] = {}
    for at, variant in enumerate(VARIANTS):
        total = tally.called[:, at].sum(axis=0)
        scores[variant] = {"n": joint(total, model), "wrong": swaps(total, model)}
        for name in FIGURES:
            value, span = everything[f"{variant} {name}"], spans.get(f"{variant} {name}")
            scores[variant][name] = None if value is None else (value, *(span or (None, None)))
    return scores


def _figures(table: Counts, sound: int, model: Model) -> dict[str, float | None]:
    cavitation, snapping = model.classes.index(CAVITATION), model.classes.index(SNAPPING)
    of, called = table.sum(axis=1), table.sum(axis=0)
    recalls = table.diagonal()[of > 0] / of[of > 0]
    wrong, both = swaps(table, model), joint(table, model)
    return {
        "balanced": float(recalls.mean()) if len(recalls) else None,
        "swaps": 100 * wrong / both if both else None,
        "removed": 1 - wrong / sound if sound else None,
        "lost": float(100 * table[cavitation, snapping] / of[cavitation]) if of[cavitation] else None,
        "precision": float(table[cavitation, cavitation] / called[cavitation]) if called[cavitation] else None,
        "recall": float(table[cavitation, cavitation] / of[cavitation]) if of[cavitation] else None,
        "false": float(100 * table[snapping, cavitation] / of[snapping]) if of[snapping] else None,
    }


def swaps(table: Counts, model: Model) -> int:
    """Count cavitations labelled snapping, and the reverse."""
    cavitation, snapping = model.classes.index(CAVITATION), model.classes.index(SNAPPING)
    return int(table[cavitation, snapping] + table[snapping, cavitation])


def joint(table: Counts, model: Model) -> int:
    """Count cavitations and snaps."""
    return int(table[[model.classes.index(CAVITATION), model.classes.index(SNAPPING)]].sum())
