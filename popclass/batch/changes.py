"""What a batch has to say before it begins: recordings that its manifest does not name, and a manifest that changed.

Labels follow the manifest: it decides which recordings share a timeline. So one that changes, or is left out the second
time, changes the tables of recordings that were not touched. That is allowed, and said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from popclass.conclusion import Circumstances
from popclass.formats.text import one_line

FIELDS = ("subject", "site", "cavities", "recorded_at")

Known = dict[str, list[Any]]


def as_known(around: Mapping[str, Circumstances]) -> Known:
    """What a manifest says, as the journal keeps it: for each recording the values of `FIELDS`."""
    return {
        name: [it.subject, it.site, it.cavities, None if it.recorded_at is None else it.recorded_at.isoformat()]
        for name, it in around.items()
    }


def notices(recordings: Sequence[str], manifest: str | None, now: Known, before: Known | None) -> Iterator[str]:
    """What is to be said, a line each.

    Parameters
    ----------
    recordings : sequence of str
        Those of the batch.
    manifest : str or None
        What the manifest of this run is called.
    now, before : dict
        What it says, and what that of the run before said; `before` is None where there was no run before.

    Examples
    --------
    >>> list(notices(["1.wav", "2.wav"], "m.csv", {"1.wav": ["P1", None, None, None]}, None))
    ['1 of 2 recordings is not in m.csv and stands alone: 2.wav']
    >>> list(notices(["1.wav"], None, {}, {"1.wav": ["P1", "hip", None, None]}))
    ['no manifest, but an earlier run had one; labels follow; changed: subject of 1 recording, site of 1']
    """
    unnamed = [name for name in recordings if name not in now]
    if manifest is not None and unnamed:
        yield _unnamed(unnamed, len(recordings), manifest)
    changed = {} if before is None else _changed(recordings, now, before)
    if changed:
        counts = iter(changed.items())
        field, count = next(counts)
        said = [f"{field} of {count} recording{'' if count == 1 else 's'}", *(f"{name} of {n}" for name, n in counts)]
        yield f"{_manifests(manifest, before)}; labels follow; changed: {', '.join(said)}"


def _manifests(now: str | None, before: Known | None) -> str:
    if now is None:
        return "no manifest, but an earlier run had one"
    return (
        f"{now} says other things than in an earlier run" if before else f"{now} is new, an earlier run had no manifest"
    )


def _unnamed(names: Sequence[str], total: int, manifest: str) -> str:
    verb = "is not in {} and stands alone" if len(names) == 1 else "are not in {} and stand alone"
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{len(names)} of {total} recordings {verb.format(manifest)}: {one_line(names[0])}{more}"


def _changed(recordings: Sequence[str], now: Known, before: Known) -> dict[str, int]:
    """Of how many recordings each field changed, where of any."""
    nothing = [None] * len(FIELDS)
    counts = dict.fromkeys(FIELDS, 0)
    for name in recordings:
        pairs = zip(FIELDS, now.get(name, nothing), before.get(name, nothing), strict=True)
        for field in [field for field, new, old in pairs if new != old]:
            counts[field] += 1
    return {field: count for field, count in counts.items() if count}
