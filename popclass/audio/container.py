"""Declared against actual length of an audio file: the record that all header readers fill in.

- `cut_short`: the file ends before the declared end of its audio. The file is refused.
- `damage`: a part in the middle is missing or was changed. Decoders skip it silently, and all later times would be
  wrong. The file is refused.
- `length_lost`: the header declares no audio, or less than 4 GiB of a longer file, and audio follows: the recorder lost
  power, or its counter overflowed. The audio is read to the end of the file, with a warning.
- `length_unknown`: the header declares an unknown length, as writers to a pipe do. Read to the end, with a warning.
- `ignored`: bytes that follow the declared end and belong to no chunk, or to another recording that was appended. They
  are not read, with a warning.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from popclass.errors import AudioError

IGNORED_S = 0.25
"""Audio beyond the declared length that causes a warning; less of it is padding."""

IGNORED_BYTES = 1 << 16
"""The same where the byte rate is not known."""


class Edit(NamedTuple):
    """Part of an edit list: seconds of the media from `start_s` on; silence if that is None.

    An infinite duration lasts to the end of the media.
    """

    duration_s: float
    start_s: float | None


@dataclass(slots=True)
class ContainerHeader:
    """Header of an audio file, compared with the size of the file.

    Attributes
    ----------
    kind : str
        Name of the file format.
    declared, present : int or None
        Bytes of audio by the header and by the size of the file; None where unknown.
    byte_rate : float or None
        Bytes per second of audio, where constant.
    cut_short, length_lost, length_unknown : bool
        See the module.
    ignored : int
        Bytes after the audio that are not read.
    needs_ffmpeg : bool
        True if libsndfile would read only a part, or misplace it.
    frames : int
        Samples per channel of a compressed WAV without the padding of its last block; 0 if not declared.
    block : tuple of int
        Bytes of a block of a compressed WAV, and samples per channel in it.
    edits : tuple of Edit
        Edit list of an mp4 that is more than a single part.
    first_frame, last_frame : int
        Byte at which the first frame of an MP3 begins if padding precedes it, and byte at which the last one ends; 0 if
        unknown.
    damage : str
        Description and place of a damaged part; empty if there is none.
    fault : str
        Reason why the file is not a valid one of its kind; empty if it is.
    chunks : dict of bytes to bytes
        The metadata chunks `bext` and `iXML`.
    """

    kind: str
    declared: int | None = None
    present: int | None = None
    byte_rate: float | None = None
    cut_short: bool = False
    length_lost: bool = False
    length_unknown: bool = False
    ignored: int = 0
    needs_ffmpeg: bool = False
    frames: int = 0
    block: tuple[int, int] = (0, 0)
    edits: tuple[Edit, ...] = ()
    first_frame: int = 0
    last_frame: int = 0
    damage: str = ""
    fault: str = ""
    chunks: dict[bytes, bytes] = field(default_factory=dict)

    def check_length(self, declared: int | None, present: int, *, more_follows: bool) -> None:
        """Compare the declared with the actual number of bytes.

        Parameters
        ----------
        declared : int or None
            None where the header declares an unknown length.
        present : int
            From the first byte of audio to the end of the file.
        more_follows : bool
            True if another chunk follows the declared end.
        """
        self.declared, self.present = declared, present
        if declared is None:
            self.length_unknown = True
        elif declared > present:
            self.cut_short = True
        elif present > declared and not more_follows:
            wrapped = self.kind in ("WAV", "RF64") and (present - declared) >> 32 > 0  # a counter of 32 bits
            self.length_lost = declared == 0 or wrapped
            padding = self.byte_rate * IGNORED_S if self.byte_rate else IGNORED_BYTES
            self.ignored = present - declared if present - declared > padding else 0

    def set_frames(self, frames: int) -> None:
        """Set the number of samples if it ends in the last block; another number is not that of the sound."""
        size, length = self.block
        if size and 0 <= (self.declared or 0) // size * length - frames < length:
            self.frames = frames

    def shortfall(self) -> str:
        """Return declared and actual length in words, in seconds where the byte rate is known."""
        if self.declared is None or self.present is None:
            return "its last page is missing"
        unit, scale, digits = "bytes", 1.0, 0
        if self.byte_rate and 0 < self.byte_rate < math.inf:  # the rate of a damaged CAF may be any float
            unit, scale, digits = "s", self.byte_rate, 2
        present = max(self.present, 0)  # the declared start may lie beyond the end of the file
        declared, present_text = (f"{length / scale:.{digits}f} {unit}" for length in (self.declared, present))
        return f"the header declares {declared}, the file has {present_text}"

    def check(self) -> list[str]:
        """Return the warnings about the length, at most one.

        Raises
        ------
        AudioError
            If the file is invalid, cut short or damaged; the message lacks the name of the file.
        """
        if self.fault:
            raise AudioError(f"is not a usable {self.kind} file: {self.fault}; export it again")
        if self.cut_short:
            raise AudioError(f"cut short: {self.shortfall()}; copy the file again or repair its header")
        if self.damage:
            raise AudioError(f"damaged: {self.damage}; copy the file again")
        if self.length_lost:
            return [f"the {self.kind} header gives a wrong length; read to the end of the file"]
        if self.length_unknown:
            return [f"the {self.kind} file does not declare its length; read to the end of the file"]
        return [ignored_bytes(self.ignored, self.kind)] if self.ignored else []


def ignored_bytes(count: int, kind: str) -> str:
    """Return the warning of bytes behind the audio: often another recording that was appended."""
    return f"{count:,} more bytes follow the end declared in the {kind} header; they were not read"


def find_bytes(file: BinaryIO, pattern: bytes) -> int:
    """Return the position of the first occurrence of some bytes after the position of a file; -1 if there is none."""
    begin, overlap = file.tell(), b""
    while piece := file.read(1 << 20):
        piece = overlap + piece
        if (found := piece.find(pattern)) >= 0:
            return begin + found
        overlap = piece[len(piece) - len(pattern) + 1 :]
        begin += len(piece) - len(overlap)
    return -1


def begins_recording(head: bytes) -> bool:
    """Return True if bytes begin a recording, as where files were joined.

    Examples
    --------
    >>> begins_recording(b"RIFF"), begins_recording(b"LIST")
    (True, False)
    """
    return head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64", b"FORM", b"caff", b"fLaC", b"OggS")


def is_chunk(name: bytes) -> bool:
    """Return True if four bytes can be the name of a chunk or box.

    Examples
    --------
    >>> is_chunk(b"data"), is_chunk(b"RI"), is_chunk(bytes(4))
    (True, False, False)
    """
    return len(name) == 4 and all(32 <= byte < 127 for byte in name)
