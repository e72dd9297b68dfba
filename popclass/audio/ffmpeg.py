"""Decoder of all formats of FFmpeg, through PyAV: frames at their places in time.

The interface is that of all decoders, see `popclass.audio.decode`.
"""

# ruff: noqa: D102  the methods are documented once, in popclass.audio.decode

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np

from popclass.audio.container import ContainerHeader
from popclass.audio.timeline import Block, FrameClock, play_edits, silence
from popclass.errors import AudioError
from popclass.utils.text import counted

CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,aac,amr,amrnb,amrwb,asf,asf_o,avi,flv,mpegts,mpeg,ac3,eac3,"
    "caf,wav,w64,aiff,au,ogg,flac,mp3,ape,wv,tta,dsf"
)
"""Formats that PyAV may detect. Playlists are excluded, since they open other files or addresses."""

TIMED_CONTAINERS = ("mov", "matroska", "asf")
"""Containers that store their duration; in others it is estimated from a bit rate."""

STAMPED_CONTAINERS = (*TIMED_CONTAINERS, "mpegts", "mpeg", "flv")
"""Containers with a time stamp for each packet; in others it is computed from the packets so far."""

DURATION_TOLERANCE_S = 0.25
"""Allowed difference between a container's duration and its audio: priming, padding and rounding to milliseconds."""

PADDING = 4096  # samples per channel: two packets of HE-AAC
_DELAYED = {
    **{"mp2": "MP2", "mp3": "MP3", "aac": "AAC", "ac3": "AC-3", "eac3": "E-AC-3", "opus": "Opus"},
    **{"amr_nb": "AMR", "amr_wb": "AMR", "wmav1": "WMA", "wmav2": "WMA", "wmapro": "WMA"},
}
"""Codecs whose encoder delays the sound by more than 5 ms."""

RAIL_16_BIT = 32767 / 32768


def finds_sound(head: bytes) -> bool:
    """Return True if the first bytes of a file are of a known format and can be decoded as sound."""
    try:
        import av
    except ImportError:
        return False
    try:
        opened: Any = av.open(io.BytesIO(head), options={"format_whitelist": CONTAINERS})
        with opened as container:
            return bool(container.streams.audio) and any(True for _ in container.decode(audio=0))
    except (av.FFmpegError, ValueError):
        return False


