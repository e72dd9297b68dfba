"""Overview, clips and contributions of a classified recording, for its page.

`gather` collects them while events are detected, so that a recording is read once. Two more threads do the work, since
most of it runs outside Python: spectra and the encoding of clips.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.detection import Sound
from popclass.errors import AudioError
from popclass.extraction import Extraction, Progress, Source, extract_events
from popclass.features import FrontEnd
from popclass.model.model import Model
from popclass.report.clips import Clip, Cutter
from popclass.report.evidence import Contribution, contributions
from popclass.report.overview import OverviewBuilder
from popclass.results import RecordingResult
from popclass.utils.text import one_line

AHEAD = 2  # calls that may wait for a thread


@dataclass(frozen=True, slots=True)
class RecordingMedia:
    """A recording's result with the pictures, clips and contributions for its page.

    Attributes
    ----------
    result : RecordingResult
    overview : dict
        Result of `popclass.report.overview.OverviewBuilder`.
    clips : tuple of Clip or None
        One for each event; None where the size limit was reached.
    evidence : tuple of tuple of Contribution
        One for each event, for its acoustic label.
    """

    result: RecordingResult
    overview: dict[str, Any]
    clips: tuple[Clip | None, ...]
    evidence: tuple[tuple[Contribution, ...], ...]


@dataclass(frozen=True, slots=True)
class Gathered:
    """Events of a recording with its overview and clips; attributes as `RecordingMedia`."""

    extraction: Extraction
    overview: dict[str, Any]
    clips: tuple[Clip | None, ...]


def gather(path: Source, frontend: FrontEnd, *, name: str | None = None, progress: Progress | None = None) -> Gathered:
    """Detect the events of a recording and collect its overview and clips; parameters as `extract_events`."""
    overview: list[OverviewBuilder] = []
    clips = Cutter()

    def draw(block: NDArray[np.float32], sample_rate: int) -> None:
        overview[:] = overview or [OverviewBuilder(sample_rate, block.shape[1])]
        overview[0].feed(block)

    with _InOrder() as pictures, _InOrder() as sounds:

        def collect(block: NDArray[np.float32], sample_rate: int) -> None:
            pictures.call(draw, block, sample_rate)
            sounds.call(clips.feed, block, sample_rate)

        def cut(found: Sequence[Sound]) -> None:
            sounds.call(clips.add, [sound.event for sound in found])

        extraction = extract_events(path, frontend, name=name, progress=progress, on_sounds=cut, on_block=collect)
        picture = pictures.call(lambda: overview[0].finish())
        made = sounds.call(clips.finish, extraction.info.duration_s)
        return Gathered(extraction, picture.result(), tuple(made.result()))


class _InOrder:
    """Calls made one after the other in a thread of their own; at most `AHEAD` wait, so that few blocks are kept."""

    def __init__(self) -> None:
        self._waiting: deque[Future[Any]] = deque()

    def __enter__(self) -> _InOrder:
        self._thread = ThreadPoolExecutor(max_workers=1)
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self._thread.shutdown()
        for call in () if kind else self._waiting:
            call.result()

    def call(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Add a call; raise what an earlier one has raised."""
        self._waiting.append(self._thread.submit(function, *arguments))
        if len(self._waiting) > AHEAD:
            self._waiting.popleft().result()
        return self._waiting[-1]


def extract_media(
    result: RecordingResult, path: Source, model: Model, progress: Progress | None, *, gathered: Gathered | None = None
) -> RecordingMedia:
    """Return what the page of a classified recording shows.

    Parameters
    ----------
    result : RecordingResult
    path : path
        Location of the recording; its name in the result may differ.
    model : Model
        The model that classified it.
    progress : callable, optional
        Called with the frames read and the number of all frames (None if unknown).
    gathered : Gathered, optional
        What `gather` collected when the recording was classified; without it, the recording is read again.

    Raises
    ------
    AudioError
        If the recording can no longer be read, or has changed since it was classified.
    """
    if gathered is None:
        gathered = gather(path, model.frontend, name=result.recording, progress=progress)
    found, info = gathered.extraction, gathered.extraction.info
    described = (result.sample_rate, result.channels, result.duration_s, [event.onset for event in result.events])
    if (info.sample_rate, info.channels, info.duration_s, [event.onset for event in found.events]) != described:
        raise AudioError(f"{one_line(result.recording)}: has changed since it was classified; classify it again")
    evidence = contributions(found.features, [event.acoustic_label for event in result.events], model)
    return RecordingMedia(result, gathered.overview, gathered.clips, tuple(evidence))
