"""Hearing a few recordings one after the other: what every worker does, in this process, in another, or on a cluster.

What comes back for each recording is a line of the journal or the reason why there is none. Recordings are handed out
in chunks, small enough that an interruption costs little and large enough that handing out costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from popclass.batch.duplicates import piece_of
from popclass.batch.journal import Stamp, to_line
from popclass.errors import AudioError
from popclass.formats.text import one_line, visible
from popclass.model import Model
from popclass.pipeline import analyse

CHUNK_FILES = 50
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
    return [_hear(folder, recording, stamp, model) for recording, stamp in chunk.items()]


def _hear(folder: Path, recording: str, stamp: Stamp, model: Model) -> Outcome:
    path = folder / recording
    try:
        analysis = analyse(path, model, name=recording)
        line = to_line(recording, analysis, stamp, piece_of(path))
        return Outcome(recording, line=line, audio_s=analysis.duration_s)
    except AudioError as error:
        return Outcome(recording, reason=str(error).removeprefix(f"{visible(recording)}: "))
    except Exception as error:  # one recording never costs the others
        kind = type(error).__name__
        return Outcome(recording, reason=f"a bug in popclass, please report it: {kind}: {one_line(str(error))}")
