"""Parameters of the generator."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from popclass.synthesis import parameters as p


@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_parameters_within_range(seed: int, a: float, b: float) -> None:
    rng = np.random.default_rng(seed)
    for parameter in p.TABLE:
        assert parameter.low <= parameter.draw(rng, (min(a, b), max(a, b))) <= parameter.high


def test_parameters_have_sources() -> None:
    for parameter in p.TABLE:
        assert parameter.source == p.ASSUMPTION or parameter.source[:2] in ("S ", "2 ", "D ", "R "), parameter.name
        assert parameter.law in ("uniform", "log", "lognormal")
    assert len({parameter.name for parameter in p.TABLE}) == len(p.TABLE)
