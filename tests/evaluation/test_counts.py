"""Agreement of counts with labels."""

from pathlib import Path

import numpy as np
import pytest

from popclass.bursts import find_bursts
from popclass.evaluation.counts import BURST, RECORDING, SUBJECT, count_recordings, match_bursts, score_counts, series
from popclass.info import RecordingInfo
from popclass.labels import LabelledRecording, LabelRow
from popclass.results import Cavitations, Event, RecordingResult

CLASSES = ("cavitation", "other")
RATE = 1000


def recording(name, truths, detected, *, subject=None):
    """Labels at `truths`, and a result with events of (seconds, probability of cavitation)."""
    rows = tuple(LabelRow(at, at, "cavitation") for at in truths)
    events, burst, last = [], 0, -9.0
    for number, (at, p) in enumerate(detected, start=1):
        burst += at - last > 0.25
        last = at
        onset = round(at * RATE)
        label = "cavitation" if p > 0.5 else "other"
        posteriors = {"cavitation": p, "other": 1 - p}
        places = {"event": number, "burst": burst, "label": label, "posteriors": posteriors}
        events.append(Event(onset, onset, onset + 10, RATE, channel=1, snr_db=20.0, peak_dbfs=-6.0, **places))
    bursts = find_bursts(events, CLASSES, len)
    total = sum(each.cavitations.expected for each in bursts)
    bounds = Cavitations(total, sum(b.cavitations_low for b in bursts), sum(b.cavitations_high for b in bursts))
    result = RecordingResult(RecordingInfo(name), tuple(events), CLASSES, 0, None, bursts, bounds)
    return LabelledRecording(Path(name), name, rows, subject=subject), result


def test_series_gaps():
    assert [each.tolist() for each in series([3.0, 1.0, 1.2])] == [[1.0, 1.2], [3.0]]
    assert series([]) == []


def test_count_recordings_units():
    counted = count_recordings(
        [
            recording("a", [1.0, 1.1, 5.0], [(1.0, 0.9), (1.1, 0.8)], subject="P"),
            recording("b", [], [(2.0, 0.7)], subject="P"),
        ]
    )
    whole = [(each.true, each.counted.expected, each.named) for each in counted.of(RECORDING)]
    assert whole == [(3, pytest.approx(1.7), 2), (0, pytest.approx(0.7), 1)]
    assert [(each.true, each.start_s, each.rows) for each in counted.of(BURST)] == [(2, 1.0, 1), (1, 5.0, 0)]
    (person,) = counted.of(SUBJECT)
    assert (person.true, person.counted.expected) == (3, pytest.approx(2.4))
    assert [row.start_s for row in counted.elsewhere] == [2.0]


def test_burst_without_row_is_outside():
    counted = count_recordings([recording("a", [1.0, 5.0], [(1.0, 0.95)])])
    assert [each.inside for each in counted.of(BURST)] == [True, False]
    scores = score_counts(counted)
    assert (scores["bursts_without_row"], scores["bursts"]["coverage"]) == (1, 0.5)


def test_recording_without_cavitations_is_inside():
    (whole,) = count_recordings([recording("a", [], [])]).of(RECORDING)
    assert whole.inside


def test_match_bursts_that_share_a_row():
    rows = recording("a", [], [(1.0, 0.9), (1.2, 0.9), (1.4, 0.9)])[1].bursts
    ((onsets, found),) = match_bursts(series([1.0, 1.4]), rows)
    assert onsets.tolist() == [1.0, 1.4]
    assert found == list(rows)


def test_score_counts_agreement():
    made = [recording(str(n), np.arange(n) + 1.0, [(at + 1.0, 0.99) for at in range(n)]) for n in range(1, 6)]
    scores = score_counts(count_recordings(made))
    assert scores["mean_absolute_error"] == pytest.approx(0.03)
    assert scores["concordance"] > 0.99
    assert scores["coverage"] == 1.0
    low, high = scores["limits_of_agreement"]
    assert low < scores["bias"] < high
    assert scores["labels"]["mean_absolute_error"] == 0
    assert scores["intervals"]["bias"] is not None
    assert scores["bursts"]["concordance"] is None, "every burst has one cavitation"
    assert scores["subjects"]["n"] == 0


def test_score_counts_degenerate():
    one = score_counts(count_recordings([recording("a", [1.0], [(1.0, 0.9)])]))
    assert (one["concordance"], one["limits_of_agreement"]) == (None, None)
    assert set(one["intervals"].values()) == {None}
    assert score_counts(count_recordings([])) == {
        "scored": False,
        "reason": "no recording is labelled completely and with times",
    }


def test_count_recordings_without_class():
    labels, result = recording("a", [1.0], [])
    foreign = RecordingResult(result.info, (), ("click", "other"))
    assert count_recordings([(labels, foreign)]).counts == ()
