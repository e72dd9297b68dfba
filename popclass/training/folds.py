"""Folds that keep a person's sounds together.

Events of one subject resemble each other more than they will resemble a stranger's, and events of one recording more
still. Scores are honest only where both sides of a fold share neither; so groups are held out, never single events,
and every training side keeps all classes.

In which order a model lists its classes, and how many events each needs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from popclass.errors import LabelError, UsageError
from popclass.labels.validation import check_class_name
from popclass.results import CAVITATION, OTHER, SNAPPING
from popclass.utils.text import counted

Folds = list[tuple[np.ndarray, np.ndarray]]

_ATTEMPTS = 20  # shuffles tried before a fold less is made
_SOUGHT = 200_000  # groups placed in the exact search before it gives up; a few dozen are usual


def make_folds(
    y: np.ndarray,
    groups: Sequence[str],
    *,
    folds: int = 5,
    seed: int = 0,
    classes: Sequence[str] | None = None,
    grouped_by: str = "group",
) -> Folds:
    """Training and held-out indices of each fold.

    Folds are as alike as scikit-learn makes them, with fewer folds where a class has fewer groups. Where that leaves a
    training side without one of the classes, a split that does not is searched for exactly.

    Parameters
    ----------
    y : numpy.ndarray of int, shape (n,)
        Classes, 0 to k - 1.
    groups : sequence of str, length n
        What must stay together.
    folds : int
        How many are wanted; fewer are made where a class has fewer groups.
    seed : int
    classes : sequence of str, length k, optional
        Their names, for messages.
    grouped_by : str
        What the groups are, for messages.

    Raises
    ------
    UsageError
        If `folds` is less than 2.
    LabelError
        If a class has a single group, so that holding it out would leave nothing to learn from, or only more folds
        than wanted could keep every class on the training side.

    Examples
    --------
    >>> y, groups = np.array([0, 0, 1, 1]), ["wrist", "fingers", "wrist", "nothing"]
    >>> [sorted({groups[i] for i in test}) for _, test in make_folds(y, groups)]
    [['fingers', 'nothing'], ['wrist']]
    """
    from sklearn.model_selection import StratifiedGroupKFold

    if folds < 2:
        raise UsageError(f"{folds} folds: at least 2 are needed to hold anything out")
    _check_groups(y, groups, classes, grouped_by)
    names = np.asarray(groups, dtype=object)
    for count in range(min(folds, fewest_groups(y, groups)), 1, -1):
        for attempt in range(_ATTEMPTS):
            splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed + attempt)
            made = [(train, test) for train, test in splitter.split(y[:, None], y, names) if len(test)]
            if len(made) == count and all(len(np.unique(y[train])) == y.max() + 1 for train, _ in made):
                return made
    return _searched(y, groups, folds, grouped_by)


def _check_groups(y: np.ndarray, groups: Sequence[str], classes: Sequence[str] | None, grouped_by: str) -> None:
    pairs = set(zip(y.tolist(), groups, strict=True))
    for k in range(int(y.max()) + 1):
        if sum(c == k for c, _ in pairs) < 2:
            name = f"class '{classes[k]}'" if classes is not None else f"class number {k}"
            if grouped_by == "event":
                raise LabelError(f"{name} has a single event; at least 2 are needed to hold one out: label one more")
            events = counted(int((y == k).sum()), "event")
            raise LabelError(
                f"{name} ({events}) comes from a single {grouped_by}; at least 2 are needed to hold one out: label it "
                f"in one more {grouped_by}"
            )


def _searched(y: np.ndarray, groups: Sequence[str], folds: int, grouped_by: str) -> Folds:
    """Folds by the exact search, as few as possible, since many with few groups judge hardly anything each."""
    members = _members(y, groups)
    total = len(set(groups))
    for count in range(2, min(folds, total) + 1):
        if (placed := _placed(members, sorted(set(groups)), count)) is not None:
            place = np.array([placed[group] for group in groups])
            return [(np.flatnonzero(place != i), np.flatnonzero(place == i)) for i in range(count)]
    enough = next((n for n in range(folds + 1, total + 1) if _placed(members, sorted(set(groups)), n)), total)
    raise LabelError(
        f"no split of {total} {grouped_by}s into at most {folds} folds keeps every class on each training side; ask "
        f"for {enough} (--folds {enough}), or label the rarest classes in one more {grouped_by}"
    )


def _members(y: np.ndarray, groups: Sequence[str]) -> list[list[str]]:
    """The groups of each class, the class with the fewest first."""
    found = [sorted({g for g, c in zip(groups, y.tolist(), strict=True) if c == k}) for k in range(int(y.max()) + 1)]
    return sorted(found, key=len)


def _placed(members: Sequence[Sequence[str]], groups: Sequence[str], count: int) -> dict[str, int] | None:
    """A fold for each group so that no class lies in one fold alone; None where there is no way.

    Only groups of a class that still lies in one fold are tried in every fold; as soon as each class lies in two, the
    others go where there are fewest.
    """
    left = _SOUGHT

    def search(placed: dict[str, int]) -> dict[str, int] | None:
        nonlocal left
        left -= 1
        if left < 0:
            return None
        open_ = [own for own in members if len({placed[g] for g in own if g in placed}) < 2]
        if not open_:
            return placed
        if any(all(group in placed for group in own) for own in open_):
            return None
        own = min(open_, key=lambda each: sum(group not in placed for group in each))
        group = next(group for group in own if group not in placed)
        sizes = Counter(placed.values())
        used = max(placed.values(), default=-1)
        for fold in sorted(range(min(count, used + 2)), key=lambda fold: (sizes[fold], fold)):  # unused ones are alike
            if (found := search({**placed, group: fold})) is not None:
                return found
        return None

    found = search({})
    if found is None:
        return None
    sizes = Counter(found.values())
    for group in groups:
        if group not in found:
            found[group] = min(range(count), key=lambda fold: (sizes[fold], fold))
            sizes[found[group]] += 1
    return found if len(sizes) == count else None


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
        remarks = (
            [f"the subject of {counted(unknown, 'recording')} is not known; each counts as its own"] if unknown else []
        )
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

_PLACE = {CAVITATION: 0, SNAPPING: 1, OTHER: 3}  # the user's own names in between, by alphabet
_EVENTS_NEEDED = 2


def indexed(labels: Sequence[str]) -> tuple[tuple[str, ...], np.ndarray]:
    """The classes of labelled events, and the place of each event's class among them.

    Raises
    ------
    LabelError
        If there are fewer than two classes, or a class has a single event.

    Examples
    --------
    >>> indexed(["other", "click", "cavitation", "other", "click", "cavitation"])
    (('cavitation', 'click', 'other'), array([2, 1, 0, 2, 1, 0]))
    """
    counts = Counter(labels)
    for name in sorted(counts):
        check_class_name(name)
    if len(counts) < 2:
        found = f"only '{next(iter(counts))}'" if counts else "none"
        raise LabelError(f"at least two classes with events are needed to tell apart; there is {found}")
    for name, count in sorted(counts.items()):
        if count < _EVENTS_NEEDED:
            raise LabelError(f"class '{name}' has a single event; at least {_EVENTS_NEEDED} are needed to hold one out")
    classes = tuple(sorted(counts, key=lambda name: (_PLACE.get(name, 2), name)))
    place = {name: i for i, name in enumerate(classes)}
    return classes, np.array([place[label] for label in labels])
