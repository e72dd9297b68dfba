"""Folds of cross-validation that keep groups together, and the order of the classes.

Events of one subject resemble each other, and events of one recording even more. Scores hold for new people only where
no fold has a subject on both sides. So whole groups are held out, and every training side keeps all classes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from popclass.errors import LabelError
from popclass.schema import CAVITATION, OTHER, SNAPPING
from popclass.utils.text import counted

Folds = list[tuple[np.ndarray, np.ndarray]]
Names = Sequence[str]  # of classes or groups

SUBJECT, RECORDING, EVENT = "subject", "recording", "event"  # kinds of groups

_SHUFFLES = 20  # tried before a fold less is made
_MANY = 7000  # groups for which scikit-learn's grouped splitter takes seconds
_SEARCH_LIMIT = 200_000  # steps of the exact search; a few dozen are usual
_PLACE = {CAVITATION: 0, SNAPPING: 1, OTHER: 3}  # the user's own classes are 2, by alphabet


def index_classes(labels: Names) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the classes of labelled events in the order of a model, and the index of each event's class.

    Raises
    ------
    LabelError
        If there are fewer than two classes.

    Examples
    --------
    >>> index_classes(["other", "click", "cavitation", "other", "click", "cavitation"])
    (('cavitation', 'click', 'other'), array([2, 1, 0, 2, 1, 0]))
    """
    counts = Counter(labels)
    if len(counts) < 2:
        found = f"only '{next(iter(counts))}'" if counts else "none"
        raise LabelError(f"at least two classes with events are needed; found {found}")
    classes = tuple(sorted(counts, key=lambda name: (_PLACE.get(name, 2), name)))
    return classes, np.array([classes.index(label) for label in labels])


def choose_groups(y: np.ndarray, subjects: Sequence[str | None], recordings: Names) -> tuple[str, list[str], list[str]]:
    """Choose what to hold out together: subjects where known, else recordings, else single events.

    Returns
    -------
    kind : str
        `subject`, `recording` or `event`.
    groups : list of str
    remarks : list of str
        Limits of the scores that follow, a line each.
    """
    if not len(y):
        return EVENT, [], []
    pairs = [*zip(subjects, recordings, strict=True)]
    by_subject = [f"recording {recording}" if subject is None else f"subject {subject}" for subject, recording in pairs]
    unknown = len({recording for subject, recording in pairs if subject is None})
    if unknown < len(set(recordings)) and fewest_groups(y, by_subject) >= 2:
        remark = f"the subject of {counted(unknown, 'recording')} is not known; each counts as its own"
        return SUBJECT, by_subject, [remark] if unknown else []
    if fewest_groups(y, recordings) < 2:
        remark = "a class comes from one recording only, so scores are too good for others; label more recordings"
        return EVENT, [str(i) for i in range(len(y))], [remark]
    remark = "a class comes from one subject only, so the scores do not apply to a new person"
    if unknown:
        remark = (
            "subjects are not known, so folds keep recordings together, not people; scores may be too good for a new "
            "person (a labels.csv can name the subject)"
        )
    return RECORDING, list(recordings), [remark]


def fewest_groups(y: np.ndarray, groups: Names) -> int:
    """Return the number of groups of the class that has the fewest."""
    return len(_members(y, groups)[0])


