"""Check for the libraries of an optional extra (pyproject.toml)."""

from __future__ import annotations

from importlib.util import find_spec

from popclass.errors import MissingLibraryError

TRAIN = ("scipy", "librosa", "sklearn", "skl2onnx", "onnx", "joblib", "threadpoolctl", "pyroomacoustics", "matplotlib")


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
    missing = [name for name in TRAIN if find_spec(name) is None]
    if missing:
        names = f"{missing[0]} and {len(missing) - 1} more" if len(missing) > 1 else missing[0]
        raise MissingLibraryError(f"{what} needs libraries that are missing ({names}): pip install 'popclass[train]'")
