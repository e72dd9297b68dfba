"""Scores of detection: labelled sounds that were found, and detected ones that are labelled.

Detection is scored on recordings labelled with times; a clip with one label for the whole of it shows nothing about
detection, since its event is chosen after the fact. Precision needs recordings of which every sound is labelled, so
there is none where labels are partial.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from popclass.evaluation.matching import MATCHED, MISSED, UNLABELLED, WINDOW_S, Case, groups_of
from popclass.metrics.bootstrap import ratios

ALL_CLIPS = "all recordings are clips with one label for the whole; their sound is the strongest one found"
PARTIAL = "labels are partial, so that a sound without a label may be one that nobody labelled"

Scores = dict[str, Any]


def score_detection(cases: Sequence[Case], *, partial: bool = False) -> Scores:
    """Return precision, recall and F of onsets, the recall of each class, and onset errors.

    Parameters
    ----------
    cases : sequence of Case
        Those of clips are ignored.
    partial : bool
        Whether sounds without a label may be real.

    Returns
    -------
    dict
        Plain numbers; None where there is nothing to divide by.
    """
    timed = [case for case in cases if case.recording.whole is None]
    if cases and not timed:
        return {"scored": False, "reason": ALL_CLIPS}
    over, groups = groups_of(timed)
    status = np.array([case.status for case in timed], dtype=object)
    truth = np.array([case.truth for case in timed], dtype=object)
    labelled, detected, matched = status != UNLABELLED, status != MISSED, status == MATCHED
    of_kind = {kind: truth == kind for kind in sorted({case.truth for case in timed if case.truth is not None})}
    totals = {
        "precision": (matched, detected * (not partial)),
        "recall": (matched, labelled),
        "f": (2 * matched, (labelled.astype(int) + detected) * (not partial), labelled, detected),
    }
    recalls = {f"recall_{kind}": (matched & own, own) for kind, own in of_kind.items()}
    values, intervals = ratios(totals | recalls, groups)
    named = [case for case in timed if case.row is not None and case.row.names_onset]
    delays = [case.onset_error_s for case in named if case.onset_error_s is not None]
    return {
        "scored": True,
        "intervals_over": over,
        "window_s": WINDOW_S,
        "labelled": int(labelled.sum()),
        "detected": int(detected.sum()),
        "matched": int(matched.sum()),
        **{name: values[name] for name in totals},
        "intervals": {name: intervals[name] for name in totals},
        "precision_undefined": PARTIAL if partial else None,
        "onset_error_ms": onset_errors(delays),
        "classes": [
            {
                "class": kind,
                "labelled": int(own.sum()),
                "recall": values[f"recall_{kind}"],
                "interval": intervals[f"recall_{kind}"],
            }
            for kind, own in of_kind.items()
        ],
    }


def onset_errors(delays_s: Sequence[float]) -> Scores:
    """Return median and 95 % quantile of the onset errors, and the median delay, in milliseconds."""
    if not delays_s:
        return {"n": 0, "median": None, "p95": None, "bias": None}
    errors = [1e3 * delay for delay in delays_s]
    middle, far = np.quantile(np.abs(errors), [0.5, 0.95])
    return {"n": len(errors), "median": float(middle), "p95": float(far), "bias": float(np.median(errors))}
