"""Agreement of two observers and a model."""

import shutil
from pathlib import Path

import mir_eval
import numpy as np
import pytest

from popclass.errors import LabelError
from popclass.evaluation.agreement import observed_counts, score_observers, share
from popclass.evaluation.matching import pair_labels
from popclass.info import RecordingInfo
from popclass.labels import LabelledRecording, LabelRow
from popclass.results import Event, RecordingResult

CLASSES = ("cavitation", "snapping", "other")
RATE = 1000


def labelled(name, *rows, **about):
    return LabelledRecording(Path(name), name, tuple(LabelRow(at, at, label) for at, label in rows), **about)


def result(name, *events):
    made = [
        Event(round(at * RATE), 0, 0, RATE, channel=1, snr_db=20.0, peak_dbfs=-6.0, label=label) for at, label in events
    ]
    return RecordingResult(RecordingInfo(name), tuple(made), CLASSES)


def compare(first, second, events=(), **options):
    shared = share([labelled("a", *first)], [labelled("a", *second)])
    return score_observers(shared, {"a": result("a", *events)}, partial=False, **options)


def pairs_of(scores):
    return {tuple(one["raters"]): one for one in scores["pairs"]}


# Recordings that both label


def test_share_by_path_and_content(tmp_path):
    (tmp_path / "copies").mkdir()
    for name in ("a.wav", "b.wav", "c.wav"):
        (tmp_path / name).write_bytes(name.encode())
    shutil.copy(tmp_path / "b.wav", tmp_path / "copies" / "other name.wav")
    (tmp_path / "copies" / "d.wav").write_bytes(b"d")
    ours = [LabelledRecording(tmp_path / name, name, subject="P") for name in ("a.wav", "b.wav", "c.wav")]
    theirs = [
        LabelledRecording(tmp_path / "copies" / ".." / "a.wav", "../a.wav"),
        *(LabelledRecording(tmp_path / "copies" / name, name) for name in ("d.wav", "other name.wav")),
    ]
    shared = share(ours, theirs)
    assert [(one.name, other.name, other.subject) for one, other in shared.pairs] == [
        ("a.wav", "a.wav", "P"),
        ("b.wav", "b.wav", "P"),
    ]
    assert (shared.only_first, shared.only_second) == (("c.wav",), ("d.wav",))


def test_share_nothing():
    with pytest.raises(LabelError, match="labels none of the same recordings"):
        share([labelled("a")], [labelled("b")])


def test_share_clip_and_times():
    with pytest.raises(LabelError, match="a: one observer labels it as a whole"):
        share([labelled("a", whole="other")], [labelled("a", (1.0, "other"))])


# Pairs of labels


def test_pair_labels_points_and_stretches():
    first = [LabelRow(1.0, 1.0, "a"), LabelRow(2.0, 2.3, "a"), LabelRow(3.0, 3.0, "a")]
    second = [
        LabelRow(1.009, 1.009, "b"),
        LabelRow(1.1, 1.1, "b"),
        LabelRow(2.2, 2.5, "b"),
        LabelRow(3.06, 3.06, "b"),
    ]
    assert pair_labels(first, second) == [(0, 0), (1, 2)]
    assert pair_labels([], second) == []


def test_pair_labels_closest_starts():
    first = [LabelRow(at, at, "a") for at in (1.0, 1.008)]
    second = [LabelRow(at, at, "b") for at in (1.001, 1.009)]
    assert pair_labels(first, second) == [(0, 0), (1, 1)]


def test_pair_labels_as_mir_eval():
    rng = np.random.default_rng(0)
    for _ in range(50):
        ours, theirs = (np.unique(rng.integers(0, 60, 15)) * 2.5e-3 for _ in range(2))
        rows = ([LabelRow(at, at, "a") for at in times.tolist()] for times in (ours, theirs))
        assert len(pair_labels(*rows)) == len(mir_eval.util.match_events(ours, theirs, 0.050 + 1e-9))


# Scores


def jittered(rng, shift_s, length_s=0.0):
    """Labels of one sound a second, up to `shift_s` early or late, as points or as stretches."""
    rows = []
    for second in range(1, 31):
        at = second + rng.uniform(-shift_s, shift_s)
        rows.append(LabelRow(at, at + length_s, ("cavitation", "snapping", "other")[second % 3]))
    return LabelledRecording(Path("a"), "a", tuple(rows))


