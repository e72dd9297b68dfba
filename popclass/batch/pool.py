"""Hearing many recordings, in this process or in several.

Recordings are handed out in chunks, small enough that an interruption costs little and large enough that handing out
costs nothing. What comes back for each is a line of the journal or the reason why it failed. A recording that kills its
process (a decoder that crashes, memory that runs out) costs itself only: the chunks that were under way are then taken
one recording at a time.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from popclass.batch.journal import Stamp, to_line
from popclass.errors import AudioError, UsageError
from popclass.formats.text import one_line, visible
from popclass.model import Model
from popclass.pipeline import analyse

CHUNK_FILES = 50
CHUNK_BYTES = 32 << 20
CHUNKS_AHEAD = 2  # handed out for each process, so that none waits
CRASHED = "the process that read it died: the file crashes its decoder, or memory ran out"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one recording: a line of the journal, or the reason why there is none."""

    recording: str
    line: str | None = None
    reason: str | None = None


Each = Callable[[list[Outcome]], None]


def hear_all(folder: Path, recordings: Sequence[str], model: Model, *, jobs: int, each: Each) -> None:
    """Hear recordings and hand the outcomes on as they come, in no particular order.

    Parameters
    ----------
    folder : Path
    recordings : sequence of str
        Relative to it.
    model : Model
    jobs : int
        Processes; 1 is this one.
    each : callable
        Takes the outcomes of a chunk.
    """
    chunks = list(_chunks(folder, recordings, jobs))
    if jobs == 1 or len(chunks) < 2:
        for chunk in chunks:
            each(hear_chunk(folder, chunk, model))
        return
    _Pool(folder, model, min(jobs, len(chunks)), each).run(chunks)


def hear_chunk(folder: Path, recordings: Sequence[str], model: Model) -> list[Outcome]:
    """Hear a few recordings one after the other."""
    return [_hear(folder, recording, model) for recording in recordings]


def _hear(folder: Path, recording: str, model: Model) -> Outcome:
    path = folder / recording
    stamp = Stamp.of(path)
    try:
        return Outcome(recording, line=to_line(recording, analyse(path, model, name=recording), stamp))
    except AudioError as error:
        return Outcome(recording, reason=str(error).removeprefix(f"{visible(recording)}: "))
    except Exception as error:  # one recording never costs the others
        kind = type(error).__name__
        return Outcome(recording, reason=f"a bug in popclass, please report it: {kind}: {one_line(str(error))}")


def _chunks(folder: Path, recordings: Sequence[str], jobs: int) -> Iterator[list[str]]:
    most = max(1, min(CHUNK_FILES, len(recordings) // (4 * jobs)))
    chunk: list[str] = []
    held = 0
    for recording in recordings:
        size = Stamp.of(folder / recording).size
        if chunk and (len(chunk) >= most or held + size > CHUNK_BYTES):
            yield chunk
            chunk, held = [], 0
        chunk.append(recording)
        held += size
    if chunk:
        yield chunk


class _Pool:
    """Processes that hear chunks, started anew where one of them dies."""

    def __init__(self, folder: Path, model: Model, jobs: int, each: Each) -> None:
        self._setup = (os.fspath(folder), model.to_bytes(), model.name)
        self._jobs = jobs
        self._each = each

    def run(self, chunks: Sequence[list[str]]) -> None:
        left = list(chunks)
        while left:
            suspects = self._until_broken(left)
            self._one_by_one([recording for chunk in suspects for recording in chunk])

    def _until_broken(self, left: list[list[str]]) -> list[list[str]]:
        """Work through chunks, which are taken off the list; those under way when a process died are returned."""
        under_way: dict[Future[list[Outcome]], list[str]] = {}
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

    def _one_by_one(self, left: list[str]) -> None:
        """Find out which recordings kill their process."""
        while left:
            try:
                with _processes(1, self._setup) as pool:
                    while left:
                        self._each(pool.submit(_work, [left[0]]).result())
                        left.pop(0)
            except BrokenProcessPool:
                self._each([Outcome(left.pop(0), reason=CRASHED)])


@contextmanager
def _processes(jobs: int, setup: tuple[str, bytes, str]) -> Iterator[ProcessPoolExecutor]:
    """A pool that has been seen to start, and that is stopped at once when something goes wrong."""
    others = set(multiprocessing.active_children())
    with _one_blas_thread():
        pool = ProcessPoolExecutor(jobs, mp_context=_context(), initializer=_begin, initargs=setup)
        try:
            _await_start(pool)
            yield pool
        except BaseException:
            # Also where the pool broke: it would wait for ever for a process that it was just starting.
            for child in set(multiprocessing.active_children()) - others:
                child.terminate()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _await_start(pool: ProcessPoolExecutor) -> None:
    try:
        pool.submit(os.getpid).result()
    except (BrokenProcessPool, BrokenPipeError):
        raise UsageError(
            "no worker process can be started; a script that asks for several jobs must do its work below "
            "`if __name__ == '__main__':`"
        ) from None


def _context() -> multiprocessing.context.BaseContext:
    """Processes that inherit no threads and locks; where the system can, forked from one that has imported all."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["popclass.batch.pool", "onnxruntime", "soxr"])
    return context


@contextmanager
def _one_blas_thread() -> Iterator[None]:
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


def _work(recordings: list[str]) -> list[Outcome]:
    return hear_chunk(_folder, recordings, _model)
