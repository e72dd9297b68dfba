"""All sounds of a project with their features: the queue of sounds to label, the map, and single clips.

Features are computed once for each recording and kept in `.cache/` of the project. A file of the cache counts only for
the size and time of modification that its recording had, the front end and the version of popclass; any other file,
also a damaged one, is computed again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from popclass.labels.records import LabelledRecording, Labels
from popclass.model.model import Model
from popclass.report.clips import Clip
from popclass.results import Event, RecordingResult
from popclass.suggestions.records import Selection


@dataclass(frozen=True, slots=True)
class Sounds:
    """All sounds of a project at one moment, as one model classifies them; never changed, so threads may share it.

    Attributes
    ----------
    project : Path
    model : Model
    results : mapping of str to RecordingResult
        By the name of the recording, relative to `recordings/`; the same as those of `popclass batch`.
    failed : mapping of str to str
        Reason of each recording or folder that could not be used, by name.
    """

    project: Path
    model: Model
    results: Mapping[str, RecordingResult]
    failed: Mapping[str, str]

    def queue(self, labels: Labels, *, count: int = 20, seed: int = 0) -> Selection:
        """Return the sounds to label next, as `popclass suggest` chooses them.

        Parameters
        ----------
        labels : Labels
            Result of `read_project_labels`; their sounds are not suggested again.
        count : int
            1 to 500.
        seed : int

        Raises
        ------
        UsageError
            If `count` or `seed` is out of range.
        """
        raise NotImplementedError

    def map(self, labels: Labels) -> dict[str, Any]:
        """Return two coordinates of each sound, such that similar sounds lie close together, as values for JSON.

        Returns
        -------
        dict
            `recordings`, `subjects` : lists of the names of recordings and their subjects (None where unknown).
            `labels` : list of labels.
            `recording`, `event`, `start`, `label`, `mine`, `x`, `y` : lists with one value a sound; `recording` and
            `label` are places in the lists above, as is `mine`, the label in `labels` given by hand, -1 for none.
        """
        raise NotImplementedError

    def clip(self, recording: str, event: int) -> Clip:
        """Return one sound as FLAC: its bytes, MIME type, first second and gain.

        Parameters
        ----------
        recording : str
        event : int
            Number of the event, from 1.

        Raises
        ------
        UsageError
            If there is no such recording or event.
        AudioError
            If the recording can no longer be read, or has changed.
        """
        raise NotImplementedError


def load_sounds(
    project: Path,
    model: Model,
    *,
    before: Sounds | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Sounds:
    """Return all sounds of a project; compute the features that neither `before` nor the cache has.

    Parameters
    ----------
    project : Path
        Folder with `recordings/` and, where there is one, `recordings.csv`.
    model : Model
    before : Sounds, optional
        An earlier result for the same project; recordings that have not changed since are taken from it.
    progress : callable, optional
        Called with the number of recordings that are done, and of all.

    Raises
    ------
    LabelError
        If `recordings.csv` cannot be used.
    OutputError
        If the cache cannot be written.
    """
    raise NotImplementedError


def read_project_labels(path: Path) -> Labels:
    """Return the labels of a file like `labels.csv`; none if it does not exist or has no rows.

    Raises
    ------
    LabelError
        If the labels cannot be used.
    """
    raise NotImplementedError


def queue_data(selection: Selection, labels: Path, clip_url: Callable[[str, int], str]) -> dict[str, Any]:
    """Return what the script of the page of suggestions takes as `data`; clips are addresses, not data URLs.

    Parameters
    ----------
    selection : Selection
        Result of `Sounds.queue`.
    labels : Path
        The file of labels of the observer, in the folder of the project.
    clip_url : callable
        Returns the address of the clip of a sound, given the name of its recording and its number.
    """
    raise NotImplementedError


def given_labels(events: Sequence[Event], labelled: LabelledRecording | None) -> list[str | None]:
    """Return the label that was given to each sound of a recording by hand, `unsure` included; None without one."""
    raise NotImplementedError


def cut_clip(path: Path, event: Event) -> Clip:
    """Return one sound of a recording as FLAC; errors as `Sounds.clip`."""
    raise NotImplementedError
