"""Search of a folder for the sounds to label next.

Recordings are found, decoded and processed as in a batch, one after the other. Only events and features are kept of
each, so that memory grows with the number of sounds alone. Sounds that have a label, or are part of a labelled one, are
not suggested again; labels are taken to be partial.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.batch.files import find_recordings, fingerprint, same_content
from popclass.batch.manifest import notices, read_manifest, summarize
from popclass.batch.worker import extract_one, in_chunks
from popclass.context.similarity import Similarity
from popclass.errors import AudioError, UsageError
from popclass.extraction import EventExtractor, Extraction
from popclass.info import RecordingInfo
from popclass.labels.matching import match
from popclass.labels.read import read_labels
from popclass.labels.records import LabelledRecording, Labels
from popclass.metadata import Metadata
from popclass.model.context import Context, ContextWeights
from popclass.model.model import Model
from popclass.pipeline import apply_model, load_model
from popclass.postprocess import posteriors
from popclass.results import Analysis
from popclass.suggestions.records import Sound, Suggestion
from popclass.suggestions.result import Suggestions
from popclass.training.active import Choice, choose_events
from popclass.utils.checks import check_number, check_path
from popclass.utils.extras import require_train
from popclass.utils.files import Stamp
from popclass.utils.log import log_warnings
from popclass.utils.text import abbreviated, counted, one_line

MOST = 500
MOST_SIMILAR, SIMILAR_IN_ALL = 24, 600  # similar sounds listed for each suggestion, and for all, which limits the page

PathLike = str | os.PathLike[str]
Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


def suggest(
    folder: PathLike,
    *,
    count: int = 20,
    model: Model | PathLike | None = None,
    manifest: PathLike | None = None,
    labels: PathLike | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    notice: Callable[[str], None] | None = None,
) -> Suggestions:
    """Find the sounds of a folder of recordings whose labels would help a model most.

    Parameters
    ----------
    folder : path
        Searched for recordings, as by `popclass.classify_folder`.
    count : int
        Number of sounds, 1 to 500.
    model : Model or path, optional
        Model whose doubts are resolved (default: the bundled model).
    manifest : path, optional
        A CSV with metadata of the recordings, see `popclass.batch.manifest`. Suggestions are spread over its subjects.
    labels : path, optional
        Earlier labels in any form that `popclass.train` reads. Their sounds are not suggested again.
    seed : int
        Seed of the random choices.
    progress : callable, optional
        Called with the number of recordings that are done and of all.
    notice : callable, optional
        Called with each warning (default: they are logged).

    Returns
    -------
    Suggestions
        `save` writes them as a page or a table. Recordings that failed are in it and raise nothing.

    Raises
    ------
    UsageError
        If `count` or `seed` is out of range, or the folder holds no recordings.
    LabelError
        If the manifest or the labels cannot be used.
    ModelError
        If the model cannot be used.
    MissingLibraryError
        If the libraries of the extra `train` are not installed.

    Examples
    --------
    >>> found = popclass.suggest("recordings/", count=20, labels="labels.csv")     # doctest: +SKIP
    >>> found.save("to_label.html")                                                # doctest: +SKIP
    >>> [(each.sound.recording, each.sound.event.start_s) for each in found.suggestions]     # doctest: +SKIP
    """
    require_train("suggestions")
    check_number(count, "count", 1, MOST, whole=True)
    check_number(seed, "seed", 0, 2**32 - 1, whole=True)
    root = Path(check_path(folder, "a folder"))
    chosen = load_model(model)
    tell = notice or (lambda line: log_warnings("", [line]))
    earlier = Labels(()) if labels is None else read_labels(labels)
    recordings, unreadable, _ = find_recordings(root, exclude=root)
    stated = {} if manifest is None else read_manifest(Path(manifest), root, recordings, site=None)
    for line in earlier.warnings:
        tell(line)
    for line in () if manifest is None else notices(recordings, _shown(manifest), summarize(stated), None):
        tell(line)
    known = _labelled(earlier, root, recordings)
    failed = {name: f"{one_line(name)}: {reason}" for name, reason in unreadable.items()}
    found = {each.info.name: (each, analysis) for each, analysis in process(root, recordings, chosen, failed, progress)}
    if copies := same_content(root, {name: fingerprint(root / name) for name in found}):
        tell(f"{counted(len(copies), 'recording')} with the same content as others: {abbreviated([*copies])}")
    metadata = [stated.get(name) or _metadata(known.get(name)) for name in found]
    extractions = [
        replace(each, info=stated_by.apply(each.info))
        for (each, _), stated_by in zip(found.values(), metadata, strict=True)
    ]
    probabilities = posteriors([analysis for _, analysis in found.values()], metadata, chosen)
    search = Search(root, extractions, probabilities, chosen)
    return search.select(earlier, count=count, seed=seed, failed=tuple(failed.values()), notice=tell)


def _shown(path: PathLike) -> str:
    return one_line(os.fspath(path))


def _labelled(labels: Labels, root: Path, recordings: Sequence[str]) -> dict[str, LabelledRecording]:
    """Return the labels of each recording of the folder that has some."""
    places = {os.path.realpath(root / name): name for name in recordings} if labels.recordings else {}
    found = ((places.get(os.path.realpath(each.path)), each) for each in labels.recordings)
    return {name: each for name, each in found if name is not None}


def _metadata(known: LabelledRecording | None) -> Metadata:
    """Return what labels tell about a recording that no manifest names."""
    if known is None:
        return Metadata()
    try:
        return Metadata(known.site, side=known.side, subject=known.subject, recorded_at=known.recorded_at)
    except UsageError:  # training accepts any site
        return Metadata(subject=known.subject, recorded_at=known.recorded_at)


def _described(labelled: LabelledRecording, root: Path, info: RecordingInfo) -> LabelledRecording:
    """Return labels with the path and metadata that new labels of the same recording will have: they must agree."""
    given = {"subject": info.subject, "site": info.site, "recorded_at": info.recorded_at}
    known: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return replace(labelled, path=root / info.name, **known)


def process(
    root: Path,
    recordings: Sequence[str],
    model: Model,
    failed: dict[str, str],
    progress: Callable[[int, int], None] | None,
) -> Iterator[tuple[Extraction, Analysis]]:
    """Yield the events, features and probabilities of each recording that can be used.

    Parameters
    ----------
    root : Path
    recordings : sequence of str
        Relative to `root`.
    model : Model
    failed : dict of str to str
        Gains a line for each recording that cannot be used, by its name.
    progress : callable or None
        Called with the number of recordings that are done and of all.
    """
    done = 0
    for chunk in in_chunks({name: Stamp.of(root / name) for name in recordings}, 1):
        extractor = EventExtractor(model.frontend)
        for name in chunk:
            try:
                _check_name(name)
                extract_one(root / name, extractor, name=name)
            except AudioError as error:
                text = str(error)
                failed[name] = text if text.startswith(f"{one_line(name)}: ") else f"{one_line(name)}: {text}"
        extractions = extractor.finish()
        yield from zip(extractions, apply_model(extractions, model), strict=True)
        done += len(chunk)
        if progress is not None:
            progress(done, len(recordings))


def _check_name(name: str) -> None:
    """Raise AudioError if a table of labels could not name a recording."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise AudioError("its name is not UTF-8, so a page could not name it; rename it") from None
    if name != name.strip():
        raise AudioError("its name begins or ends with a blank, which a table would lose; rename it")


