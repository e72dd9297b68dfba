"""Promises of popclass.labels.matching: which event takes which label."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from popclass.labels import LabelledRecording, LabelRow, match
from popclass.results import Event

REACH = 0.015 + 1e-9  # seconds, and what rounding may add


def event(start_s: float, snr_db: float = 20.0) -> Event:
    onset = round(start_s * 48_000)
    return Event(onset, onset, onset + 100, 48_000, channel=1, snr_db=snr_db, peak_dbfs=-20.0)


def recording(*rows: tuple[float, float, str], **fields) -> LabelledRecording:
    return LabelledRecording(Path("a.wav"), "a.wav", tuple(LabelRow(*row) for row in rows), **fields)


def test_strongest_event_of_a_clip_takes_its_label_and_the_rest_none():
    clip = recording(whole="snapping")
    assert match([event(0, 10), event(1, 30), event(2, 20)], clip).labels == (None, "snapping", None)
    assert match([], clip).labels == ()


def test_onset_up_to_15_ms_outside_belongs_to_the_stretch():
    labelled = recording((1.0, 1.1, "cavitation"))
    assert match([event(0.9855)], labelled).labels == ("cavitation",)
    assert match([event(1.1145)], labelled).labels == ("cavitation",)
    assert match([event(0.9840)], labelled).labels == ("other",)
    assert match([event(1.1160)], labelled).labels == ("other",)


def test_nearest_stretch_wins_when_two_are_in_reach():
    labelled = recording((1.000, 1.001, "cavitation"), (1.008, 1.009, "snapping"))
    matched = match([event(1.003), event(1.0075)], labelled)
    assert matched.labels == ("cavitation", "snapping")
    assert matched.missed == ()


def test_in_overlapping_stretches_the_one_that_began_last_wins():
    labelled = recording((0.0, 5.0, "other"), (1.0, 1.1, "cavitation"))
    assert match([event(0.5), event(1.02)], labelled).labels == ("other", "cavitation")


def test_strongest_of_several_takes_the_label_and_echoes_are_left_out():
    labelled = recording((1.0, 1.2, "snapping"))
    assert match([event(1.01, 5), event(1.05, 25), event(1.1, 15)], labelled).labels == (None, "snapping", None)


def test_what_lies_elsewhere_is_other_unless_labels_are_partial_and_nobody_verified():
    row = (1.0, 1.1, "cavitation")
    assert match([event(3)], recording(row)).labels == ("other",)
    assert match([event(3)], recording(row), partial=True).labels == (None,)
    assert match([event(3)], recording(row, verified=True), partial=True).labels == ("other",)
    assert match([event(3)], recording(verified=True)).labels == ("other",)


def test_stretch_without_a_label_is_verified_other_even_where_labels_are_partial():
    labelled = recording((1.0, 2.0, ""))
    matched = match([event(1.2), event(1.4), event(3)], labelled, partial=True)
    assert matched.labels == ("other", "other", None)
    assert match([], labelled).missed == (), "nothing was promised there"


def test_labels_without_an_event_are_reported():
    labelled = recording((1.0, 1.1, "cavitation"), (2.0, 2.1, "snapping"))
    assert match([event(2.0)], labelled).missed == (LabelRow(1.0, 1.1, "cavitation"),)


def test_a_point_takes_the_nearest_onset_and_a_stretch_the_strongest():
    """The same three sounds, labelled by a point at the first and by a stretch around all of them."""
    sounds = [event(1.000, 10), event(1.008, 30), event(1.012, 20)]
    assert match(sounds, recording((1.001, 1.001, "snapping"))).labels == ("snapping", None, None)
    assert match(sounds, recording((1.000, 1.014, "snapping"))).labels == (None, "snapping", None)


def test_a_point_reaches_15_ms_to_both_sides():
    labelled = recording((1.0, 1.0, "cavitation"))
    assert match([event(0.985), event(1.5)], labelled).labels == ("cavitation", "other")
    assert match([event(1.015)], labelled).labels == ("cavitation",)
    late = match([event(1.0155)], labelled)
    assert (late.labels, late.missed, late.uncovered) == (("other",), labelled.rows, (0,))


def test_points_6_ms_apart_take_an_onset_each():
    labelled = recording((1.000, 1.000, "cavitation"), (1.006, 1.006, "snapping"))
    assert match([event(0.998), event(1.0045)], labelled).labels == ("cavitation", "snapping")


def test_a_label_does_not_take_the_onset_of_its_neighbour():
    """Three labels and two onsets: the one in the middle is left without."""
    labelled = recording((0.0310, 0.0334, "cavitation"), (0.0340, 0.0340, "snapping"), (0.0372, 0.0372, "cavitation"))
    matched = match([event(0.030771), event(0.037392)], labelled)
    assert matched.labels == ("cavitation", "cavitation")
    assert [row.label for row in matched.lost] == ["snapping"]


def test_events_that_no_label_covers_are_told_whatever_becomes_of_them():
    labelled = recording((1.0, 1.1, "cavitation"), (2.0, 3.0, ""))
    events = [event(0.5), event(1.01, 30), event(1.05, 10), event(2.5), event(4)]
    assert match(events, labelled).uncovered == (0, 4)
    assert match(events, labelled, partial=True).uncovered == (0, 4)
    assert match(events, recording(whole="snapping")).uncovered == ()


def test_points_win_their_onsets_against_a_stretch_around_them_and_the_stretch_lost_them():
    sounds = [event(0.0312, 10), event(0.0371, 30)]
    labelled = recording((0.0300, 0.0400, "snapping"), (0.0310, 0.0310, "cavitation"), (0.0372, 0.0372, "cavitation"))
    matched = match(sounds, labelled)
    assert matched.labels == ("cavitation", "cavitation")
    assert (matched.missed, matched.lost) == ((), (LabelRow(0.0300, 0.0400, "snapping"),))
    third = match([*sounds, event(0.0390, 5)], labelled)
    assert third.labels == ("cavitation", "cavitation", "snapping"), "what no point took is the stretch's"
    assert third.lost == ()


def test_of_two_points_at_one_onset_the_farther_has_lost_it_and_was_not_without_a_sound():
    matched = match([event(1.001)], recording((1.000, 1.000, "cavitation"), (1.010, 1.010, "snapping")))
    assert matched.labels == ("cavitation",)
    assert (matched.missed, matched.lost) == ((), (LabelRow(1.010, 1.010, "snapping"),))


def test_a_point_inside_a_stretch_of_nothing_is_the_point_s():
    labelled = recording((1.0, 2.0, ""), (1.5, 1.5, "cavitation"))
    assert match([event(1.2), event(1.501)], labelled).labels == ("other", "cavitation")


times = st.floats(0, 3, allow_nan=False)


@given(st.lists(times, max_size=20), st.lists(st.tuples(times, st.floats(0, 0.5)), max_size=8), st.booleans())
def test_every_label_is_given_once_or_missed(onsets, spans, partial):
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
