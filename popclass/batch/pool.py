"""Batch processing on this machine, in this process or in several.

A recording that kills its process (a decoder that crashes, memory that runs out) makes only itself fail: the chunks
that were in progress are then processed one recording at a time. The processes are those of `concurrent.futures`,
since it can tell which chunks were in progress.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

from popclass.batch.worker import Chunk, OnDone, Outcome, in_chunks, process_chunk
from popclass.errors import UsageError
from popclass.model.model import Model
from popclass.utils.files import Stamp
from popclass.utils.signals import defer_signals
from popclass.utils.workers import context, one_blas_thread, start_server

CHUNKS_AHEAD = 2  # handed out for each process, so that none waits
CRASHED = "the process that read it died: the file crashes its decoder, or memory ran out"


def process_here(folder: Path, recordings: Mapping[str, Stamp], model: Model, *, jobs: int, on_done: OnDone) -> None:
    """Process recordings on this machine, in no particular order.

    Parameters
    ----------
    folder : Path
    recordings : mapping of str to Stamp
        Relative to the folder.
    model : Model
    jobs : int
        Number of processes; 1 is this process, which ends if a recording crashes its decoder.
    on_done : callable
        Called with the outcomes of each chunk.
    """
    chunks = list(in_chunks(recordings, jobs))
    if jobs == 1 or not chunks:
        for chunk in chunks:
            on_done(process_chunk(folder, chunk, model))
        return
    pool = _Pool(folder, model, min(jobs, len(chunks)), on_done)
    while chunks:
        suspects = pool.run(chunks)
        pool.run_one_by_one([{name: stamp} for chunk in suspects for name, stamp in chunk.items()])


class _Pool:
    """Processes that work on chunks, started again if one of them dies."""

    def __init__(self, folder: Path, model: Model, jobs: int, on_done: OnDone) -> None:
        self._setup = (os.fspath(folder), model.to_bytes(), model.name)
        self._jobs = jobs
        self._on_done = on_done

    def run(self, left: list[Chunk]) -> list[Chunk]:
        """Process chunks, which are taken off the list; return those in progress when a process died."""
        in_progress: dict[Future[list[Outcome]], Chunk] = {}
        try:
            with _processes(self._jobs, self._setup) as pool:
                while left or in_progress:
                    while left and len(in_progress) < self._jobs * CHUNKS_AHEAD:
                        in_progress[pool.submit(_work, left[0])] = left[0]
                        left.pop(0)
                    done, _ = wait(in_progress, return_when=FIRST_COMPLETED)
                    for future in done:
                        self._on_done(future.result())
                        del in_progress[future]
        except BrokenProcessPool:
            return list(in_progress.values())
        return []

    def run_one_by_one(self, left: list[Chunk]) -> None:
        """Process chunks of one recording; those that kill their process fail."""
        while left:
            try:
                with _processes(1, self._setup) as pool:
                    while left:
                        self._on_done(pool.submit(_work, left[0]).result())
                        left.pop(0)
            except BrokenProcessPool:
                self._on_done([Outcome(name, reason=CRASHED) for name in left.pop(0)])


@contextmanager
def _processes(jobs: int, setup: tuple[str, bytes, str]) -> Iterator[ProcessPoolExecutor]:
    """Start a pool, and stop it at once if something goes wrong."""
    others = set(multiprocessing.active_children())
    start_server(__name__)  # so that Ctrl-C, which a terminal sends to all processes, reaches the parent only
    with one_blas_thread():
        pool = ProcessPoolExecutor(jobs, mp_context=context(__name__), initializer=_begin, initargs=setup)
        try:
            with defer_signals():  # a process that is half started could not be ended
                _await_start(pool, jobs)
            yield pool
        except BaseException:
            # Also if the pool broke: it would wait for ever for a process that it was just starting.
            for child in set(multiprocessing.active_children()) - others:
                child.terminate()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _await_start(pool: ProcessPoolExecutor, jobs: int) -> None:
    try:
        # the pool starts one process for each submitted call
        starting = [pool.submit(os.getpid) for _ in range(jobs)]
        starting[0].result()
    except (BrokenProcessPool, BrokenPipeError):
        raise UsageError(
            "no worker process can be started; a script that asks for several jobs must do its work below "
            "`if __name__ == '__main__':`"
        ) from None


_folder: Path
_model: Model


def _begin(folder: str, model: bytes, name: str) -> None:
    """Load the model once a process; signals are left to the parent."""
    global _folder, _model
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _folder, _model = Path(folder), Model.from_bytes(model, name=name)


def _end_with_parent() -> None:
    """End this process with its parent; a parent that is killed cannot end its workers."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(chunk: Chunk) -> list[Outcome]:
    return process_chunk(_folder, chunk, _model)
