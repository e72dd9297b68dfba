"""A recording that was classified, heard once more for its report: pictures, clips, and what spoke for each label.

Classifying keeps neither samples nor features, and it stays as quick and small that way. Whoever wants a report has
the recording decoded twice more: once for the pictures and the clips, once through the pipeline for the features.
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
from popclass.report.overview import Observer, Overview
from popclass.results import RecordingResult
from popclass.utils.text import one_line

BLOCK = 65_536


@dataclass(frozen=True, slots=True)
class Seen:
    """What a page shows of one recording beside its result.

    Attributes
    ----------
    result : RecordingResult
    overview : Overview
    clips : tuple of Clip or None
        One for each event.
    evidence : tuple of tuple of Contribution
        One for each event; for the acoustic label.
    """

    result: RecordingResult
    overview: Overview
    clips: tuple[Clip | None, ...]
    evidence: tuple[tuple[Contribution, ...], ...]


def look(
    result: RecordingResult,
    path: str | os.PathLike[str],
    model: Model,
    *,
    progress: Callable[[int, int | None], None] | None = None,
) -> Seen:
    """Hear a recording once more.

    Parameters
    ----------
    result : RecordingResult
    path : path
        Where the recording is; its name in the result may be another.
    model : Model
        The one that classified it.
    progress : callable, optional
        Called with the frames read and the frames there are (None where unknown).

    Raises
    ------
    AudioError
        If the recording cannot be read any more, or is not the one that was classified.
    """
    with open_recording(path, name=result.recording) as recording:
        observer = Observer(recording.sample_rate, recording.channels)
        cutter = Cutter(result.events, result.duration_s)
        for block in recording.blocks(BLOCK):
            observer.feed(block)
            cutter.feed(block)
            if progress is not None:
                progress(recording.frames_read, recording.frames)
        same = recording.frames_read / recording.sample_rate == result.duration_s
    clips = cutter.finish()
    heard = extract_events(path, model.frontend, name=result.recording) if result.events and same else None
    if not same or (heard is not None and [e.onset for e in heard.events] != [e.onset for e in result.events]):
        raise AudioError(f"{one_line(result.recording)}: has changed since it was classified; classify it again")
    labels = [event.acoustic_label for event in result.events]
    evidence = contributions(heard.features, labels, model) if heard is not None else []
    return Seen(result, observer.overview(), tuple(clips), tuple(evidence))
