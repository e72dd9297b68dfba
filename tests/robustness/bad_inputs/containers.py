"""Good recordings in every container, cut off at several places or with damaged bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from bad_inputs.kinds import Kind, Make, Outcome, accepted, either, holding, refused, warned
from bad_inputs.sources import CONTAINERS, Container, good

CUT = "Recordings cut off"
DAMAGED = "Recordings with damaged bytes"
PCM = ("wav", "wav-24-bit", "rf64", "w64", "aiff", "caf", "au", "mov")
"""Any bytes are samples here, so damage cannot be detected."""

NOTHING = (
    "breaks off after about 0.00 s",
    "cannot be read as audio",
    "is not a usable",
    "cut short",
    "contains no sound",
)
SHORT = ("cut short", "breaks off", "is not a usable")
DAMAGE = ("damaged: page", "breaks off", "cut short", "cannot be read as audio")


def kinds() -> Iterator[Kind]:
    yield refused(CUT, "empty", "nothing is left", holding(b""), "is empty (0 bytes)")
    for container in CONTAINERS:
        yield from _cut(container)
        yield from _damaged(container)


def _cut(container: Container) -> Iterator[Kind]:
    name, end, of = container.name, container.ending, container.name
    header = container.header
    yield refused(CUT, f"{name}-cut-in-magic", "in its first four bytes", _first(name, 3), *NOTHING, ending=end, of=of)
    half = max(header // 2, 5)
    yield refused(CUT, f"{name}-cut-in-header", "in its header", _first(name, half), *NOTHING, ending=end, of=of)
    yield refused(
        CUT, f"{name}-cut-after-header", "after its header", _first(name, header), *NOTHING, ending=end, of=of
    )
    middle = holding(partial(_half, name))
    if container.declares_length:
        yield refused(CUT, f"{name}-cut-in-middle", "in the middle", middle, *SHORT, ending=end, of=of)
    else:
        yield _usable(container, "cut-in-middle", "in the middle, where no length is written", middle)
    last = _first(name, -1)
    if container.tail:
        yield refused(CUT, f"{name}-last-byte-lost", "the last byte lost", last, *SHORT, ending=end, of=of)
    else:
        what = "the last byte lost, which is no sound or is not missed"
        yield _usable(container, "last-byte-lost", what, last)


def _usable(container: Container, suffix: str, what: str, make: Make) -> Kind:
    name, end = f"{container.name}-{suffix}", container.ending
    if container.states_delay:
        return accepted(CUT, name, what, make, end, of=container.name)
    return warned(CUT, name, what, make, "encoder is not in the file", ending=end, of=container.name)


def _damaged(container: Container) -> Iterator[Kind]:
    name, end, of = container.name, container.ending, container.name
    changes: tuple[tuple[str, str, Callable[[str], bytes]], ...] = (
        ("noise-in-middle", "256 random bytes in the middle", _noisy),
        ("zeros-in-middle", "256 zeros in the middle", _zeroed),
        ("bytes-lost-in-middle", "256 bytes lost in the middle", _shortened),
    )
    for suffix, what, change in changes:
        yield _damage(container, f"{name}-{suffix}", what, change)
    what = "eight bytes of the header inverted"
    yield either(DAMAGED, f"{name}-header-inverted", what, holding(partial(_inverted, container)), end, of=of)
    what = "the first 200 bytes lost"
    yield either(DAMAGED, f"{name}-beginning-lost", what, holding(lambda: good(name)[200:]), end, of=of)


def _damage(container: Container, name: str, what: str, change: Callable[[str], bytes]) -> Kind:
    make, end, of = holding(partial(change, container.name)), container.ending, container.name
    if container.checks:
        return refused(DAMAGED, name, f"{what}, noticed by checksums", make, *DAMAGE, ending=end, of=of)
    if container.name in PCM and change is not _shortened:
        return accepted(DAMAGED, name, f"{what}, which are samples like any", make, end, of=of)
    if container.name in PCM:
        return refused(
            DAMAGED, name, f"{what}, which its length shows", make, "cut short", "is not a usable", ending=end, of=of
        )
    return Kind(name, DAMAGED, f"{what}, without checksums", make, Outcome.EITHER, ending=end, of=of)


def _first(name: str, count: int) -> Make:
    return holding(lambda: good(name)[:count])


def _half(name: str) -> bytes:
    data = good(name)
    return data[: len(data) // 2]


def _noisy(name: str) -> bytes:
    return _replaced(name, np.random.default_rng(1).bytes(256))


def _zeroed(name: str) -> bytes:
    return _replaced(name, bytes(256))


def _shortened(name: str) -> bytes:
    return _replaced(name, b"")


def _replaced(name: str, instead: bytes) -> bytes:
    data = good(name)
    at = len(data) // 2
    return data[:at] + instead + data[at + 256 :]


def _inverted(container: Container) -> bytes:
    data = bytearray(good(container.name))
    at = container.header // 2
    data[at : at + 8] = bytes(byte ^ 0xFF for byte in data[at : at + 8])
    return bytes(data)
