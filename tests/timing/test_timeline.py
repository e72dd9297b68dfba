from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from popclass.results import RecordingInfo
from popclass.timing.timeline import timelines, warnings

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def _info(name, subject=None, site=None, recorded_at=None, duration_s=0.0):
    return RecordingInfo(name, duration_s=duration_s, recorded_at=recorded_at, site=site, subject=subject)


def test_recordings_of_one_subject_and_site_share_a_timeline_in_order_of_their_start():
    takes = [
        RecordingInfo("b", recorded_at=NOON + timedelta(minutes=5), site="hip", subject="anna"),
        RecordingInfo("a", recorded_at=NOON, site="hip", subject="anna"),
    ]
    (line,) = timelines(takes)
    assert line.recordings == (1, 0)
    assert line.offsets_s == (0.0, 300.0)
    assert line.started_at == NOON


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("anna", "hip", NOON), ("ben", "hip", NOON)),
        (("anna", "hip", NOON), ("anna", "knee", NOON)),
        (("anna", "hip", NOON), ("anna", None, NOON)),
        ((None, "hip", NOON), (None, "hip", NOON)),
        (("anna", "hip", None), ("anna", "hip", None)),
        (("anna", "hip", NOON), ("anna", "hip", None)),
        (("anna", "hip", NOON), ("anna", "hip", NOON.replace(tzinfo=None))),
    ],
)
def test_what_cannot_be_compared_stays_apart(first, second):
    assert [line.recordings for line in timelines([_info("a", *first)("b", *second)])] == [(0,), (1,)]


def test_an_unknown_site_is_a_site_of_its_own():
    assert [
        line.recordings
        for line in timelines(
            [
                RecordingInfo("a", recorded_at=NOON, site=None, subject="anna"),
                RecordingInfo("b", recorded_at=NOON, site=None, subject="anna"),
            ]
        )
    ] == [(0, 1)]


def test_zones_are_compared_as_moments():
    berlin = NOON.astimezone(timezone(timedelta(hours=2))) + timedelta(seconds=1)
    (line,) = timelines(
        [
            RecordingInfo("a", recorded_at=NOON, site="hip", subject="anna"),
            RecordingInfo("b", recorded_at=berlin, site="hip", subject="anna"),
        ]
    )
    assert line.offsets_s == (0.0, 1.0)


def test_a_change_to_summer_time_moves_no_clock():
    zone = ZoneInfo("Europe/Berlin")
    before, after = datetime(2026, 3, 29, 1, 50, tzinfo=zone), datetime(2026, 3, 29, 3, 10, tzinfo=zone)
    (line,) = timelines(
        [
            RecordingInfo("a", recorded_at=before, site="hip", subject="anna"),
            RecordingInfo("b", recorded_at=after, site="hip", subject="anna"),
        ]
    )
    assert line.offsets_s == (0.0, 1200.0)


def test_years_at_the_end_of_the_calendar_are_times_like_any():
    edge = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5)))
    (line,) = timelines(
        [
            RecordingInfo("a", recorded_at=edge, site="hip", subject="anna"),
            RecordingInfo("b", recorded_at=edge + timedelta(seconds=1), site="hip", subject="anna"),
        ]
    )
    assert line.offsets_s == (0.0, 1.0)


def test_events_are_placed_with_bursts_told_apart():
    takes = [
        RecordingInfo("b", recorded_at=NOON + timedelta(minutes=5), site="hip", subject="anna"),
        RecordingInfo("a", recorded_at=NOON, site="hip", subject="anna"),
        RecordingInfo("c"),
    ]
    shared, alone = timelines(takes)
    onsets, bursts = [[0.5], [0.0, 0.1, 7.0], []], [[1], [1, 1, 2], []]
    placed = shared.place(onsets, bursts)
    np.testing.assert_array_equal(placed.time_s, [0.0, 0.1, 7.0, 300.5])
    np.testing.assert_array_equal(placed.burst, [1, 1, 2, 3])
    np.testing.assert_array_equal(placed.recording, [1, 1, 1, 0])
    assert len(alone.place(onsets, bursts).time_s) == 0


