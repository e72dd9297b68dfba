"""popclass.pipeline: the sounds of recordings, described together, and of each recording what it alone would give."""

import numpy as np
import pytest
import recordings
from hypothesis import given
from hypothesis import strategies as st
from sounds import detected

from popclass.errors import AudioError
from popclass.features import FrontEnd
from popclass.pipeline import BURST_GAP_S, SOUNDS_AT_ONCE, EventExtractor, extract_events, number_events
from popclass.results import Event

RATE = recordings.RATE


@pytest.fixture(scope="module")
def frontend():
    return FrontEnd.build()


# Extraction


def test_hearing_is_detection_and_features_of_every_event(frontend):
    samples = recordings.samples(["cavitation", "snapping", "other"], seconds=1.2)
    heard = extract_events(samples, frontend, sample_rate=RATE)
    assert [event.onset for event in heard.events] == [sound.event.onset for sound in detected(samples, RATE)]
    assert heard.features.shape == (len(heard.events), len(frontend.names))
    assert (heard.duration_s, heard.sample_rate, heard.channels) == (1.2, RATE, 1)


def test_more_events_than_are_described_together_keep_their_order(frontend):
    samples = np.concatenate([recordings.samples(["cavitation"] * 3, seed=seed) for seed in range(40)])
    heard = extract_events(samples, frontend, sample_rate=RATE)
    assert len(heard.events) > 100
    assert len(heard.features) == len(heard.events)
    onsets = [event.onset for event in heard.events]
    assert onsets == sorted(onsets)
    assert [event.event for event in heard.events] == list(range(1, len(onsets) + 1))
    levels = heard.features[:, frontend.names.index("snr")]
    np.testing.assert_allclose(levels, np.clip([event.snr_db for event in heard.events], -10, 60))


def test_progress_ends_at_the_end(frontend, tmp_path):
    path = recordings.write(tmp_path / "take.wav", seconds=3)
    seen = []
    extract_events(path, frontend, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (3 * RATE, 3 * RATE)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_notice_gets_every_sound_once_in_the_order_of_the_events_a_few_at_a_time(frontend):
    x = recordings.samples(["cavitation", "snapping", "other"] * 50, seconds=46)
    parts = []
    heard = extract_events(x, frontend, sample_rate=RATE, on_sounds=lambda some: parts.append(list(some)))
    sounds = [sound for part in parts for sound in part]
    assert len(heard.events) > SOUNDS_AT_ONCE, "more than are described at a time"
    assert len(parts) > 1
    assert max(map(len, parts)) <= SOUNDS_AT_ONCE
    onsets = [event.onset for event in heard.events]
    assert [sound.event.onset for sound in sounds] == onsets
    for sound in sounds:  # the samples are those around that very onset
        at = sound.event.onset - sound.clip_start
        np.testing.assert_array_equal(sound.clip[at : at + 48], x[sound.event.onset : sound.event.onset + 48])
    unheard = extract_events(x, frontend, sample_rate=RATE)
    np.testing.assert_array_equal(unheard.features, heard.features)
    assert unheard.events == heard.events


def test_notice_is_not_called_where_nothing_is_heard(frontend):
    def never(some):
        raise AssertionError

    assert extract_events(recordings.samples([]), frontend, sample_rate=RATE, on_sounds=never).events == ()


# Several recordings


def takes():
    """Recordings with none, few and more sounds than are described together, at several rates."""
    many = np.concatenate([recordings.samples(["cavitation"] * 3, seed=seed) for seed in range(20)])
    few = [recordings.samples([kind] * 2, seed=seed) for seed, kind in enumerate(recordings.KINDS)]
    return [(few[0], RATE), (recordings.samples([]), RATE), (few[1], 44100), (many, RATE), (few[2], RATE)]


@pytest.mark.parametrize("order", [1, -1])
def test_each_recording_gives_the_same_bits_alone_and_among_others(frontend, order):
    hearer = EventExtractor(frontend)
    given = takes()[::order]
    for samples, rate in given:
        hearer.hear(samples, sample_rate=rate)
    together = hearer.finish()
    assert len(together) == len(given)
    assert max(len(each.events) for each in together) > SOUNDS_AT_ONCE
    for one, (samples, rate) in zip(together, given, strict=True):
        alone = extract_events(samples, frontend, sample_rate=rate)
        assert one.events == alone.events
        assert one.features.shape == alone.features.shape
        assert one.features.tobytes() == alone.features.tobytes()


@pytest.mark.parametrize("many", [False, True])
def test_a_recording_that_breaks_off_leaves_nothing_behind(frontend, many):
    hearer = EventExtractor(frontend)
    first, last = recordings.samples(["snapping"] * 2), recordings.samples(["other"] * 2, seed=1)
    broken = np.concatenate([recordings.samples(["cavitation"] * 3, seed=seed) for seed in range(20 if many else 2)])
    broken[-1] = np.nan
    hearer.hear(first, sample_rate=RATE)
    with pytest.raises(AudioError, match="not a number"):
        hearer.hear(broken, sample_rate=RATE)
    hearer.hear(last, sample_rate=RATE)
    together = hearer.finish()
    assert len(together) == 2
    for one, samples in zip(together, (first, last), strict=True):
        np.testing.assert_array_equal(one.features, extract_events(samples, frontend, sample_rate=RATE).features)


def test_no_recordings_give_nothing(frontend):
    assert EventExtractor(frontend).finish() == []


# Bursts


def events_at(onsets, rate=1000):
    return [Event(int(onset), int(onset), int(onset) + 1, rate, 1, 20.0, -20.0) for onset in onsets]


def test_events_are_numbered_from_1_and_grouped_by_gaps_of_at_most_250_ms():
    numbered = number_events(events_at([0, 250, 501, 502, 752, 1100]))
    assert [event.event for event in numbered] == [1, 2, 3, 4, 5, 6]
    assert [event.burst for event in numbered] == [1, 1, 2, 2, 2, 3]


@given(gaps=st.lists(st.integers(1, 600), max_size=30), rate=st.sampled_from([8000, 44100, 192000]))
def test_a_new_burst_begins_exactly_where_the_gap_is_longer(gaps, rate):
    onsets = np.cumsum([0, *gaps]) * rate // 1000
    bursts = [event.burst for event in number_events(events_at(onsets, rate))]
    new = [1 + int((np.diff(onsets[: index + 1]) > BURST_GAP_S * rate).sum()) for index in range(len(onsets))]
    assert bursts == new


def test_no_events_have_no_numbers():
    assert number_events([]) == ()
