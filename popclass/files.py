"""By which a file is known to be the one it was."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stamp:
    """By which a file is known to be the one that was heard."""

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> Stamp:
        """The stamp of a file; of one that cannot be asked, a stamp that no file has."""
        try:
            found = os.stat(path)
        except OSError:
            return cls.of_none()
        return cls(found.st_size, found.st_mtime_ns)

    @classmethod
    def of_none(cls) -> Stamp:
        """The stamp that no file has."""
        return cls(-1, -1)
