"""Place of decoded frames in time: gaps between time stamps, drifting clocks, edit lists.

FFmpeg joins the frames that are there, so that all sound after a lost packet would come too early. `FrameClock`
compares the time stamps of frames with the samples so far:

- a step that lasts is a gap, which is filled with silence, or an overlap, which is reported;
- an even slope is a sample rate other than the declared one, which is reported;
- a wobble (stamps rounded to milliseconds, or set on arrival) and a late start change nothing.

The edit list of an mp4 states which parts of the sound are played. FFmpeg obeys it to whole packets only; `play_edits`
obeys it to the sample.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from popclass.audio.container import Edit
from popclass.errors import AudioError
from popclass.utils.text import counted

Block = npt.NDArray[np.float32]

WINDOW = 8
"""Frames on each side of a step that must agree on it."""

MIN_STEP_S = 0.001
"""Smallest step that counts; where stamps are coarser, twice their resolution."""

MIN_STEP_OF_FRAME = 0.05
"""Smallest step as a share of a frame, so that a clock that is up to 5 % slow has no gaps."""

LONGEST_GAP_S = 3600.0
"""Longest gap that is filled; a longer one is more likely a clock that was set."""

LONGEST_S = 1e9
"""End of an edit without end."""

DRIFT_S = 0.005
"""Difference between stamps and samples at the end that is reported."""


class FrameClock:
    """Comparison of the time stamps of frames with their samples.

    Parameters
    ----------
    resolution_s : float
        Of the time stamps.

    Attributes
    ----------
    ahead_s : float
        Difference between the time stamps and the number of samples at the last frame: late start, drift.
    """

    def __init__(self, resolution_s: float = 0.0) -> None:
        self._resolution = resolution_s
        self._start: float | None = None
        self.ahead_s = 0.0
        self._gaps: list[tuple[float, float]] = []  # place and length in seconds
        self._unfilled: list[tuple[float, float]] = []
        self._level = 0.0  # offset after the last step
        self._steps = 0.0  # sum of all steps
        self._opening: list[float] = []
        self._behind: deque[float] = deque(maxlen=WINDOW)
        self._recent: deque[float] = deque(maxlen=WINDOW)

    def place(self, frames: Iterable[tuple[float | None, Block]], rate: int) -> Iterator[Block]:
        """Yield the samples of frames, with silence in gaps.

        Parameters
        ----------
        frames : iterable of (time stamp in seconds or None, float32 (n, channels))
        rate : int
            In hertz.
        """
        ahead: deque[tuple[float, Block]] = deque()
        read, end_s = 0, 0.0
        for stamp, block in frames:
            time = end_s if stamp is None else stamp
            if self._start is None:
                self._start = time
            end_s = time + len(block) / rate
            ahead.append((time - self._start - read / rate, block))
            read += len(block)
            if len(ahead) == WINDOW:
                yield from self._next(ahead, rate, read)
        while ahead:
            yield from self._next(ahead, rate, read)

    def _next(self, ahead: deque[tuple[float, Block]], rate: int, read: int) -> Iterator[Block]:
        """Yield the first block ahead, after the silence before it."""
        offsets = [offset for offset, _ in ahead]
        at = (read - sum(len(block) for _, block in ahead)) / rate
        _, block = ahead.popleft()
        step = self._step(offsets, len(block) / rate)
        if step:
            place = at + sum(length for _, length in self._gaps)
            self._behind.clear()
            self._steps += step
            if 0 < step <= LONGEST_GAP_S:
                self._gaps.append((place, step))
                yield from silence(round(step * rate), block.shape[1])
            else:
                self._unfilled.append((place, step))
        self._behind.append(offsets[0])
        steady = offsets[0] - self._steps
        self._recent.append(steady)
        self.ahead_s = steady + (self._start or 0.0)
        if len(self._opening) < WINDOW:
            self._opening.append(steady)
        yield block

    def _step(self, offsets: Sequence[float], frame_s: float) -> float:
        """Return the step in seconds before the first of some offsets; 0 if there is none."""
        if not self._behind:
            return 0.0
        least = max(MIN_STEP_S, 2 * self._resolution, MIN_STEP_OF_FRAME * frame_s)
        if min(len(self._behind), len(offsets)) < WINDOW // 2:  # too few to know the wobble
            least += frame_s / 2
        if min(offsets) - max(self._behind) > least or max(offsets) - min(self._behind) < -least:
            near = WINDOW // 2
            before = self._level if len(self._behind) < near else float(np.median([*self._behind][-near:]))
            self._level = float(np.median(offsets[:near]))
            return self._level - before
        return 0.0

    @property
    def filled(self) -> list[float]:
        """Places in seconds at which silence was inserted."""
        return [place for place, _ in self._gaps]

    def warnings(self) -> list[str]:
        """Return what is wrong with the time stamps; complete after the last frame."""
        found = []
        if self._gaps:
            gaps, total = counted(len(self._gaps), "gap"), sum(length for _, length in self._gaps)
            first = f"first at {self._gaps[0][0]:.3f} s"
            found.append(f"{gaps} in the time stamps ({total:.3f} s in all), {first}: filled with silence")
        if self._unfilled:
            place, step = self._unfilled[0]
            jumps = counted(len(self._unfilled), "jump")
            found.append(f"{jumps} in the time stamps, first by {step:+.3f} s at {place:.3f} s: later times may be off")
        drift = float(np.median(self._recent) - np.median(self._opening)) if self._recent else 0.0
        wobble = max(np.ptp(values) for values in (self._recent, self._opening)) if self._recent else 0.0
        if abs(drift) > max(DRIFT_S, wobble):
            found.append(
                f"the recorder's clock drifts: at the end its time stamps differ by {drift:+.3f} s from the number of "
                "samples, which times count"
            )
        return found


def silence(frames: int, channels: int) -> Iterator[Block]:
    """Yield zeros in blocks of bounded size."""
    while frames > 0:
        piece = min(frames, 1 << 16)
        yield np.zeros((piece, channels), np.float32)
        frames -= piece


def play_edits(blocks: Iterable[Block], edits: Sequence[Edit], rate: int) -> Iterator[Block]:
    """Yield the parts of a sound that an edit list plays.

    Parameters
    ----------
    blocks : iterable of float32 (n, channels)
        The whole media, without gaps.
    edits : sequence of Edit
        In order of media time.
    rate : int
        In hertz.

    Raises
    ------
    AudioError
        If the edits play a part again, or parts out of order.
    """
    rest = iter(blocks)
    held = next(rest, None)
    channels = 1 if held is None else held.shape[1]
    position = 0  # of the first held sample, from the start of the media
    played = 0.0
    for edit in edits:
        played_to = min(played + edit.duration_s, LONGEST_S)
        frames = round(played_to * rate) - round(played * rate)
        played = played_to
        if edit.start_s is None:
            yield from silence(frames, channels)
            continue
        begin = round(edit.start_s * rate)
        if begin < position:
            raise AudioError("its edit list plays parts again or out of order; export it again")
        while held is not None and frames > 0:
            part = held[max(begin - position, 0) :][:frames]
            if len(part):
                yield part
                frames -= len(part)
                begin += len(part)
            if begin < position + len(held):
                break
            position += len(held)
            held = next(rest, None)