@pytest.mark.parametrize("length_s", [0.0, 0.017, 0.2])
@pytest.mark.parametrize("shift_s", [0.005, 0.015, 0.03])
def test_observers_differ_in_time_only(shift_s, length_s):
    """Neither the ceiling nor the model may look worse because people mark an onset some milliseconds apart."""
    ours, theirs = jittered(np.random.default_rng(0), 0.0), jittered(np.random.default_rng(1), shift_s, length_s)
    events = [(row.start_s, row.label) for row in ours.rows]
    found = score_observers(share([ours], [theirs]), {"a": result("a", *events)}, partial=False)
    assert [(one["sounds"], one["kappa"]) for one in found["pairs"]] == [(30, 1), (30, 1), (30, 1)]
    if not length_s:
        late = [1e3 * abs(b.start_s - a.start_s) for a, b in zip(ours.rows, theirs.rows, strict=True)]
        assert found["onset_difference_ms"]["median"] == pytest.approx(np.median(late))


def test_observers_farther_apart_differ():
    found = compare([(1.0, "cavitation")], [(1.06, "cavitation")], [(1.0, "cavitation")])
    both, ours, theirs = (one["agreement"] for one in found["pairs"])
    assert (both, ours, theirs) == (0, 1, 0)


def test_observers_unsure_by_hand_covers_event():
    found = compare([(1.0, "unsure"), (2.0, "other")], [(2.0, "other")], [(1.03, "cavitation"), (2.0, "other")])
    assert pairs_of(found)["observer 1", "model"]["sounds"] == 1


def test_observers_equal():
    rows = [(1.0, "cavitation"), (2.0, "snapping"), (3.0, "other")]
    found = compare(rows, rows, rows)
    assert found["kappa"] == 1
    assert all(one["kappa"] == 1 and one["agreement"] == 1 for one in found["pairs"])
    assert found["icc"] is None, "one recording"
    assert found["intervals"] == {"kappa": None, "icc": None}


def test_observers_missed_sounds_are_other():
    found = compare([(1.0, "cavitation"), (2.0, "cavitation")], [(1.0, "cavitation"), (3.0, "snapping")])
    both = pairs_of(found)["observer 1", "observer 2"]
    assert both["sounds"] == 3
    assert both["agreement"] == pytest.approx(1 / 3)
    assert {one["class"] for one in both["classes"]} == {"cavitation", "snapping", "other"}


def test_observers_and_model():
    """What the model calls joint without a label counts; what it calls other without one does not."""
    rows = [(1.0, "cavitation"), (2.0, "snapping")]
    found = pairs_of(compare(rows, rows, [(1.0, "cavitation"), (4.0, "snapping"), (5.0, "other"), (6.0, "uncertain")]))
    first = found["observer 1", "model"]
    assert first["sounds"] == 4
    assert first["agreement"] == 1 / 4
    assert found["observer 2", "model"]["kappa"] == first["kappa"]


def test_observers_unsure_left_out():
    found = compare([(1.0, "cavitation"), (2.0, "other")], [(1.0, "unsure"), (2.0, "other"), (3.0, "unsure")])
    assert pairs_of(found)["observer 1", "observer 2"]["sounds"] == 1


def test_observers_partial():
    shared = share([labelled("a", (1.0, "cavitation"), (2.0, "other"))], [labelled("a", (1.0, "snapping"))])
    found = score_observers(shared, {"a": result("a", (3.0, "snapping"))}, partial=True)
    assert pairs_of(found)["observer 1", "observer 2"]["sounds"] == 1
    assert found["counts"]["n"] == 0
    assert found["icc"] is None


def test_observers_onset_differences():
    found = compare([(1.0, "other"), (2.0, "other")], [(1.002, "other"), (2.006, "cavitation"), (3.0, "other")])
    assert found["onset_difference_ms"]["n"] == 2
    assert found["onset_difference_ms"]["bias"] == pytest.approx(4)


def test_observers_counts_and_intervals():
    rng = np.random.default_rng(0)
    ours, theirs, results = [], [], {}
    for i in range(12):
        number = int(rng.integers(1, 6))
        rows = [(float(at), "cavitation") for at in range(number)]
        about = {"subject": f"P{i}"}
        ours.append(labelled(str(i), *rows, (9.0, "other"), **about))
        theirs.append(labelled(str(i), *rows[: max(number - i % 2, 1)], (9.0, "other")))
        results[str(i)] = result(str(i), *rows)
    found = score_observers(shared := share(ours, theirs), results, partial=False)
    assert found["intervals_over"] == "subject"
    counts = observed_counts(shared, results, partial=False)
    assert found["counts"]["bias"] == pytest.approx(np.mean([second - first for first, second in counts]))
    assert 0.5 < found["icc"] < 1
    low, high = found["intervals"]["icc"]
    assert low < found["icc"] < high
    assert found["intervals"]["kappa"] is not None


def test_observers_failed_recording():
    shared = share([labelled("a", (1.0, "other")), labelled("b")], [labelled("a", (1.0, "other")), labelled("b")])
    found = score_observers(shared, {"b": result("b")}, partial=False)
    assert (found["recordings"], found["kappa"]) == (1, None)
