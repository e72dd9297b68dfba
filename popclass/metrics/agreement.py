"""Agreement of two methods or observers that count the same things.

- `concordance`: Lin's concordance correlation coefficient, how close pairs lie to the line of equality.
- `limits_of_agreement`: bias and the limits that 95 % of the differences lie between, by Bland & Altman.
- `intraclass_correlation`: ICC(2,1) of Shrout & Fleiss, absolute agreement of single counts by random observers.
- `kappa`: Cohen's kappa of labels, from their table: the bootstrap does so thousands of times, where scikit-learn's
  function takes a millisecond.

`tests/metrics/test_agreement.py` holds them to the data and results of these papers.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

WITHIN = 0.95  # share of the differences between the limits of agreement


class Limits(NamedTuple):
    """Bias and limits of agreement, in the unit of the measurements."""

    bias: float
    low: float
    high: float


def concordance(truth: ArrayLike, measured: ArrayLike) -> float | None:
    """Return Lin's concordance correlation coefficient (Lin 1989, Biometrics 45:255-268).

    Returns
    -------
    float or None
        1 for equal pairs; None for fewer than two pairs, or where the true numbers do not vary: it is then 0 whatever
        was measured.

    Examples
    --------
    >>> concordance([1, 2, 3], [1, 2, 3]), concordance([2, 2], [2, 2])
    (1.0, None)
    """
    x, y = np.asarray(truth, dtype=np.float64), np.asarray(measured, dtype=np.float64)
    if len(x) < 2:
        return None
    if not x.var():
        return None
    spread = float(x.var() + y.var())
    together = float(((x - x.mean()) * (y - y.mean())).mean())
    return 2 * together / (spread + float(x.mean() - y.mean()) ** 2)


def limits_of_agreement(truth: ArrayLike, measured: ArrayLike) -> Limits | None:
    """Return the mean difference, measured minus true, and its 95 % limits (Bland & Altman 1986, Lancet 327:307-310).

    The limits are 1.96 standard deviations on either side of the bias.

    Returns
    -------
    Limits or None
        None for fewer than two pairs.

    Examples
    --------
    >>> bias, low, high = limits_of_agreement([1, 2, 3, 4], [2, 2, 4, 4])
    >>> bias, round(low, 2), round(high, 2)
    (0.5, -0.63, 1.63)
    """
    differences = np.asarray(measured, dtype=np.float64) - np.asarray(truth, dtype=np.float64)
    if len(differences) < 2:
        return None
    bias = float(differences.mean())
    reach = NormalDist().inv_cdf((1 + WITHIN) / 2) * float(differences.std(ddof=1))
    return Limits(bias, bias - reach, bias + reach)


def intraclass_correlation(ratings: ArrayLike) -> float | None:
    """Return ICC(2,1): two-way random effects, absolute agreement, single rater.

    From the mean squares of the analysis of variance (Shrout & Fleiss 1979, Psychol. Bull. 86:420-428).

    Parameters
    ----------
    ratings : array_like, shape (targets, raters)

    Returns
    -------
    float or None
        None for fewer than two targets or raters, or where nothing varies.

    Examples
    --------
    >>> intraclass_correlation([[1, 1], [2, 2], [4, 4]]), intraclass_correlation([[1, 1], [1, 1]])
    (1.0, None)
    """
    table = np.asarray(ratings, dtype=np.float64)
    n, k = table.shape
    if n < 2 or k < 2:
        return None
    grand, rows, columns = table.mean(), table.mean(axis=1, keepdims=True), table.mean(axis=0, keepdims=True)
    between = k * float(((rows - grand) ** 2).sum()) / (n - 1)
    raters = n * float(((columns - grand) ** 2).sum()) / (k - 1)
    error = float(((table - rows - columns + grand) ** 2).sum()) / ((n - 1) * (k - 1))
    whole = between + (k - 1) * error + k * (raters - error) / n
    return (between - error) / whole if whole else None


def kappa(table: ArrayLike) -> float | None:
    """Return Cohen's kappa of two labellings (Cohen 1960, Educ. Psychol. Meas. 20:37-46).

    Parameters
    ----------
    table : array_like, shape (labels, labels)
        How often one gave each label (row) and the other each label (column).

    Returns
    -------
    float or None
        None without labels, or where both gave one and the same label to all: agreement by chance is then complete.

    Examples
    --------
    >>> round(kappa([[20, 5], [10, 15]]), 3), kappa([[7, 0], [0, 0]])
    (0.4, None)
    """
    counts = np.asarray(table, dtype=np.float64)
    n = counts.sum()
    if not n:
        return None
    chance = float(counts.sum(axis=0) @ counts.sum(axis=1)) / n**2
    return None if chance == 1 else float((np.trace(counts) / n - chance) / (1 - chance))
