"""Start of worker processes: forked from a server with preloaded modules, one BLAS thread each.

The server takes a quarter of a second to start. `start_server` starts it in the background, while the command line
reads the model and the folder. Therefore this module imports nothing that takes time.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext

MOST_JOBS = 256
LIBRARIES = ("onnxruntime", "soxr")  # imported late in a worker, and slowly


def available_cores() -> int:
    """Return the number of cores that this process may use.

    The limits of a container count only if the system reports them as an affinity.
    """
    allowed = getattr(os, "sched_getaffinity", None)
    return max(1, len(allowed(0)) if allowed else os.cpu_count() or 1)


def keep_freed_memory() -> None:
    """Let this process keep the memory that it frees, up to some megabytes, instead of fetching it anew each time.

    glibc keeps twice the size of the largest block that was ever freed; the arrays of a block of samples are smaller.
    Other systems are not affected.
    """
    bytes(4 << 20)  # never touched, so it takes no time


def start_server(preload: str) -> BaseContext:
    """Start a fork server in the background, unless it runs already, and return the way to start processes from it.

    Processes inherit no threads and locks. Where the system has no fork server, they are spawned.

    Parameters
    ----------
    preload : str
        Module that the server imports, so that the workers need not; ignored if the server runs already.
    """
    import multiprocessing

    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    from multiprocessing import resource_tracker
    from multiprocessing.forkserver import ensure_running

    served = multiprocessing.get_context("forkserver")
    served.set_forkserver_preload(["popclass.utils.forkserver", preload, *LIBRARIES])
    resource_tracker.ensure_running()  # started later, it would unblock the signals
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # so that the server never receives it
    try:
        with one_blas_thread():
            ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return served


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit BLAS to one thread in processes that are started in the block."""
    names = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
    before = {name: os.environ[name] for name in names if name in os.environ}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name in names:
            os.environ.pop(name, None)
        os.environ.update(before)
