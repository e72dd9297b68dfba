"""popclass.training.generated and .default: generated sessions as training data, the same however they are heard."""

import numpy as np
import pytest

from popclass.features import FrontEnd
from popclass.pipeline import extract_events
from popclass.synthesis import Label, draw_settings, generate_session
from popclass.training.baseline import WIDTH, clips_of, describe
from popclass.training.default import MOST_ALIKE, company_of
from popclass.training.generated import hear_sessions, match_onsets


def label(start_s, name="cavitation"):
    return Label(start_s, start_s + 0.01, name, "pop", 20.0)


@pytest.fixture(scope="module")
def heard():
    return hear_sessions(3, 5, FrontEnd.build())


def test_a_label_goes_to_the_nearest_onset_and_to_one_only():
    one, other = label(1.0), label(2.0, "other")
    assert match_onsets(np.array([0.999, 1.004, 1.5, 2.0061]), (one, other)) == [one, None, None, None]
    assert match_onsets(np.array([1.003]), (one, label(1.0055, "other")))[0].label == "other"
    assert match_onsets(np.zeros(0), (one,)) == []


def test_events_lie_together_by_recording_and_in_order(heard):
    assert len(heard.X) == len(heard.label) == len(heard.onset_s) > 10
    assert (np.diff(heard.recording) >= 0).all()
    for recording in np.unique(heard.recording):
        assert (np.diff(heard.onset_s[heard.recording == recording]) > 0).all()
    assert heard.labels > heard.missed >= 0


def test_processes_change_nothing(heard):
    again = hear_sessions(3, 5, FrontEnd.build(), jobs=2)
    np.testing.assert_array_equal(heard.X, again.X)
    assert heard.label.tolist() == again.label.tolist()
    assert heard.factors == again.factors


def test_what_is_described_by_hand_are_the_clips_of_the_same_events_in_the_same_order(heard):
    by_hand = hear_sessions(3, 5, FrontEnd.build(), by_hand=True)
    assert heard.mfcc is None
    np.testing.assert_array_equal(by_hand.X, heard.X)
    assert by_hand.mfcc.shape == (len(heard.X), WIDTH)
    # the clips of one session, heard again without the help of hear_sessions
    session = generate_session(
        rng := np.random.default_rng(np.random.SeedSequence(5, spawn_key=(0,))), draw_settings(rng)
    )
    onsets, clips = [], []
    for recording in session.recordings:
        found = extract_events(
            recording.samples,
            FrontEnd.build(),
            sample_rate=recording.sample_rate,
            on_sounds=lambda some: clips.append(clips_of(some)),
        )
        onsets += [event.start_s for event in found.events]
    own = by_hand.session == 0
    assert by_hand.onset_s[own].tolist() == onsets
    np.testing.assert_allclose(by_hand.mfcc[own], describe(np.concatenate(clips)), rtol=1e-5, atol=1e-5)


def test_training_takes_known_events_and_few_of_a_kind_from_one_recording(heard):
    company = company_of(heard, 1)
    assert len(company.X) == len(heard.X)
    assert (heard.label[company.rows] != "").all()
    sources = [*zip(heard.recording[company.rows], heard.kind[company.rows], strict=True)]
    assert max(sources.count(source) for source in set(sources)) <= MOST_ALIKE
