"""Clips, pictures and feature contributions of a classified recording, for its page.

`gather` collects them while events are detected, so that a recording is read once.

A clip holds the event's channel from 100 ms before the onset to 250 ms after it, faded at both ends. It is normalized
to a peak of -3 dBFS; the gain is kept. Clips are lossless FLAC. If they would exceed the size limit of the page, all
are Ogg Opus; if that is still too much, only the first events have a clip. The limit grows with the recording's length.

Contributions of feature groups to a label are found by ablation. The features are split into groups that describe one
property each (decay, frequency). The features of one group are replaced by their training means, and the model is
applied again. The contribution of the group is the drop in the log-odds of the label. Groups are used because features
of one group are correlated: each alone would seem to matter little. Contributions describe this model, not the nature
of the sound, and they do not add up to the log-odds.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from popclass.detection import LATEST_S, Sound
from popclass.errors import AudioError
from popclass.features import FrontEnd
from popclass.model.model import Model
from popclass.pipeline import Extraction, Progress, Source, extract_events
from popclass.report.overview import OverviewBuilder
from popclass.results import Event, RecordingResult
from popclass.utils.text import counted, one_line

Array = NDArray[np.float32]
Floats = NDArray[np.float64]
Encoder = Callable[[Array, int], tuple[bytes, str]]
Contribution = tuple[str, float, str]  # feature group, its contribution to the log-odds, measured value in words

BEFORE_S, AFTER_S = 0.100, 0.250
FADE_S = 0.004
OVERVIEW_FRAMES = 65_536  # samples that the overview gets at a time; the picture depends on it in the last bits
PEAK_DBFS = -3.0
# Size limit of all clips in bytes; base64 makes them a third larger.
SIZE_LIMIT, SIZE_LIMIT_PER_S, MAX_SIZE_LIMIT = 550_000, 1_700, 3_700_000
FLAC_SHARE = 0.75  # of 16-bit samples; background noise compresses worse than speech
OPUS_RATE, OPUS_BITS_PER_S = 48_000, 64_000
_FAST = {"compression_level": "0"}  # half the time of the default at nearly the same size

MIN_SHOWN = 0.1  # in natural log-odds; smaller contributions are not shown
MAX_SHOWN = 4

# Name of each group as the page shows it, and prefixes of its features; the last group has all others.
GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("attack", ("rise", "crest", "before", "stage_2_5")),
    ("decay", ("fall_", "duration", "time_centroid", "cycles", "stage_", "late", "mfcc_tail_")),
    ("frequency", ("centroid", "rolloff", "dominant", "crossings", "band_", "start_")),
    ("tone or noise", ("flatness", "prominence", "bandwidth", "mfcc_attack_")),
    ("pulses", ("peaks", "peak_spacing", "second_peak")),
    ("sound before and after", ("fill_",)),
    ("signal-to-noise ratio", ("snr",)),
    ("everything else", ("",)),
)
# The representative feature of a group, and its value in words.
_WORDS: dict[str, tuple[str, Callable[[float], str]]] = {
    "attack": ("rise", lambda x: f"peak after {2**x:.2g} ms"),
    "decay": ("fall_20", lambda x: f"20 dB quieter after {2**x:.2g} ms"),
    "frequency": ("dominant", lambda x: f"strongest near {hertz(2**x)}"),
    "tone or noise": ("prominence", lambda x: f"strongest tone {x:.0f} dB above the mean"),
    "pulses": ("peaks", lambda x: f"{counted(round(2**x), 'pulse')} within 30 ms"),
    "sound before and after": ("fill_before", lambda x: f"before the event {abs(x):.0f} dB {_quieter(x)}"),
    "signal-to-noise ratio": ("snr", lambda x: f"{x:.0f} dB above the background"),
}


@dataclass(frozen=True, slots=True)
class Clip:
    """Audio clip of one event.

    Attributes
    ----------
    data : bytes
        Encoded audio file.
    mime : str
        MIME type of `data`.
    start_s : float
        Start of the clip in the recording, in seconds.
    gain_db : float
        Gain applied to the recording's samples, in decibels.
    """

    data: bytes
    mime: str
    start_s: float
    gain_db: float


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

    def collect(block: Array, sample_rate: int) -> None:
        overview[:] = overview or [OverviewBuilder(sample_rate, block.shape[1])]
        for start in range(0, len(block), OVERVIEW_FRAMES):
            overview[0].feed(block[start : start + OVERVIEW_FRAMES])
        clips.feed(block, sample_rate)

    def cut(sounds: Sequence[Sound]) -> None:
        clips.add([sound.event for sound in sounds])

    extraction = extract_events(path, frontend, name=name, progress=progress, on_sounds=cut, on_block=collect)
    return Gathered(extraction, overview[0].finish(), tuple(clips.finish(extraction.info.duration_s)))


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


class Cutter:
    """Cut the clips of events from the blocks of a recording while its events are being detected.

    Samples are kept as long as an event may still begin in them. Clips are encoded once it is certain that they exceed
    the size limit as FLAC, or at the end.
    """

    def __init__(self) -> None:
        self._recent, self._start = np.empty((0, 1), dtype=np.float32), 0
        self._pending: list[Event] = []  # whose samples are not complete
        self._cut: list[tuple[Event, Array, float]] = []  # with samples and gain, not encoded yet
        self._clips: list[Clip | None] = []
        self._samples = 0  # in the clips of all events
        self._bytes = 0  # of the encoded clips

    def feed(self, block: Array, sample_rate: int) -> None:
        """Process the next samples, shape (n, channels)."""
        end = self._start + len(self._recent)
        needed = [_clip_range(event)[0] for event in self._pending[:1]]
        first = max(min(end - round((LATEST_S + BEFORE_S) * sample_rate), *needed, end), self._start)
        self._recent = np.concatenate([self._recent[first - self._start :], block]) if end else block
        self._start = first
        self.add(())

    def add(self, events: Sequence[Event]) -> None:
        """Cut the clips of the next events, in order of onset; the samples after them may follow later."""
        self._pending += events
        self._samples += sum(last - first for first, last in map(_clip_range, events))
        self._cut_until(self._start + len(self._recent))
        if 2 * self._samples * FLAC_SHARE > MAX_SIZE_LIMIT:
            self._encode(opus, MAX_SIZE_LIMIT)

    def finish(self, duration_s: float) -> list[Clip | None]:
        """Return the clips, None where the size limit was reached; those at the end of the recording are shorter.

        Parameters
        ----------
        duration_s : float
            Length of the recording, which sets the size limit.
        """
        self._cut_until(math.inf)
        limit = min(SIZE_LIMIT + round(SIZE_LIMIT_PER_S * duration_s), MAX_SIZE_LIMIT)
        self._encode(flac if 2 * self._samples * FLAC_SHARE <= limit else opus, limit)
        fits = np.cumsum([0 if clip is None else len(clip.data) for clip in self._clips]) <= limit
        return [clip if fit else None for clip, fit in zip(self._clips, fits, strict=True)]

    def _cut_until(self, end: float) -> None:
        """Cut the clips that end before a sample."""
        while self._pending and _clip_range(self._pending[0])[1] <= end:
            event = self._pending.pop(0)
            first, last = _clip_range(event)
            samples = self._recent[first - self._start : last - self._start, event.channel - 1]
            self._cut.append((event, *normalize_clip(np.ascontiguousarray(samples), event.sample_rate)))

    def _encode(self, encode: Encoder, limit: int) -> None:
        """Encode the clips that were cut, None for those after a limit in bytes."""
        for event, samples, gain_db in self._cut:
            if self._bytes >= limit:
                self._clips.append(None)
                continue
            data, mime = encode(samples, event.sample_rate)
            self._bytes += len(data)
            self._clips.append(Clip(data, mime, _clip_range(event)[0] / event.sample_rate, gain_db))
        self._cut.clear()


def _clip_range(event: Event) -> tuple[int, int]:
    rate = event.sample_rate
    return max(event.onset - round(BEFORE_S * rate), 0), event.onset + round(AFTER_S * rate)


def normalize_clip(samples: Array, rate: int) -> tuple[Array, float]:
    """Return samples with their mean removed, faded and scaled to `PEAK_DBFS`, and the gain in decibels.

    Examples
    --------
    >>> quiet = np.sin(np.arange(4800, dtype=np.float32) / 7) / 100
    >>> clip, gain_db = normalize_clip(quiet, 48_000)
    >>> round(float(np.abs(clip).max()), 3), round(gain_db)
    (0.708, 37)
    """
    centered = samples - samples.mean(dtype=np.float64).astype(np.float32)
    length = min(round(FADE_S * rate), len(samples) // 2)
    ramp = np.linspace(0, 1, length, endpoint=False, dtype=np.float32)
    centered[:length] *= ramp
    centered[len(centered) - length :] *= ramp[::-1]
    peak = max(float(np.abs(centered).max(initial=0.0)), 1e-9)
    gain_db = PEAK_DBFS - 20 * math.log10(peak)
    return np.asarray(centered * 10 ** (gain_db / 20), dtype=np.float32), gain_db


def flac(samples: Array, rate: int) -> tuple[bytes, str]:
    """Encode samples as 16-bit FLAC; return the file and its MIME type."""
    import soundfile

    out = io.BytesIO()
    soundfile.write(out, samples, rate, format="FLAC", subtype="PCM_16")
    return out.getvalue(), "audio/flac"


def opus(samples: Array, rate: int) -> tuple[bytes, str]:
    """Encode samples as Ogg Opus; return the file and its MIME type.

    The serial number is fixed, not random as usual, so that equal samples give equal bytes.
    """
    import av
    import soxr

    if rate != OPUS_RATE:
        samples = np.asarray(soxr.resample(samples, rate, OPUS_RATE), dtype=np.float32)
    out = io.BytesIO()
    with av.open(out, "w", format="ogg", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libopus", rate=OPUS_RATE, layout="mono", options=_FAST)
        stream.bit_rate = OPUS_BITS_PER_S
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None]), format="flt", layout="mono")
        frame.sample_rate, frame.pts = OPUS_RATE, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue(), "audio/ogg"


def contributions(X: Floats, labels: Sequence[str], model: Model) -> list[tuple[Contribution, ...]]:
    """Return the largest contributions for and against each label, largest first.

    Parameters
    ----------
    X : ndarray, shape (events, features)
        Features from the model's front end.
    labels : sequence of str, (events,)
        One of the model's classes for each event.
    model : Model

    Returns
    -------
    list of tuple of Contribution
        At most four for each event; empty if no group contributes at least `MIN_SHOWN`.
    """
    if not len(X):
        return []
    columns = [model.classes.index(label) for label in labels]
    baseline, groups = _log_odds(model.probabilities(X), columns), groups_of(model.features)
    drops = []
    for _, members in groups:
        changed = X.copy()
        changed[:, members] = model.ordinary[members]
        drops.append(baseline - _log_odds(model.probabilities(changed), columns))
    found = []
    for row, of_groups in zip(X, np.array(drops).T, strict=True):
        value = dict(zip(model.features, row.tolist(), strict=True))
        measured = {group: words(value[feature]) for group, (feature, words) in _WORDS.items() if feature in value}
        order = np.argsort(-np.abs(of_groups), kind="stable")[:MAX_SHOWN]
        shown = [(groups[at][0], float(of_groups[at])) for at in order if abs(of_groups[at]) >= MIN_SHOWN]
        found.append(tuple((group, drop, measured.get(group, "")) for group, drop in shown))
    return found


def groups_of(features: Sequence[str]) -> list[tuple[str, list[int]]]:
    """Return the feature groups with their columns; features without a group are `everything else`.

    A feature belongs to the first group with a matching prefix.

    Examples
    --------
    >>> groups_of(["rise", "fall_20", "snr", "unknown"])[-1]
    ('everything else', [3])
    """
    members: dict[str, list[int]] = {name: [] for name, _ in GROUPS}
    for column, feature in enumerate(features):
        members[next(name for name, prefixes in GROUPS if feature.startswith(prefixes))].append(column)
    return [(name, columns) for name, columns in members.items() if columns]


def _log_odds(probabilities: Floats, columns: Sequence[int]) -> Floats:
    chosen = np.clip(probabilities[np.arange(len(probabilities)), columns], 1e-9, 1 - 1e-9)
    return np.asarray(np.log(chosen) - np.log1p(-chosen))


def hertz(frequency: float) -> str:
    """Return a frequency with two significant digits and its unit.

    Examples
    --------
    >>> hertz(333.3), hertz(2210)
    ('330 Hz', '2.2 kHz')
    """
    return f"{frequency / 1000:.2g} kHz" if frequency >= 995 else f"{float(f'{frequency:.2g}'):.0f} Hz"


def _quieter(decibels: float) -> str:
    return "quieter" if decibels <= 0 else "louder"
