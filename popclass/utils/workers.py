"""How further processes are started: from a server that has imported all, each with one thread for its arithmetic.

The server takes a quarter of a second to start. `start_server` lets it do so while the command line is still reading
its model and its folder; this module therefore imports nothing that takes time.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from popclass.utils.signals import not_interrupted

if TYPE_CHECKING:
    from multiprocessing.context import BaseContext

PRELOADED = ("popclass.utils.forkserver", "popclass.batch.pool", "onnxruntime", "soxr")


def one_a_core() -> int:
    """How many processes have a core of their own: the cores this process may use.

    Limits of a container are seen where the system tells them as an affinity; `--jobs` says it otherwise.
    """
    allowed = getattr(os, "sched_getaffinity", None)
    return max(1, len(allowed(0)) if allowed else os.cpu_count() or 1)


def context() -> BaseContext:
    """Processes that inherit no threads and locks; where the system can, forked from one that has imported all."""
    if not _can_serve():
        return multiprocessing.get_context("spawn")
    served = multiprocessing.get_context("forkserver")
    served.set_forkserver_preload(list(PRELOADED))
    return served


def start_server() -> None:
    """Let the server of `context` start while this process goes on; does nothing where there is one, or can be none."""
    if not _can_serve():
        return
    from multiprocessing import resource_tracker
    from multiprocessing.forkserver import ensure_running

    context()
    resource_tracker.ensure_running()  # it would let signals through again
    with one_blas_thread(), not_interrupted():
        ensure_running()


def _can_serve() -> bool:
    return "forkserver" in multiprocessing.get_all_start_methods()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Processes started meanwhile do not fight over the cores with threads of their own."""
    names = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
