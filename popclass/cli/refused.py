"""What the system refuses, in one line: no space, no memory, too many open files, a folder that is gone.

Such a refusal can come from any line of any library, as many kinds of exception. None of them is a bug of popclass, and
a traceback would only hide what is to be done.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

from popclass.formats.text import one_line

_MEMORY = ("bad_alloc", "failed to map segment", "cannot allocate memory", "can't start new thread")
_NO_MEMORY = (
    "memory ran out; close other programs, raise the limit of memory, or take shorter or fewer recordings at a time"
)
_ADVICE = {
    errno.EBADF: ": standard input or standard output is closed",
    errno.EMFILE: "; raise the limit of open files (ulimit -n), or work in fewer processes (--jobs)",
    errno.ENFILE: "; other programs hold them: close some",
    errno.ENOSPC: "; make room on the disk, or choose another",
    errno.EDQUOT: "; make room, or choose another disk",
}


def refused(error: BaseException) -> str | None:
    """What the system refused, or None where the exception is a bug.

    Examples
    --------
    >>> refused(MemoryError())
    'memory ran out; close other programs, raise the limit of memory, or take shorter or fewer recordings at a time'
    >>> refused(OSError(errno.ENOSPC, "No space left on device", "take.wav"))
    'take.wav: no space left on device; make room on the disk, or choose another'
    >>> refused(ZeroDivisionError())
    """
    chain = list(_chain(error))
    if any(_for_memory(each) for each in chain):
        return _NO_MEMORY
    if isinstance(error, OSError) and error.errno is not None:
        return _of_system(error)
    if isinstance(error, ImportError):
        root = [each for each in chain if isinstance(each, ImportError)][-1]
        said = str(root).strip().split("\n")[0]
        return f"a library cannot be loaded ({one_line(said)}); install popclass and what it needs again"
    return None


def _of_system(error: OSError) -> str:
    if error.errno == errno.ENOENT and _folder_is_gone():
        return "the folder this was started in is gone; change to another one"
    named = isinstance(error.filename, str | bytes)
    where = f"{one_line(os.fsdecode(error.filename))}: " if named else ""
    what = error.strerror or "an unknown failure"
    return f"{where}{what[:1].lower()}{what[1:]}{_ADVICE.get(error.errno or 0, '')}"


def _folder_is_gone() -> bool:
    try:
        os.getcwd()
    except OSError:
        return True
    return False


def _for_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    return any(sign in str(error).lower() for sign in _MEMORY)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception, and those it was raised from or in the course of."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
