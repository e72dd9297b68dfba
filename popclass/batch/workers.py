"""Whether a worker of a cluster will do: popclass, the versions that decide about numbers, and sight of the folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

from popclass import __version__
from popclass.errors import UsageError
from popclass.formats.text import one_line

LIBRARIES = ("numpy", "soundfile", "soxr", "onnxruntime", "av")


def look_of(folder: str) -> Callable[[], dict[str, Any]]:
    """A function that tells what a worker has; it needs nothing of popclass itself."""
    libraries = LIBRARIES

    def look() -> dict[str, Any]:
        import os
        import platform
        from importlib.metadata import PackageNotFoundError, version

        found: dict[str, Any] = {"host": platform.node(), "sees": os.path.isdir(folder), "popclass": None}
        found["python"] = ".".join(platform.python_version_tuple()[:2])
        try:
            import popclass
        except ImportError:
            return found
        found["popclass"] = popclass.__version__
        for name in libraries:
            try:
                found[name] = version(name)
            except PackageNotFoundError:
                found[name] = None
        return found

    return look


def check_worker(address: str, seen: Mapping[str, Any], folder: str) -> None:
    """Refuse a worker that would not do.

    Parameters
    ----------
    address : str
    seen : mapping
        What the function of `look_of` found there.
    folder : str
        That of the recordings.

    Raises
    ------
    UsageError
        If it lacks popclass, has other versions than this machine, or does not see the folder.
    """
    worker = f"the worker {address} on {seen['host']}"
    if seen["popclass"] is None:
        raise UsageError(f"{worker} cannot import popclass; install it there, in the same versions as here")
    import platform

    here = {"popclass": __version__, "python": ".".join(platform.python_version_tuple()[:2])}
    for name, number in {**here, **{name: version(name) for name in LIBRARIES}}.items():
        if seen[name] != number:
            raise UsageError(
                f"{worker} has {name} {seen[name] or 'not'}, here is {number}; the tables would depend on who heard "
                "what: install the same versions everywhere"
            )
    if not seen["sees"]:
        raise UsageError(
            f"{worker} cannot see {one_line(folder)}; every worker must see the recordings under the same path, on a "
            "shared file system"
        )
