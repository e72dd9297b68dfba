"""Matching of labels to events."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from popclass.labels import LabelledRecording, LabelRow
from popclass.labels.matching import match
from popclass.results import Event

REACH = 0.015 + 1e-9  # seconds, and what rounding may add


def event(start_s: float, snr_db: float = 20.0) -> Event:
    onset = round(start_s * 48_000)
    return Event(onset, onset, onset + 100, 48_000, channel=1, snr_db=snr_db, peak_dbfs=-20.0)


def recording(*rows: tuple[float, float, str], **fields) -> LabelledRecording:
    return LabelledRecording(Path("a.wav"), "a.wav", tuple(LabelRow(*row) for row in rows), **fields)


def test_match_clip_strongest():
    clip = recording(whole="snapping")
    assert match([event(0, 10), event(1, 30), event(2, 20)], clip).labels == (None, "snapping", None)
    assert match([], clip).labels == ()


def test_match_outside_tolerance():
    labelled = recording((1.0, 1.1, "cavitation"))
    assert match([event(0.9855)], labelled).labels == ("cavitation",)
    assert match([event(1.1145)], labelled).labels == ("cavitation",)
    assert match([event(0.9840)], labelled).labels == ("other",)
    assert match([event(1.1160)], labelled).labels == ("other",)


def test_match_nearest_interval():
    labelled = recording((1.000, 1.001, "cavitation"), (1.008, 1.009, "snapping"))
    matched = match([event(1.003), event(1.0075)], labelled)
    assert matched.labels == ("cavitation", "snapping")
    assert matched.missed == ()


def test_match_overlapping_intervals():
    labelled = recording((0.0, 5.0, "other"), (1.0, 1.1, "cavitation"))
    assert match([event(0.5), event(1.02)], labelled).labels == ("other", "cavitation")


def test_match_exported_interval():
    labelled = recording((1.0, 1.1, "cavitation"), (1.006, 1.1, "snapping"))
    sounds = [event(1.0, 10), event(1.006, 10), event(1.02, 30)]
    assert match(sounds, labelled).labels == ("cavitation", "snapping", None)


def test_match_interval_not_exported():
    """A start 2 us from an onset is not the rounding of a written one."""
    labelled = recording((1.000002, 1.1, "cavitation"))
    assert match([event(1.0, 10), event(1.02, 30)], labelled).labels == (None, "cavitation")


def test_match_interval_point_same_start():
    labelled = recording((1.0, 1.0, "cavitation"), (1.0, 1.1, "snapping"))
    assert match([event(1.0), event(1.05)], labelled).labels == ("cavitation", "snapping")


def test_match_adjacent_intervals():
    """An onset 0.5 ms before the second interval belongs to that one, and one 2 ms before it to the first."""
    labelled = recording((0.98, 1.05, "cavitation"), (1.05, 1.2, "snapping"))
    assert match([event(1.0, 10), event(1.0495, 30)], labelled).labels == ("cavitation", "snapping")
    assert match([event(1.0, 10), event(1.048, 30)], labelled).labels == (None, "cavitation")


def test_match_echoes_excluded():
    labelled = recording((1.0, 1.2, "snapping"))
    assert match([event(1.01, 5), event(1.05, 25), event(1.1, 15)], labelled).labels == (None, "snapping", None)


def test_match_unlabelled_events():
    row = (1.0, 1.1, "cavitation")
    assert match([event(3)], recording(row)).labels == ("other",)
    assert match([event(3)], recording(row), partial=True).labels == (None,)
    assert match([event(3)], recording(row, verified=True), partial=True).labels == ("other",)
    assert match([event(3)], recording(verified=True)).labels == ("other",)


def test_match_empty_label_verified():
    labelled = recording((1.0, 2.0, ""))
    matched = match([event(1.2), event(1.4), event(3)], labelled, partial=True)
    assert matched.labels == ("other", "other", None)
    assert match([], labelled).missed == ()


def test_match_missed():
    labelled = recording((1.0, 1.1, "cavitation"), (2.0, 2.1, "snapping"))
    assert match([event(2.0)], labelled).missed == (LabelRow(1.0, 1.1, "cavitation"),)


def test_match_point_and_interval():
    """The same three sounds, labelled by a point at the first and by a stretch around all of them."""
    sounds = [event(1.000, 10), event(1.008, 30), event(1.012, 20)]
    assert match(sounds, recording((1.001, 1.001, "snapping"))).labels == ("snapping", None, None)
    assert match(sounds, recording((0.999, 1.014, "snapping"))).labels == (None, "snapping", None)


def test_match_point_tolerance():
    labelled = recording((1.0, 1.0, "cavitation"))
    assert match([event(0.985), event(1.5)], labelled).labels == ("cavitation", "other")
    assert match([event(1.015)], labelled).labels == ("cavitation",)
    late = match([event(1.0155)], labelled)
    assert (late.labels, late.missed, late.uncovered) == (("other",), labelled.rows, (0,))


def test_match_points_close():
    labelled = recording((1.000, 1.000, "cavitation"), (1.006, 1.006, "snapping"))
    assert match([event(0.998), event(1.0045)], labelled).labels == ("cavitation", "snapping")


def test_match_neighbours():
    """Three labels and two onsets: the one in the middle is left without."""
    labelled = recording((0.0310, 0.0334, "cavitation"), (0.0340, 0.0340, "snapping"), (0.0372, 0.0372, "cavitation"))
    matched = match([event(0.030771), event(0.037392)], labelled)
    assert matched.labels == ("cavitation", "cavitation")
    assert [row.label for row in matched.lost] == ["snapping"]


def test_match_uncovered():
    labelled = recording((1.0, 1.1, "cavitation"), (2.0, 3.0, ""))
    events = [event(0.5), event(1.01, 30), event(1.05, 10), event(2.5), event(4)]
    assert match(events, labelled).uncovered == (0, 4)
    assert match(events, labelled, partial=True).uncovered == (0, 4)
    assert match(events, recording(whole="snapping")).uncovered == ()


def test_match_unsure_point():
    labelled = recording((1.0, 1.0, "unsure"), (2.0, 2.0, "cavitation"), (3.0, 3.0, "unsure"))
    matched = match([event(1.002), event(1.01), event(2.0), event(4.0)], labelled)
    assert matched.labels == (None, None, "cavitation", "other")
    assert (matched.missed, matched.lost, matched.uncovered) == ((), (), (3,))


def test_match_unsure_interval():
    labelled = recording((0.5, 5.0, "unsure"), (2.0, 2.1, "cavitation"), (6.0, 7.0, ""))
    matched = match([event(1.0, 10), event(1.5, 30), event(2.01), event(4.0), event(6.5)], labelled)
    assert matched.labels == (None, None, "cavitation", None, "other")


def test_match_unsure_clip():
    assert match([event(0, 10), event(1, 30)], recording(whole="unsure")).labels == (None, None)


def test_match_points_before_interval():
    sounds = [event(0.0312, 10), event(0.0371, 30)]
    labelled = recording((0.0300, 0.0400, "snapping"), (0.0310, 0.0310, "cavitation"), (0.0372, 0.0372, "cavitation"))
    matched = match(sounds, labelled)
    assert matched.labels == ("cavitation", "cavitation")
    assert (matched.missed, matched.lost) == ((), (LabelRow(0.0300, 0.0400, "snapping"),))
    third = match([*sounds, event(0.0390, 5)], labelled)
    assert third.labels == ("cavitation", "cavitation", "snapping")
    assert third.lost == ()


def test_match_two_points_one_onset():
    matched = match([event(1.001)], recording((1.000, 1.000, "cavitation"), (1.010, 1.010, "snapping")))
    assert matched.labels == ("cavitation",)
    assert (matched.missed, matched.lost) == ((), (LabelRow(1.010, 1.010, "snapping"),))


def test_match_point_inside_empty_interval():
    labelled = recording((1.0, 2.0, ""), (1.5, 1.5, "cavitation"))
    assert match([event(1.2), event(1.501)], labelled).labels == ("other", "cavitation")


times = st.floats(0, 3, allow_nan=False)


@given(st.lists(times, max_size=20), st.lists(st.tuples(times, st.floats(0, 0.5)), max_size=8), st.booleans())
def test_match_every_label_once(onsets, spans, partial):
    rows = sorted({(start, start + length) for start, length in spans})
    labelled = recording(*((start, end, f"class-{i}") for i, (start, end) in enumerate(rows)))
    matched = match([event(t) for t in onsets], labelled, partial=partial)
    given_labels = [label for label in matched.labels if label not in (None, "other")]
    assert len(matched.labels) == len(onsets)
    assert all(matched.labels[i] == (None if partial else "other") for i in matched.uncovered)
    without = [*matched.missed, *matched.lost]
    assert sorted([*given_labels, *(row.label for row in without)]) == sorted(row.label for row in labelled.rows)
    for row in without:
        near = any(row.start_s - REACH <= event(t).start_s <= row.end_s + REACH for t in onsets)
        assert (row in matched.lost) == near
