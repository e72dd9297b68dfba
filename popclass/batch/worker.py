"""Hearing a few recordings one after the other: what every worker does, in this process, in another, or on a cluster.

What comes back for each recording is a line of the journal or the reason why there is none. Recordings are handed out
in chunks, small enough that an interruption costs little and large enough that handing out costs nothing. The sounds of
a chunk are described and judged together, which is faster and changes no bit of any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from popclass.audio.paths import refuse_special
from popclass.batch.files import Piece, piece_of
from popclass.batch.journal import Stamp, to_line
from popclass.errors import AudioError
from popclass.model.model import Model
from popclass.pipeline import EventExtractor, apply_model
from popclass.utils.text import one_line

CHUNK_FILES = 32
CHUNK_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one recording.

    Attributes
    ----------
    recording : str
    line : str or None
        Its line of the journal.
    reason : str or None
        Why there is none.
    audio_s : float
        Seconds of sound that were heard.
    """

    recording: str
    line: str | None = None
    reason: str | None = None
    audio_s: float = 0.0


Chunk = dict[str, Stamp]
Each = Callable[[list[Outcome]], None]


def in_chunks(recordings: Mapping[str, Stamp], workers: int) -> Iterator[Chunk]:
    """Recordings in the order given, a few at a time; with few of them every worker gets some all the same."""
    most = max(1, min(CHUNK_FILES, len(recordings) // (4 * workers)))
    chunk: Chunk = {}
    held = 0
    for recording, stamp in recordings.items():
        if chunk and (len(chunk) >= most or held + stamp.size > CHUNK_BYTES):
            yield chunk
            chunk, held = {}, 0
        chunk[recording] = stamp
        held += stamp.size
    if chunk:
        yield chunk


def hear_chunk(folder: Path, chunk: Mapping[str, Stamp], model: Model) -> list[Outcome]:
    """Hear a few recordings; one that cannot be used never costs the others.

    Parameters
    ----------
    folder : Path
    chunk : mapping of str to Stamp
        Recordings relative to the folder, and what their files were when they were found. A file that changes while
        it is heard keeps the older stamp, and is heard again next time.
    model : Model
    """
    try:
        return _hear_together(folder, chunk, model)
    except Exception:  # a bug: each by itself, so that it costs only those it concerns
        return [_hear_alone(folder, recording, stamp, model) for recording, stamp in chunk.items()]


def hear_one(path: Path, hearer: EventExtractor, *, name: str) -> Piece:
    """Hear a recording of a chunk, and take a piece of its bytes; a folder of recordings waits for no pipe."""
    refuse_special(path)
    hearer.add(path, name=name)
    return piece_of(path)


def _hear_together(folder: Path, chunk: Mapping[str, Stamp], model: Model) -> list[Outcome]:
    hearer = EventExtractor(model.frontend)
    pieces: dict[str, Piece] = {}
    outcomes: list[Outcome] = []
    for recording in chunk:
        try:
            pieces[recording] = hear_one(folder / recording, hearer, name=recording)
        except AudioError as error:
            reason = str(error).removeprefix(f"{one_line(recording)}: ")
            outcomes.append(Outcome(recording, reason=reason))
    analyses = apply_model(hearer.finish(), model)
    for (recording, piece), analysis in zip(pieces.items(), analyses, strict=True):
        line = to_line(recording, analysis, chunk[recording], piece)
        outcomes.append(Outcome(recording, line=line, audio_s=analysis.info.duration_s))
    return outcomes


def _hear_alone(folder: Path, recording: str, stamp: Stamp, model: Model) -> Outcome:
    try:
        return _hear_together(folder, {recording: stamp}, model)[0]
    except MemoryError:
        return Outcome(recording, reason="memory ran out while it was read; take fewer processes (--jobs)")
    except Exception as error:  # one recording never costs the others
        kind = type(error).__name__
        return Outcome(recording, reason=f"a bug in popclass, please report it: {kind}: {one_line(str(error))}")
