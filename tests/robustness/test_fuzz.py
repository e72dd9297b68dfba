"""Replay of fuzz seeds, earlier findings and damaged copies of them.

Targets are in `tests/robustness/fuzz`; `make fuzz` searches for more with atheris, which is not needed here.
"""

from __future__ import annotations

import random
import signal
from pathlib import Path

import pytest
from fuzz import invariants, targets
from fuzz.run import described, smaller

CASES = [(name, path) for name in targets.TARGETS for path in targets.cases(name)]


@pytest.mark.parametrize(("name", "path"), CASES, ids=[f"{name}-{path.name}" for name, path in CASES])
def test_seeds_and_findings(name: str, path: Path) -> None:
    targets.run(name, path.read_bytes())


@pytest.mark.parametrize("name", targets.TARGETS)
def test_damaged_seeds(name: str) -> None:
    """Bytes changed, left out, doubled and taken from elsewhere in the same file; the same ones every time."""
    chance = random.Random(name)
    seeds = [path.read_bytes() for path in targets.cases(name)]
    for _ in range(40):
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 4)):
            damage(data, chance)
        targets.run(name, bytes(data))


def damage(data: bytearray, chance: random.Random) -> None:
    """Change a few bytes, mostly near the beginning, where headers are."""
    at, end = sorted(int(len(data) * chance.random() ** 2) for _ in range(2))
    end = min(end, at + 64)
    match chance.randrange(4):
        case 0 if data:
            data[min(at, len(data) - 1)] ^= 1 << chance.randrange(8)
        case 1:
            del data[at:end]
        case 2:
            data[at:at] = data[at:end]
        case _:
            data[at:end] = chance.randbytes(end - at)


def test_seeds_small() -> None:
    sizes = {name: [path.stat().st_size for path in targets.cases(name)] for name in targets.TARGETS}
    assert all(sizes.values())
    assert sum(map(sum, sizes.values())) < 1_000_000


# That a violated invariant would be noticed


def test_invariant_unexpected_exception() -> None:
    def broken() -> None:
        raise IndexError("out of range")

    with pytest.raises(IndexError):
        invariants.attempt(broken, ValueError)
    assert invariants.attempt(broken, IndexError) == invariants.Refused("IndexError", "out of range")


def test_invariant_nondeterminism() -> None:
    answers = iter([1, 2])
    with pytest.raises(invariants.BrokenError, match="two answers: 1, 2"):
        invariants.twice(lambda: next(answers))


@pytest.mark.parametrize("message", ["", " ", "two\nlines", "a\tb", "\udcff", "\u2028", "\x1b[31m"])
def test_invariant_multiline_message(message: str) -> None:
    def refuse() -> None:
        raise ValueError(message)

    with pytest.raises(invariants.BrokenError):
        invariants.attempt(refuse, ValueError)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer of processor time")
def test_invariant_timeout() -> None:
    def forever() -> None:
        while True:
            try:
                sum(range(1000))
            except Exception:
                continue

    with pytest.raises(invariants.TooSlow), invariants.time_limit(0.05):
        forever()


def test_smaller_minimal() -> None:
    assert smaller(bytes(range(200)), lambda part: 7 in part and 150 in part) == bytes([7, 150])


def test_described_place() -> None:
    with pytest.raises(invariants.BrokenError) as broken:
        invariants.check(False, "nothing holds")
    name = described(broken.value)
    assert name.startswith("BrokenError.test_fuzz.test_described_place.")