def test_what_limits_timing_is_said():
    naive = NOON.replace(tzinfo=None)
    takes = [
        RecordingInfo("a", duration_s=600.0, recorded_at=NOON, site="hip", subject="anna"),
        RecordingInfo("b", duration_s=60.0, recorded_at=NOON + timedelta(minutes=5), site="hip", subject="anna"),
        RecordingInfo("c", duration_s=60.0, recorded_at=None, site="hip", subject="anna"),
        RecordingInfo("d", duration_s=60.0, recorded_at=naive, site="hip", subject="anna"),
        RecordingInfo("e", duration_s=60.0, recorded_at=NOON + timedelta(minutes=10), site="hip", subject="anna"),
        RecordingInfo("f", duration_s=60.0, recorded_at=None, site="hip", subject="ben"),
        RecordingInfo("g", duration_s=60.0, recorded_at=naive, site="hip", subject="cora"),
        RecordingInfo("h", duration_s=60.0, recorded_at=NOON, site="hip", subject=None),
    ]
    said = warnings(takes)
    assert [len(lines) for lines in said] == [0, 1, 1, 1, 0, 0, 0, 0]
    assert "overlaps in time with a" in said[1][0]
    assert "no starting time" in said[2][0]
    assert "without a time zone" in said[3][0]


def test_a_long_take_split_by_its_recorder_does_not_overlap():
    """Names hold whole seconds: the next part may seem to begin a fraction of one too early."""
    minute = timedelta(seconds=60)
    takes = [
        RecordingInfo("a", duration_s=60.9, recorded_at=NOON, site="hip", subject="anna"),
        RecordingInfo("b", duration_s=60.0, recorded_at=NOON + minute, site="hip", subject="anna"),
    ]
    assert warnings(takes) == [[], []]
    assert "overlaps" in warnings([replace(takes[0], duration_s=61.1), takes[1]])[1][0]


def test_a_clock_set_back_between_numbered_recordings_is_said():
    minute = timedelta(minutes=1)
    names = ["s/take8.m4a", "s/take9.m4a", "s/take10.m4a", "s/take11.m4a"]
    starts = [NOON, NOON + 5 * minute, NOON + 2 * minute, NOON + 9 * minute]
    takes = [
        RecordingInfo(name, duration_s=30.0, recorded_at=start, site="hip", subject="anna")
        for name, start in zip(names, starts, strict=True)
    ]
    said = warnings(takes)
    assert [len(lines) for lines in said] == [0, 0, 1, 0]
    assert said[2][0].startswith("begins before s/take9.m4a, though its number is higher: if a clock was set back")
    assert warnings([takes[0], replace(takes[1], name="s/other9.m4a"), takes[2]]) == [[], [], []]
    assert warnings([takes[1], replace(takes[2], subject="ben")]) == [[], []]


moments = st.none() | st.datetimes() | st.datetimes(timezones=st.timezones())
some_takes = st.builds(
    _info,
    recording=st.sampled_from("abcdef"),
    subject=st.sampled_from([None, "anna", "ben"]),
    site=st.sampled_from([None, "hip"]),
    recorded_at=moments,
    duration_s=st.none() | st.floats(0, 1e5),
)


@given(st.lists(some_takes, max_size=12))
def test_every_recording_is_on_exactly_one_timeline(takes):
    lines = timelines(takes)
    assert sorted(index for line in lines for index in line.recordings) == list(range(len(takes)))
    assert all(list(line.offsets_s) == sorted(line.offsets_s) and line.offsets_s[0] == 0 for line in lines)
    assert len(warnings(takes)) == len(takes)


@given(st.lists(some_takes, max_size=8), st.lists(st.builds(_info, st.just("z"), st.just("zoe"), st.none(), moments)))
def test_an_unrelated_subject_changes_nothing(takes, unrelated):
    assert timelines([*takes, *unrelated])[: len(timelines(takes))] == timelines(takes)
