"""Features of labelled events for tests of training."""

import numpy as np
from fake_frontend import CLASSES, WIDTH, FakeFrontEnd

from popclass.model.model import Model
from popclass.training.fit import fit
from popclass.training.settings import FitConfig


def events(n=240, groups=8, *, apart=1.0, seed=0):
    """Return features of three classes and several people; the columns differ in offset and scale."""
    rng = np.random.default_rng(seed)
    y = rng.choice(3, n, p=[0.25, 0.25, 0.5])
    group = rng.integers(0, groups, n)
    centres, people = rng.normal(size=(3, WIDTH)) * apart, rng.normal(size=(groups, WIDTH)) * 0.3
    X = rng.normal(size=(n, WIDTH)) + centres[y] + people[group]
    X = X * np.geomspace(1e-3, 1e4, WIDTH) + np.geomspace(1e5, 1e-2, WIDTH)
    return X, [CLASSES[i] for i in y], [f"P{i}" for i in group]


def fitted(mfcc=None, **options) -> Model:
    X, labels, groups = events()
    config = FitConfig(**{"classifier": "logistic", **options})
    return fit(X, labels, groups, FakeFrontEnd(), config, mfcc=mfcc)


def shifted_events(n, groups, *, seed, shift=0.0):
    """Return three classes whose centres lie elsewhere than those of the base, by `shift`."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(3, WIDTH)) * 0.7
    moved = centres + shift * np.random.default_rng(98).normal(size=(3, WIDTH))
    y = np.concatenate([np.repeat([0, 1, 2], 2), rng.integers(0, 3, n - 6)])  # two of each at least
    group = np.concatenate([np.tile([0, 1], 3), rng.integers(0, groups, n - 6)])
    X = rng.normal(size=(n, WIDTH)) + moved[y]
    return X.astype(np.float32).astype(float), y, [f"P{g}" for g in group]
