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
import socket
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popclass.batch.worker import LIBRARIES, Chunk, OnDone, Outcome, in_chunks, process_chunk
from popclass.errors import UsageError
from popclass.model.model import Model
from popclass.utils.files import Stamp
from popclass.utils.text import one_line
from popclass.version import __version__

if TYPE_CHECKING:
    from distributed import Client, Future

ANSWER_S = 10.0  # for the scheduler to answer
FIRST_WORKER_S = 10.0
WORKERS_GONE_S = 60.0  # without any worker, before the batch gives up
POLL_S = 1.0
MODELS_KEPT = 4
CHUNKS_AHEAD = 2  # handed out for each thread of the workers, so that none waits
CRASHED = "every worker that read it died: the file crashes its decoder, or memory ran out"
KEPT = "what was processed is kept; the same command without --fresh continues"

PlainChunk = dict[str, tuple[int, int]]

_models: dict[str, Model] = {}


@contextmanager
def connected(address: str) -> Iterator[Client]:
    """Connect to a scheduler; raise UsageError if it does not answer or has other versions of Dask."""
    try:
        from distributed import Client
    except ImportError:
        raise UsageError(
            "--scheduler needs Dask, which is not installed: pip install 'popclass[cluster]' here and on every worker"
        ) from None
    shown = one_line(address)
    with _quiet_logs():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # other versions are reported below
                client = Client(address, timeout=ANSWER_S, set_as_default=False)
        except Exception as error:  # another program at this address may cause any exception
            why = one_line(str(error).strip().split("\n")[0]) or type(error).__name__
            raise UsageError(
                f"no Dask scheduler answers at {shown} ({why}); give the address that `dask scheduler` shows, such as "
                "tcp://host:8786"
            ) from None
        try:
            _check_dask(client, shown)
            with client.as_current():
                yield client
        finally:
            client.close(timeout=ANSWER_S)


def _check_dask(client: Client, shown: str) -> None:
    found = client.get_versions()
    for name in ("python", "dask", "distributed"):
        numbers = [str(found[side]["packages"].get(name)) for side in ("scheduler", "client")]
        other, here = (".".join(each.split(".")[:2]) if name == "python" else each for each in numbers)
        if other != here:
            raise UsageError(
                f"the scheduler at {shown} has {name} {other}, here is {here}; a cluster needs the same version "
                "everywhere"
            )


