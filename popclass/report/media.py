"""Overview, clips and contributions of a classified recording, for its page.

`gather` collects them while events are detected, so that a recording is read once. A second thread does the work,
since most of it runs outside Python: spectra and the encoding of clips.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.detection import Sound
from popclass.errors import AudioError
from popclass.features import FrontEnd
from popclass.model.model import Model
from popclass.pipeline import Extraction, Progress, Source, extract_events
from popclass.report.clips import Clip, Cutter
from popclass.report.evidence import Contribution, contributions
from popclass.report.overview import OverviewBuilder
from popclass.results import RecordingResult
from popclass.utils.text import one_line

AHEAD = 2  # calls that may wait for the second thread, so that few blocks are in memory


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

    def collect(block: NDArray[np.float32], sample_rate: int) -> None:
        overview[:] = overview or [OverviewBuilder(sample_rate, block.shape[1])]
        overview[0].feed(block)
        clips.feed(block, sample_rate)

    def cut(sounds: Sequence[Sound]) -> None:
        clips.add([sound.event for sound in sounds])

    waiting: deque[Future[None]] = deque()
    with ThreadPoolExecutor(max_workers=1) as thread:

        def defer(function: Callable[..., None], *arguments: Any) -> None:
            waiting.append(thread.submit(function, *arguments))
            if len(waiting) > AHEAD:
                waiting.popleft().result()

        on_sounds, on_block = partial(defer, cut), partial(defer, collect)
        extraction = extract_events(
            path, frontend, name=name, progress=progress, on_sounds=on_sounds, on_block=on_block
        )
        for call in waiting:
            call.result()
        picture = thread.submit(overview[0].finish)
        return Gathered(extraction, clips=tuple(clips.finish(extraction.info.duration_s)), overview=picture.result())


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
