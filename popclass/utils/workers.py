"""Start of worker processes: forked from a server with preloaded modules, one BLAS thread each.

The server takes a quarter of a second to start. `start_server` starts it in the background, while the command line
reads the model and the folder. Therefore this module imports nothing that takes time.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from popclass.utils.signals import block_sigint

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext

LIBRARIES = ("onnxruntime", "soxr")  # imported late in a worker, and slowly


def available_cores() -> int:
    """Return the number of cores that this process may use.

    The limits of a container count only if the system reports them as an affinity.
    """
    allowed = getattr(os, "sched_getaffinity", None)
    return max(1, len(allowed(0)) if allowed else os.cpu_count() or 1)


def context(preload: str) -> BaseContext:
    """Return the way to start processes without inherited threads and locks: a fork server, or `spawn` without one.

    Parameters
    ----------
    preload : str
        Module that the server imports, so that the workers need not.
    """
    if not _can_serve():
        return multiprocessing.get_context("spawn")
    served = multiprocessing.get_context("forkserver")
    served.set_forkserver_preload(["popclass.utils.forkserver", preload, *LIBRARIES])
    return served


def start_server(preload: str) -> None:
    """Start the server of `context` in the background, unless it runs already or the system has none.

    Parameters
    ----------
    preload : str
        As `context`; ignored if the server runs already.
    """
    if not _can_serve():
        return
    from multiprocessing import resource_tracker
    from multiprocessing.forkserver import ensure_running

    context(preload)
    resource_tracker.ensure_running()  # started later, it would unblock the signals
    with one_blas_thread(), block_sigint():
        ensure_running()


def _can_serve() -> bool:
    return "forkserver" in multiprocessing.get_all_start_methods()


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
