"""Agreement of two observers, and of the model with each of them on the same recordings.

Recordings are the same if both label files lead to one file, or to files of the same bytes. Labels of two observers
match up to 50 ms from each other, and events match labels as far away (`popclass.evaluation.matching`). People differ
by more than the 10 ms of the scores of detection, which would lower the ceiling and cut off the differences of onsets.

Kappa is that of the sounds that at least one of a pair has labelled; what the other has not is `other`, as everywhere
in evaluation, and so is what the model has not found. A sound that the model labels `other` and nobody has labelled
does not count. `uncertain` counts as a label of its own, which no observer gives. Sounds that one of them labelled
`unsure` are left out. In recordings that are labelled only in part, and in clips, sounds count that both have labelled.

The correlation of counts, ICC(2,1), is that of the cavitations of completely labelled recordings; the model's are the
expected ones. It is high only where recordings differ in their numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.errors import LabelError
from popclass.evaluation.counts import COUNT_FIGURES, count_figures, with_limits
from popclass.evaluation.detection import onset_errors
from popclass.evaluation.matching import OBSERVERS_S, cases_of, groups_of_recordings, pair_labels
from popclass.labels import LabelledRecording, LabelRow
from popclass.labels.records import UNSURE
from popclass.metrics.agreement import intraclass_correlation, kappa
from popclass.metrics.bootstrap import Indices, spans
from popclass.results import RecordingResult
from popclass.schema import CAVITATION, OTHER
from popclass.utils.text import one_line

Scores = dict[str, Any]
Pair = tuple[str, str]  # labels that two raters gave to a sound
FIRST, SECOND, MODEL = "observer 1", "observer 2", "model"


@dataclass(frozen=True, slots=True)
class Shared:
    """Recordings that two observers have labelled.

    Attributes
    ----------
    pairs : tuple of (LabelledRecording, LabelledRecording)
        Of the first and the second observer; the second has the name and metadata of the first.
    only_first, only_second : tuple of str
        Names of the others.
    """

    pairs: tuple[tuple[LabelledRecording, LabelledRecording], ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]


def share(first: Sequence[LabelledRecording], second: Sequence[LabelledRecording]) -> Shared:
    """Return the recordings that both label.

    Raises
    ------
    LabelError
        If there are none, or a recording is labelled as a whole by one observer and with times by the other.
    """
    places = {_place(recording): recording for recording in second}
    found = {recording.name: places.pop(_place(recording), None) for recording in first}
    contents = {recording.sha256: place for place, recording in places.items() if _is_there(recording)}
    for recording in first:
        if contents and found[recording.name] is None and _is_there(recording):
            place = contents.pop(recording.sha256, None)
            found[recording.name] = None if place is None else places.pop(place)
    pairs = []
    for recording in first:
        other = found[recording.name]
        if other is None:
            continue
        if (recording.whole is None) != (other.whole is None):
            kinds = "one observer labels it as a whole, the other with times; label it alike"
            raise LabelError(f"{one_line(recording.name)}: {kinds}")
        about = {name: getattr(recording, name) for name in ("path", "name", "subject", "site", "source", "samples")}
        pairs.append((recording, replace(other, **about)))
    if not pairs:
        raise LabelError(
            "the second observer labels none of the same recordings; label the same files, or copies of them"
        )
    alone = tuple(one_line(recording.name) for recording in first if found[recording.name] is None)
    return Shared(tuple(pairs), alone, tuple(one_line(recording.name) for recording in places.values()))


def _place(recording: LabelledRecording) -> object:
    return recording.name if recording.samples is not None else recording.path.resolve()


def _is_there(recording: LabelledRecording) -> bool:
    return recording.samples is not None or recording.path.is_file()


def score_observers(shared: Shared, results: Mapping[str, RecordingResult], *, partial: bool) -> Scores:
    """Return the agreement of the observers, and of the model with each of them.

    Parameters
    ----------
    shared : Shared
    results : mapping of str to RecordingResult
        Those of the model by the names of recordings; recordings without one have failed and are left out.
    partial : bool
        Whether sounds without a label may be any.
    """
    pairs = [(first, second) for first, second in shared.pairs if first.name in results]
    known = [_is_known(first, second, partial=partial) for first, second in pairs]
    labels: dict[Pair, list[list[Pair]]] = {
        (FIRST, SECOND): [_labels(*pair, complete=full) for pair, full in zip(pairs, known, strict=True)],
        (FIRST, MODEL): [_answers(pair[0], results, full) for pair, full in zip(pairs, known, strict=True)],
        (SECOND, MODEL): [_answers(pair[1], results, full) for pair, full in zip(pairs, known, strict=True)],
    }
    counts = _counts([pair for pair, full in zip(pairs, known, strict=True) if full], results)
    counted = [first for (first, _), full in zip(pairs, known, strict=True) if full]
    over, groups = groups_of_recordings([first for first, _ in pairs])
    count_groups = groups_of_recordings(counted)[1]
    rows = {}
    for pair in combinations((FIRST, SECOND, MODEL), 2):
        rows[pair] = {"raters": list(pair), **_kappa(labels[pair], groups)}
        rows[pair]["icc"], rows[pair]["intervals"]["icc"] = _correlation(counts, pair, count_groups)
    both = rows[FIRST, SECOND]
    return {
        "recordings": len(pairs),
        "only_first": list(shared.only_first),
        "only_second": list(shared.only_second),
        "window_s": OBSERVERS_S,
        "intervals_over": over,
        "kappa": both["kappa"],
        "icc": both["icc"],
        "intervals": both["intervals"],
        "onset_difference_ms": _onset_differences(pairs),
        "counts": _count_agreement(counts, count_groups),
        "pairs": list(rows.values()),
    }


def observed_counts(
    shared: Shared | None, results: Mapping[str, RecordingResult], *, partial: bool
) -> list[tuple[int, int]]:
    """Return how many cavitations each observer labelled in each recording that both have labelled completely."""
    pairs = () if shared is None else shared.pairs
    known = [pair for pair in pairs if pair[0].name in results and _is_known(*pair, partial=partial)]
    counts = _counts(known, results)
    return [(int(one), int(other)) for one, other in zip(counts[FIRST], counts[SECOND], strict=True)]


def _is_known(first: LabelledRecording, second: LabelledRecording, *, partial: bool) -> bool:
    """Return True if both have labelled every sound of a recording."""
    return first.whole is None and all(each.verified or not partial for each in (first, second))


def _labels(first: LabelledRecording, second: LabelledRecording, *, complete: bool) -> list[Pair]:
    """Return the labels that two observers gave to the sounds of a recording."""
    if first.whole is not None and second.whole is not None:
        return [] if UNSURE in (first.whole, second.whole) else [(first.whole, second.whole)]
    ours, theirs = _rows(first), _rows(second)
    matched = pair_labels(ours, theirs)
    found = [(ours[i].label, theirs[j].label) for i, j in matched]
    if complete:
        left, right = {i for i, _ in matched}, {j for _, j in matched}
        found += [(row.label, OTHER) for i, row in enumerate(ours) if i not in left]
        found += [(OTHER, row.label) for j, row in enumerate(theirs) if j not in right]
    return [pair for pair in found if UNSURE not in pair]


def _rows(recording: LabelledRecording) -> list[LabelRow]:
    return [row for row in recording.rows if row.label]


def _answers(recording: LabelledRecording, results: Mapping[str, RecordingResult], complete: bool) -> list[Pair]:
    """Return the labels that an observer and the model gave to the sounds of a recording."""
    found = []
    for case in cases_of(recording, results[recording.name].events, {}, by_hand=True):
        answer = OTHER if case.event is None else case.event.label
        if case.truth is not None and (complete or case.event is not None):
            found.append((case.truth, answer))
        elif complete and case.truth is None and answer != OTHER:
            found.append((OTHER, answer))
    return found


def _kappa(labels: Sequence[Sequence[Pair]], groups: Sequence[str]) -> Scores:
    """Return kappa of all labels and of each label against the rest, given the pairs of labels by recording."""
    names = sorted({label for pairs in labels for pair in pairs for label in pair})
    place = {name: i for i, name in enumerate(names)}
    tables = np.zeros((len(labels), len(names), len(names)))
    for table, pairs in zip(tables, labels, strict=True):
        for one, other in pairs:
            table[place[one], place[other]] += 1

    def figures(at: Indices | slice) -> dict[str, float | None]:
        table = tables[at].sum(axis=0)
        return {"kappa": kappa(table), **{name: kappa(_against_rest(table, i)) for name, i in place.items()}}

    whole = figures(slice(None))
    behind = {name: [np.asarray(tables.any(axis=(1, 2)))] for name, value in whole.items() if value is not None}
    drawn = spans(figures, groups, behind) if behind else {}
    table = tables.sum(axis=0)
    return {
        "sounds": int(table.sum()),
        "agreement": float(np.trace(table) / table.sum()) if table.any() else None,
        "kappa": whole["kappa"],
        "intervals": {"kappa": drawn.get("kappa")},
        "classes": [{"class": name, "kappa": whole[name], "interval": drawn.get(name)} for name in names],
    }


def _against_rest(table: NDArray[np.float64], i: int) -> NDArray[np.float64]:
    own, row, column = table[i, i], table[i].sum(), table[:, i].sum()
    return np.array([[own, row - own], [column - own, table.sum() - row - column + own]])


def _counts(
    pairs: Sequence[tuple[LabelledRecording, LabelledRecording]], results: Mapping[str, RecordingResult]
) -> dict[str, NDArray[np.float64]]:
    """Return the number of cavitations of each completely labelled recording by rater; the model may have none."""
    counts = {
        rater: [sum(row.label == CAVITATION for row in pair[at].rows) for pair in pairs]
        for at, rater in enumerate((FIRST, SECOND))
    }
    arrays = {rater: np.array(values, dtype=float) for rater, values in counts.items()}
    expected = [results[first.name].expected_cavitations for first, _ in pairs]
    return arrays if None in expected else {**arrays, MODEL: np.array(expected, dtype=float)}


def _correlation(
    counts: Mapping[str, NDArray[np.float64]], pair: Pair, groups: Sequence[str]
) -> tuple[float | None, list[float] | None]:
    """Return the correlation of the counts of two raters with its interval."""
    if not set(pair) <= set(counts):
        return None, None
    table = np.stack([counts[rater] for rater in pair], axis=1)
    drawn = spans(lambda at: {"icc": intraclass_correlation(table[at])}, groups, {"icc": []})
    return intraclass_correlation(table), drawn["icc"]


def _count_agreement(counts: Mapping[str, NDArray[np.float64]], groups: Sequence[str]) -> Scores:
    """Return the agreement of the observers' counts, the second less the first."""
    first, second = counts[FIRST], counts[SECOND]
    drawn = spans(lambda at: count_figures(first[at], second[at]), groups, {name: [] for name in COUNT_FIGURES})
    return {"n": len(first), **with_limits(count_figures(first, second)), "intervals": drawn}


def _onset_differences(pairs: Sequence[tuple[LabelledRecording, LabelledRecording]]) -> Scores:
    """Return how much later the second observer marks the onsets that both mark."""
    found = []
    for first, second in pairs:
        ours, theirs = _rows(first), _rows(second)
        for i, j in pair_labels(ours, theirs):
            if ours[i].names_onset and theirs[j].names_onset:
                found.append(theirs[j].start_s - ours[i].start_s)
    return onset_errors(found)
