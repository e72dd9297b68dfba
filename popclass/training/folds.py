"""Folds that keep a person's sounds together.

Events of one subject resemble each other more than they will resemble a stranger's, and events of one recording more
still. Scores are honest only where both sides of a fold share neither; so groups are held out, never single events,
and every training side keeps all classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from popclass.errors import LabelError, UsageError

Folds = list[tuple[np.ndarray, np.ndarray]]

_ATTEMPTS = 20  # shuffles tried before a fold less is made


def make_folds(y: np.ndarray, groups: Sequence[str], *, folds: int = 5, seed: int = 0) -> Folds:
    """Training and held-out indices of each fold.

    Parameters
    ----------
    y : numpy.ndarray of int, shape (n,)
        Classes, 0 to k - 1.
    groups : sequence of str, length n
        What must stay together.
    folds : int
        How many are wanted; fewer are made where a class has fewer groups.
    seed : int

    Raises
    ------
    UsageError
        If `folds` is less than 2.
    LabelError
        If a class has a single group, so that holding it out would leave nothing to learn from.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    if folds < 2:
        raise UsageError(f"{folds} folds: at least 2 are needed to hold anything out")
    names = np.asarray(groups, dtype=object)
    for count in range(min(folds, fewest_groups(y, groups)), 1, -1):
        for attempt in range(_ATTEMPTS):
            splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed + attempt)
            made = [(train, test) for train, test in splitter.split(y[:, None], y, names) if len(test)]
            if len(made) == count and all(len(np.unique(y[train])) == y.max() + 1 for train, _ in made):
                return made
    raise LabelError(
        "no folds can be made that keep every class on the training side; label more recordings or subjects"
    )


def fewest_groups(y: np.ndarray, groups: Sequence[str]) -> int:
    """Number of groups of the class that has the fewest."""
    pairs = set(zip(y.tolist(), groups, strict=True))
    return min(sum(1 for c, _ in pairs if c == k) for k in range(int(y.max()) + 1))


def choose_groups(
    y: np.ndarray, subjects: Sequence[str | None], recordings: Sequence[str]
) -> tuple[str, list[str], list[str]]:
    """What to hold out together: subjects where known, else recordings, else single events.

    Returns
    -------
    kind : str
        `subject`, `recording` or `event`.
    groups : list of str
    remarks : list of str
        What the scores cannot tell, a line each.
    """
    by_subject = [
        f"subject {s}" if s is not None else f"recording {r}" for s, r in zip(subjects, recordings, strict=True)
    ]
    unknown = len({r for s, r in zip(subjects, recordings, strict=True) if s is None})
    if unknown < len(set(recordings)) and fewest_groups(y, by_subject) >= 2:
        remarks = [f"the subject of {unknown} recordings is not known; each counts as its own"] if unknown else []
        return "subject", by_subject, remarks
    if fewest_groups(y, recordings) >= 2:
        return "recording", list(recordings), [_recordings_only(unknown)]
    return "event", [str(i) for i in range(len(y))], [_EVENTS_ONLY]


def _recordings_only(unknown: int) -> str:
    if unknown:
        return (
            "subjects are not known, so folds keep recordings together, not people; "
            "scores may be too good for a new person (a labels.csv can name the subject)"
        )
    return "a class comes from one subject only, so folds keep recordings together; nothing is known of a new person"


_EVENTS_ONLY = (
    "a class comes from one recording only, so folds mix its events; "
    "scores are too good for any other recording (label more recordings)"
)
