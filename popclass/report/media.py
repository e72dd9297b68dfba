"""Pictures, clips and feature contributions of a classified recording.

`classify` keeps neither samples nor features, to stay fast and small. A report therefore decodes the recording twice
more: once for the pictures and clips, once through the pipeline for the features.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from popclass.audio import open_recording
from popclass.errors import AudioError
from popclass.model.model import Model
from popclass.pipeline import extract_events
from popclass.report.clips import Clip, Cutter
from popclass.report.evidence import Contribution, contributions
from popclass.report.overview import Overview, OverviewBuilder
from popclass.results import RecordingResult
from popclass.utils.text import one_line

BLOCK = 65_536


@dataclass(frozen=True, slots=True)
class RecordingMedia:
    """A recording's result with the pictures, clips and contributions for its page.

    Attributes
    ----------
    result : RecordingResult
    overview : Overview
    clips : tuple of Clip or None
        One for each event; None where the size limit was reached.
    evidence : tuple of tuple of Contribution
        One for each event, for its acoustic label.
    """

    result: RecordingResult
    overview: Overview
    clips: tuple[Clip | None, ...]
    evidence: tuple[tuple[Contribution, ...], ...]


def extract_media(
    result: RecordingResult,
    path: str | os.PathLike[str],
    model: Model,
    *,
    progress: Callable[[int, int | None], None] | None = None,
) -> RecordingMedia:
    """Read a classified recording again and collect what its page shows.

    Parameters
    ----------
    result : RecordingResult
    path : path
        Location of the recording; its name in the result may differ.
    model : Model
        The model that classified it.
    progress : callable, optional
        Called with the frames read and the number of all frames (None if unknown).

    Raises
    ------
    AudioError
        If the recording can no longer be read, or has changed since it was classified.
    """
    with open_recording(path, name=result.recording) as recording:
        overview = OverviewBuilder(recording.sample_rate, recording.channels)
        clips = Cutter(result.events, result.duration_s)
        for block in recording.blocks(BLOCK):
            overview.feed(block)
            clips.feed(block)
            if progress is not None:
                progress(recording.frames_read, recording.frames)
        unchanged = recording.frames_read / recording.sample_rate == result.duration_s
    extraction = extract_events(path, model.frontend, name=result.recording) if result.events and unchanged else None
    onsets = [] if extraction is None else [event.onset for event in extraction.events]
    if not unchanged or onsets != [event.onset for event in result.events]:
        raise AudioError(f"{one_line(result.recording)}: has changed since it was classified; classify it again")
    labels = [event.acoustic_label for event in result.events]
    evidence = contributions(extraction.features, labels, model) if extraction is not None else []
    return RecordingMedia(result, overview.finish(), tuple(clips.finish()), tuple(evidence))
