"""Events of generated sessions for the default model."""

import numpy as np
import pytest

from popclass.extraction import extract_events
from popclass.features import FrontEnd
from popclass.synthesis import Label, draw_settings, generate_session
from popclass.training.dataset import cut_clips, mfcc_statistics
from popclass.training.default import MOST_OF_A_KIND, OTHER_SHARE, choose_events, generate_events, match_onsets


def label(start_s, name="cavitation"):
    return Label(start_s, start_s + 0.01, name, "pop", 20.0)


@pytest.fixture(scope="module")
def generated():
    return generate_events(3, 5, FrontEnd.build())


def test_match_onsets():
    one, other = label(1.0), label(2.0, "other")
    assert match_onsets(np.array([0.999, 1.004, 1.5, 2.0061]), (one, other)) == [one, None, None, None]
    assert match_onsets(np.array([1.003]), (one, label(1.0055, "other")))[0].label == "other"
    assert match_onsets(np.zeros(0), (one,)) == []


@pytest.mark.slow
def test_generate_events_order(generated):
    assert len(generated.X) == len(generated.label) == len(generated.onset_s) > 10
    assert (np.diff(generated.recording) >= 0).all()
    for recording in np.unique(generated.recording):
        assert (np.diff(generated.onset_s[generated.recording == recording]) > 0).all()
    assert generated.missed >= 0


@pytest.mark.slow
def test_generate_events_processes(generated):
    again = generate_events(3, 5, FrontEnd.build(), jobs=2)
    np.testing.assert_array_equal(generated.X, again.X)
    assert generated.label.tolist() == again.label.tolist()
    assert generated.factors == again.factors


def test_generate_events_mfcc(generated):
    assert generated.mfcc.shape == (len(generated.X), 40)
    # the clips of one session, generated again without the help of generate_events
    session = generate_session(
        rng := np.random.default_rng(np.random.SeedSequence(5, spawn_key=(0,))), draw_settings(rng)
    )
    onsets, clips = [], []
    for recording in session.recordings:
        found = extract_events(
            recording.samples,
            FrontEnd.build(),
            sample_rate=recording.sample_rate,
            on_sounds=lambda some: clips.append(cut_clips(some)),
        )
        onsets += [event.start_s for event in found.events]
    own = generated.session == 0
    assert generated.onset_s[own].tolist() == onsets
    np.testing.assert_allclose(generated.mfcc[own], mfcc_statistics(np.concatenate(clips)), rtol=1e-5, atol=1e-5)


def test_generate_events_rows(generated):
    rows = generated.rows
    assert (generated.label[rows] != "").all()
    sources = [*zip(generated.recording[rows], generated.kind[rows], strict=True)]
    assert max(sources.count(source) for source in set(sources)) <= MOST_OF_A_KIND


def test_choose_events_share_of_other():
    """Each recording holds one pop and ten different sounds; 80 % of the training events are `other`."""
    label = np.array((["cavitation"] + ["other"] * 10) * 50)
    kind = np.array((["pop"] + [f"kind {i}" for i in range(10)]) * 50)
    recording = np.repeat(np.arange(50), 11)
    rows = choose_events(label, kind, recording, seed=3)
    assert (np.diff(rows) > 0).all()
    assert (label[rows] == "cavitation").sum() == 50
    assert (label[rows] == "other").mean() == pytest.approx(OTHER_SHARE, abs=0.005)
