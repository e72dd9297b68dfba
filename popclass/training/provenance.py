"""What every model file tells about its making: by which versions, and from how many events of how many groups."""

from __future__ import annotations

import importlib.metadata
from collections import Counter
from collections.abc import Iterable, Sequence

LIBRARIES = ("numpy", "scipy", "scikit-learn", "skl2onnx", "onnx", "librosa", "soxr")


def created_by() -> str:
    """The name and version of the program."""
    return f"popclass {importlib.metadata.version('popclass')}"


def versions() -> dict[str, str]:
    """Versions of the libraries that decide about a model's numbers."""
    return {name: importlib.metadata.version(name) for name in LIBRARIES}


def counted(labels: Sequence[str], groups: Sequence[str], classes: Iterable[str]) -> dict[str, dict[str, int]]:
    """Events and groups of each class, 0 where there are none.

    Examples
    --------
    >>> counted(["other", "other", "click"], ["P1", "P1", "P2"], ["click", "other", "snapping"])["other"]
    {'events': 2, 'groups': 1}
    """
    events = Counter(labels)
    found = Counter(name for name, _ in set(zip(labels, groups, strict=True)))
    return {name: {"events": events[name], "groups": found[name]} for name in classes}
