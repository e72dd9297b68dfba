"""Session files: the timeline of a stream, for another stream that continues it.

A session file stores the candidates of cavitation that still occupy a joint cavity or compete for one: their times,
class probabilities and novelty. It is JSON, written whole or not at all, with the SHA-256 of its content, which reveals
damage. It belongs to one model, subject, site, way of counting (`count_by`) and source of the class frequencies
(`class_frequencies`); older files do not have the last two and continue with any. Where the class frequencies are
estimated, it also stores how many events of each class there were (`class_counts`).
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.errors import UsageError
from popclass.utils.files import write_text
from popclass.utils.text import one_line

Key = dict[str, Any]

VERSION = 1
_KEYS = ("popclass_session", "model", "classes", "subject", "site", "began_at", "ended_at", "last_cavitation_s")
_OPTIONS = {"count_by": "--count-by", "class_frequencies": "--class-frequencies"}  # not in older files
_COUNTS = "class_counts"  # only where class frequencies are estimated
# attribute of History by its key in the file
_COLUMNS = {"time_s": "time_s", "burst": "burst", "believed": "contextual", "novelty": "novelty"}
_MAX_S = 1e9  # thirty years
_CLOCK_STEP_S = 1.0
_MAX_BURST = 10**12
_START_NEW = "name another file to begin a new session"


@dataclass(frozen=True, slots=True)
class History:
    """Candidates of cavitation from before a stream.

    Attributes
    ----------
    time_s, burst, novelty : ndarray, shape (n,)
        Onsets in order, in seconds from the start of the stream (negative before it); number of the burst; novelty.
    contextual : ndarray, shape (n, classes)
        Probabilities after the context model (stored as `believed`).
    last_cavitation_s : float or None
        Start of the last burst with a cavitation before all of these.
    class_counts : ndarray, shape (classes,), or None
        Expected number of all earlier events of each class; None where class frequencies are not estimated.
    """

    time_s: NDArray[np.float64]
    burst: NDArray[np.int64]
    contextual: NDArray[np.float64]
    novelty: NDArray[np.float64]
    last_cavitation_s: float | None = None
    class_counts: NDArray[np.float64] | None = None

    @classmethod
    def empty(cls, classes: int) -> History:
        """Return a history without candidates."""
        return cls(np.zeros(0), np.zeros(0, np.int64), np.zeros((0, classes)), np.zeros(0))

    def shift(self, seconds: float) -> History:
        """Return the history relative to a start that is later by `seconds`; bursts are numbered up to 0."""
        burst = self.burst - (self.burst.max() if len(self.burst) else 0)
        last = None if self.last_cavitation_s is None else self.last_cavitation_s - seconds
        return History(self.time_s - seconds, burst, self.contextual, self.novelty, last, self.class_counts)


def save(path: str | os.PathLike[str], key: Key, history: History, began: datetime, ended: datetime) -> None:
    """Write a session file, whole or not at all.

    Parameters
    ----------
    path : path
    key : dict
        Model, its classes, subject, site, `count_by` and `class_frequencies`, as they are stored; a stream for which
        any of these differs has another timeline.
    history : History
    began, ended : datetime
        Of the stream.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    content: dict[str, Any] = {
        "popclass_session": VERSION,
        **key,
        "began_at": began.isoformat(),
        "ended_at": ended.isoformat(),
        "last_cavitation_s": history.last_cavitation_s,
        **{stored: getattr(history, name).tolist() for stored, name in _COLUMNS.items()},
    }
    if history.class_counts is not None:
        content[_COUNTS] = history.class_counts.tolist()
    write_text(path, json.dumps({**content, "sha256": _digest(content)}, indent=1) + "\n")


