"""What is gained by not answering: how often the answers are wrong, over how many are given.

Events are answered in the order of their largest probability. A risk-coverage curve (El-Yaniv & Wiener 2010, JMLR)
says, for each share of events answered, the share of wrong answers among them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

POINTS = 20  # of a curve as it is stored


def risk_coverage(
    y: NDArray[np.intp], probabilities: NDArray[np.float64], *, points: int = POINTS
) -> list[dict[str, float]]:
    """Coverage, the probability from which on is answered, and the risk, at even steps of coverage up to 1.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
        True classes.
    probabilities : ndarray, shape (n, k)
    points : int

    Examples
    --------
    >>> curve = risk_coverage(np.array([0, 1]), np.array([[0.9, 0.1], [0.6, 0.4]]), points=2)
    >>> [(at["coverage"], at["risk"]) for at in curve]
    [(0.5, 0.0), (1.0, 0.5)]
    """
    n = len(y)
    if not n:
        return []
    sure = probabilities.max(axis=1)
    order = np.argsort(-sure, kind="stable")
    wrong = np.cumsum((probabilities.argmax(axis=1) != y)[order])
    last = np.unique(np.maximum(np.round(np.arange(1, points + 1) / points * n).astype(int), 1))
    return [
        {"coverage": float(k / n), "probability": float(sure[order[k - 1]]), "risk": float(wrong[k - 1] / k)}
        for k in last
    ]
