"""Tests of popclass.streaming.session."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.errors import UsageError
from popclass.streaming.session import History, _digest, load, save

BEGAN = datetime(2026, 11, 24, 10, tzinfo=UTC)
ENDED = BEGAN + timedelta(seconds=90)
KEY = {"model": "abc", "classes": ["cavitation", "other"], "subject": "P1", "site": "mcp", "count_by": "burst"}
KEY["class_frequencies"] = "model"
HISTORY = History(
    np.array([1.5, 80.25]), np.array([3, 4]), np.array([[0.9, 0.1], [0.75, 0.25]]), np.array([0.5, 0.125]), -7.5
)


@pytest.fixture
def path(tmp_path):
    save(tmp_path / "session.json", KEY, HISTORY, BEGAN, ENDED)
    return tmp_path / "session.json"


def test_load_relative_to_new_start(path):
    back = load(path, KEY, BEGAN + timedelta(seconds=100))
    np.testing.assert_array_equal(back.time_s, HISTORY.time_s - 100)
    np.testing.assert_array_equal(back.burst, [-1, 0])
    np.testing.assert_array_equal(back.contextual, HISTORY.contextual)
    np.testing.assert_array_equal(back.novelty, HISTORY.novelty)
    assert back.last_cavitation_s == -107.5


def test_load_empty_history(tmp_path):
    save(tmp_path / "none.json", KEY, History.empty(2), BEGAN, ENDED)
    back = load(tmp_path / "none.json", KEY, ENDED)
    assert len(back.time_s) == 0
    assert back.contextual.shape == (0, 2)
    assert back.last_cavitation_s is None


@st.composite
def histories(draw):
    """Draw candidates of a session of 90 s, some from before it."""
    times = sorted(draw(st.lists(st.floats(-1e6, 90), max_size=5)))
    shares = st.lists(st.floats(0, 1), min_size=len(times), max_size=len(times))
    first = np.array(draw(shares))
    return History(
        np.array(times),
        np.sort(np.array(draw(st.lists(st.integers(-9, 9), min_size=len(times), max_size=len(times))), np.int64)),
        np.stack([first, 1 - first], axis=1).reshape(-1, 2),
        np.array(draw(shares)),
        draw(st.none() | st.floats(-1e6, 90)),
    )


@settings(max_examples=100, deadline=None)
@given(history=histories(), gap=st.integers(0, 10**6))
def test_load_round_trip(tmp_path_factory, history, gap):
    path = tmp_path_factory.mktemp("session") / "session.json"
    save(path, KEY, history, BEGAN, ENDED)
    begins = ENDED + timedelta(seconds=gap)
    back = load(path, KEY, begins)
    assert back.contextual.tobytes() == history.contextual.tobytes()
    assert back.novelty.tobytes() == history.novelty.tobytes()
    np.testing.assert_array_equal(back.time_s, history.time_s - (90 + gap))
    np.testing.assert_array_equal(np.diff(back.burst), np.diff(history.burst))
    save(path, KEY, back, begins, begins)
    np.testing.assert_array_equal(load(path, KEY, begins).time_s, back.time_s)


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        ({"burst": [10**30, 4]}, "too large"),
        ({"burst": [10**15, 4]}, "burst numbers"),
        ({"last_cavitation_s": 10**400}, "damaged"),
        ({"time_s": [80.25, 1.5]}, "times"),
        ({"time_s": [1.5, 91.5]}, "after its end"),
        ({"last_cavitation_s": 100}, "after its end"),
        ({"time_s": [[1.5], [80.25]]}, "do not match"),
        ({"believed": [[1.5, -0.5], [0.5, 0.5]]}, "probability"),
        ({"began_at": "2026-11-24T09:00:00"}, "offset-naive"),
        ({"ended_at": "1999-11-24T09:00:00+00:00"}, "ends before it begins"),
        ({"classes": ["other", "cavitation"]}, "another set of classes"),
        ({"site": "m\ncp"}, r"another site \(m\\ncp\)"),
        ({"count_by": "pop"}, r"another --count-by \(pop\) than this session \(burst\)"),
        ({"class_frequencies": "estimate"}, r"another --class-frequencies \(estimate\) than this session \(model\)"),
        ({"class_counts": [1.0]}, "numbers of events"),
        ({"class_counts": [1.0, -1.0]}, "numbers of events"),
        ({"began_at": "1926-11-24T09:00:00+00:00"}, "15 years old"),
    ],
    ids=str,
)
def test_load_impossible_numbers(path, damage, problem):
    content = {**json.loads(path.read_text()), **damage}
    del content["sha256"]
    path.write_text(json.dumps({**content, "sha256": _digest(content)}))
    with pytest.raises(UsageError, match=problem) as error:
        load(path, KEY, ENDED)
    assert "\n" not in str(error.value)


def test_load_older_file(path):
    """Files without these options continue with any."""
    content = json.loads(path.read_text())
    del content["sha256"], content["count_by"], content["class_frequencies"]
    path.write_text(json.dumps({**content, "sha256": _digest(content)}))
    for options in ({"count_by": "burst"}, {"count_by": "pop"}, {"class_frequencies": "estimate"}):
        back = load(path, KEY | options, ENDED)
        assert len(back.time_s) == len(HISTORY.time_s)
        assert back.class_counts is None


def test_load_class_counts(tmp_path):
    history = replace(HISTORY, class_counts=np.array([2.5, 40.0]))
    save(tmp_path / "session.json", KEY, history, BEGAN, ENDED)
    np.testing.assert_array_equal(load(tmp_path / "session.json", KEY, ENDED).class_counts, [2.5, 40.0])


def test_load_changed_byte(path):
    good = path.read_bytes()
    for at in range(0, len(good) - 1, 3):
        damaged = bytearray(good)
        damaged[at] ^= 1
        path.write_bytes(bytes(damaged))
        if _content(damaged) == _content(good):
            continue  # white space does not count
        with pytest.raises(UsageError, match="damaged or not a session file"):
            load(path, KEY, ENDED)


def _content(data):
    try:
        return json.loads(data)
    except ValueError:
        return data


@pytest.mark.parametrize("content", ["", "{}", "[]", "null", '{"sha256": 1}', "\x00", "hello", "\xff", "[" * 10_000])
def test_load_not_a_session(tmp_path, content):
    (tmp_path / "other.json").write_text(content, encoding="latin-1")
    with pytest.raises(UsageError, match="damaged or not a session file") as caught:
        load(tmp_path / "other.json", KEY, ENDED)
    assert not any(
        word in str(caught.value) for word in ("Expecting", "codec", "recursion", "'NoneType'", "('sha256')")
    )


@pytest.mark.parametrize(
    ("key", "field"),
    [
        ({**KEY, "model": "xyz"}, "model"),
        ({**KEY, "subject": "P2"}, "subject"),
        ({**KEY, "site": None}, "site"),
    ],
)
def test_load_other_key(path, key, field):
    with pytest.raises(UsageError, match=f"another {field}"):
        load(path, key, ENDED)


def test_load_begins_before_end(path):
    with pytest.raises(UsageError, match="after this session begins"):
        load(path, KEY, ENDED - timedelta(seconds=1))
    with pytest.raises(UsageError, match="time zone"):
        load(path, KEY, ENDED.replace(tzinfo=None))
    with pytest.raises(UsageError, match="cannot be read"):
        load(path.parent / "none.json", KEY, ENDED)
