"""Analyses of recordings with any values, and their comparison."""

from dataclasses import fields
from datetime import UTC

import numpy as np
from formats_strategies import names
from hypothesis import strategies as st

from popclass.info import RecordingInfo
from popclass.results import Analysis, Event


@st.composite
def analyses(draw):
    """Draw an Analysis with any values that one recording can have."""
    count, rate = draw(st.integers(0, 4)), draw(st.integers(8000, 192_000))
    number = st.floats(allow_nan=False, allow_infinity=False)
    onsets = sorted(draw(st.lists(st.integers(0, 10**12), min_size=count, max_size=count)))
    shares = st.lists(st.floats(0, 1), min_size=3 * count, max_size=3 * count)
    return Analysis(
        RecordingInfo(
            draw(names),
            sample_rate=rate,
            channels=draw(st.integers(1, 8)),
            duration_s=draw(st.floats(0, 1e6)),
            recorded_at=draw(st.none() | st.datetimes(timezones=st.none() | st.just(UTC))),
            warnings=tuple(draw(st.lists(st.text(max_size=10), max_size=2))),
        ),
        events=tuple(
            Event(onset, onset + 5, onset + 9, rate, 1, draw(number), draw(number), event=at, burst=at)
            for at, onset in enumerate(onsets, start=1)
        ),
        acoustic=np.array(draw(shares)).reshape(count, 3),
        contextual=np.array(draw(shares)).reshape(count, 3),
        novelty=np.array(draw(shares))[:count],
    )


def same_analysis(one, other):
    """Return True if two analyses are bitwise equal."""
    return all(
        getattr(one, field.name).tobytes() == getattr(other, field.name).tobytes()
        if field.name in ("acoustic", "contextual", "novelty")
        else getattr(one, field.name) == getattr(other, field.name)
        for field in fields(Analysis)
    )
