"""Clips of the sounds that a batch has found, in a folder for each label.

A clip holds one event on its own channel, at the rate of its recording: from 100 ms before the onset to 250 ms after
the end. `popclass train` gives the label of a folder to the strongest onset of a clip. So a clip ends before a louder
event that follows, and begins after one that precedes; the event itself is always whole. Samples are unchanged: 24-bit
WAV, or float WAV where 24 bits cannot hold them.

`clips.csv` beside the folders names the recording and the event of each clip. The names of the files are unique, so
they can be found there after clips were moved to the folder of another label.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from random import Random
from typing import NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from popclass.audio.excerpts import read_excerpts
from popclass.audio.recording import open_recording
from popclass.batch.files import fingerprint
from popclass.batch.journal import NAME as JOURNAL
from popclass.batch.journal import read_sources
from popclass.batch.lines import Source
from popclass.batch.result import read_events
from popclass.batch.stretches import Sound, choose, full_stretch, stretches_of
from popclass.errors import AudioError, LabelError, UsageError
from popclass.formats.csv_io import cell, csv_line
from popclass.labels.read import CLIPS
from popclass.model.model import CLASS_NAME
from popclass.schema import UNCERTAIN
from popclass.utils.checks import check_path
from popclass.utils.files import existing, write_text
from popclass.utils.folders import check_new_folder, filling
from popclass.utils.text import counted, one_line

SEED = 0
WHAT = "clips are"  # in messages about their folder
MISSING = "is no longer there"
CHANGED = "has changed since the batch; run the batch again"
_PEAK_STAMP = 12  # bytes from the start of the PEAK chunk of a WAV to its date

PathLike = str | os.PathLike[str]


class Clip(NamedTuple):
    """One row of `clips.csv`.

    Attributes
    ----------
    file : str
        Relative to the folder of the clips, with `/`.
    recording, event, start_s, label, p_label, subject
        As in `events.csv`.
    onset_s : float
        Onset of the event in the clip, in seconds.
    cut : str
        `start` or `end` where other events made the clip shorter there, `start end` for both, else empty.
    strongest : bool
        Whether the event is the strongest onset in the clip, which takes the label in `popclass train`.
    """

    file: str
    recording: str
    event: int
    start_s: float
    label: str
    p_label: float | None
    onset_s: float
    cut: str
    strongest: bool
    subject: str | None


@dataclass(frozen=True, slots=True)
class Clips:
    """Clips that were written.

    Attributes
    ----------
    folder : Path
    clips : tuple of Clip
        In order of their files.
    labels : dict of str to int
        Number of clips by label; also those without any.
    failed : tuple of str
        One line for each recording that could not be used.
    recordings : int
        Number of recordings that could be used.
    """

    folder: Path
    clips: tuple[Clip, ...]
    labels: dict[str, int]
    failed: tuple[str, ...]
    recordings: int

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {label}" for label, count in self.labels.items() if count)
        return f"<Clips in {str(self.folder)!r}: {counts or 'none'}>"


Sounds = dict[str, list[Sound]]  # by recording


def cut_clips(
    results_dir: PathLike,
    out_dir: PathLike,
    *,
    labels: Sequence[str] | None = None,
    between: tuple[float, float] | None = None,
    count: int | None = None,
    recordings: PathLike | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Clips:
    """Cut sounds out of the recordings of a batch, into a folder for each label.

    Parameters
    ----------
    results_dir : path
        Results of `popclass.classify_folder`.
    out_dir : path
        New or empty folder for the clips, `<label>/<recording>-<event>-<time>.wav`, and their index `clips.csv`.
    labels : sequence of str, optional
        Labels to cut, `uncertain` included (default: all).
    between : (float, float), optional
        Lowest and highest `p_label`, 0-1.
    count : int, optional
        Maximum number of clips for each label, drawn at random with a fixed seed, as evenly from all recordings as
        possible (default: all).
    recordings : path, optional
        Folder of the recordings, if it was moved since the batch.
    progress : callable, optional
        Called with the number of recordings that were cut and of all.

    Returns
    -------
    Clips
        Recordings that are missing or have changed are in it, and raise nothing.

    Raises
    ------
    UsageError
        If a parameter is out of range, a label is unknown, or the results or the recordings are not where they are
        expected.
    LabelError
        If the table of events cannot be read.
    OutputError
        If the folder is in use or cannot be written, or the journal of the batch cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> from popclass.batch import classify_folder
    >>> from popclass.batch.clips import cut_clips
    >>> noise = np.random.default_rng(0).normal(0, 0.001, 48_000)
    >>> noise[24_000:24_048] += np.hanning(48) * np.sin(np.arange(48))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     (Path(folder) / "in").mkdir()
    ...     soundfile.write(Path(folder) / "in" / "hip.wav", noise, 48_000)
    ...     _ = classify_folder(Path(folder) / "in", Path(folder) / "results")
    ...     [clip] = cut_clips(Path(folder) / "results", Path(folder) / "clips").clips
    >>> round(clip.start_s, 2), clip.onset_s
    (0.5, 0.1)
    """
    _check(labels, between, count)
    results, out_dir = Path(check_path(results_dir, "results")), check_path(out_dir, "a folder of clips")
    recordings = None if recordings is None else check_path(recordings, "a folder of recordings")
    check_new_folder(out_dir, WHAT)
    sounds, known = _read_sounds(results, labels)
    low, high = (0.0, 1.0) if between is None else between
    wanted = set(known if labels is None else labels)

    def selected(sound: Sound) -> bool:
        inside = between is None or (sound.p_label is not None and low <= sound.p_label <= high)
        return inside and sound.label in wanted

    root, sources = _find_sources(results, recordings)
    chosen = {name: found for name in sorted(sounds) if (found := [each for each in sounds[name] if selected(each)])}
    faults = {name: _fault(root, sources.get(name), sounds[name]) for name in chosen}
    usable = _draw({name: chosen[name] for name in chosen if not faults[name]}, count)
    clips: list[Clip] = []
    with filling(out_dir, WHAT) as part:
        for number, (name, some) in enumerate(usable.items(), start=1):
            try:
                clips += _cut_recording(root, sources[name], name, some, sounds[name], part)
            except AudioError as error:
                faults[name] = str(error).removeprefix(f"{one_line(name)}: ")
            if progress is not None:
                progress(number, len(usable))
        clips.sort()
        write_text(part / CLIPS, _index(clips))
    made = Counter(clip.label for clip in clips)
    failed = tuple(f"{one_line(name)}: {fault}" for name, fault in faults.items() if fault)
    numbers = {label: made[label] for label in known if label in wanted}
    return Clips(Path(out_dir), tuple(clips), numbers, failed, len(chosen) - len(failed))


def _check(labels: Sequence[str] | None, between: tuple[float, float] | None, count: int | None) -> None:
    if isinstance(labels, str):
        raise UsageError(f"labels is the text {labels!r}; give a list of labels")
    if between is not None:
        low, high = between
        if not (0 <= low <= 1 and 0 <= high <= 1):
            raise UsageError(f"between {low:g} {high:g} is out of range: allowed are two numbers from 0 to 1")
        if low > high:
            raise UsageError(f"between {low:g} {high:g}: the lower probability comes first, so {high:g} {low:g}")
    if count is not None and count < 1:
        raise UsageError(f"count {count} is out of range: allowed is a whole number from 1 on")


def _read_sounds(results: Path, labels: Sequence[str] | None) -> tuple[Sounds, list[str]]:
    """Return the events of each recording and the labels that the results may hold; refuse a label that is unknown."""
    sounds: Sounds = {}
    known: dict[str, int] = {}
    for row in read_events(results):
        if not known:  # a probability by the sound alone for each class
            names = [column.removeprefix("p_") for column in row if column.startswith("p_") and column != "p_label"]
            known = dict.fromkeys((*names, UNCERTAIN), 0)
        if missing := [name for name in ("recording", *Sound._fields) if name not in row]:
            raise LabelError(f"{one_line(str(results))}: the table of events has no column {missing[0]}")
        if row["label"] != UNCERTAIN and not CLASS_NAME.fullmatch(row["label"] or ""):  # it names a folder
            raise LabelError(f"{one_line(str(results))}: the table of events has a label that cannot be a class")
        sound = Sound(*(row[field] for field in Sound._fields))
        known[sound.label] = known.get(sound.label, 0) + 1
        sounds.setdefault(row["recording"], []).append(sound)
    if not known:
        return sounds, list(labels or ())  # no events: there is nothing to cut, whatever the label
    if unknown := [label for label in labels or () if label not in known]:
        allowed = ", ".join(f"{one_line(label)} ({counted(number, 'event')})" for label, number in known.items())
        raise UsageError(f"no label '{one_line(unknown[0])}' in these results; they have {allowed}")
    return sounds, list(known)


def _find_sources(results: Path, recordings: PathLike | None) -> tuple[Path, dict[str, Source]]:
    """Return the folder of the recordings, and what the journal holds of each."""
    if not (results / JOURNAL).is_file():
        raise UsageError(f"{one_line(os.fspath(results))}: {JOURNAL} is missing; run the batch again")
    folder, sources = read_sources(results)
    if recordings is not None:
        folder = Path(recordings)
    if folder is None or not folder.is_dir():
        where = "" if folder is None else f": no such folder as {one_line(os.fspath(folder))}"
        raise UsageError(f"the recordings of this batch are not found{where}; name their folder with --recordings")
    return folder, sources


def _fault(root: Path, source: Source | None, events: Sequence[Sound]) -> str:
    """Return why a recording cannot be used, empty if it can."""
    if source is None:
        return "is not in the journal of the batch; run the batch again"
    path = existing(root / source.name)
    if not path.is_file():
        return f"{MISSING}; put it back, or run the batch again"
    found = fingerprint(path)
    if found[0] < 0:
        return "cannot be read; check its permissions"
    onsets = tuple(round(event.start_s * source.sample_rate) for event in events)
    # the journal may be of a later run that was interrupted
    return CHANGED if found != source.fingerprint or onsets != source.onsets else ""


def _draw(chosen: Sounds, count: int | None) -> Sounds:
    """Return at most `count` sounds for each label: first one of each recording, then a second one, and so on."""
    if count is None:
        return chosen
    by_label: dict[str, Sounds] = {}
    for name, sounds in chosen.items():
        for sound in sounds:
            by_label.setdefault(sound.label, {}).setdefault(name, []).append(sound)
    drawn: Sounds = {}
    for label, found in by_label.items():
        random = Random(f"{SEED} {label}")  # what is drawn does not depend on the other labels
        ranked = [
            (rank, random.random(), name, sound)
            for name, sounds in found.items()
            for rank, sound in enumerate(random.sample(sounds, len(sounds)))
        ]
        for _, _, name, sound in sorted(ranked)[:count]:
            drawn.setdefault(name, []).append(sound)
    return {name: sorted(drawn[name]) for name in chosen if name in drawn}


def _cut_recording(
    root: Path, source: Source, name: str, chosen: Sequence[Sound], events: Sequence[Sound], part: Path
) -> Iterator[Clip]:
    """Write the clips of one recording; raise AudioError if it cannot be read."""
    with open_recording(existing(root / source.name), name=name) as recording:
        rate = recording.sample_rate
        if rate != source.sample_rate or max(sound.channel for sound in chosen) > recording.channels:
            raise AudioError(CHANGED)
        stretches = sorted((stretches_of(sound, events, rate), sound) for sound in chosen)
        excerpts = read_excerpts(recording, [widest for (widest, *_), _ in stretches])
        for (ranges, sound), samples in zip(stretches, excerpts, strict=True):
            onset, mono = round(sound.start_s * rate), samples[:, sound.channel - 1]
            if ranges[0][0] + len(mono) <= onset:
                raise AudioError(CHANGED)
            (first, last), own = choose(mono, ranges, onset, rate)
            file = f"{sound.label}/{clip_name(name, sound.event, sound.start_s)}"
            (part / sound.label).mkdir(exist_ok=True)
            (part / file).write_bytes(_wav(mono[first - ranges[0][0] : last - ranges[0][0]], rate))
            full = full_stretch(sound, rate)
            cut = [end for end, moved in (("start", first > full[0]), ("end", last < full[1])) if moved]
            about = (name, sound.event, sound.start_s, sound.label, sound.p_label)
            yield Clip(file, *about, (onset - first) / rate, " ".join(cut), own, sound.subject)


def clip_name(recording: str, event: int, start_s: float) -> str:
    """Return a file name for a clip: safe on every system, sorted by time, and unique to recording and event.

    Examples
    --------
    >>> clip_name("day 1/left hip?.wav", 7, 12.3456)
    'left_hip-c9dadaf3-00007-00012.346s.wav'
    """
    stem = unicodedata.normalize("NFC", PurePosixPath(recording).stem)
    readable = re.sub(r"[^\w.-]+", "_", stem)[:40].strip("._-") or "recording"
    digest = hashlib.sha256(recording.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{readable}-{digest}-{event:05d}-{start_s:09.3f}s.wav"


def _wav(samples: NDArray[np.float32], rate: int) -> bytes:
    """Return a WAV with exactly these samples."""
    scaled = samples.astype(np.float64) * 2.0**23
    exact = bool(np.all(scaled == np.rint(scaled)) and np.all((scaled >= -(2**23)) & (scaled < 2**23)))
    content = io.BytesIO()
    # as integers, since libsndfile does not write floats with the scale that it reads them with
    values = (scaled * 2**8).astype(np.int32) if exact else samples
    soundfile.write(content, values, rate, format="WAV", subtype="PCM_24" if exact else "FLOAT")
    data = bytearray(content.getvalue())
    if not exact and (at := data.find(b"PEAK", 0, 100)) > 0:
        data[at + _PEAK_STAMP : at + _PEAK_STAMP + 4] = bytes(4)  # the same clip has the same bytes at any time
    return bytes(data)


def _index(clips: Iterable[Clip]) -> Iterator[str]:
    yield csv_line(Clip._fields)
    for clip in clips:
        row = clip._asdict() | {"strongest": "yes" if clip.strongest else "no"}
        yield csv_line(cell(column, value) for column, value in row.items())
