"""Hearing many recordings on a Dask cluster.

The workers see the recordings under the same path as this machine: a shared file system. Each is looked at before it
gets any work: whether it has popclass, the same versions of everything that decides about numbers, and the folder. Then
it is given the model. A worker that joins later, or starts anew, says that it does not know the model yet and is looked
at then. So a worker that would not do is told by name, instead of a cluster that never answers or a table that differs.

A worker that dies costs no more than the chunk it was at, which another one hears. A recording that kills every worker
that gets it ends as a failed row. The functions sent to workers are nested ones: those are sent by value, and a worker
without popclass can say so.

Whether a worker of a cluster will do: popclass, the versions that decide about numbers, and sight of the folder.
"""

from __future__ import annotations

import logging
import os
import socket
import time
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from popclass.batch.journal import Stamp
from popclass.batch.worker import Chunk, Each, Outcome, hear_chunk, in_chunks
from popclass.errors import UsageError
from popclass.model.model import Model
from popclass.utils.text import one_line
from popclass.version import __version__

if TYPE_CHECKING:
    from distributed import Client, Future


ANSWER_S = 10.0  # for the scheduler to answer
FIRST_WORKER_S = 10.0
WORKERS_GONE_S = 60.0  # without any worker, before the batch gives up
POLL_S = 1.0
MODELS_KEPT = 4
NEWCOMERS = 3  # that may get a chunk one after the other before it is suspected of having killed those before them
CHUNKS_AHEAD = 2  # handed out for each thread of the workers, so that none waits
CRASHED = "every worker that read it died: the file crashes its decoder, or memory ran out"
KEPT = "what was heard is kept, and the same command, without --fresh, goes on from there"

_models: dict[str, Model] = {}


@contextmanager
def connected(address: str) -> Iterator[Client]:
    """A client of a scheduler that answers and speaks the same versions of Dask.

    Raises
    ------
    UsageError
    """
    try:
        from distributed import Client
    except ImportError:
        raise UsageError(
            "--scheduler needs Dask, which is not installed: pip install 'popclass[cluster]' here and on every worker"
        ) from None
    shown = one_line(address)
    with _unheard_logs():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # other versions are told of below
                client = Client(address, timeout=ANSWER_S, set_as_default=False)
        except Exception as error:  # whatever does not speak Dask answers in ways of its own
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
    here = client.get_versions()
    names = ("python", "dask", "distributed")
    mine, its = (_packages(here[who]) for who in ("client", "scheduler"))
    for name in names:
        if _same_python(name, mine.get(name)) != _same_python(name, its.get(name)):
            raise UsageError(
                f"the scheduler at {shown} has {name} {its.get(name)}, here is {mine.get(name)}; a cluster needs the "
                "same version everywhere"
            )


def _packages(versions: Mapping[str, Any]) -> dict[str, Any]:
    return {**versions["packages"], "python": ".".join(str(versions["packages"]["python"]).split(".")[:3])}


def _same_python(name: str, number: str | None) -> str | None:
    """Python up to its minor version, everything else as it is."""
    return ".".join(number.split(".")[:2]) if name == "python" and number else number


def hear_here(sha256: str, folder: str, chunk: Mapping[str, Stamp]) -> list[Outcome] | str:
    """What a worker does: hear a chunk, or give its own address where it has not got the model."""
    model = _models.get(sha256)
    if model is None:
        from distributed import get_worker

        return str(get_worker().address)
    seen = {name: stamp for name, stamp in chunk.items() if Stamp.of(Path(folder) / name).size == stamp.size}
    return hear_chunk(Path(folder), seen, model) + [
        _not_the_same(folder, name, stamp) for name, stamp in chunk.items() if name not in seen
    ]


def _not_the_same(folder: str, name: str, stamp: Stamp) -> Outcome:
    size = Stamp.of(Path(folder) / name).size
    what = "cannot see this file" if size < 0 else f"sees another file there, of {size} bytes instead of {stamp.size}"
    return Outcome(
        name,
        reason=f"the worker on {socket.gethostname()} {what}; every worker must see the recordings under the same path",
    )


def take_model(sha256: str, model: bytes, name: str) -> None:
    """What a worker does before: keep the model of a batch, and a few of others that may be at work, too."""
    _models[sha256] = Model.from_bytes(model, name=name)
    for oldest in list(_models)[:-MODELS_KEPT]:
        _models.pop(oldest, None)


