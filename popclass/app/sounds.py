"""All sounds of a project with their features: the queue of sounds to label, the map, and single clips.

Features are computed once for each recording and kept in `.cache/` of the project (`popclass.batch.features`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.app.labels import given_labels
from popclass.app.project import CACHE, RECORDINGS
from popclass.batch.features import FeatureCache, Processed
from popclass.batch.files import fingerprint
from popclass.errors import UsageError
from popclass.formats.text import rounded
from popclass.labels.records import Labels
from popclass.model.model import Model
from popclass.report.clips import Clip, clip_range, flac
from popclass.results import RecordingResult
from popclass.suggestions.find import MOST, Search, process
from popclass.suggestions.page import cut_recording, page_data
from popclass.suggestions.records import Selection, Sound
from popclass.utils.checks import check_number
from popclass.utils.files import NO_FILE, Stamp
from popclass.utils.text import one_line

_FARTHEST = 8.0  # whitened features beyond, in standard deviations, would squeeze all other sounds of the map


@dataclass(frozen=True, slots=True)
class Sounds:
    """All sounds of a project at one moment, as one model classifies them; never changed, so threads may share it.

    Attributes
    ----------
    project : Path
    model : Model
    processed : mapping of str to (Stamp, Extraction, Analysis)
        By the name of the recording, relative to `recordings/`, sorted.
    search : Search
        The sounds of all recordings in arrays, with the metadata of their results.
    results : mapping of str to RecordingResult
        By the name of the recording; the same as those of `popclass batch`.
    """

    project: Path
    model: Model
    processed: Mapping[str, Processed] = field(repr=False)
    search: Search = field(repr=False)
    results: Mapping[str, RecordingResult] = field(repr=False)

    def queue(self, labels: Labels, *, count: int = 20) -> Selection:
        """Return the sounds to label next, as `popclass suggest` chooses them.

        Parameters
        ----------
        labels : Labels
            Result of `read_project_labels`; their sounds are not suggested again.
        count : int
            1 to 500.

        Raises
        ------
        UsageError
            If `count` is out of range.
        """
        check_number(count, "count", 1, MOST, whole=True)
        return self.search.select(labels, count=count)

    def map(self, labels: Labels) -> dict[str, Any]:
        """Return two coordinates of each sound, such that similar sounds lie close together, as values for JSON.

        They are the first two principal components of the features, whitened as for the novelty of sounds.

        Returns
        -------
        dict
            `recordings`, `subjects` : lists of the names of recordings and their subjects (None where unknown).
            `labels` : list of labels.
            `recording`, `event`, `start`, `end`, `label`, `mine`, `x`, `y` : lists with one value a sound; `recording`
            and `label` are places in the lists above, as is `mine`, the label in `labels` given by hand, -1 for none.
        """
        search, known = self.search, self.search.labelled(labels)
        by_hand = [
            label for name, rows in search.rows.items() for label in given_labels(search.events[rows], known.get(name))
        ]
        found = [event.label for result in self.results.values() for event in result.events]
        names = list(dict.fromkeys((*self.model.classes, *found, *(each for each in by_hand if each))))
        place = {name: at for at, name in enumerate(names)}
        x, y = _two_dimensions(self.model.whiten(search.X)).T
        return {
            "recordings": list(search.infos),
            "subjects": [info.subject for info in search.infos.values()],
            "labels": names,
            "recording": [at for at, rows in enumerate(search.rows.values()) for _ in search.events[rows]],
            "event": [event.event for event in search.events],
            "start": [rounded(event.start_s, 6) for event in search.events],
            "end": [rounded(event.end_s, 6) for event in search.events],
            "label": [place[label] for label in found],
            "mine": [-1 if label is None else place[label] for label in by_hand],
            "x": x.round(3).tolist(),
            "y": y.round(3).tolist(),
        }

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
        rows = self.search.rows.get(recording)
        if rows is None:
            raise UsageError(f"{one_line(recording)}: there is no such recording, or it could not be read")
        events = self.search.events[rows]
        if not 1 <= event <= len(events):
            raise UsageError(f"{one_line(recording)}: there is no event {event}; it has {len(events)}")
        own = events[event - 1]
        path = self.project / RECORDINGS / recording
        made = cut_recording(path, path.name, [Sound(path.name, own, own.end_s)], flac)
        return next(iter(made.values()))


def load_sounds(
    project: Path, model: Model, results: Mapping[str, RecordingResult], *, before: Sounds | None = None
) -> Sounds:
    """Return all sounds of a project; compute the features that neither `before` nor the cache has.

    Recordings that are gone, cannot be read or have changed since they were classified are left out.

    Parameters
    ----------
    project : Path
        Folder with `recordings/`.
    model : Model
    results : mapping of str to RecordingResult
        Those of `popclass batch` with this model, by the name of the recording.
    before : Sounds, optional
        An earlier result for the same project; recordings that have not changed since are taken from it.
    """
    root = project / RECORDINGS
    stamps = {name: stamp for name in sorted(results) if (stamp := Stamp.of(root / name)) != NO_FILE}
    cache = FeatureCache(project / CACHE, model)
    cache.prune(stamps)
    found = _kept(before, model, stamps)
    for name, stamp in stamps.items():
        if name not in found and (processed := cache.read(name, stamp)) is not None:
            found[name] = processed
    for extraction, analysis in process(root, [name for name in stamps if name not in found], model, {}, None):
        name = extraction.info.name
        found[name] = stamps[name], extraction, analysis
        cache.write(found[name], fingerprint(root / name))
    usable = [name for name in stamps if name in found and _same_events(found[name], results[name])]
    own, kept = {name: found[name] for name in usable}, {name: results[name] for name in usable}
    return Sounds(project, model, own, _search(root, own, kept, model), kept)


def _kept(before: Sounds | None, model: Model, stamps: Mapping[str, Stamp]) -> dict[str, Processed]:
    """Return the recordings of an earlier result that have not changed since."""
    if before is None or before.model.sha256 != model.sha256:
        return {}
    return {name: each for name, each in before.processed.items() if stamps.get(name) == each[0]}


def _same_events(processed: Processed, result: RecordingResult) -> bool:
    """Return False if the recording has changed since it was classified."""
    return [event.onset for event in processed[1].events] == [event.onset for event in result.events]


def _search(
    root: Path, processed: Mapping[str, Processed], results: Mapping[str, RecordingResult], model: Model
) -> Search:
    """Return the sounds of all recordings in arrays."""
    extractions = [replace(each, info=results[name].info) for name, (_, each, _) in processed.items()]
    probabilities = [
        np.array([[event.posteriors[name] for name in model.classes] for event in result.events])
        for result in results.values()
        if result.events
    ]
    return Search(root, extractions, probabilities, model)


def _two_dimensions(white: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the first two principal components of whitened features, shape (n, 2).

    scikit-learn has the same, but takes too long to import for a page that is waiting.
    """
    if not len(white):
        return np.zeros((0, 2))
    near = np.clip(white, -_FARTHEST, _FARTHEST)
    near -= near.mean(axis=0)
    _, axes = np.linalg.eigh(near.T @ near)
    first = axes[:, :-3:-1]
    return np.asarray(near @ (first * np.sign(first[np.abs(first).argmax(axis=0), [0, 1]])))


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

    def clip_of(sound: Sound) -> dict[str, Any]:
        event = sound.event
        start_s = clip_range(event)[0] / event.sample_rate
        return {"clip": clip_url(sound.recording, event.event), "clipStart": rounded(start_s, 6), "gain": None}

    # names of recordings as everywhere in the app: relative to their folder
    return {**page_data(selection, selection.folder / labels.name, clip_of), "labels": labels.name}
