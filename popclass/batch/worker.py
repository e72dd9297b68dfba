"""Processing of recordings on this machine, in this process or in several.

Recordings are handed out in chunks, small enough that an interruption loses little and large enough that handing out
takes no time. The features and probabilities of a chunk are computed together, which is faster and changes no bit.

A recording that kills its process (a decoder that crashes, memory that runs out) makes only itself fail: the chunks
that were in progress are then processed one recording at a time. The processes are those of `concurrent.futures`,
since it can tell which chunks were in progress.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from popclass.audio.paths import refuse_special
from popclass.batch.features import FeatureCache
from popclass.batch.files import Fingerprint, fingerprint
from popclass.batch.lines import to_line
from popclass.errors import AudioError, UsageError
from popclass.extraction import EventExtractor
from popclass.model.model import Model
from popclass.pipeline import apply_model
from popclass.utils.files import Stamp
from popclass.utils.signals import defer_signals
from popclass.utils.text import one_line
from popclass.utils.workers import keep_freed_memory, one_blas_thread, start_server

CHUNK_FILES = 32
CHUNK_BYTES = 32 << 20
CHUNKS_AHEAD = 2  # handed out for each process, so that none waits
CRASHED = "the process that read it died: the file crashes its decoder, or memory ran out"
LIBRARIES = ("numpy", "soundfile", "soxr", "onnxruntime", "av")  # their versions may change numbers in the tables


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of one recording.

    Attributes
    ----------
    recording : str
    line : str or None
        Its line of the journal.
    reason : str or None
        Why there is no line.
    audio_s : float
        Seconds of audio that were processed.
    """

    recording: str
    line: str | None = None
    reason: str | None = None
    audio_s: float = 0.0


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """Progress of a batch.

    Attributes
    ----------
    done, total : int
        Recordings that are done, those of earlier runs included, and all recordings.
    failed : int
        Number of recordings of this run that could not be used.
    audio_s : float
        Seconds of audio that this run processed.
    elapsed_s : float
        Seconds since this run began to process.
    share : float
        Share of the bytes of this run that were read, 0-1; grows more evenly than the number of files.
    """

    done: int
    total: int
    failed: int
    audio_s: float
    elapsed_s: float
    share: float

    @property
    def speed(self) -> float | None:
        """Times real time; None before any audio was processed."""
        return self.audio_s / self.elapsed_s if self.audio_s and self.elapsed_s else None


Chunk = dict[str, Stamp]
OnDone = Callable[[list[Outcome]], None]
OnProgress = Callable[[BatchProgress], None]
Process = Callable[[Mapping[str, Stamp], OnDone], None]
Setup = tuple[Path, bytes, str, Path | None]
"""Folder of the recordings, file and name of the model, and folder of the features, for each process."""


