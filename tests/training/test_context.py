"""popclass.training.context: what the company of an event is worth is learnt from held-out probabilities."""

import numpy as np
import pytest

from popclass.training.context import Company, fit_weighing, learn_context

CLASSES = ("cavitation", "snapping", "other")
NAMES = tuple(f"f{i}" for i in range(6))


def test_measures_that_say_nothing_get_no_weight_and_telling_ones_do():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 600)
    measured = np.column_stack([rng.normal(size=600), (y == 1) * 1.0])
    even = np.full((600, 3), 1 / 3)
    weighing = fit_weighing(even, measured, y)
    idle = weighing.log_odds(even, np.column_stack([measured[:, 0], np.zeros(600)]))
    assert np.abs(idle - idle.mean(axis=1, keepdims=True)).mean() < 0.3
    telling = weighing.log_odds(even[:1], np.array([[0.0, 1.0]]))[0]
    assert telling[1] > telling[[0, 2]].max() + 1


def test_two_measures_that_tell_only_together_are_learnt():
    rng = np.random.default_rng(4)
    measured = rng.integers(0, 2, (3000, 2)).astype(float)
    y = (measured.sum(axis=1) == 1).astype(int)  # one of the two, not both
    even = np.full((3000, 2), 0.5)
    added = fit_weighing(even, measured, y).log_odds(even, measured)
    right = (added.argmax(axis=1) == y)[measured.sum(axis=1) > 0]
    assert right.all()


def test_probabilities_that_are_right_leave_nothing_to_learn():
    rng = np.random.default_rng(1)
    acoustic = rng.dirichlet(np.ones(3), 3000)
    y = np.array([rng.choice(3, p=p) for p in acoustic])
    measured = rng.normal(size=(3000, 2))
    added = fit_weighing(acoustic, measured, y).log_odds(acoustic, measured)
    assert np.abs(added - added.mean(axis=1, keepdims=True)).mean() < 0.1


def sessions(rng):
    """Ten recordings: in half of them one sound comes again and again, in the others every sound is another."""
    X, y, recording, onset = [], [], [], []
    for number in range(10):
        again = number % 2 == 0
        base = rng.normal(size=6)
        for beat in range(12):
            X.append(base + 0.05 * rng.normal(size=6) if again else rng.normal(size=6))
            y.append(1 if again else 2)
            recording.append(number)
            onset.append(beat * 1.0)
    return np.array(X), np.array(y), np.array(recording), np.array(onset)


def test_repetition_is_learnt_and_told_of_recordings_held_out():
    rng = np.random.default_rng(2)
    X, y, recording, onset = sessions(rng)
    n = len(y)
    company = Company(
        X, recording.astype(str), recording, recording, onset, np.arange(n), np.zeros(n), rows=np.arange(n)
    )
    folds = [(np.flatnonzero(recording % 5 != k), np.flatnonzero(recording % 5 == k)) for k in range(5)]
    context, contextual = learn_context(
        company, y, CLASSES, NAMES, folds, lambda train, events: np.full((len(events), 3), 1 / 3)
    )
    assert (contextual.argmax(axis=1) == y).mean() > 0.9
    assert context.weighing.fits(len(context.names), 3)
    assert contextual.sum(axis=1) == pytest.approx(np.ones(n))


def test_company_makes_no_joint_event_of_a_part_of_another_sound():
    """Company that speaks for a cavitation speaks against its echo, once echoes were learnt from."""
    rng = np.random.default_rng(5)
    n = 400
    echo = np.arange(n) % 4 == 3  # every fourth follows in the burst of the one before
    burst = np.arange(n) - echo
    onset = np.arange(n) * 1.0 - echo * 0.98
    X = rng.normal(size=(n, 6))
    recording = np.arange(n) // 20
    rows = np.flatnonzero(~echo)
    y = np.where(np.arange(n) % 4 == 2, 0, rng.integers(1, 3, n))[rows]  # what an echo follows is a cavitation
    folds = [(np.flatnonzero(recording[rows] % 2 != k), np.flatnonzero(recording[rows] % 2 == k)) for k in range(2)]
    even = np.full((n, 3), 1 / 3)
    said = {}
    for parts in (np.zeros(0, int), np.flatnonzero(echo)):
        company = Company(X, recording.astype(str), recording, recording, onset, burst, -20.0 * echo, rows, parts)
        context, _ = learn_context(
            company, y, CLASSES, NAMES, folds, lambda train, events: np.full((len(events), 3), 1 / 3)
        )
        own = slice(0, 20)
        said[len(parts)] = context.probabilities(X[own], even[own], onset[own], burst[own], -20.0 * echo[own])[:, 0]
    followed = np.arange(20) % 4 == 2
    without, aware = said[0], said[100]
    assert aware[echo[:20]].max() < 0.1 < without[echo[:20]].min()
    assert aware[followed].min() > 0.3