@contextmanager
def _quiet_logs() -> Iterator[None]:
    """Silence Dask's logs of lost connections, which are reported here in one line."""
    loggers = [logging.getLogger(name) for name in ("distributed", "distributed.client", "distributed.core", "tornado")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


class Cluster:
    """Workers of a scheduler that process recordings.

    Parameters
    ----------
    client : distributed.Client
    address : str
        Of the scheduler, for messages.
    folder : Path
        Of the recordings; its absolute path must be the same everywhere.
    model : Model
    notice : callable
        Called with a line when no worker is left, and when there is one again.
    """

    def __init__(self, client: Client, address: str, folder: Path, model: Model, notice: Callable[[str], None]) -> None:
        self._client = client
        self._shown = one_line(address)
        self._folder = os.path.abspath(folder)
        self._model = model
        self._notice = notice
        self._in_progress: dict[Future, Chunk] = {}
        self._threads = 0
        self._last_seen = time.monotonic()
        self._waiting = False  # for a worker

    def process(self, recordings: Mapping[str, Stamp], on_done: OnDone) -> None:
        """Process recordings in no particular order, and call `on_done` with the outcomes of each chunk.

        Raises
        ------
        UsageError
            If the cluster cannot process them, at the beginning or later.
        """
        from distributed import CancelledError

        self._await_workers()
        try:
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
            self._in_progress.clear()

    def _run(self, left: deque[Chunk], data: Future, on_done: OnDone) -> Chunk:
        """Process chunks; return the recordings of those at which worker after worker died."""
        from distributed import KilledWorker

        suspects: Chunk = {}
        work = task(self._model.sha256, self._model.name, self._folder)
        while left or self._in_progress:
            while left and len(self._in_progress) < self._threads * CHUNKS_AHEAD:
                chunk = left.popleft()
                # plain numbers, which a worker without popclass can read
                stamps = {name: (stamp.size, stamp.mtime_ns) for name, stamp in chunk.items()}
                self._in_progress[self._client.submit(work, data, stamps, pure=False)] = chunk
            for future in self._finished():
                chunk = self._in_progress.pop(future)
                try:
                    on_done(self._result(future))
                except TimeoutError:  # the worker that had the result is gone: another one processes the chunk
                    self._in_progress[future] = chunk
                except KilledWorker:
                    suspects |= chunk
        return suspects

    def _result(self, future: Future) -> list[Outcome]:
        try:
            found: list[Outcome] | dict[str, Any] = future.result(timeout=ANSWER_S)
        except ImportError as error:
            raise UsageError(f"a worker of {self._shown} cannot run popclass: {one_line(str(error))}; {KEPT}") from None
        if isinstance(found, list):
            return found
        check_worker(found, self._folder)
        return []

    def _finished(self) -> list[Future]:
        """Return chunks that are done after at most a second; raise UsageError after a minute without workers."""
        from distributed import wait

        try:
            done = list(wait(list(self._in_progress), timeout=POLL_S, return_when="FIRST_COMPLETED").done)
        except TimeoutError:
            done = []
        workers = {} if done else self._workers()
        self._threads = sum(workers.values()) or self._threads
        if done or workers:
            self._last_seen = time.monotonic()
        if done:
            return done
        if self._waiting == bool(workers):
            self._waiting = not workers
            self._notice(
                f"no worker is left at {self._shown}; waiting {WORKERS_GONE_S:.0f} s for one"
                if self._waiting
                else f"there are workers again at {self._shown}"
            )
        if time.monotonic() - self._last_seen > WORKERS_GONE_S:
            raise UsageError(f"the scheduler at {self._shown} has had no worker for {WORKERS_GONE_S:.0f} s; {KEPT}")
        return done

    def _await_workers(self) -> None:
        deadline = time.monotonic() + FIRST_WORKER_S
        while not (workers := self._workers()):
            if time.monotonic() > deadline:
                raise UsageError(
                    f"the scheduler at {self._shown} has no workers; start some with `dask worker {self._shown}`"
                )
            time.sleep(0.1)
        self._threads = sum(workers.values())
        self._last_seen = time.monotonic()

    def _workers(self) -> dict[str, int]:
        """Return the number of threads of each worker."""
        return dict(self._client.nthreads())


def versions() -> dict[str, str]:
    """Return the versions of everything that may change numbers in the tables."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {"popclass": __version__, "python": python, **{name: version(name) for name in LIBRARIES}}


def task(sha256: str, name: str, folder: str) -> Callable[[bytes, PlainChunk], list[Outcome] | dict[str, Any]]:
    """Return the function that a worker runs on the bytes of a model and a chunk.

    It returns the outcomes, or the description of the worker for `check_worker` if the worker cannot be used.
    """
    expected = versions()

    def work(data: bytes, chunk: PlainChunk) -> list[Outcome] | dict[str, Any]:
        import os
        import platform
        from importlib.metadata import PackageNotFoundError, version

        from distributed import get_worker

        found: dict[str, Any] = {"address": get_worker().address, "host": platform.node()}
        found |= {"folder": os.path.isdir(folder), "popclass": None}
        try:
            from popclass.version import __version__ as installed
        except ImportError:
            return found
        found |= {"popclass": installed, "python": ".".join(platform.python_version_tuple()[:2])}
        for library in expected.keys() - found.keys():
            try:
                found[library] = version(library)
            except PackageNotFoundError:
                found[library] = None
        if not found["folder"] or any(found[library] != number for library, number in expected.items()):
            return found
        from popclass.batch.cluster import process_on_worker
        from popclass.utils.files import Stamp

        stamps = {recording: Stamp(*numbers) for recording, numbers in chunk.items()}
        return process_on_worker(sha256, name, data, folder, stamps)

    return work


def process_on_worker(sha256: str, name: str, data: bytes, folder: str, chunk: Mapping[str, Stamp]) -> list[Outcome]:
    """Process a chunk on a worker; recordings that it does not see as this machine does fail."""
    if sha256 not in _models:
        _models[sha256] = Model.from_bytes(data, name=name)
        for oldest in list(_models)[:-MODELS_KEPT]:
            _models.pop(oldest, None)
    sizes = {recording: Stamp.of(Path(folder) / recording).size for recording in chunk}
    seen = {recording: stamp for recording, stamp in chunk.items() if sizes[recording] == stamp.size}
    outcomes = process_chunk(Path(folder), seen, _models[sha256])
    for recording in chunk.keys() - seen.keys():
        size, expected = sizes[recording], chunk[recording].size
        what = "cannot see this file" if size < 0 else f"sees another file there, of {size} bytes instead of {expected}"
        where = "every worker must see the recordings under the same path"
        outcomes.append(Outcome(recording, reason=f"the worker on {socket.gethostname()} {what}; {where}"))
    return outcomes


def check_worker(found: Mapping[str, Any], folder: str) -> None:
    """Raise UsageError if a worker lacks popclass, has other versions than this machine, or does not see the folder.

    Parameters
    ----------
    found : mapping
        Description of the worker, as the function of `task` returns it.
    folder : str
        Of the recordings.
    """
    worker = f"the worker {found['address']} on {found['host']}"
    if found["popclass"] is None:
        raise UsageError(f"{worker} cannot import popclass; install it there, in the same versions as here")
    for name, number in versions().items():
        if found[name] != number:
            raise UsageError(
                f"{worker} has {name} {found[name] or 'not'}, here is {number}; the tables would depend on the worker: "
                "install the same versions everywhere"
            )
    if not found["folder"]:
        raise UsageError(
            f"{worker} cannot see {one_line(folder)}; every worker must see the recordings under the same path, on a "
            "shared file system"
        )
