"""Short stretches of a recording, read by seeking where that is exact to the sample, else in one pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from popclass.audio.recording import Recording
from popclass.audio.timeline import Block


def read_excerpts(recording: Recording, ranges: Sequence[tuple[int, int]]) -> Iterator[Block]:
    """Yield stretches of a recording, of which only one and a block are in memory.

    Parameters
    ----------
    recording : Recording
        Just opened.
    ranges : sequence of (int, int)
        First sample of each stretch and the one after its last, in order of the first. They may overlap.

    Yields
    ------
    ndarray of float32, shape (n, channels)
        Shorter where the recording ends.

    Raises
    ------
    AudioError
        If the recording cannot be read.

    Examples
    --------
    >>> from popclass.audio.recording import open_recording
    >>> samples = np.arange(48_000, dtype=np.float32) / 48_000
    >>> with open_recording(samples, sample_rate=48_000) as recording:
    ...     [len(each) for each in read_excerpts(recording, [(0, 10), (47_990, 48_010)])]
    [10, 10]
    """
    for number, (first, last) in enumerate(ranges):
        block = recording.read_at(first, last - first)
        if block is None:
            yield from _in_one_pass(recording, ranges[number:])
            return
        yield block


def _in_one_pass(recording: Recording, ranges: Sequence[tuple[int, int]]) -> Iterator[Block]:
    blocks = recording.blocks()
    held, start = np.empty((0, recording.channels), np.float32), 0
    for first, last in ranges:
        while start + len(held) < last and (block := next(blocks, None)) is not None:
            keep = max(first - start, 0)
            held, start = np.concatenate([held[keep:], block]), start + min(keep, len(held))
        yield held[max(first - start, 0) : max(last - start, 0)].copy()
