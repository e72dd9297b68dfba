"""Tests of popclass.utils.duration."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from popclass.errors import UsageError
from popclass.utils.duration import check_duration, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("20min", 1200.0),
        ("90s", 90.0),
        ("1.5h", 5400.0),
        (".5h", 1800.0),
        ("250ms", 0.25),
        ("1h30min", 5400.0),
        ("1h 30min", 5400.0),
        (" 20 min ", 1200.0),
        ("1min500ms", 60.5),
        ("24h", 86400.0),
    ],
)
def test_parse_duration_units(text, seconds):
    assert parse_duration(text) == pytest.approx(seconds, rel=1e-12)


@pytest.mark.parametrize(
    "text",
    [
        *("", "20", "1200.0", "min", "20 minutes", "20m", "-20min", "+20min", "1e3s", "nan s", "inf", "infs"),
        *("30min1h", "5min5min", "1,5h", "20minx", "٢٠min", "20min 30", "1.h", "1..5h"),
    ],
)
def test_parse_duration_invalid(text):
    with pytest.raises(UsageError, match="h, min, s or ms") as error:
        parse_duration(text, what="--refractory")
    assert "--refractory" in str(error.value)
    assert repr(text) in str(error.value)


@pytest.mark.parametrize("text", ["0s", "0min", "0.1ms", "25h", "24h1ms", "9" * 400 + "h"])
def test_parse_duration_out_of_range(text):
    with pytest.raises(UsageError, match="allowed is 1ms to 24h"):
        parse_duration(text)


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf"), True, "20min", None])
def test_check_duration_invalid(value):
    with pytest.raises(UsageError, match="duration"):
        check_duration(value)


@given(st.integers(1, 86_400_000))
def test_format_duration_round_trip(milliseconds):
    assert parse_duration(format_duration(milliseconds / 1000)) == pytest.approx(milliseconds / 1000, rel=1e-12)


@given(st.text(alphabet="0123456789.hmins -", max_size=12))
def test_parse_duration_any_text(text):
    with contextlib.suppress(UsageError):
        assert 0.001 <= parse_duration(text) <= 86400