class PyAVDecoder:
    """Decoder for the first audio stream of all formats of FFmpeg."""

    rail = RAIL_16_BIT

    def __init__(self, path: str, header: ContainerHeader | None = None, *, ignore_length: bool = False) -> None:
        try:
            import av
        except ImportError as error:
            raise AudioError("this format needs PyAV; install it with: pip install av") from error
        self._header = header = ContainerHeader("unknown") if header is None else header
        self._edits = header.edits if len(header.edits) > 1 else ()
        options = {
            **{"format_whitelist": CONTAINERS, "protocol_whitelist": "file", "ignore_length": f"{ignore_length:d}"},
            # only the first edit is played to the sample by FFmpeg itself
            **({"ignore_editlist": "1"} if self._edits else {}),
            **({"skip_initial_bytes": str(header.first_frame)} if header.first_frame else {}),
        }
        self._errors = av.FFmpegError
        # PyAV 19 keeps bytes that are not UTF-8 as surrogates and has no such argument any more
        lenient: dict[str, Any] = {} if int(av.__version__.split(".")[0]) >= 19 else {"metadata_errors": "replace"}
        try:
            # Without `file:` the name of a file could be an address: `concat:a|b`.
            self._container = av.open(f"file:{path}", options=options, **lenient)
        except (av.FFmpegError, ValueError) as error:
            raise AudioError("its audio format is not recognised") from error
        try:
            self._open_stream(av)
        except BaseException:
            self._container.close()
            raise

    def _open_stream(self, av: Any) -> None:
        streams = [stream for stream in self._container.streams.audio if stream.codec_context is not None]
        if not streams:
            raise AudioError("it has no audio stream of a known codec")
        self._stream = streams[0]
        self._more = len(streams) - 1
        self._resampler = av.AudioResampler(format="flt")
        self.position = 0
        self._delay = self._stream.codec_context.delay  # of the encoder by the header; decoders change it
        self._clock = FrameClock(float(self._stream.time_base or 0))
        frames = self._decode()
        first = next(frames, None)
        if first is None:
            raise AudioError("its audio stream is empty")
        self._left = first[1][:0]
        pieces = self._clock.place(chain([first], frames), self.sample_rate)
        if self._edits:  # media time begins with the priming, which FFmpeg may have removed
            primed = silence(round((first[0] or 0.0) * self.sample_rate), self.channels)
            pieces = play_edits(chain(primed, pieces), self._edits, self.sample_rate)
        self._pieces = self._without_padding(pieces)
        declared = self._declared_seconds()
        self.frames: int | None = None if declared is None else round(declared * self.sample_rate)
        self.unbounded: bool = (self._stream.codec_context.name or "").startswith("pcm_f")
        self.lossy: bool = self._stream.codec_context.codec.lossy
        tags = {**self._container.metadata, **self._stream.metadata}
        self.tags: dict[str, str] = {name.lower(): value for name, value in tags.items()}

    def _without_padding(self, pieces: Iterator[Block]) -> Iterator[Block]:
        """Yield the pieces without the rest of the last packets beyond the declared end, which an encoder filled up.

        More than that is sound, which a wrong declaration must not hide.
        """
        declared = self._declared_seconds() if self._container.format.name.startswith("mov") else None
        end = self._header.frames or (None if declared is None else round(declared * self.sample_rate))
        at, beyond = 0, list[Block]()
        for piece in pieces:
            inside = len(piece) if end is None else min(max(end - at, 0), len(piece))
            at += len(piece)
            if inside:
                yield piece[:inside]
            if inside < len(piece):
                beyond.append(piece[inside:])
            if end is not None and at - end > PADDING:
                yield from beyond
                beyond.clear()

    def _frames(self) -> Iterator[Any]:
        for packet in self._container.demux(self._stream):
            if not (self._header.last_frame and packet.pos is not None and packet.pos >= self._header.last_frame):
                yield from packet.decode()

    def _decode(self) -> Iterator[tuple[float | None, Block]]:
        """Yield the time stamp in seconds, None if unknown, and the samples, float32 (n, channels), of each frame."""
        layout: tuple[int, int] | None = None
        stamped = self._container.format.name.startswith(STAMPED_CONTAINERS)
        try:
            for frame in self._frames():
                found = frame.sample_rate, frame.layout.nb_channels
                layout = layout or found
                self.sample_rate, self.channels = layout
                if found != layout:
                    raise AudioError("its sample rate or number of channels changes in the middle")
                self.position += frame.samples
                stamp = float(frame.pts * frame.time_base) if stamped and frame.pts is not None else None
                yield stamp, self._as_float(frame)
        except (self._errors, ValueError) as error:
            reason = getattr(error, "strerror", None) or "its frames contradict themselves"
            raise AudioError(f"the data is damaged ({reason.lower()})") from error

    def _as_float(self, frame: Any) -> Block:
        if frame.format.name == "fltp":  # of most codecs; three times faster than FFmpeg's own conversion
            planes = [np.frombuffer(plane, np.float32, count=frame.samples) for plane in frame.planes]
            return planes[0][:, np.newaxis] if len(planes) == 1 else np.stack(planes, axis=1)
        pieces = [piece.to_ndarray().reshape(-1, self.channels) for piece in self._resampler.resample(frame)]
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces or [np.zeros((0, self.channels), np.float32)])

    def read(self, frames: int) -> Block:
        pieces, held = [self._left], len(self._left)
        while held < frames and (piece := next(self._pieces, None)) is not None:
            pieces.append(piece)
            held += len(piece)
        joined = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        self._left = joined[frames:].copy()
        return np.ascontiguousarray(joined[:frames])

    def missing(self, frames_read: int) -> float | None:
        declared = self._declared_seconds()
        present = frames_read / self.sample_rate + (0.0 if self._edits else max(self._clock.ahead_s, 0.0))
        short = 0.0 if declared is None else declared - present
        return short if short > DURATION_TOLERANCE_S else None

    @property
    def filled(self) -> list[float]:
        return self._clock.filled

    def notes(self) -> list[str]:
        notes = self._clock.warnings()
        codec = _DELAYED.get(self._stream.codec_context.codec.canonical_name)
        if codec and not self._states_delay(codec):
            off = "off" if codec == "WMA" else "late"
            notes.append(f"the delay of the {codec} encoder is not in the file: all times may be up to 0.05 s {off}")
        if self._more:
            notes.append(f"{counted(self._more, 'more audio track')} in the file; only the first was read")
        return notes

    def _states_delay(self, codec: str) -> bool:
        container = self._container.format.name
        if codec == "MP3" and container == "mp3":
            return bool(self._stream.start_time)
        inherent = container == "caf" or (codec == "Opus" and container != "mpegts")
        return bool(inherent or self._delay or self._header.edits or "itunsmpb" in self.tags)

    def _declared_seconds(self) -> float | None:
        if self._edits:
            total = sum(edit.duration_s for edit in self._edits)
            return total if total < math.inf else None
        if not self._container.format.name.startswith(TIMED_CONTAINERS):
            return None
        stream = self._stream
        if stream.duration is not None and stream.time_base is not None:
            return float(stream.duration * stream.time_base)
        if self._container.duration is None or len(self._container.streams) > 1:
            return None
        return float(self._container.duration) / 1_000_000

    def close(self) -> None:
        self._pieces.close()  # type: ignore[attr-defined]
        self._container.close()