class Search:
    """All sounds of the recordings of a folder, in arrays, and the choice of those to label.

    Parameters
    ----------
    folder : Path
    extractions : sequence of Extraction
        Their `info` has the metadata of the recording, and its name relative to the folder.
    probabilities : sequence of ndarray, shape (events, classes)
        After context and timing, of each recording.
    model : Model
    """

    def __init__(
        self, folder: Path, extractions: Sequence[Extraction], probabilities: Sequence[Array], model: Model
    ) -> None:
        self.folder, self.model = folder, model
        self.infos = {each.info.name: each.info for each in extractions}
        self.rows = dict[str, slice]()
        ends = accumulate(len(each.events) for each in extractions)
        for each, end in zip(extractions, ends, strict=True):
            self.rows[each.info.name] = slice(end - len(each.events), end)
        self.events = [event for each in extractions for event in each.events]
        self.recordings = [each.info.name for each in extractions for _ in each.events]
        self.X = np.concatenate([np.zeros((0, len(model.features))), *(each.features for each in extractions)])
        self.probabilities = np.concatenate([np.zeros((0, len(model.classes))), *probabilities])

    def select(
        self,
        labels: Labels,
        *,
        count: int,
        seed: int = 0,
        failed: tuple[str, ...] = (),
        notice: Callable[[str], None] | None = None,
    ) -> Suggestions:
        """Choose the sounds to label next.

        Parameters
        ----------
        labels : Labels
            Earlier labels, also of other recordings. Their sounds are not chosen again.
        count, seed, notice
            As for `suggest`.
        failed : tuple of str
            One line for each recording or folder that could not be used.
        """
        known = self.labelled(labels)
        free, missed = self.unlabelled(known)
        if missed and notice is not None:
            notice(f"{counted(missed, 'earlier label')} without a sound within reach")
        subjects = [self.infos[name].subject for name in self.recordings]
        choices = choose_events(self.probabilities, subjects, self.recordings, count=count, allowed=free, seed=seed)
        described = {id(each): _described(each, self.folder, self.infos[name]) for name, each in known.items()}
        merged = tuple(described.get(id(each), each) for each in labels.recordings)
        return Suggestions(
            folder=self.folder,
            suggestions=self.suggestions(choices, free),
            labels=replace(labels, recordings=merged),
            infos=self.infos,
            sounds=len(self.events),
            failed=failed,
            model=self.model,
        )

    def labelled(self, labels: Labels) -> dict[str, LabelledRecording]:
        """Return the labels of each of the recordings that has some."""
        return _labelled(labels, self.folder, tuple(self.infos))

    def unlabelled(self, known: Mapping[str, LabelledRecording]) -> tuple[Flags, int]:
        """Return which sounds are not labelled, nor part of a labelled one, and the number of labels without a sound.

        All sounds of a labelled clip, and of a recording verified to hold nothing else, count as labelled.
        """
        free, missed = np.ones(len(self.events), dtype=bool), 0
        for name, labelled in known.items():
            own = self.rows[name]
            matched = match(self.events[own], labelled, partial=True)
            free[own] = False
            free[own.start + np.array(matched.uncovered, dtype=int)] = not labelled.verified
            missed += len(matched.missed)
        return free, missed

    def suggestions(self, choices: Sequence[Choice], free: Flags) -> tuple[Suggestion, ...]:
        """Return the chosen sounds with the similar ones of their recordings that have no label."""
        if not choices:
            return ()
        context = self._context()
        level = np.array([event.snr_db for event in self.events])
        most = min(MOST_SIMILAR, SIMILAR_IN_ALL // max(len(choices), 1))
        found = []
        for each in choices:
            own = self.rows[self.recordings[each.event]]
            similar = own.start + context.similar(self.X[own], level[own], each.event - own.start)
            similar = similar[free[similar]]
            sounds = tuple(self._sound(at) for at in similar[:most].tolist())
            found.append(Suggestion(self._sound(each.event), each.by, sounds, len(similar)))
        return tuple(found)

    def _context(self) -> Context:
        """Return the context stage of the model, or one that compares standardized features."""
        if self.model.context is not None:
            return self.model.context
        classes = len(self.model.classes)
        spread = self.X.std(axis=0) + 1e-6
        nothing = ContextWeights.of_weights(np.zeros((0, classes)))
        return Context(tuple(range(self.X.shape[1])), self.X.mean(axis=0), spread, Similarity(), (), nothing)

    def _sound(self, at: int) -> Sound:
        name, event = self.recordings[at], self.events[at]
        after = at + 1
        end_s = event.end_s
        if after < self.rows[name].stop:  # labels of different sounds must not overlap
            end_s = min(end_s, self.events[after].start_s)
        p = dict(zip(self.model.classes, self.probabilities[at].tolist(), strict=True))
        return Sound(name, event.gain(posteriors=p), end_s)
