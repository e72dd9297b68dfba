"""The fuzz targets by name: plain functions of bytes that raise only where an invariant is violated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from . import invariants, kept, sounds, written

TARGETS: dict[str, Callable[[bytes], None]] = {
    "labels": written.labels_csv,
    "tracks": written.tracks,
    "manifest": written.manifest,
    "corrected": written.corrected,
    "events": written.events_table,
    "journal": kept.journal,
    "session": kept.sessions,
    "model": kept.model,
    "headers": sounds.headers,
    "clock": sounds.clock,
    "audio": sounds.audio,
}
FOLDER = Path(__file__).parent


def run(name: str, data: bytes) -> None:
    """Hand `data` to a target, within the time that is allowed.

    Raises
    ------
    BrokenError, TooSlow, or anything else
        Where an invariant is violated.
    """
    with invariants.time_limit():
        TARGETS[name](data)


def cases(name: str) -> list[Path]:
    """The seeds of a target and what fuzzing has found in it."""
    return sorted(path for kind in ("seeds", "found") for path in (FOLDER / kind / name).glob("*") if path.is_file())