def make_folds(
    y: np.ndarray, groups: Names, *, folds: int = 5, seed: int = 0, classes: Names = (), grouped_by: str = "group"
) -> Folds:
    """Return training and held-out indices of each fold.

    Folds are scikit-learn's stratified ones, by group unless each of many events is a group of its own. There are fewer
    of them where a class has fewer groups. Where that leaves a training side without one of the classes, an exact
    search finds a split that does not.

    Parameters
    ----------
    y : ndarray of int, shape (n,)
        Classes, 0 to k - 1.
    groups : sequence of str, length n
        Events of a group stay on one side.
    folds : int
        Largest number of folds.
    seed : int
    classes : sequence of str, length k, optional
        Names of the classes, for messages.
    grouped_by : str
        Kind of the groups, for messages.

    Raises
    ------
    LabelError
        If a class has a single group, so that holding it out leaves nothing to train on, or if only more folds than
        wanted could keep every class on the training side.

    Examples
    --------
    >>> y, groups = np.array([0, 0, 1, 1]), ["wrist", "fingers", "wrist", "nothing"]
    >>> [sorted({groups[i] for i in test}) for _, test in make_folds(y, groups)]
    [['fingers', 'nothing'], ['wrist']]
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    names = np.asarray(groups, dtype=object)
    for k, count in enumerate(np.bincount(y).tolist()):
        if len(set(names[y == k])) < 2:
            name = f"class '{classes[k]}'" if classes else f"class number {k}"
            raise LabelError(
                f"{name} ({counted(count, 'event')}) comes from a single {grouped_by}; at least 2 are needed to hold "
                f"one out: label one more {grouped_by}"
            )
    alone = len(set(names)) == len(y) >= _MANY
    for count in range(min(folds, fewest_groups(y, groups)), 1, -1):
        for attempt in range(_SHUFFLES):
            kind = StratifiedKFold if alone else StratifiedGroupKFold
            splitter = kind(count, shuffle=True, random_state=seed + attempt)
            made = [(a, b) for a, b in splitter.split(y[:, None], y, None if alone else names) if len(b)]
            if len(made) == count and all(len(np.unique(y[train])) == y.max() + 1 for train, _ in made):
                return made
    return _search_folds(y, groups, folds, grouped_by)


def _search_folds(y: np.ndarray, groups: Names, folds: int, grouped_by: str) -> Folds:
    """Return folds by exact search, as few as possible: many folds of few groups test hardly anything each."""
    members, names = _members(y, groups), sorted(set(groups))
    for count in range(2, len(names) + 1):
        if placed := _place_groups(members, names, count):
            break
    if placed is None or count > folds:
        raise LabelError(
            f"no split of {len(names)} {grouped_by}s into at most {folds} folds keeps every class on each training "
            f"side; use {count} folds (--folds {count}), or label the rarest classes in one more {grouped_by}"
        )
    place = np.array([placed[group] for group in groups])
    return [(np.flatnonzero(place != i), np.flatnonzero(place == i)) for i in range(count)]


def _members(y: np.ndarray, groups: Names) -> list[list[str]]:
    """Return the groups of each class, the class with the fewest first."""
    names = np.asarray(groups, dtype=object)
    return sorted((sorted(set(names[y == k])) for k in range(int(y.max()) + 1)), key=len)


def _place_groups(members: Sequence[Sequence[str]], groups: Names, count: int) -> dict[str, int] | None:
    """Return a fold for each group so that no class lies in one fold alone; None where that is impossible.

    Only groups of a class that still lies in one fold are tried in every fold. As soon as each class lies in two, the
    others go to the smallest fold.
    """
    steps = iter(range(_SEARCH_LIMIT))

    def search(placed: dict[str, int]) -> dict[str, int] | None:
        if next(steps, None) is None:
            return None
        lone = [own for own in members if len({placed[group] for group in own if group in placed}) < 2]
        open_ = [[group for group in own if group not in placed] for own in lone]
        if not open_:
            return placed
        candidates = min(open_, key=len)
        if not candidates:  # a class has all its groups in one fold
            return None
        used = max(placed.values(), default=-1)
        for fold in _smallest_first(placed, min(count, used + 2)):  # unused folds are equivalent
            if (found := search({**placed, candidates[0]: fold})) is not None:
                return found
        return None

    found = search({})
    if found is None:
        return None
    for group in groups:
        found.setdefault(group, _smallest_first(found, count)[0])
    return found if len(set(found.values())) == count else None


def _smallest_first(placed: dict[str, int], count: int) -> list[int]:
    sizes = Counter(placed.values())
    return sorted(range(count), key=lambda fold: (sizes[fold], fold))