def load(path: str | os.PathLike[str], key: Key, begins: datetime) -> History:
    """Return the history in a session file, relative to a stream that starts at `begins`.

    Raises
    ------
    UsageError
        If the file cannot be read, is damaged, differs in one of the keys of `save`, or ends after `begins`.
    """
    shown = one_line(os.fspath(path))
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        history, began, ended = _parse(content)
    except OSError as error:
        raise UsageError(f"{shown}: cannot be read: {error.strerror}; check the path, or {_START_NEW}") from error
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        unreadable = isinstance(error, json.JSONDecodeError | UnicodeDecodeError | RecursionError)
        reason = "" if unreadable else f" ({one_line(str(error))[:80]})"
        raise UsageError(f"{shown}: is damaged or not a session file{reason}; {_START_NEW}") from None
    for name in ("subject", "site", "model", "classes", *_OPTIONS):
        if content.get(name, key[name]) != key[name]:
            kind = {"classes": "set of classes", **_OPTIONS}.get(name, name)
            found = one_line(str(content[name]))[:80]
            raise UsageError(f"{shown}: has another {kind} ({found}) than this session ({key[name]}); {_START_NEW}")
    if (ended.utcoffset() is None) != (begins.utcoffset() is None):
        raise UsageError(f"{shown}: only one of its times and {begins.isoformat()} has a time zone")
    if begins < ended:
        raise UsageError(f"{shown}: ends at {ended.isoformat()}, after this session begins ({begins.isoformat()})")
    later = history.shift((begins - began) / timedelta(seconds=1))
    if min(later.time_s.min(initial=0.0), later.last_cavitation_s or 0.0) < -_MAX_S / 2:
        raise UsageError(f"{shown}: is more than {int(_MAX_S / 2 / 31_557_600)} years old; {_START_NEW}")
    return later


def _parse(content: dict[str, Any]) -> tuple[History, datetime, datetime]:
    """Return the content of a session file; raise ValueError if a number is impossible under a correct checksum."""
    if not isinstance(content, dict) or "sha256" not in content:
        raise ValueError("it has no checksum")
    stored = dict(content)
    if stored.pop("sha256") != _digest(stored):
        raise ValueError("its checksum is wrong")
    if set(stored) - {*_OPTIONS, _COUNTS} != {*_KEYS, *_COLUMNS} or stored["popclass_session"] != VERSION:
        raise ValueError(f"its version is not {VERSION}")
    time_s, contextual, novelty = (np.array(stored[name], np.float64) for name in ("time_s", "believed", "novelty"))
    contextual = contextual.reshape(-1, len(stored["classes"]))
    burst, last = np.array(stored["burst"], np.int64), stored["last_cavitation_s"]
    for each in (time_s, burst, novelty):
        if each.ndim != 1 or len(each) != len(contextual) or not np.isfinite(each).all():
            raise ValueError("its columns do not match")
    times = time_s.tolist() if last is None else [*time_s.tolist(), last]
    if not all(abs(at) <= _MAX_S for at in times) or (np.diff(time_s) < 0).any():
        raise ValueError("its times are not in order or out of range")
    if ((burst < -_MAX_BURST) | (burst > _MAX_BURST)).any():
        raise ValueError("its burst numbers are out of range")
    if not all(((each >= 0) & (each <= 1)).all() for each in (contextual, novelty)):  # also NaN
        raise ValueError("a probability is outside 0-1")
    counts = None if _COUNTS not in stored else np.array(stored[_COUNTS], np.float64)
    if counts is not None and not (
        counts.shape == contextual.shape[1:] and (counts >= 0).all() and counts.max() < _MAX_S
    ):
        raise ValueError("its numbers of events are out of range")
    began, ended = (datetime.fromisoformat(stored[name]) for name in ("began_at", "ended_at"))
    if began > ended:  # TypeError if only one of them has a time zone
        raise ValueError("it ends before it begins")
    if max(times, default=-np.inf) > (ended - began) / timedelta(seconds=1) + _CLOCK_STEP_S:
        raise ValueError("it contains a time after its end")
    return History(time_s, burst, contextual, novelty, last, counts), began, ended


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode("ascii")).hexdigest()
