"""popclass.context.features: the counts do not depend on how the events are cut into blocks, and fit brute force."""

import numpy as np
import pytest

from popclass.context.features import Company, context_names
from popclass.context.similarity import Similarity

NAMES = context_names(("cavitation", "snapping", "other"))


def session(n=900, seconds=300.0, seed=8):
    random = np.random.default_rng(seed)
    onset = np.sort(random.uniform(0, seconds, n))
    points = random.normal(size=(6, 30))[random.integers(0, 6, n)] + 0.4 * random.normal(size=(n, 30))
    burst = np.cumsum(np.diff(onset, prepend=-np.inf) > 0.25)
    return Company(onset, burst, points, random.dirichlet(np.ones(3), n), random.integers(0, 12, n) * 1.0, Similarity())


def test_many_events_need_blocks_and_come_out_the_same(monkeypatch):
    whole = session().measures()
    assert whole.shape == (900, len(NAMES))
    monkeypatch.setattr("popclass.context.features._ROWS", 7)
    np.testing.assert_array_equal(session().measures(), whole)


def test_alike_events_elsewhere_are_counted_one_by_one():
    company = session(n=60, seconds=40.0)
    counted = company.measures()[:, NAMES.index("alike_count")]
    similarity = company.similarity
    for one in range(company.n):
        alike = 0
        for other in range(company.n):
            near = abs(company.time[other] - company.time[one]) <= similarity.window_s * 1e6
            loud = company.level[other] >= company.level[one] - similarity.quieter_db
            if near and loud and company.burst[other] != company.burst[one]:
                alike += similarity.between(company.points[[one]], company.points[[other]])[0] >= similarity.alike
        assert counted[one] == pytest.approx(np.log1p(alike))
