"""Processing of a few recordings: the work of each process and each cluster worker.

Recordings are handed out in chunks, small enough that an interruption loses little and large enough that handing out
takes no time. The features and probabilities of a chunk are computed together, which is faster and changes no bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from popclass.audio.paths import refuse_special
from popclass.batch.files import Fingerprint, fingerprint
from popclass.batch.journal import to_line
from popclass.errors import AudioError
from popclass.model.model import Model
from popclass.pipeline import EventExtractor, apply_model
from popclass.utils.files import Stamp
from popclass.utils.text import one_line

CHUNK_FILES = 32
CHUNK_BYTES = 32 << 20
LIBRARIES = ("numpy", "soundfile", "soxr", "onnxruntime", "av")
"""Libraries whose versions may change numbers in the tables."""


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


Chunk = dict[str, Stamp]
OnDone = Callable[[list[Outcome]], None]


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


def process_chunk(folder: Path, chunk: Mapping[str, Stamp], model: Model) -> list[Outcome]:
    """Process a few recordings; one that cannot be used does not affect the others.

    Parameters
    ----------
    folder : Path
    chunk : mapping of str to Stamp
        Recordings relative to the folder, with the stamps their files had when they were found. A file that changes
        while it is read keeps the older stamp, so that the next run processes it again.
    model : Model
    """
    try:
        return _process(folder, chunk, model)
    except Exception as error:
        if len(chunk) > 1:  # a bug: one by one, so that only the recordings that cause it fail
            return [process_chunk(folder, {recording: stamp}, model)[0] for recording, stamp in chunk.items()]
        reason = f"a bug in popclass, please report it: {type(error).__name__}: {one_line(str(error))}"
        if isinstance(error, MemoryError):
            reason = "memory ran out while it was read; use fewer processes (--jobs)"
        return [Outcome(recording, reason=reason) for recording in chunk]


def extract_one(path: Path, extractor: EventExtractor, *, name: str) -> Fingerprint:
    """Add a recording to the extractor and return its fingerprint; pipes and devices raise AudioError."""
    refuse_special(path)
    extractor.add(path, name=name)
    return fingerprint(path)


def _process(folder: Path, chunk: Mapping[str, Stamp], model: Model) -> list[Outcome]:
    extractor = EventExtractor(model.frontend)
    fingerprints: dict[str, Fingerprint] = {}
    outcomes: list[Outcome] = []
    for recording in chunk:
        try:
            fingerprints[recording] = extract_one(folder / recording, extractor, name=recording)
        except AudioError as error:
            reason = str(error).removeprefix(f"{one_line(recording)}: ")
            outcomes.append(Outcome(recording, reason=reason))
    analyses = apply_model(extractor.finish(), model)
    for (recording, own), analysis in zip(fingerprints.items(), analyses, strict=True):
        line = to_line(recording, analysis, chunk[recording], own)
        outcomes.append(Outcome(recording, line=line, audio_s=analysis.info.duration_s))
    return outcomes
