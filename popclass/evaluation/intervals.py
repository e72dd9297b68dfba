"""Intervals of an evaluation's scores, and none where too few groups stand behind a score.

Whole groups are drawn (`popclass.metrics.bootstrap`). A ratio is settled by the groups that are counted in it: the
recall of a class by those with a sound of the class, its precision also by those in which the class is called. Fewer
than five of them say nothing of another one, however many others there are, and the score goes without an interval; so
does balanced accuracy if one class is that rare, as it is the mean of recalls. Draws without any event of a kind that a
figure rests on are not counted for it: its precision would be 0 there, and its mean recall one of fewer classes. Where
five of n groups hold the kind they are at most one in 148 ((1 - 5/n)^n < e^-5), too few for leaving them out to matter.
Where every draw gives the same figure, as when nothing is wrong at all, the draws say nothing of how far it may be off,
and there is no interval either.

Even so such intervals are too narrow where groups are few: of the mean of normal group means, with 5 groups 84 % hold
the truth, with 10 groups 91 %, with 30 groups 93 % (`tests/test_spans.py` holds the first and the last).
That clustered data with 5 to 30 groups make tests reject too often is known (Cameron, Gelbach & Miller 2008, Rev. Econ.
Stat. 90:414-427).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from popclass.metrics.bootstrap import FEWEST_GROUPS, bootstrap

Indices = NDArray[np.intp]
Flags = NDArray[np.bool_]
Figures = Callable[[Indices], Mapping[str, float | None]]


def spans(
    figures: Figures, groups: Sequence[str], behind: Mapping[str, Sequence[Flags]]
) -> dict[str, list[float] | None]:
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
    known = {name for name, kinds in behind.items() if _enough(named, [np.ones(len(named), dtype=bool), *kinds])}

    def counted(at: Indices) -> dict[str, float | None]:
        drawn = figures(at)
        return {name: drawn[name] if all(kind[at].any() for kind in behind[name]) else None for name in behind}

    found = bootstrap(counted, groups) if known else {}
    return {name: _pair(found.get(name)) if name in known else None for name in behind}


def _enough(groups: NDArray[np.str_], kinds: Sequence[Flags]) -> bool:
    return all(len(np.unique(groups[kind])) >= FEWEST_GROUPS for kind in kinds)


def _pair(span: tuple[float, float] | None) -> list[float] | None:
    return None if span is None or span[0] == span[1] else list(span)
