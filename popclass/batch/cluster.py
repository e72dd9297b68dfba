"""Batch processing on a Dask cluster.

The workers see the recordings under the same path as this machine: a shared file system. A worker checks itself before
each chunk: it must have popclass, the same versions of everything that may change numbers, and the folder. If not, the
batch ends with a message that names the worker. The model reaches the workers as the result of a task, so Dask also
hands it to workers that join later.

The chunk of a worker that dies is processed by another one. A recording that kills every worker that gets it fails.
The functions sent to workers are nested ones: those are sent by value, so that a worker without popclass can report it.
"""

from __future__ import annotations

import logging
import os
import platform
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import astuple
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from distributed import CancelledError, Client, Future, KilledWorker, get_worker, wait

from popclass.batch.worker import CHUNKS_AHEAD, LIBRARIES, Chunk, OnDone, Outcome, Process, in_chunks, process_chunk
from popclass.errors import UsageError
from popclass.model.model import Model
from popclass.utils.files import Stamp
from popclass.utils.text import one_line
from popclass.version import __version__

ANSWER_S = 10.0  # for the scheduler to answer
CONNECTIONS = 3  # that are tried
FIRST_WORKER_S = 10.0
WORKERS_GONE_S = 60.0  # without any worker, before the batch gives up
POLL_S = 1.0
CRASHED = "every worker that read it died: the file crashes its decoder, or memory ran out"
SAME_PATH = "every worker must see the recordings under the same path, on a shared file system"
KEPT = "what was processed is kept; the same command without --fresh continues"

PlainChunk = dict[str, tuple[int, int]]


@contextmanager
def connected(address: str, folder: Path, model: Model, notice: Callable[[str], None]) -> Iterator[Process]:
    """Connect to a scheduler, and provide the function that processes recordings there.

    Parameters
    ----------
    address : str
        Of the scheduler.
    folder : Path
        Of the recordings; its absolute path must be the same everywhere.
    model : Model
    notice : callable
        Called with a line when no worker is left, and when there is one again.

    Raises
    ------
    UsageError
        If the scheduler does not answer or has other versions of Dask.
    """
    shown = one_line(address)
    with ExitStack() as stack:
        for name in ("distributed", "distributed.client", "distributed.core", "tornado"):
            logger = logging.getLogger(name)
            stack.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.CRITICAL + 1)  # lost connections are reported here, in one line
        try:
            with warnings.catch_warnings(action="ignore"):  # other versions are reported below
                client = _connect(address)
        except Exception as error:  # another program at this address may cause any exception
            why = one_line(str(error).strip().split("\n")[0]) or type(error).__name__
            raise UsageError(f"no Dask scheduler answers at {shown} ({why}); give the address it printed") from None
        stack.callback(client.close, timeout=ANSWER_S)
        _check_dask(client, shown)
        stack.enter_context(client.as_current())
        yield _Cluster(client, shown, os.path.abspath(folder), model, notice).process


def _connect(address: str) -> Client:
    """Connect to a scheduler.

    A busy scheduler may send another message together with its first answer. The client asserts that it does not, so it
    connects again.
    """
    for _ in range(CONNECTIONS - 1):
        with suppress(AssertionError):
            return Client(address, timeout=ANSWER_S, set_as_default=False)
    return Client(address, timeout=ANSWER_S, set_as_default=False)


def _check_dask(client: Client, shown: str) -> None:
    found = client.get_versions()
    for name, parts in (("python", 2), ("dask", None), ("distributed", None)):
        numbers = (str(found[side]["packages"].get(name)) for side in ("scheduler", "client"))
        other, here = (".".join(number.split(".")[:parts]) for number in numbers)
        if other != here:
            raise UsageError(f"the scheduler at {shown} has {name} {other}, here is {here}; use the same everywhere")


