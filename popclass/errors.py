"""What can go wrong, and what the command line makes of it.

Every message is one line that says what is wrong, where, what is allowed and what to do. The command line prints it
on stderr and ends with exit code 2; in a batch it becomes the `reason` of a `failed` row.
"""


class PopclassError(Exception):
    """Base of everything popclass raises on purpose."""


class UsageError(PopclassError, ValueError):
    """An option or argument is outside what is allowed."""


class AudioError(PopclassError):
    """A recording cannot be read, or holds nothing that could be classified."""


class LabelError(PopclassError):
    """Labelled samples, a label file or a manifest cannot be used."""


class ModelError(PopclassError):
    """A model file is damaged, too new, or no popclass model at all."""


class OutputError(PopclassError):
    """A result cannot be written where it was asked for."""
