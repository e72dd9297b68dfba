"""AIFF, CAF and AU headers that lie."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from bad_inputs.kinds import Kind, accepted, either, holding, refused, warned
from bad_inputs.sources import RATE, good
from bad_inputs.wav import sound

AIFF = "AIFF, CAF and AU headers that lie"
UNUSABLE = (
    "cannot be read as audio",
    "is not a usable",
    "cut short",
    "contains no sound",
    "a sample rate of",
    "channels",
)
RATE_80_BIT = struct.pack(">HQ", 16383 + 15, RATE << 48)


def kinds() -> Iterator[Kind]:
    yield from _aiff()
    yield from _caf()
    yield from _au()


def _chunk(name: bytes, data: bytes, length: int | None = None) -> bytes:
    return name + struct.pack(">I", len(data) if length is None else length) + data + bytes(len(data) % 2)


def _comm(channels: int = 1, frames: int = 48_000, bits: int = 16, rate: bytes = RATE_80_BIT) -> bytes:
    return _chunk(b"COMM", struct.pack(">HIH", channels, frames, bits) + rate)


def _aiff_of(*chunks: bytes) -> bytes:
    body = b"AIFF" + b"".join(chunks)
    return b"FORM" + struct.pack(">I", len(body)) + body


def _ssnd(offset: int = 0, length: int | None = None) -> bytes:
    return _chunk(b"SSND", struct.pack(">II", offset, 0) + sound(), length)


def _aiff() -> Iterator[Kind]:
    rates = {
        "nan": b"\x7f\xff\xc0" + bytes(7),
        "infinite": b"\x7f\xff\x80" + bytes(7),
        "zero": bytes(10),
        "negative": struct.pack(">HQ", 0x8000 | 16398, RATE << 48),
        "tiny": struct.pack(">HQ", 1, 1 << 63),
        "huge": struct.pack(">HQ", 0x7FFE, (1 << 64) - 1),
    }
    for name, rate in rates.items():
        data = _aiff_of(_comm(rate=rate), _ssnd())
        yield _refused(f"aiff-rate-{name}", "a sample rate that is none", data, of=f"AIFF {name}")
    for channels in (0, 9, 32_768, 65_535):
        data = _aiff_of(_comm(channels=channels), _ssnd())
        yield _refused(f"aiff-channels-{channels}", "channels outside 1-8", data, of=f"AIFF {channels}")
    for bits in (0, 33, 65_535):
        data = _aiff_of(_comm(bits=bits), _ssnd())
        yield _refused(f"aiff-bits-{bits}", "bits per sample that nothing reads", data, of=f"AIFF {bits}")
    for frames in (0, 24_000, 0xFFFFFFFF):
        what = "a number of frames that is not that of the samples"
        data = holding(_aiff_of(_comm(frames=frames), _ssnd()))
        yield either(AIFF, f"aiff-frames-{frames}", what, data, ".aiff", of=f"AIFF {frames}")
    yield _refused("aiff-offset", "samples that begin beyond the end", _aiff_of(_comm(), _ssnd(1 << 31)), of="AIFF")
    long = _aiff_of(_comm(), _ssnd(length=1 << 30))
    yield _refused("aiff-length", "a length beyond the end of the file", long, of="AIFF")
    yield _refused("aiff-no-comm", "no format", _aiff_of(_ssnd()), of="AIFF")
    cut = _aiff_of(_chunk(b"COMM", struct.pack(">HI", 1, 48_000)), _ssnd())
    yield _refused("aiff-comm-cut", "a format that is cut short", cut, of="AIFF")
    yield _refused("aiff-no-sound", "no samples", _aiff_of(_comm()), of="AIFF")
    swapped = holding(_aiff_of(_ssnd(), _comm()))
    yield accepted(AIFF, "aiff-comm-last", "the format after the samples", swapped, ".aiff", of="AIFF")


def _refused(name: str, what: str, data: bytes, *, of: str, ending: str = ".aiff") -> Kind:
    return refused(AIFF, name, what, holding(data), *UNUSABLE, ending=ending, of=of)


def _caf_of(
    rate: float = RATE, *, packet: int = 2, frames: int = 1, channels: int = 1, bits: int = 16, length: int
) -> bytes:
    form = struct.pack(">d4sIIIII", rate, b"lpcm", 0, packet, frames, channels, bits)
    head = b"caff" + struct.pack(">HH", 1, 0) + b"desc" + struct.pack(">q", len(form)) + form
    return head + b"data" + struct.pack(">qI", length, 0) + sound()


def _caf() -> Iterator[Kind]:
    whole = 96_004
    for name, rate in (("nan", "nan"), ("infinite", "inf"), ("zero", "0"), ("negative", "-48000"), ("huge", "1e300")):
        data = _caf_of(float(rate), length=whole)
        yield _refused(f"caf-rate-{name}", "a sample rate that is none", data, of=f"CAF {name}", ending=".caf")
    for channels in (0, 9, 1 << 31, (1 << 32) - 1):
        data = _caf_of(channels=channels, length=whole)
        yield _refused(f"caf-channels-{channels}", "channels outside 1-8", data, of=f"CAF {channels}", ending=".caf")
    for packet in (0, 1, 1 << 31):
        what, data = "bytes per packet that do not fit", holding(_caf_of(packet=packet, length=whole))
        yield either(AIFF, f"caf-packet-{packet}", what, data, ".caf", of=f"CAF {packet}")
    unknown = holding(_caf_of(length=-1))
    yield warned(
        AIFF,
        "caf-length-unknown",
        "a length of -1: not known",
        unknown,
        "does not declare its length",
        ending=".caf",
        of="CAF",
    )
    for name, length in (("2-62", 1 << 62), ("2-63", (1 << 63) - 1), ("one-more", whole + 1)):
        data = _caf_of(length=length)
        yield _refused(
            f"caf-length-{name}", "a length beyond the end of the file", data, of=f"CAF {name}", ending=".caf"
        )
    negative = holding(_caf_of(length=-(1 << 63)))
    yield either(AIFF, "caf-length-negative", "a length of -2^63", negative, ".caf", of="CAF")
    nothing = good("caf")[:8] + b"data" + struct.pack(">qI", whole, 0) + sound()
    yield _refused("caf-no-desc", "no format", nothing, of="CAF", ending=".caf")


def _au_of(offset: int = 24, length: int = 96_000, code: int = 3, rate: int = RATE, channels: int = 1) -> bytes:
    return struct.pack(">4sIIIII", b".snd", offset, length, code, rate, channels) + sound()


def _au() -> Iterator[Kind]:
    for name, offset in (("2-31", 1 << 31), ("2-32", (1 << 32) - 1)):
        data = _au_of(offset=offset)
        yield _refused(f"au-offset-{name}", "samples that begin beyond the end", data, of=f"AU {name}", ending=".au")
    yield either(AIFF, "au-offset-0", "samples that begin in the header", holding(_au_of(offset=0)), ".au", of="AU")
    lost = holding(_au_of(length=0))
    yield refused(
        AIFF, "au-length-0", "a length of 0, though sound follows", lost, "needs the right length", ending=".au"
    )
    unknown = holding(_au_of(length=0xFFFFFFFF))
    yield warned(
        AIFF,
        "au-length-unknown",
        "a length of 2^32 - 1: not known",
        unknown,
        "does not declare its length",
        ending=".au",
        of="AU",
    )
    long = _au_of(length=1 << 30)
    yield _refused("au-length", "a length beyond the end of the file", long, of="AU", ending=".au")
    for code in (0, 999, (1 << 32) - 1):
        data = _au_of(code=code)
        yield _refused(f"au-code-{code}", "an encoding that is none", data, of=f"AU {code}", ending=".au")
    for rate in (0, 1, (1 << 32) - 1):
        data = _au_of(rate=rate)
        yield _refused(f"au-rate-{rate}", "a sample rate outside 8-192 kHz", data, of=f"AU {rate} Hz", ending=".au")
    for channels in (0, 9, (1 << 32) - 1):
        data = _au_of(channels=channels)
        yield _refused(f"au-channels-{channels}", "channels outside 1-8", data, of=f"AU {channels}", ending=".au")
