"""A kind of bad input: what it is, how it is made, and what should become of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

Make = Callable[[Path], object]


class Outcome(Enum):
    """What becomes of an input, as the documentation says it."""

    ACCEPTED = "accepted"
    WARNED = "accepted with a warning"
    REFUSED = "refused"
    EITHER = "accepted or refused"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of bad input.

    Attributes
    ----------
    name : str
        Its own; the stem of its file, too, where it has no other.
    group, what, of : str
        For the documentation: the heading, the row, and the format where several have the same row.
    make : callable
        Makes it at a path.
    outcome : Outcome
        Of `classify`, and of `batch` where `in_batch` says nothing else.
    says : tuple of str
        Of these, the reason or the warnings hold at least one.
    ending : str
        Of the file's name.
    file : bytes
        The whole name of the file; by default `name` and `ending`.
    in_batch : Outcome or None
    batch_says : tuple of str
    """

    name: str
    group: str
    what: str
    make: Make
    outcome: Outcome
    says: tuple[str, ...] = ()
    ending: str = ".wav"
    of: str = ""
    file: bytes = b""
    in_batch: Outcome | None = None
    batch_says: tuple[str, ...] = ()

    @property
    def file_name(self) -> bytes:
        return self.file or f"{self.name}{self.ending}".encode()


def holding(data: bytes | Callable[[], bytes]) -> Make:
    """A maker of a file with these bytes."""
    return lambda path: path.write_bytes(data if isinstance(data, bytes) else data())


def accepted(
    group: str, name: str, what: str, make: Make, ending: str = ".wav", *, of: str = "", file: bytes = b""
) -> Kind:
    """Return a kind that is accepted without a warning."""
    return Kind(name, group, what, make, Outcome.ACCEPTED, ending=ending, of=of, file=file)


def warned(group: str, name: str, what: str, make: Make, *says: str, ending: str = ".wav", of: str = "") -> Kind:
    """Return a kind that is accepted with a warning."""
    return Kind(name, group, what, make, Outcome.WARNED, says, ending, of)


def refused(group: str, name: str, what: str, make: Make, *says: str, ending: str = ".wav", of: str = "") -> Kind:
    """A kind that fails by one of these reasons; by default that no audio is recognised in it."""
    return Kind(name, group, what, make, Outcome.REFUSED, says or ("cannot be read as audio",), ending, of)


def either(group: str, name: str, what: str, make: Make, ending: str = ".wav", *, of: str = "") -> Kind:
    """A kind of which some versions of a decoder notice the damage and others do not; nothing else may happen."""
    return Kind(name, group, what, make, Outcome.EITHER, ending=ending, of=of)
