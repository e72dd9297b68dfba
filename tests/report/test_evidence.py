"""Contributions of feature groups."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import recordings

from popclass.extraction import extract_events
from popclass.features.definitions import NAMES
from popclass.model.model import Model
from popclass.report.evidence import GROUPS, MAX_SHOWN, contributions, groups_of


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return Model.load(recordings.make_model(Path(tmp_path_factory.mktemp("model"), "small.onnx")))


@pytest.fixture(scope="module")
def features(model: Model) -> np.ndarray:
    kinds = list(recordings.KINDS) * 3
    return extract_events(recordings.samples(kinds, seconds=4.0), model.frontend, sample_rate=recordings.RATE).features


def test_groups_of_all_features() -> None:
    groups = groups_of(NAMES)
    assert [name for name, _ in groups] == [name for name, _ in GROUPS[:-1]]
    assert sorted(column for _, members in groups for column in members) == list(range(len(NAMES)))


def test_contributions_log_odds(model: Model, features: np.ndarray) -> None:
    """Recomputed from the model with the replaced features of one event."""
    answers = model.probabilities(features)
    labels = [model.classes[column] for column in answers.argmax(axis=1)]
    members = dict(groups_of(model.features))
    found = contributions(features, labels, model)
    assert len(found) == len(features)
    assert any(found)
    for event, parts in enumerate(found):
        assert len(parts) <= MAX_SHOWN
        assert [abs(part[1]) for part in parts] == sorted((abs(part[1]) for part in parts), reverse=True)
        for group, log_odds, _ in parts:
            changed = features[event : event + 1].copy()
            changed[:, members[group]] = model.ordinary[members[group]]
            column = model.classes.index(labels[event])
            both = np.array([answers[event, column], model.probabilities(changed)[0, column]])
            before, after = np.clip(both, 1e-9, 1 - 1e-9)
            expected = np.log(before / (1 - before)) - np.log(after / (1 - after))
            assert log_odds == pytest.approx(expected, abs=1e-3)


def test_contributions_mean_features(model: Model) -> None:
    assert contributions(model.ordinary[None], [model.classes[0]], model) == [()]


def test_contributions_no_events(model: Model) -> None:
    assert contributions(np.zeros((0, len(model.features))), [], model) == []


def test_contributions_units(model: Model, features: np.ndarray) -> None:
    answers = model.probabilities(features)
    labels = [model.classes[column] for column in answers.argmax(axis=1)]
    measured = {part[0]: part[2] for parts in contributions(features, labels, model) for part in parts}
    assert measured["decay"].endswith(" ms")
    assert measured.get("frequency", "Hz").endswith("Hz")
