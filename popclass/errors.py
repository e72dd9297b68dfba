"""Exceptions of popclass.

Every message is one line: the problem, its place, the allowed values and what to do. The command line prints it on
stderr and ends with exit code 2. In a batch it becomes the `reason` of a `failed` row.
"""


class PopclassError(Exception):
    """Base class of all exceptions of popclass."""


class UsageError(PopclassError, ValueError):
    """An option or argument is outside what is allowed."""


class AudioError(PopclassError):
    """A recording cannot be read, or contains no usable audio."""


class LabelError(PopclassError):
    """Labelled samples, a label file or a manifest cannot be used."""


class ModelError(PopclassError):
    """A model file is damaged, too new, or not a popclass model."""


class MissingLibraryError(PopclassError, ImportError):
    """An optional library is not installed; the message says how to install it."""


class OutputError(PopclassError):
    """A result cannot be written to its target."""


def require(met: object, problem: str, error: type[Exception] = ValueError) -> None:
    """Raise an error that names the problem unless a condition is met."""
    if not met:
        raise error(problem)
