"""mp4 and Matroska files whose tables lie, which are encrypted, or which hold no sound."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cache, partial

from bad_inputs.kinds import Kind, accepted, either, holding, refused
from bad_inputs.sources import RATE, encoded, good, samples, video

MP4 = "mp4 (m4a, mov, 3gp) boxes that lie"
EBML = "Matroska and webm elements that lie"
SILENT = "Containers without sound, and encrypted ones"
UNUSABLE = (
    "cannot be read as audio",
    "is not a usable",
    "cut short",
    "contains no sound",
    "breaks off",
    "a sample rate of",
)
SHORT = ("cut short", "breaks off", "cannot be read as audio")
MOST = 0xFFFFFFFF


def kinds() -> Iterator[Kind]:
    yield from _tables()
    yield from _boxes()
    yield from _without_sound()
    yield from _matroska()


def _box(name: bytes, data: bytes = b"", length: int | None = None) -> bytes:
    return struct.pack(">I", 8 + len(data) if length is None else length) + name + data


def _patched(name: bytes, at: int, *values: int, source: str = "m4a") -> bytes:
    """A good m4a with other 32-bit numbers, `at` bytes after the name of the first box called so."""
    data = bytearray(good(source))
    start = data.index(name) + 4 + at
    for number, value in enumerate(values):
        data[start + 4 * number : start + 4 * number + 4] = struct.pack(">I", value)
    return bytes(data)


def _tables() -> Iterator[Kind]:
    """Offsets are those after the name of a box: version and flags take four bytes."""
    lies: dict[str, tuple[str, bytes, int, tuple[int, ...]]] = {
        "stsz-count-most": ("2^32 - 1 packets", b"stsz", 8, (MOST,)),
        "stsz-count-0": ("no packets", b"stsz", 8, (0,)),
        "stsz-size-2-gib": ("packets of 2 GiB", b"stsz", 4, (0x7FFFFFFF,)),
        "stsz-first-2-gib": ("a first packet of 2 GiB", b"stsz", 12, (0x7FFFFFFF,)),
        "stsz-first-most": ("a first packet of 4 GiB", b"stsz", 12, (MOST,)),
        "stsz-first-0": ("a first packet of no bytes", b"stsz", 12, (0,)),
        "stco-beyond": ("packets beyond the end of the file", b"stco", 8, (0x7FFFFFFF,)),
        "stco-0": ("packets that lie in the header", b"stco", 8, (0,)),
        "stco-count-most": ("2^32 - 1 chunks", b"stco", 4, (MOST,)),
        "stsc-most": ("2^32 - 1 packets a chunk", b"stsc", 12, (MOST,)),
        "stsc-count-most": ("2^32 - 1 kinds of chunks", b"stsc", 4, (MOST,)),
        "stsc-0": ("no packets in a chunk", b"stsc", 12, (0,)),
        "stts-count-most": ("2^32 - 1 durations", b"stts", 4, (MOST,)),
        "stts-most": ("a packet 2^32 - 1 times as often", b"stts", 8, (MOST,)),
        "stts-duration-most": ("packets of 2^32 - 1 samples", b"stts", 12, (MOST,)),
        "mdhd-scale-0": ("a time scale of 0", b"mdhd", 12, (0,)),
        "mdhd-scale-most": ("a time scale of 2^32 - 1", b"mdhd", 12, (MOST,)),
        "mdhd-duration-0": ("a duration of 0", b"mdhd", 16, (0,)),
        "mdhd-duration-most": ("a duration of 2^32 - 1", b"mdhd", 16, (MOST,)),
        "elst-most": ("an edit that begins after 2^31 - 1 samples", b"elst", 12, (0x7FFFFFFF,)),
        "elst-negative": ("an edit that begins before the first sample", b"elst", 12, (0x80000000,)),
        "elst-count-most": ("2^32 - 1 edits", b"elst", 4, (MOST,)),
        "stsd-count-0": ("no description of the sound", b"stsd", 4, (0,)),
        "stsd-count-most": ("2^32 - 1 descriptions of the sound", b"stsd", 4, (MOST,)),
        "mp4a-channels-most": ("65,535 channels of 65,535 bits", b"mp4a", 16, (MOST,)),
        "mp4a-channels-0": ("no channels of no bits", b"mp4a", 16, (0,)),
        "mp4a-rate-0": ("a sample rate of 0", b"mp4a", 24, (0,)),
        "mp4a-rate-most": ("a sample rate of 65,535 Hz", b"mp4a", 24, (MOST,)),
    }
    for name, (what, box, at, values) in lies.items():
        yield either(MP4, f"m4a-{name}", what, holding(partial(_patched, box, at, *values)), ".m4a")
    for name, end in (("mov", ".mov"), ("alac", ".m4a")):
        box = b"sowt" if name == "mov" else b"alac"
        data = holding(partial(_patched, box, 16, MOST, source=name))
        yield either(MP4, f"{name}-channels-most", "65,535 channels of 65,535 bits", data, end, of=name)
        rate = holding(partial(_patched, box, 24, 0, source=name))
        yield either(MP4, f"{name}-rate-0", "a sample rate of 0", rate, end, of=name)


@cache
def _ftyp() -> bytes:
    data = good("m4a")
    return data[: struct.unpack(">I", data[:4])[0]]


def _moov() -> bytes:
    data = good("m4a")
    at = data.index(b"moov") - 4
    return data[at : at + struct.unpack(">I", data[at : at + 4])[0]]


def _nested(depth: int) -> bytes:
    """Boxes within boxes."""
    data = b""
    for _ in range(depth):
        data = _box(b"moov", data)
    return data


def _boxes() -> Iterator[Kind]:
    broken = {
        "ftyp-only": ("its first box and nothing else", _ftyp),
        "no-index": (
            "no index, as a recorder leaves it that was stopped",
            lambda: good("m4a")[: good("m4a").index(b"moov") - 4],
        ),
        "index-only": ("an index and no sound", lambda: _ftyp() + _moov()),
        "index-twice": ("an index twice and no sound", lambda: _ftyp() + _moov() * 2),
        "box-2-63": ("a box of 2^63 bytes", lambda: _ftyp() + _box(b"mdat", struct.pack(">Q", 1 << 63), 1) + _moov()),
        "box-2-64": ("a box of 2^64 - 1 bytes", lambda: _ftyp() + _box(b"mdat", struct.pack(">Q", (1 << 64) - 1), 1)),
        "box-4": ("a box of 4 bytes", lambda: _ftyp() + _box(b"free", b"", 4) * 1000),
        "nested": ("20,000 boxes one within the other", lambda: _ftyp() + _nested(20_000)),
        "many-boxes": ("100,000 empty boxes", lambda: _ftyp() + _box(b"free") * 100_000),
        "elsewhere": ("sound in another file, by a reference", partial(_elsewhere, b"file:///etc/passwd\0")),
        "elsewhere-http": ("sound at an address", partial(_elsewhere, b"http://127.0.0.1:9/a.m4a\0")),
    }
    for name, (what, make) in broken.items():
        yield refused(MP4, f"m4a-{name}", what, holding(make), *UNUSABLE, ending=".m4a")
    zero = holding(lambda: good("m4a") + _box(b"free", bytes(64), 0))
    yield accepted(MP4, "m4a-box-0", "a last box of length 0: to the end of the file", zero, ".m4a")
    tail = holding(lambda: good("m4a") + bytes(1000))
    yield accepted(MP4, "m4a-tail", "zeros after its last box", tail, ".m4a")


def _elsewhere(address: bytes) -> bytes:
    """An m4a that says its sound lies at an address: `url ` without the flag that it is in the same file."""
    data = good("mp4")
    data = (
        data[: data.index(b"ftyp") + 24]
        + data[data.index(b"moov") - 4 :]
        + data[data.index(b"mdat") - 4 : data.index(b"moov") - 4]
    )
    at = data.index(b"url ") - 4
    changed = data[:at] + _box(b"url ", bytes(4) + address) + data[at + 12 :]
    sound = changed.index(b"mdat") + 4
    return changed[:sound] + bytes(len(changed) - sound)


def _renamed(old: bytes, new: bytes) -> bytes:
    return good("m4a").replace(old, new)


@cache
def _encrypted() -> bytes:
    """An mp4 with Common Encryption, whose key is not given."""
    key = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": "76" * 16, "encryption_kid": "a7" * 16}
    return encoded(samples(), RATE, "mp4", "aac", options=key)


def _without_sound() -> Iterator[Kind]:
    for form, end in (("mp4", ".mp4"), ("mov", ".mov"), ("matroska", ".mkv"), ("3gp", ".3gp")):
        what, data = "pictures and no sound", holding(partial(video, form))
        yield refused(SILENT, f"video-only-{form}", what, data, "no audio stream", ending=end, of=form)
    says = "encrypted"
    drms = holding(partial(_renamed, b"mp4a", b"drms"))
    yield refused(SILENT, "m4a-drms", "bought music with DRM ('drms')", drms, says, ending=".m4a")
    enca = holding(partial(_renamed, b"mp4a", b"enca"))
    yield refused(SILENT, "m4a-enca", "an encrypted stream ('enca') without its scheme", enca, says, ending=".m4a")
    yield refused(SILENT, "m4a-cenc", "Common Encryption, without the key", holding(_encrypted), says, ending=".m4a")
    unknown = holding(partial(_renamed, b"mp4a", b"zzzz"))
    yield either(SILENT, "m4a-unknown", "an unknown codec, though its header is that of AAC", unknown, ".m4a")
    text = holding(partial(_renamed, b"soun", b"text"))
    yield either(SILENT, "m4a-text", "a track of sound that says it is text", text, ".m4a")


def _element(data: bytes, name: bytes, new: bytes) -> bytes:
    """An EBML file with other bytes after the first element of that name: its length and content."""
    at = data.index(name) + len(name)
    return data[:at] + new + data[at + len(new) :]


def _matroska() -> Iterator[Kind]:
    lies = {
        "rate-nan": ("a sample rate that is none", b"\xb5", b"\x88" + struct.pack(">d", float("nan"))),
        "rate-0": ("a sample rate of 0", b"\xb5", b"\x88" + struct.pack(">d", 0.0)),
        "rate-huge": ("a sample rate of 1e300", b"\xb5", b"\x88" + struct.pack(">d", 1e300)),
        "channels-0": ("no channels", b"\x9f", b"\x81\0"),
        "channels-255": ("255 channels", b"\x9f", b"\x81\xff"),
        "scale-0": ("a time scale of 0", b"\x2a\xd7\xb1", b"\x83\0\0\0"),
        "cluster-long": ("a cluster of 2^56 bytes", b"\x1f\x43\xb6\x75", b"\x01" + b"\xff" * 6 + b"\xfe"),
        "segment-0": ("a segment of no bytes", b"\x18\x53\x80\x67", b"\x01" + bytes(7)),
        "segment-long": ("a segment of 2^56 bytes", b"\x18\x53\x80\x67", b"\x01" + b"\xff" * 6 + b"\xfe"),
        "tracks-long": ("a list of tracks of 2^56 bytes", b"\x16\x54\xae\x6b", b"\x01" + b"\xff" * 6 + b"\xfe"),
        "private-long": ("a codec's header of 1 GiB", b"\x63\xa2", b"\x08\x3f\xff\xff\xff"),
        "version-99": ("version 99", b"\x42\x85", b"\x81\x63"),
        "doctype": ("another type of document", b"\x42\x82", b"\x84xxxx"),
        "codec": ("an unknown codec", b"\x86", b"\x86A_NONE"),
    }
    for name, (what, element, new) in lies.items():
        data = holding(lambda element=element, new=new: _element(good("webm"), element, new))
        yield either(EBML, f"webm-{name}", what, data, ".webm")
    nothing = {
        "webm-magic": ("its magic and nothing else", lambda: good("webm")[:4]),
        "webm-head": ("its head and no segment", lambda: good("webm")[: good("webm").index(b"\x18\x53\x80\x67")]),
        "webm-no-clusters": (
            "its tracks and no sound",
            lambda: good("webm")[: good("webm").index(b"\x1f\x43\xb6\x75")],
        ),
    }
    for name, (what, make) in nothing.items():
        yield refused(EBML, name, what, holding(make), *UNUSABLE, ending=".webm")
