"""Hypothesis strategies for arbitrary valid results."""

from __future__ import annotations

from hypothesis import strategies as st

from popclass.info import RecordingInfo
from popclass.results import Event, RecordingResult
from popclass.schema import CONSISTENT, REFRACTORY, UNCHECKED

CLASSES = ("cavitation", "snapping", "other")

# File names as the operating system gives them: any characters, bytes that are not UTF-8 as surrogates.
names = st.binary(min_size=1, max_size=20).map(lambda raw: raw.replace(b"\0", b"_").decode("utf-8", "surrogateescape"))
texts = st.none() | st.text(min_size=1, max_size=10)
shares = st.floats(0, 1)
levels = st.floats(allow_nan=True, allow_infinity=True)
samples = st.integers(0, 24 * 3600 * 192_000)


@st.composite
def events(draw: st.DrawFn, *, number: int, sample_rate: int) -> Event:
    onset, peak, end = sorted(draw(st.tuples(samples, samples, samples)))
    probabilities = draw(st.just({}) | st.fixed_dictionaries(dict.fromkeys(CLASSES, shares)))
    return Event(
        onset=onset,
        peak=peak,
        end=end,
        sample_rate=sample_rate,
        channel=draw(st.integers(1, 8)),
        snr_db=draw(levels),
        peak_dbfs=draw(levels),
        event=number,
        burst=number,
        probabilities=probabilities,
        acoustic_label=draw(st.sampled_from(CLASSES)) if probabilities else "",
        posteriors=draw(st.just({}) | st.fixed_dictionaries(dict.fromkeys(CLASSES, shares))),
        label=draw(st.sampled_from((*CLASSES, "uncertain"))),
        p_label=draw(st.none() | shares),
        novelty=draw(st.none() | shares),
        timing=draw(st.sampled_from((CONSISTENT, REFRACTORY, UNCHECKED))),
        since_cavitation_s=draw(st.none() | st.floats(0, 1e6)),
    )


@st.composite
def results(draw: st.DrawFn) -> RecordingResult:
    sample_rate = draw(st.sampled_from((8000, 11025, 44100, 192_000)))
    count = draw(st.integers(0, 3))
    return RecordingResult(
        RecordingInfo(
            draw(names),
            sample_rate=sample_rate,
            channels=draw(st.integers(1, 8)),
            duration_s=draw(st.floats(0, 86400)),
            recorded_at=draw(st.none() | st.datetimes()),
            site=draw(texts),
            subject=draw(texts),
            side=draw(texts),
            warnings=tuple(draw(st.lists(st.text(max_size=10), max_size=2))),
        ),
        events=tuple(draw(events(number=number, sample_rate=sample_rate)) for number in range(1, count + 1)),
        classes=CLASSES,
        cavities_needed=draw(st.none() | st.integers(0, 9)),
    )
