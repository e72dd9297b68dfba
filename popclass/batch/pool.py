"""Hearing many recordings on this machine, in this process or in several.

A recording that kills its process (a decoder that crashes, memory that runs out) costs itself only: the chunks that
were under way are then taken one recording at a time. A process that is killed from outside costs nothing but that.
This is why the processes are those of `concurrent.futures`: one can tell which chunks were under way when one died.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

from popclass.batch.journal import Stamp
from popclass.batch.worker import Chunk, Each, Outcome, hear_chunk, in_chunks
from popclass.errors import UsageError
from popclass.model.model import Model
from popclass.utils.signals import defer_signals
from popclass.utils.workers import context, one_blas_thread, start_server

CHUNKS_AHEAD = 2  # handed out for each process, so that none waits
CRASHED = "the process that read it died: the file crashes its decoder, or memory ran out"


def hear_all(folder: Path, recordings: Mapping[str, Stamp], model: Model, *, jobs: int, each: Each) -> None:
    """Hear recordings and hand the outcomes on as they come, in no particular order.

    Parameters
    ----------
    folder : Path
    recordings : mapping of str to Stamp
        Relative to the folder, with what their files are.
    model : Model
    jobs : int
        Processes; 1 is this one, which a recording that crashes its decoder takes along.
    each : callable
        Takes the outcomes of a chunk.
    """
    chunks = list(in_chunks(recordings, jobs))
    if jobs > 1 and chunks:
        _Pool(folder, model, min(jobs, len(chunks)), each).run(chunks)
        return
    for chunk in chunks:
        each(hear_chunk(folder, chunk, model))


class _Pool:
    """Processes that hear chunks, started anew where one of them dies."""

    def __init__(self, folder: Path, model: Model, jobs: int, each: Each) -> None:
        self._setup = (os.fspath(folder), model.to_bytes(), model.name)
        self._jobs = jobs
        self._each = each

    def run(self, chunks: Sequence[Chunk]) -> None:
        left = list(chunks)
        while left:
            suspects = self._until_broken(left)
            self._one_by_one([{name: stamp} for chunk in suspects for name, stamp in chunk.items()])

    def _until_broken(self, left: list[Chunk]) -> list[Chunk]:
        """Work through chunks, which are taken off the list; those under way when a process died are returned."""
        under_way: dict[Future[list[Outcome]], Chunk] = {}
        try:
            with _processes(self._jobs, self._setup) as pool:
                while left or under_way:
                    while left and len(under_way) < self._jobs * CHUNKS_AHEAD:
                        under_way[pool.submit(_work, left[0])] = left[0]
                        left.pop(0)
                    done, _ = wait(under_way, return_when=FIRST_COMPLETED)
                    for future in done:
                        self._each(future.result())
                        del under_way[future]
        except BrokenProcessPool:
            return list(under_way.values())
        return []

    def _one_by_one(self, left: list[Chunk]) -> None:
        """Find out which recordings kill their process."""
        while left:
            try:
                with _processes(1, self._setup) as pool:
                    while left:
                        self._each(pool.submit(_work, left[0]).result())
                        left.pop(0)
            except BrokenProcessPool:
                self._each([Outcome(name, reason=CRASHED) for name in left.pop(0)])


@contextmanager
def _processes(jobs: int, setup: tuple[str, bytes, str]) -> Iterator[ProcessPoolExecutor]:
    """A pool that has been seen to start, and that is stopped at once when something goes wrong."""
    others = set(multiprocessing.active_children())
    start_server(__name__)  # so that Ctrl-C, which a terminal sends to all of them, is the parent's business alone
    with one_blas_thread():
        pool = ProcessPoolExecutor(jobs, mp_context=context(__name__), initializer=_begin, initargs=setup)
        try:
            with defer_signals():  # a process that is half started could not be ended
                _await_start(pool, jobs)
            yield pool
        except BaseException:
            # Also where the pool broke: it would wait for ever for a process that it was just starting.
            for child in set(multiprocessing.active_children()) - others:
                child.terminate()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _await_start(pool: ProcessPoolExecutor, jobs: int) -> None:
    try:
        # a process is started for each thing that waits for one, so that all of them start at once
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
    """Load the model once a process; interruptions are the parent's business."""
    global _folder, _model
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _folder, _model = Path(folder), Model.from_bytes(model, name=name)


def _end_with_parent() -> None:
    """A parent that was killed could not say so; without this its workers would wait for it for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(chunk: Chunk) -> list[Outcome]:
    return hear_chunk(_folder, chunk, _model)