class Cluster:
    """Workers of a scheduler that hear recordings.

    Parameters
    ----------
    client : distributed.Client
    address : str
        Of the scheduler, for messages.
    folder : Path
        Of the recordings; its absolute path must be the same everywhere.
    model : Model
    notice : callable, optional
        Called with a line when no worker is left, and is waited for.
    """

    def __init__(
        self,
        client: Client,
        address: str,
        folder: Path,
        model: Model,
        notice: Callable[[str], None] | None = None,
    ) -> None:
        self._notice = notice
        self._told = False  # that no worker is left
        self._client = client
        self._shown = one_line(address)
        self._folder = os.path.abspath(folder)
        self._model = model
        self._under_way: dict[Future, Chunk] = {}
        self._last_seen = time.monotonic()
        self._threads = 0
        self._introduced: set[str] = set()
        self._returned: Counter[tuple[str, ...]] = Counter()

    def hear_all(self, recordings: Mapping[str, Stamp], each: Each) -> None:
        """Hear recordings and hand the outcomes on as they come, in no particular order.

        Raises
        ------
        UsageError
            Where the cluster cannot hear them, at the beginning or from some moment on.
        """
        from distributed import CancelledError

        self._await_workers()
        try:
            suspects = self._in_parallel(deque(in_chunks(recordings, self._threads)), each)
            for name, stamp in suspects.items():  # one at a time, so that none is blamed for another
                if self._in_parallel(deque([{name: stamp}]), each):
                    each([Outcome(name, reason=CRASHED)])
        except (CancelledError, OSError) as error:
            raise UsageError(f"the scheduler at {self._shown} is gone ({type(error).__name__}); {KEPT}") from None
        finally:
            self._client.cancel(list(self._under_way))
            self._under_way.clear()

    def _in_parallel(self, left: deque[Chunk], each: Each) -> Chunk:
        """Work through chunks; the recordings of those at which worker after worker died."""
        from distributed import KilledWorker

        suspects: Chunk = {}
        self._returned.clear()
        while left or self._under_way:
            while left and len(self._under_way) < self._threads * CHUNKS_AHEAD:
                self._submit(left.popleft())
            for future in self._finished():
                chunk = self._under_way.pop(future)
                try:
                    found = self._result(future)
                except TimeoutError:  # the worker that had the result is gone: it is being heard again
                    self._under_way[future] = chunk
                    continue
                except KilledWorker:
                    suspects |= chunk
                    continue
                if not isinstance(found, str):
                    each(found)
                elif self._may_go_on(chunk, found):
                    left.appendleft(chunk)
                else:
                    suspects |= chunk
        return suspects

    def _may_go_on(self, chunk: Chunk, newcomer: str) -> bool:
        """Introduce a worker that gave a chunk back, and all others that are new.

        A worker that starts anew after its death is a newcomer, and Dask counts the deaths at a chunk only until it
        was given back. So a chunk that meets one newcomer after the other is suspected of having killed the others.
        """
        self._introduced.discard(newcomer)
        self._introduce([address for address in self._workers() if address not in self._introduced])
        names = tuple(chunk)
        self._returned[names] += 1
        return self._returned[names] <= NEWCOMERS

    def _submit(self, chunk: Chunk) -> None:
        def hear(sha256: str, folder: str, chunk: Chunk) -> list[Outcome] | str:

            return hear_here(sha256, folder, chunk)

        future = self._client.submit(hear, self._model.sha256, self._folder, chunk, pure=False)
        self._under_way[future] = chunk

    def _finished(self) -> list[Future]:
        """Chunks that are done, after a moment at most; notes which workers there are meanwhile."""
        from distributed import wait

        try:
            done = list(wait(list(self._under_way), timeout=POLL_S, return_when="FIRST_COMPLETED").done)
        except TimeoutError:
            done = []
        now = time.monotonic()
        if done:
            self._last_seen = now
            return done
        workers = self._workers()
        self._threads = sum(workers.values()) or self._threads
        self._tell(left=bool(workers))
        if now - self._last_seen > WORKERS_GONE_S:
            raise UsageError(f"the scheduler at {self._shown} has had no worker for {WORKERS_GONE_S:.0f} s; {KEPT}")
        return done

    def _tell(self, *, left: bool) -> None:
        """Say at once that no worker is left, and that there is one again."""
        if self._notice is not None and left == self._told:
            self._notice(
                f"there are workers again at {self._shown}"
                if left
                else f"no worker is left at {self._shown}; waiting {WORKERS_GONE_S:.0f} s for one"
            )
        self._told = not left

    def _workers(self) -> dict[str, int]:
        """Address and threads of each worker."""
        workers: dict[str, int] = self._client.nthreads()
        if workers:
            self._last_seen = time.monotonic()
        return workers

    def _result(self, future: Future) -> list[Outcome] | str:
        try:
            found: list[Outcome] | str = future.result(timeout=ANSWER_S)
        except ImportError as error:
            raise UsageError(f"a worker of {self._shown} cannot run popclass: {one_line(str(error))}; {KEPT}") from None
        return found

    def _await_workers(self) -> None:
        deadline = time.monotonic() + FIRST_WORKER_S
        while not (workers := self._workers()):
            if time.monotonic() > deadline:
                raise UsageError(
                    f"the scheduler at {self._shown} has no workers; start some with `dask worker {self._shown}`"
                )
            time.sleep(0.1)
        self._threads = sum(workers.values())
        self._introduce(list(workers))

    def _introduce(self, addresses: Sequence[str]) -> None:
        """Look at workers, refuse those that would not do, and give the others the model."""

        def give(sha256: str, model: bytes, name: str) -> None:

            take_model(sha256, model, name)

        if not addresses:
            return
        for address, seen in self._ask(look_of(self._folder), addresses).items():
            check_worker(address, seen, self._folder)
        model = self._model
        given = self._ask(give, addresses, model.sha256, model.to_bytes(), model.name)
        self._introduced |= set(given)

    def _ask(self, function: Callable[..., Any], addresses: Sequence[str], *arguments: Any) -> dict[str, Any]:
        """What a function gives on workers, without those that died meanwhile."""
        answers = self._client.run(function, *arguments, workers=list(addresses), on_error="return")
        for address, answer in answers.items():
            if isinstance(answer, Exception) and not isinstance(answer, OSError):
                raise UsageError(f"the worker {address} cannot run popclass: {one_line(str(answer))}")
        return {address: answer for address, answer in answers.items() if not isinstance(answer, Exception)}


