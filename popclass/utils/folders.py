"""Output folders that are new or empty, and get all of their files or none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from popclass.errors import OutputError
from popclass.utils.signals import defer_signals
from popclass.utils.text import visible

PathLike = str | os.PathLike[str]


def check_new_folder(folder: PathLike, what: str) -> None:
    """Raise OutputError if a folder is in use or cannot be made; called before the work starts.

    Parameters
    ----------
    folder : path
    what : str
        What is written there, with its verb, for messages: `an evaluation is`.
    """
    path, shown = Path(folder), visible(os.fspath(folder))
    if path.exists() and not path.is_dir():
        raise OutputError(f"{shown} is a file; {what} written into a new or empty folder")
    try:
        if path.is_dir() and any(path.iterdir()):
            raise OutputError(f"{shown} is not empty; {what} written into a new or empty folder only")
    except OSError as error:
        raise OutputError(f"{shown} cannot be read: {error.strerror}") from error
    if not path.exists() and not path.absolute().parent.is_dir():
        raise OutputError(f"cannot make {shown}: there is no folder {visible(str(path.parent))}; create it first")


@contextmanager
def filling(folder: PathLike, what: str) -> Iterator[Path]:
    """Yield a hidden folder inside a new or empty one; its content is moved out at the end, or removed.

    Parameters
    ----------
    folder : path
        It is made, and removed again if something goes wrong.
    what : str
        As for `check_new_folder`.

    Raises
    ------
    OutputError
        If the folder is in use or cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as parent:
    ...     with filling(Path(parent) / "new", "a result is") as part:
    ...         _ = (part / "a.txt").write_text("whole")
    ...     [path.name for path in (Path(parent) / "new").iterdir()]
    ['a.txt']
    """
    check_new_folder(folder, what)
    path, shown = Path(folder), visible(os.fspath(folder))
    # the folder for parts has one name, so that two commands cannot fill one folder
    part, made, own = path / ".popclass-folder.part", not path.exists(), False
    try:
        path.mkdir(exist_ok=True)
        part.mkdir()
        own = True
        yield part
        with defer_signals():
            for each in sorted(part.iterdir()):
                os.replace(each, path / each.name)
    except FileExistsError:
        raise OutputError(f"{shown} is being written by another command") from None
    except OSError as error:
        raise OutputError(f"cannot write {shown}: {error.strerror or error}") from error
    finally:
        if own:
            shutil.rmtree(part, ignore_errors=True)
        if made:
            with suppress(OSError):
                path.rmdir()  # goes only where it is empty, since something went wrong