class _Cluster:
    """Workers of a scheduler that process recordings; parameters as `connected`."""

    def __init__(self, client: Client, shown: str, folder: str, model: Model, notice: Callable[[str], None]) -> None:
        self._client = client
        self._shown = shown
        self._folder = folder
        self._model = model
        self._notice = notice
        self._in_progress: dict[Future, Chunk] = {}
        self._threads = 1
        self._last_seen = time.monotonic()
        self._waiting = False  # for a worker

    def process(self, recordings: Mapping[str, Stamp], on_done: OnDone) -> None:
        """Process recordings in no particular order, and call `on_done` with the outcomes of each chunk.

        Raises
        ------
        UsageError
            If the cluster cannot process them, at the beginning or later.
        """
        try:
            self._client.wait_for_workers(1, timeout=FIRST_WORKER_S)
        except TimeoutError:
            raise UsageError(f"{self._shown} has no workers; start some with `dask worker {self._shown}`") from None
        try:
            self._check_workers()
            # a task can be computed again, unlike scattered data, if the worker that has the model dies
            data = self._client.submit(bytes, self._model.to_bytes(), pure=False)
            suspects = self._run(deque(in_chunks(recordings, self._threads)), data, on_done)
            for name, stamp in suspects.items():  # one at a time, to find those that kill workers
                if self._run(deque([{name: stamp}]), data, on_done):
                    on_done([Outcome(name, reason=CRASHED)])
        except (CancelledError, OSError) as error:
            raise UsageError(f"the scheduler at {self._shown} is gone ({type(error).__name__}); {KEPT}") from None
        finally:
            self._client.cancel(list(self._in_progress))

    def _run(self, left: deque[Chunk], data: Future, on_done: OnDone) -> Chunk:
        """Process chunks; return the recordings of those at which worker after worker died."""
        suspects: Chunk = {}
        work = task(self._model.name, self._folder)
        while left or self._in_progress:
            while left and len(self._in_progress) < self._threads * CHUNKS_AHEAD:
                chunk = left.popleft()
                # plain numbers, which a worker without popclass can read
                plain = {name: astuple(stamp) for name, stamp in chunk.items()}
                self._in_progress[self._client.submit(work, data, plain, pure=False)] = chunk
            for future in self._finished():
                chunk = self._in_progress.pop(future)
                try:
                    on_done(future.result(timeout=ANSWER_S))
                except TimeoutError:  # the worker that had the result is gone: another one processes the chunk
                    self._in_progress[future] = chunk
                except KilledWorker:
                    suspects |= chunk
                except ImportError as error:
                    raise UsageError(one_line(str(error))) from None
        return suspects

    def _finished(self) -> list[Future]:
        """Return chunks that are done after at most a second."""
        try:
            done = list(wait(list(self._in_progress), timeout=POLL_S, return_when="FIRST_COMPLETED").done)
        except TimeoutError:
            self._check_workers()
            return []
        self._last_seen = time.monotonic()
        return done

    def _check_workers(self) -> None:
        """Report that no worker is left, or that there is one again; raise UsageError after a minute without any."""
        threads = sum(self._client.nthreads().values())
        if threads:
            self._threads = threads
            self._last_seen = time.monotonic()
        if self._waiting == bool(threads):
            self._waiting = not threads
            gone = f"no worker is left at {self._shown}; waiting {WORKERS_GONE_S:.0f} s for one"
            self._notice(f"there are workers again at {self._shown}" if threads else gone)
        if time.monotonic() - self._last_seen > WORKERS_GONE_S:
            raise UsageError(f"the scheduler at {self._shown} has had no worker for {WORKERS_GONE_S:.0f} s; {KEPT}")


def task(name: str, folder: str) -> Callable[[bytes, PlainChunk], list[Outcome]]:
    """Return the function that a worker runs on the bytes of a model and a chunk.

    It raises ImportError or UsageError with the address of the worker if the worker cannot be used.
    """
    expected = versions()

    def work(data: bytes, chunk: PlainChunk) -> list[Outcome]:
        worker = f"the worker {get_worker().address} on {platform.node()}"
        try:
            from popclass.batch.cluster import check_worker, process_on_worker

            check_worker(worker, expected, folder)
        except ImportError as error:
            raise ImportError(f"{worker} cannot import popclass ({error}); install what is installed here") from None
        return process_on_worker(data, name, folder, chunk)

    return work


def versions() -> dict[str, str]:
    """Return the versions of everything that may change numbers in the tables; raise ImportError if one is missing."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {"popclass": __version__, "python": python, **{name: version(name) for name in LIBRARIES}}


def check_worker(worker: str, expected: Mapping[str, str], folder: str) -> None:
    """Raise UsageError if this process has other versions than expected, or does not see the folder.

    Parameters
    ----------
    worker : str
        Its address and host, for the message.
    expected : mapping of str to str
        `versions` where the batch was started.
    folder : str
        Of the recordings.
    """
    for name, number in versions().items():
        if expected[name] != number:
            raise UsageError(f"{worker} has {name} {number}, here is {expected[name]}; use one version everywhere")
    if not os.path.isdir(folder):
        raise UsageError(f"{worker} cannot see {one_line(folder)}; {SAME_PATH}")


def process_on_worker(data: bytes, name: str, folder: str, chunk: PlainChunk) -> list[Outcome]:
    """Process a chunk on a worker; recordings that it does not see as the machine of the batch does fail."""
    sizes = {recording: Stamp.of(Path(folder) / recording).size for recording in chunk}
    seen = {recording: Stamp(size, at) for recording, (size, at) in chunk.items() if sizes[recording] == size}
    outcomes = process_chunk(Path(folder), seen, _load(data, name))
    for recording in chunk.keys() - seen.keys():
        size, expected = sizes[recording], chunk[recording][0]
        what = "cannot see this file" if size < 0 else f"sees another file there, of {size} bytes instead of {expected}"
        outcomes.append(Outcome(recording, reason=f"the worker on {platform.node()} {what}; {SAME_PATH}"))
    return outcomes


@lru_cache(maxsize=4)
def _load(data: bytes, name: str) -> Model:
    return Model.from_bytes(data, name=name)
