"""A sitting kept in a file, so that the refractory clock runs on when listening is taken up again.

What is kept are numbers and a few names: the candidates of cavitation that still occupy a joint cavity or compete for
one, when they sounded, and how likely each class was. The file is JSON, written whole or not at all, and carries the
SHA-256 of its content, by which a damaged file is known. It belongs to one model, subject and site.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.errors import UsageError
from popclass.utils.files import write_text
from popclass.utils.text import one_line

VERSION = 1
_KEYS = ("popclass_session", "model", "classes", "subject", "site", "began_at", "ended_at", "last_cavitation_s")
# by stored name
_COLUMNS = {"time_s": "time_s", "burst": "burst", "believed": "contextual", "novelty": "novelty"}
_LONGEST_S = 1e9  # thirty years
_CLOCK_STEP_S = 1.0
_MOST_BURSTS = 10**12
_NOUNS = {"classes": "set of classes"}
_ANEW = "leave it out to start anew"


@dataclass(frozen=True, slots=True)
class History:
    """Candidates of cavitation from before a sitting.

    Attributes
    ----------
    time_s, burst, novelty : ndarray, shape (n,)
        Onsets in seconds from the start of the sitting (negative where it had not begun), in order; which of them are
        of one burst; novelty.
    contextual : ndarray, shape (n, classes)
        Probabilities after context (stored as `believed`).
    last_cavitation_s : float or None
        When the last burst with a cavitation before all of these began.
    """

    time_s: NDArray[np.float64]
    burst: NDArray[np.int64]
    contextual: NDArray[np.float64]
    novelty: NDArray[np.float64]
    last_cavitation_s: float | None = None

    @classmethod
    def none(cls, classes: int) -> History:
        """Nothing came before."""
        return cls(np.zeros(0), np.zeros(0, np.int64), np.zeros((0, classes)), np.zeros(0))

    def later(self, seconds: float) -> History:
        """Return the history relative to a start that many seconds later; bursts are numbered up to 0."""
        burst = self.burst - (self.burst.max() if len(self.burst) else 0)
        last = None if self.last_cavitation_s is None else self.last_cavitation_s - seconds
        return History(self.time_s - seconds, burst, self.contextual, self.novelty, last)


@dataclass(frozen=True, slots=True)
class Belonging:
    """What a session file belongs to: another model, subject or site has another timeline."""

    model: str
    classes: tuple[str, ...]
    subject: str | None
    site: str | None


def save(path: str | os.PathLike[str], belongs: Belonging, history: History, began: datetime, ended: datetime) -> None:
    """Write a session file, whole or not at all.

    Raises
    ------
    OutputError
        Where it cannot be written.
    """
    content: dict[str, Any] = {
        "popclass_session": VERSION,
        "model": belongs.model,
        "classes": list(belongs.classes),
        "subject": belongs.subject,
        "site": belongs.site,
        "began_at": began.isoformat(),
        "ended_at": ended.isoformat(),
        "last_cavitation_s": history.last_cavitation_s,
        **{stored: getattr(history, name).tolist() for stored, name in _COLUMNS.items()},
    }
    write_text(path, json.dumps({**content, "sha256": _digest(content)}, indent=1) + "\n")


def load(path: str | os.PathLike[str], belongs: Belonging, begins: datetime) -> History:
    """Return the history of a session file for a stream that begins at `begins`.

    Raises
    ------
    UsageError
        Where the file cannot be read, is damaged or of another model, subject or site, or ends after `begins`.
    """
    shown = one_line(os.fspath(path))
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        history, began, ended = _understood(content)
    except OSError as error:
        raise UsageError(f"{shown}: cannot be read: {error.strerror}; check the path, or {_ANEW}") from error
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        reason = one_line(str(error))[:80]
        raise UsageError(f"{shown}: is damaged or no session of popclass listen ({reason}); {_ANEW}") from None
    _same(shown, content, belongs)
    if (ended.utcoffset() is None) != (begins.utcoffset() is None):
        raise UsageError(f"{shown}: one of its times and {begins.isoformat()} has a time zone, the other has none")
    if begins < ended:
        raise UsageError(f"{shown}: ends at {ended.isoformat()}, after this sitting begins ({begins.isoformat()})")
    later = history.later((begins - began) / timedelta(seconds=1))
    if min(later.time_s.min(initial=0.0), later.last_cavitation_s or 0.0) < -_LONGEST_S / 2:
        raise UsageError(f"{shown}: lies more than {int(_LONGEST_S / 2 / 31_557_600)} years back; {_ANEW}")
    return later


def _understood(content: dict[str, Any]) -> tuple[History, datetime, datetime]:
    stored = dict(content)
    if stored.pop("sha256") != _digest(stored):
        raise ValueError("its checksum does not fit")
    if set(stored) != {*_KEYS, *_COLUMNS} or stored["popclass_session"] != VERSION:
        raise ValueError(f"not of version {VERSION}")
    time_s, contextual, novelty = (np.array(stored[name], np.float64) for name in ("time_s", "believed", "novelty"))
    contextual = contextual.reshape(-1, len(stored["classes"]))
    last = stored["last_cavitation_s"]
    history = History(time_s, np.array(stored["burst"], np.int64), contextual, novelty, last)
    _check(history, [getattr(history, name) for name in _COLUMNS.values()])
    began, ended = (datetime.fromisoformat(stored[name]) for name in ("began_at", "ended_at"))
    if began > ended:  # a TypeError where only one of them has a zone
        raise ValueError("it ends before it begins")
    latest = max(time_s.max(initial=-np.inf), -np.inf if last is None else last)
    if latest > (ended - began) / timedelta(seconds=1) + _CLOCK_STEP_S:
        raise ValueError("it holds a time after its end")
    return history, began, ended


def _check(history: History, columns: Sequence[NDArray[Any]]) -> None:
    """Raise ValueError where numbers cannot be those of a sitting, whoever wrote them."""
    if any(len(each) != len(history.time_s) or not np.isfinite(each).all() for each in columns):
        raise ValueError("its columns do not fit together")
    if history.time_s.ndim != 1 or history.burst.ndim != 1 or history.novelty.ndim != 1:
        raise ValueError("its columns do not fit together")
    last = () if history.last_cavitation_s is None else (history.last_cavitation_s,)
    if not all(abs(at) <= _LONGEST_S for at in (*history.time_s, *last)) or (np.diff(history.time_s) < 0).any():
        raise ValueError("its times are not those of a sitting")
    if ((history.burst < -_MOST_BURSTS) | (history.burst > _MOST_BURSTS)).any():
        raise ValueError("its numbers of bursts are not those of a sitting")
    if any((each < 0).any() or (each > 1).any() for each in (history.contextual, history.novelty)):
        raise ValueError("a probability lies outside 0-1")


def _same(shown: str, content: dict[str, Any], belongs: Belonging) -> None:
    own_of = {
        "subject": belongs.subject,
        "site": belongs.site,
        "model": belongs.model,
        "classes": list(belongs.classes),
    }
    for name, own in own_of.items():
        if content[name] != own:
            found = one_line(str(content[name]))[:80]
            raise UsageError(
                f"{shown}: is of another {_NOUNS.get(name, name)} ({found}) than this sitting ({own}): name another "
                "session file"
            )


def _digest(content: dict[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