@contextmanager
def _unheard_logs() -> Iterator[None]:
    """Dask logs lost connections at length; what they mean here is said in one line."""
    loggers = [logging.getLogger(name) for name in ("distributed", "distributed.client", "distributed.core", "tornado")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


LIBRARIES = ("numpy", "soundfile", "soxr", "onnxruntime", "av")


def look_of(folder: str) -> Callable[[], dict[str, Any]]:
    """A function that tells what a worker has; it needs nothing of popclass itself."""
    libraries = LIBRARIES

    def look() -> dict[str, Any]:
        import os
        import platform
        from importlib.metadata import PackageNotFoundError, version

        found: dict[str, Any] = {"host": platform.node(), "sees": os.path.isdir(folder), "popclass": None}
        found["python"] = ".".join(platform.python_version_tuple()[:2])
        try:
            import popclass
        except ImportError:
            return found
        found["popclass"] = popclass.__version__
        for name in libraries:
            try:
                found[name] = version(name)
            except PackageNotFoundError:
                found[name] = None
        return found

    return look


def check_worker(address: str, seen: Mapping[str, Any], folder: str) -> None:
    """Refuse a worker that would not do.

    Parameters
    ----------
    address : str
    seen : mapping
        What the function of `look_of` found there.
    folder : str
        That of the recordings.

    Raises
    ------
    UsageError
        If it lacks popclass, has other versions than this machine, or does not see the folder.
    """
    worker = f"the worker {address} on {seen['host']}"
    if seen["popclass"] is None:
        raise UsageError(f"{worker} cannot import popclass; install it there, in the same versions as here")
    import platform

    here = {"popclass": __version__, "python": ".".join(platform.python_version_tuple()[:2])}
    for name, number in {**here, **{name: version(name) for name in LIBRARIES}}.items():
        if seen[name] != number:
            raise UsageError(
                f"{worker} has {name} {seen[name] or 'not'}, here is {number}; the tables would depend on who heard "
                "what: install the same versions everywhere"
            )
    if not seen["sees"]:
        raise UsageError(
            f"{worker} cannot see {one_line(folder)}; every worker must see the recordings under the same path, on a "
            "shared file system"
        )
