"""Text laid out by rich for the terminal at hand, to be written by `popclass.utils.files` as all other text is.

rich would write to standard output itself, and ends the process where that is closed. So it is handed a stream that
looks like standard output and takes nothing.
"""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


class _Like(io.StringIO):
    """A stream that says of itself what standard output says, and keeps to itself what is written."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return sys.stdout.isatty()


class Laid:
    """A console of rich, and what was printed on it.

    Attributes
    ----------
    console : rich.console.Console
    """

    def __init__(self, console: Console, stream: io.StringIO) -> None:
        self.console = console
        self._stream = stream

    def lines(self) -> Iterator[str]:
        """The lines that were printed, without spaces at their ends."""
        return (f"{line.rstrip()}\n" for line in self._stream.getvalue().splitlines())


@contextmanager
def laid_out(width: int | None = None, **options: Any) -> Iterator[Laid]:
    """A console as wide as the terminal, or as COLUMNS says, or 80 columns where neither is known.

    Parameters
    ----------
    width : int, optional
        In columns, in place of all these.
    **options
        Those of `rich.console.Console`.

    Examples
    --------
    >>> with laid_out(width=20) as laid:
    ...     laid.console.print("two words", markup=False)
    >>> list(laid.lines())
    ['two words\\n']
    """
    from rich.console import Console

    stream = _Like()
    size = shutil.get_terminal_size()  # unlike rich, takes a COLUMNS that is no number for none
    columns = size.columns if width is None else width
    yield Laid(Console(file=stream, width=columns, height=size.lines, highlight=False, **options), stream)
