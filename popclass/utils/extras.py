"""Checks for the libraries of optional extras (pyproject.toml)."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from popclass.errors import MissingLibraryError

TRAIN = ("scipy", "librosa", "sklearn", "skl2onnx", "onnx", "joblib", "threadpoolctl", "pyroomacoustics", "matplotlib")


APP = ("starlette", "uvicorn", *TRAIN)


def require_train(what: str) -> None:
    """Raise MissingLibraryError if a library of the extra `train` is not installed; import none of them.

    Parameters
    ----------
    what : str
        Name of what needs the extra, for the message.

    Examples
    --------
    >>> require_train("training")
    """
    _require(what, "train", TRAIN)


def require_app(what: str) -> None:
    """Raise MissingLibraryError if a library of the extra `app` is not installed; as `require_train`."""
    _require(what, "app", APP)


def _require(what: str, extra: str, libraries: Sequence[str]) -> None:
    missing = [name for name in libraries if find_spec(name) is None]
    if missing:
        names = f"{missing[0]} and {len(missing) - 1} more" if len(missing) > 1 else missing[0]
        raise MissingLibraryError(f"{what} needs libraries that are missing ({names}): pip install 'popclass[{extra}]'")
