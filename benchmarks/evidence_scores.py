"""What was called what under each reading, and the figures of `evidence.py` with their intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.metrics.bootstrap import bootstrap
from popclass.model.model import Model
from popclass.results import CAVITATION, SNAPPING

READINGS = ("sound", "timing", "company", "both")
FIGURES = ("balanced", "log_loss", "swaps", "removed", "lost", "false", "precision", "recall")

Array = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tally:
    """What was called what: shape (sessions, readings, classes, classes), true class before the most likely one.

    `loss` is the sum of the log losses, shape (sessions, readings).
    """

    called: Counts
    loss: Array


def score(tally: Tally, model: Model) -> dict[str, dict[str, Any]]:
    """Figures of each reading with their intervals, sessions drawn again and again.

    Returns
    -------
    dict
        By reading, a dict of `balanced` accuracy, `log_loss`, `swaps` (cavitation called snapping or the reverse, of
        100 of both), `removed` (share of the swaps of the sound alone that are gone), `lost` (cavitations called
        snapping, of 100), `false` (snaps called cavitation, of 100), `precision` and `recall` of cavitation, each a
        tuple of value, low and high, or None where there is nothing to count; and `n`, joint sounds counted, and
        `wrong`, the number of swaps.
    """

    def figures(sessions: NDArray[np.intp]) -> dict[str, float | None]:
        called, loss = tally.called[sessions].sum(axis=0), tally.loss[sessions].sum(axis=0)
        sound = swaps(called[READINGS.index("sound")], model)
        return {
            f"{reading} {name}": value
            for reading, table, lost in zip(READINGS, called, loss.tolist(), strict=True)
            for name, value in {**_figures(table, sound, model), "log_loss": lost / max(table.sum(), 1)}.items()
        }

    everything = figures(np.arange(len(tally.called)))
    spans = bootstrap(figures, np.arange(len(tally.called)).astype(str))
    scores: dict[str, dict[str, Any]] = {}
    for at, reading in enumerate(READINGS):
        total = tally.called[:, at].sum(axis=0)
        scores[reading] = {"n": joint(total, model), "wrong": swaps(total, model)}
        for name in FIGURES:
            value, span = everything[f"{reading} {name}"], spans.get(f"{reading} {name}")
            scores[reading][name] = None if value is None else (value, *(span or (None, None)))
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
    """Cavitations called snapping, and the reverse."""
    cavitation, snapping = model.classes.index(CAVITATION), model.classes.index(SNAPPING)
    return int(table[cavitation, snapping] + table[snapping, cavitation])


def joint(table: Counts, model: Model) -> int:
    """Cavitations and snaps."""
    return int(table[[model.classes.index(CAVITATION), model.classes.index(SNAPPING)]].sum())
