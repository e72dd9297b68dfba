"""Timelines and their warnings."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from popclass.info import RecordingInfo
from popclass.timing.timeline import mixed_offsets, timeline_warnings, timelines

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def _info(name, subject=None, site=None, recorded_at=None, duration_s=0.0):
    return RecordingInfo(name, duration_s=duration_s, recorded_at=recorded_at, site=site, subject=subject)


def test_timelines_ordered_by_start():
    recordings = [
        RecordingInfo("b", recorded_at=NOON + timedelta(minutes=5), site="hip", subject="anna"),
        RecordingInfo("a", recorded_at=NOON, site="hip", subject="anna"),
    ]
    (line,) = timelines(recordings)
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
def test_timelines_apart(first, second):
    assert [line.recordings for line in timelines([_info("a", *first), _info("b", *second)])] == [(0,), (1,)]


def test_timelines_unknown_site():
    assert [
        line.recordings
        for line in timelines(
            [
                RecordingInfo("a", recorded_at=NOON, site=None, subject="anna"),
                RecordingInfo("b", recorded_at=NOON, site=None, subject="anna"),
            ]
        )
    ] == [(0, 1)]


def test_timelines_sides():
    """Left, right and unknown are three timelines, and so are their warnings."""
    sides = ["left", "right", "left", None, "right"]
    infos = [replace(_info(str(at), "anna", "knee", NOON), side=side) for at, side in enumerate(sides)]
    assert [(line.side, line.recordings) for line in timelines(infos)] == [
        ("left", (0, 2)),
        ("right", (1, 4)),
        (None, (3,)),
    ]
    later = replace(infos[1], recorded_at=None)
    assert timeline_warnings([infos[0], later]) == [[], []]
    assert timeline_warnings([infos[4], later])[1] == [
        "no starting time: timing was checked within each such recording only; "
        "state it in a manifest (popclass batch --manifest)"
    ]


def test_mixed_offsets():
    local = NOON.replace(tzinfo=None)
    infos = [_info("a", None, None, NOON), _info("b"), _info("c", None, None, local), _info("d", None, None, local)]
    warning = mixed_offsets(infos)
    assert warning.startswith(
        "2 of 3 starting times have no offset from UTC (c, d): timing between these and the others"
    )
    for same in (infos[:2], infos[1:], []):
        assert mixed_offsets(same) is None


def test_timelines_time_zones():
    berlin = NOON.astimezone(timezone(timedelta(hours=2))) + timedelta(seconds=1)
    (line,) = timelines(
        [
            RecordingInfo("a", recorded_at=NOON, site="hip", subject="anna"),
            RecordingInfo("b", recorded_at=berlin, site="hip", subject="anna"),
        ]
    )
    assert line.offsets_s == (0.0, 1.0)


def test_timelines_summer_time():
    zone = ZoneInfo("Europe/Berlin")
    before, after = datetime(2026, 3, 29, 1, 50, tzinfo=zone), datetime(2026, 3, 29, 3, 10, tzinfo=zone)
    (line,) = timelines(
        [
            RecordingInfo("a", recorded_at=before, site="hip", subject="anna"),
            RecordingInfo("b", recorded_at=after, site="hip", subject="anna"),
        ]
    )
    assert line.offsets_s == (0.0, 1200.0)


def test_timelines_first_year():
    edge = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5)))
    (line,) = timelines(
        [
            RecordingInfo("a", recorded_at=edge, site="hip", subject="anna"),
            RecordingInfo("b", recorded_at=edge + timedelta(seconds=1), site="hip", subject="anna"),
        ]
    )
    assert line.offsets_s == (0.0, 1.0)


def test_place_bursts_unique():
    recordings = [
        RecordingInfo("b", recorded_at=NOON + timedelta(minutes=5), site="hip", subject="anna"),
        RecordingInfo("a", recorded_at=NOON, site="hip", subject="anna"),
        RecordingInfo("c"),
    ]
    shared, alone = timelines(recordings)
    onsets, bursts = [[0.5], [0.0, 0.1, 7.0], []], [[1], [1, 1, 2], []]
    placed = shared.place(onsets, bursts)
    np.testing.assert_array_equal(placed.time_s, [0.0, 0.1, 7.0, 300.5])
    np.testing.assert_array_equal(placed.burst, [1, 1, 2, 3])
    np.testing.assert_array_equal(placed.recording, [1, 1, 1, 0])
    assert len(alone.place(onsets, bursts).time_s) == 0


def test_warnings_each_kind():
    naive = NOON.replace(tzinfo=None)
    recordings = [
        RecordingInfo("a", duration_s=600.0, recorded_at=NOON, site="hip", subject="anna"),
        RecordingInfo("b", duration_s=60.0, recorded_at=NOON + timedelta(minutes=5), site="hip", subject="anna"),
        RecordingInfo("c", duration_s=60.0, recorded_at=None, site="hip", subject="anna"),
        RecordingInfo("d", duration_s=60.0, recorded_at=naive, site="hip", subject="anna"),
        RecordingInfo("e", duration_s=60.0, recorded_at=NOON + timedelta(minutes=10), site="hip", subject="anna"),
        RecordingInfo("f", duration_s=60.0, recorded_at=None, site="hip", subject="ben"),
        RecordingInfo("g", duration_s=60.0, recorded_at=naive, site="hip", subject="cora"),
        RecordingInfo("h", duration_s=60.0, recorded_at=NOON, site="hip", subject=None),
    ]
    found = timeline_warnings(recordings)
    assert [len(lines) for lines in found] == [0, 1, 1, 1, 0, 0, 0, 0]
    assert "overlaps in time with a" in found[1][0]
    assert "no starting time" in found[2][0]
    assert "without a time zone" in found[3][0]


def test_warnings_split_recording():
    """Names hold whole seconds: the next part may seem to begin a fraction of one too early."""
    minute = timedelta(seconds=60)
    recordings = [
        RecordingInfo("a", duration_s=60.9, recorded_at=NOON, site="hip", subject="anna"),
        RecordingInfo("b", duration_s=60.0, recorded_at=NOON + minute, site="hip", subject="anna"),
    ]
    assert timeline_warnings(recordings) == [[], []]
    assert "overlaps" in timeline_warnings([replace(recordings[0], duration_s=61.1), recordings[1]])[1][0]


def test_warnings_clock_set_back():
    minute = timedelta(minutes=1)
    names = ["s/hip8.m4a", "s/hip9.m4a", "s/hip10.m4a", "s/hip11.m4a"]
    starts = [NOON, NOON + 5 * minute, NOON + 2 * minute, NOON + 9 * minute]
    recordings = [
        RecordingInfo(name, duration_s=30.0, recorded_at=start, site="hip", subject="anna")
        for name, start in zip(names, starts, strict=True)
    ]
    found = timeline_warnings(recordings)
    assert [len(lines) for lines in found] == [0, 0, 1, 0]
    assert found[2][0].startswith("begins before s/hip9.m4a, though its number is higher: if a clock was set back")
    assert timeline_warnings([recordings[0], replace(recordings[1], name="s/other9.m4a"), recordings[2]]) == [
        [],
        [],
        [],
    ]
    assert timeline_warnings([recordings[1], replace(recordings[2], subject="ben")]) == [[], []]


moments = st.none() | st.datetimes() | st.datetimes(timezones=st.timezones())
some_recordings = st.builds(
    _info,
    name=st.sampled_from("abcdef"),
    subject=st.sampled_from([None, "anna", "ben"]),
    site=st.sampled_from([None, "hip"]),
    recorded_at=moments,
    duration_s=st.floats(0, 1e5),
)


@given(st.lists(some_recordings, max_size=12))
def test_timelines_partition(recordings):
    lines = timelines(recordings)
    assert sorted(index for line in lines for index in line.recordings) == list(range(len(recordings)))
    assert all(list(line.offsets_s) == sorted(line.offsets_s) and line.offsets_s[0] == 0 for line in lines)
    assert len(timeline_warnings(recordings)) == len(recordings)


@given(
    st.lists(some_recordings, max_size=8), st.lists(st.builds(_info, st.just("z"), st.just("zoe"), st.none(), moments))
)
def test_timelines_unrelated_subject(recordings, unrelated):
    assert timelines([*recordings, *unrelated])[: len(timelines(recordings))] == timelines(recordings)
