"""Intervals of an evaluation's scores, and none where too few groups stand behind a score.

Whole groups are drawn (`popclass.metrics.bootstrap`). A ratio depends on the groups that are counted in it: the recall
of a class on those with a sound of the class, its precision also on those in which the class is called. Fewer than five
of them allow no conclusion about another one, however many others there are, and the score goes without an interval; so
does balanced accuracy if one class is that rare, as it is the mean of recalls. Draws without any event of a kind that a
figure rests on are not counted for it: its precision would be 0 there, and its mean recall one of fewer classes. Where
five of n groups hold the kind they are at most one in 148 ((1 - 5/n)^n < e^-5), too few for leaving them out to matter.
Where every draw gives the same figure, as when nothing is wrong at all, the draws do not show how far it may be off,
and there is no interval either.

Even so such intervals are too narrow where groups are few: of the mean of normal group means, with 5 groups 84 % hold
the truth, with 10 groups 91 %, with 30 groups 93 % (`tests/evaluation/test_intervals.py` holds the first and the last).
That clustered data with 5 to 30 groups make tests reject too often is known (Cameron, Gelbach & Miller 2008, Rev. Econ.
Stat. 90:414-427).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.metrics.bootstrap import FEWEST_GROUPS, bootstrap

Indices = NDArray[np.intp]
Flags = NDArray[np.bool_]
Figures = Callable[[Indices], Mapping[str, float | None]]
Intervals = dict[str, list[float] | None]
Counts = tuple[NDArray[Any], ...]
Scores = dict[str, Any]


def spans(figures: Figures, groups: Sequence[str], behind: Mapping[str, Sequence[Flags]]) -> Intervals:
    """Return the 95 % interval of each figure, low and high, or None.

    Parameters
    ----------
    figures : callable
        As `popclass.metrics.bootstrap.bootstrap` takes it.
    groups : sequence of str, length n
        Of each event.
    behind : mapping of str to sequence of ndarray of bool, shape (n,)
        For each figure, kinds of events of which each must be found in five groups; it may be empty.

    Examples
    --------
    >>> right = np.array([1, 1, 0, 1, 0, 1], dtype=bool)
    >>> mean = lambda i: {"right": float(right[i].mean())}
    >>> spans(mean, list("abcdef"), {"right": []})["right"][1], spans(mean, list("aabbcc"), {"right": []})
    (1.0, {'right': None})
    """
    named = np.asarray(groups, dtype=object).astype(str)
    everything = np.ones(len(named), dtype=bool)

    def enough(kind: Flags) -> bool:
        return len(np.unique(named[kind])) >= FEWEST_GROUPS

    def counted(at: Indices) -> dict[str, float | None]:
        drawn = figures(at)
        return {name: drawn[name] if all(kind[at].any() for kind in behind[name]) else None for name in behind}

    known = {name for name, kinds in behind.items() if all(map(enough, (everything, *kinds)))}
    found = bootstrap(counted, groups) if known else {}
    varied = {name: span for name, span in found.items() if name in known and span is not None and span[0] != span[1]}
    return {name: list(varied[name]) if name in varied else None for name in behind}


def ratios(counts: Mapping[str, Counts], groups: Sequence[str]) -> tuple[dict[str, float | None], Intervals]:
    """Return ratios of counts, None where there is nothing to divide by, and their intervals.

    Parameters
    ----------
    counts : mapping of str to (part, whole, *kinds), each an ndarray of int or bool, shape (n,)
        Numbers that each event adds to part and whole of a ratio. Events that add to the whole, and those of each
        further kind, must be found in five groups.
    groups : sequence of str, length n

    Examples
    --------
    >>> found, whole = np.array([True, False, True]), np.array([True, True, False])
    >>> ratios({"recall": (found & whole, whole)}, ["a", "a", "b"])
    ({'recall': 0.5}, {'recall': None})
    """

    def figures(at: Indices | slice) -> dict[str, float | None]:
        sums = {name: (int(part[at].sum()), int(whole[at].sum())) for name, (part, whole, *_) in counts.items()}
        return {name: part / whole if whole else None for name, (part, whole) in sums.items()}

    behind = {name: [whole > 0, *kinds] for name, (_, whole, *kinds) in counts.items()}
    return figures(slice(None)), spans(figures, groups, behind)
