"""Detection scores: recall and precision of labelled sounds, and onset errors.

Recordings labelled with times are scored; a clip with one label for the whole of it says nothing about detection, since
its event is chosen after the fact. Precision needs recordings of which every sound is labelled, so there is none where
labels are partial.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.evaluation.intervals import spans
from popclass.evaluation.matching import MATCHED, MISSED, UNLABELLED, WINDOW_S, Case

ALL_CLIPS = "all recordings are clips with one label for the whole; their sound is the strongest one found"
PARTIAL = "labels are partial, so that a sound without a label may be one that nobody labelled"


def score_detection(cases: Sequence[Case], groups: Sequence[str], *, partial: bool = False) -> dict[str, Any]:
    """Precision, recall and F of onsets, with intervals, recall of each class, and how far off onsets are.

    Parameters
    ----------
    cases : sequence of Case
        Of recordings labelled with times.
    groups : sequence of str
        What each is from, for the intervals.
    partial : bool
        Whether sounds without a label may be real.

    Returns
    -------
    dict
        Plain numbers; None where there is nothing to divide by.
    """
    status = np.array([case.status for case in cases], dtype=object)
    truth = np.array([case.truth for case in cases], dtype=object)
    kinds = sorted({case.truth for case in cases if case.truth is not None})
    everything = np.arange(len(cases))

    def figures(at: NDArray[np.intp]) -> dict[str, float | None]:
        each = {f"recall_{kind}": _recall(Counter(status[at][truth[at] == kind].tolist())) for kind in kinds}
        return {**_totals(Counter(status[at].tolist()), partial), **each}

    counts, all_ = Counter(status.tolist()), figures(everything)
    labelled, detected = status != UNLABELLED, status != MISSED
    behind = {"precision": [detected], "recall": [labelled], "f": [labelled, detected]}
    found = spans(figures, groups, behind | {f"recall_{kind}": [truth == kind] for kind in kinds})
    return {
        "window_s": WINDOW_S,
        "labelled": counts[MATCHED] + counts[MISSED],
        "detected": counts[MATCHED] + counts[UNLABELLED],
        "matched": counts[MATCHED],
        **{name: all_[name] for name in ("precision", "recall", "f")},
        "intervals": {name: found[name] for name in ("precision", "recall", "f")},
        "precision_undefined": PARTIAL if partial else None,
        "onset_error_ms": onset_errors(cases),
        "classes": [
            {
                "class": kind,
                "labelled": int((truth == kind).sum()),
                "recall": all_[f"recall_{kind}"],
                "interval": found[f"recall_{kind}"],
            }
            for kind in kinds
        ],
    }


def onset_errors(cases: Sequence[Case]) -> dict[str, Any]:
    """Median and 95 % quantile of the distance between onset and label, in milliseconds, and the median lateness.

    Of labels that name an onset: points, and stretches no longer than the window.
    """
    errors = [1e3 * c.onset_error_s for c in cases if c.names_onset and c.onset_error_s is not None]
    if not errors:
        return {"n": 0, "median": None, "p95": None, "bias": None}
    middle, far = np.quantile(np.abs(errors), [0.5, 0.95])
    return {"n": len(errors), "median": float(middle), "p95": float(far), "bias": float(np.median(errors))}


def score_unlabelled(cases: Sequence[Case], labels: Sequence[str], seconds: float) -> dict[str, Any]:
    """Count the labels given to unlabelled events of fully labelled recordings; joint labels there are mostly false.

    Parameters
    ----------
    cases : sequence of Case
        Of recordings labelled completely.
    labels : sequence of str
        All that can be given.
    seconds : float
        How long these recordings last.
    """
    called = Counter(case.event.label for case in cases if case.status == UNLABELLED and case.event is not None)
    return {"events": called.total(), "minutes": seconds / 60, "called": {name: called[name] for name in labels}}


def _totals(counts: Mapping[str, int], partial: bool) -> dict[str, float | None]:
    hits, events = counts.get(MATCHED, 0), counts.get(MATCHED, 0) + counts.get(UNLABELLED, 0)
    sounds = hits + counts.get(MISSED, 0)
    return {
        "precision": hits / events if events and not partial else None,
        "recall": _recall(counts),
        "f": 2 * hits / (events + sounds) if events + sounds and not partial else None,
    }


def _recall(counts: Mapping[str, int]) -> float | None:
    sounds = counts.get(MATCHED, 0) + counts.get(MISSED, 0)
    return counts.get(MATCHED, 0) / sounds if sounds else None
