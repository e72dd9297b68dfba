"""popclass.listening.session: a file gives back what was kept, and is refused where it is damaged or foreign."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from popclass.errors import UsageError
from popclass.listening.session import Belonging, History, load, save

BEGAN = datetime(2026, 11, 24, 10, tzinfo=UTC)
ENDED = BEGAN + timedelta(seconds=90)
OWNER = Belonging("abc", ("cavitation", "other"), "P1", "mcp")
HISTORY = History(
    np.array([1.5, 80.25]), np.array([3, 4]), np.array([[0.9, 0.1], [0.75, 0.25]]), np.array([0.5, 0.125]), -7.5
)


@pytest.fixture
def path(tmp_path):
    save(tmp_path / "session.json", OWNER, HISTORY, BEGAN, ENDED)
    return tmp_path / "session.json"


def test_what_was_kept_comes_back_as_seen_from_the_new_start(path):
    back = load(path, OWNER, BEGAN + timedelta(seconds=100))
    np.testing.assert_array_equal(back.time_s, HISTORY.time_s - 100)
    np.testing.assert_array_equal(back.burst, [-1, 0])
    np.testing.assert_array_equal(back.believed, HISTORY.believed)
    np.testing.assert_array_equal(back.novelty, HISTORY.novelty)
    assert back.last_cavitation_s == -107.5


def test_a_sitting_without_cracks_can_be_kept(tmp_path):
    save(tmp_path / "none.json", OWNER, History.none(2), BEGAN, ENDED)
    back = load(tmp_path / "none.json", OWNER, ENDED)
    assert len(back.time_s) == 0
    assert back.believed.shape == (0, 2)
    assert back.last_cavitation_s is None


def test_any_changed_byte_is_noticed(path):
    good = path.read_bytes()
    for at in range(0, len(good) - 1, 3):
        damaged = bytearray(good)
        damaged[at] ^= 1
        path.write_bytes(bytes(damaged))
        if _content(damaged) == _content(good):
            continue  # white space between the numbers says nothing
        with pytest.raises(UsageError, match="damaged or no session"):
            load(path, OWNER, ENDED)


def _content(data):
    try:
        return json.loads(data)
    except ValueError:
        return data


@pytest.mark.parametrize("content", ["", "{}", "[]", "null", '{"sha256": 1}', "\x00"])
def test_what_is_no_session_is_refused(tmp_path, content):
    (tmp_path / "other.json").write_text(content)
    with pytest.raises(UsageError, match="damaged or no session"):
        load(tmp_path / "other.json", OWNER, ENDED)


@pytest.mark.parametrize(
    ("owner", "what"),
    [
        (Belonging("xyz", OWNER.classes, "P1", "mcp"), "model"),
        (Belonging("abc", OWNER.classes, "P2", "mcp"), "subject"),
        (Belonging("abc", OWNER.classes, "P1", None), "site"),
    ],
)
def test_a_session_of_something_else_is_refused(path, owner, what):
    with pytest.raises(UsageError, match=f"another {what}"):
        load(path, owner, ENDED)


def test_a_sitting_cannot_begin_before_the_last_one_ended(path):
    with pytest.raises(UsageError, match="after this sitting begins"):
        load(path, OWNER, ENDED - timedelta(seconds=1))
    with pytest.raises(UsageError, match="time zone"):
        load(path, OWNER, ENDED.replace(tzinfo=None))
    with pytest.raises(UsageError, match="cannot be read"):
        load(path.parent / "none.json", OWNER, ENDED)