class ProgressCounter:
    """Counter of the recordings that are done.

    Parameters
    ----------
    pending : mapping of str to Stamp
        Recordings that this run processes.
    resumed : int
        Number of recordings that are done already.
    report : callable or None
        Called with a `BatchProgress` after each chunk.

    Attributes
    ----------
    now : BatchProgress
        The latest progress.
    """

    def __init__(self, pending: Mapping[str, Stamp], *, resumed: int, report: OnProgress | None) -> None:
        self._sizes = {name: max(1, stamp.size) for name, stamp in pending.items()}
        self._bytes = sum(self._sizes.values())
        self._read = 0
        self._report = report or (lambda now: None)
        self._began = time.monotonic()
        self.now = BatchProgress(resumed, resumed + len(pending), 0, 0.0, 0.0, 0.0)

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Count outcomes of this run."""
        self._read += sum(self._sizes[each.recording] for each in outcomes)
        self.now = BatchProgress(
            self.now.done + len(outcomes),
            self.now.total,
            self.now.failed + sum(each.reason is not None for each in outcomes),
            self.now.audio_s + sum(each.audio_s for each in outcomes),
            time.monotonic() - self._began,
            self._read / self._bytes,
        )
        self._report(self.now)


def in_chunks(recordings: Mapping[str, Stamp], workers: int) -> Iterator[Chunk]:
    """Yield the recordings in the order given, a few at a time, so many that every worker gets some."""
    limit = max(1, min(CHUNK_FILES, len(recordings) // (4 * workers)))
    chunk: Chunk = {}
    size = 0
    for recording, stamp in recordings.items():
        if chunk and (len(chunk) >= limit or size + stamp.size > CHUNK_BYTES):
            yield chunk
            chunk, size = {}, 0
        chunk[recording] = stamp
        size += stamp.size
    if chunk:
        yield chunk


def process_chunk(
    folder: Path, chunk: Mapping[str, Stamp], model: Model, features: Path | None = None
) -> list[Outcome]:
    """Process a few recordings; one that cannot be used does not affect the others.

    Parameters
    ----------
    folder : Path
    chunk : mapping of str to Stamp
        Recordings relative to the folder, with the stamps their files had when they were found. A file that changes
        while it is read keeps the older stamp, so that the next run processes it again.
    model : Model
    features : Path, optional
        Folder in which the features are kept, see `popclass.batch.features`.
    """
    try:
        return _process(folder, chunk, model, features)
    except Exception as error:
        if len(chunk) > 1:  # a bug: one by one, so that only the recordings that cause it fail
            return [process_chunk(folder, {name: stamp}, model, features)[0] for name, stamp in chunk.items()]
        reason = f"a bug in popclass, please report it: {type(error).__name__}: {one_line(str(error))}"
        if isinstance(error, MemoryError):
            reason = "memory ran out while it was read; use fewer processes (--jobs)"
        return [Outcome(recording, reason=reason) for recording in chunk]


def extract_one(path: Path, extractor: EventExtractor, *, name: str) -> Fingerprint:
    """Add a recording to the extractor and return its fingerprint; pipes and devices raise AudioError."""
    refuse_special(path)
    extractor.add(path, name=name)
    return fingerprint(path)


def _process(folder: Path, chunk: Mapping[str, Stamp], model: Model, features: Path | None) -> list[Outcome]:
    extractor = EventExtractor(model.frontend)
    fingerprints: dict[str, Fingerprint] = {}
    outcomes: list[Outcome] = []
    for recording in chunk:
        try:
            fingerprints[recording] = extract_one(folder / recording, extractor, name=recording)
        except AudioError as error:
            outcomes.append(Outcome(recording, reason=str(error).removeprefix(f"{one_line(recording)}: ")))
    extractions = extractor.finish()
    analyses = apply_model(extractions, model)
    cache = None if features is None else FeatureCache(features, model)
    for (recording, own), extraction, analysis in zip(fingerprints.items(), extractions, analyses, strict=True):
        if cache is not None:
            cache.write((chunk[recording], extraction, analysis), own)
        line = to_line(recording, analysis, chunk[recording], own)
        outcomes.append(Outcome(recording, line=line, audio_s=analysis.info.duration_s))
    return outcomes


def process_here(
    folder: Path,
    model: Model,
    jobs: int,
    recordings: Mapping[str, Stamp],
    on_done: OnDone,
    *,
    features: Path | None = None,
) -> None:
    """Process recordings on this machine, in no particular order.

    Parameters
    ----------
    folder : Path
    model : Model
    jobs : int
        Number of processes; 1 is this process, which ends if a recording crashes its decoder.
    recordings : mapping of str to Stamp
        Relative to the folder.
    on_done : callable
        Called with the outcomes of each chunk.
    features : Path, optional
        As for `process_chunk`.
    """
    chunks = list(in_chunks(recordings, jobs))
    if jobs == 1:
        for chunk in chunks:
            on_done(process_chunk(folder, chunk, model, features))
        return
    setup = (folder, model.to_bytes(), model.name, features)
    while chunks:
        suspects = _run(chunks, min(jobs, len(chunks)), CHUNKS_AHEAD, setup, on_done)
        alone = [{name: stamp} for chunk in suspects for name, stamp in chunk.items()]
        while alone:
            for chunk in _run(alone, 1, 1, setup, on_done):
                on_done([Outcome(name, reason=CRASHED) for name in chunk])


def _run(left: list[Chunk], jobs: int, ahead: int, setup: Setup, on_done: OnDone) -> Iterable[Chunk]:
    """Process chunks, which are taken off the list; return those in progress when a process died."""
    in_progress: dict[Future[list[Outcome]], Chunk] = {}
    with suppress(BrokenExecutor), _processes(jobs, setup) as pool:
        while left or in_progress:
            while left and len(in_progress) < jobs * ahead:
                in_progress[pool.submit(_work, left[0])] = left[0]
                left.pop(0)
            for future in wait(in_progress, return_when=FIRST_COMPLETED).done:
                on_done(future.result())
                del in_progress[future]
    return in_progress.values()


@contextmanager
def _processes(jobs: int, setup: Setup) -> Iterator[ProcessPoolExecutor]:
    """Start a pool, and stop it at once if something goes wrong."""
    others = set(multiprocessing.active_children())
    context = start_server(__name__)  # so that Ctrl-C, which a terminal sends to all processes, reaches the parent only
    with one_blas_thread():
        pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_begin, initargs=setup)
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
    except (BrokenExecutor, BrokenPipeError):
        needed = "a script must do its work below `if __name__ == '__main__':`"
        raise UsageError(f"no worker process can be started; {needed}") from None


_folder: Path
_model: Model
_features: Path | None


def _begin(folder: Path, model: bytes, name: str, features: Path | None) -> None:
    """Load the model once a process; signals are left to the parent."""
    global _folder, _model, _features
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_freed_memory()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _folder, _model, _features = folder, Model.from_bytes(model, name=name), features


def _end_with_parent() -> None:
    """End this process with its parent; a parent that is killed cannot end its workers."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(chunk: Chunk) -> list[Outcome]:
    return process_chunk(_folder, chunk, _model, _features)
