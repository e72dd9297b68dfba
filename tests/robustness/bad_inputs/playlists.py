"""Files that ask to open other files or addresses, and names that a library could take for addresses.

None of them may be followed: `TARGET` lies beside them, is a good recording with a click, and is watched, and so is
`PORT` of this machine.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from bad_inputs.kinds import Kind, Make, accepted, holding, refused
from bad_inputs.sources import good

GROUP = "Playlists, and names like addresses"
TARGET = "private/.elsewhere"  # hidden, so that no batch takes it for a recording
PORT = 47_913
REASONS = ("cannot be read as audio", "is not a usable", "contains no sound")


def kinds() -> Iterator[Kind]:
    for number, (name, (what, text)) in enumerate(_scripts().items()):
        endings = (".m4a", ".webm", ".wav", ".mp3")
        for ending in (endings[number % 4], endings[(number + 1) % 4]):
            make, kind = _pointing(text), f"{name}-as-{ending[1:]}"
            yield refused(GROUP, kind, what, make, *REASONS, ending=ending, of=ending)
    mov = _pointing_mov()
    yield refused(GROUP, "mov-reference", "a QuickTime film that refers to another", mov, *REASONS, ending=".mov")
    for name in (b"concat:a.wav|b.wav", b"data:audio,a.wav", b"pipe:0.wav", b"http:a.wav", b"file:a.wav", b"a:b.wav"):
        make = holding(lambda: good("wav"))
        yield accepted(GROUP, _ascii(name, "wav"), "a name like an address", make, of=_shown(name), file=name)
    for name in (b"concat:a.m4a|b.m4a", b"pipe:0.m4a", b"tcp:a.m4a", b"lavfi:sine.m4a", b"%03d.m4a", b"*.m4a"):
        make = holding(lambda: good("m4a"))
        yield accepted(GROUP, _ascii(name, "m4a"), "a name like an address", make, of=_shown(name), file=name)


def _ascii(name: bytes, ending: str) -> str:
    return f"address-{''.join(chr(byte) if chr(byte).isalnum() else '-' for byte in name)}-{ending}"


def _shown(name: bytes) -> str:
    return f"`{name.decode()}`".replace("|", "\\|")


def _scripts() -> dict[str, tuple[str, str]]:
    """Texts in which {local} stands for a path of the target and {web} for an address."""
    head = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXT-X-MEDIA-SEQUENCE:0\n"
    hls = head + "#EXTINF:1.0,\n{0}\n#EXT-X-ENDLIST\n"
    dash = (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT1S"><Period><AdaptationSet mimeType="audio/mp4"><Representation id="1" '
        'bandwidth="1"><BaseURL>{0}</BaseURL></Representation></AdaptationSet></Period></MPD>'
    )
    sdp = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=a\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio {port} RTP/AVP 0\n"
    return {
        "m3u8-relative": ("an HLS playlist of a file beside it", hls.format("{relative}")),
        "m3u8-absolute": ("an HLS playlist of a file", hls.format("{local}")),
        "m3u8-file": ("an HLS playlist of a file: address", hls.format("file://{local}")),
        "m3u8-http": ("an HLS playlist of a web address", hls.format("{web}")),
        "m3u8-concat": ("an HLS playlist that joins files", hls.format("concat:{local}|{local}")),
        "m3u": ("a plain playlist", "{local}\n{web}\n"),
        "ffconcat": ("a script that joins files", "ffconcat version 1.0\nfile '{relative}'\n"),
        "ffconcat-absolute": ("a script that joins files by their paths", "ffconcat version 1.0\nfile '{local}'\n"),
        "ffconcat-http": ("a script that joins addresses", "ffconcat version 1.0\nfile '{web}'\n"),
        "pls": ("a PLS playlist", "[playlist]\nFile1={web}\nNumberOfEntries=1\n"),
        "asx": ("an ASX playlist", '<asx version="3.0"><entry><ref href="{web}"/></entry></asx>'),
        "asf-reference": ("a reference of Windows Media", "[Reference]\nRef1={web}\n"),
        "dash": ("a DASH manifest of a file", dash.format("{local}")),
        "dash-http": ("a DASH manifest of an address", dash.format("{web}")),
        "sdp": ("a session description (SDP)", sdp),
        "rtsp": ("an RTSP text", "RTSPtext\nrtsp://127.0.0.1:{port}/a\n"),
    }


def _pointing(text: str) -> Make:
    def make(path: Path) -> None:
        web = f"http://127.0.0.1:{PORT}/a.wav"
        local = path.parent / TARGET
        path.write_text(text.format(relative=TARGET, local=local, web=web, port=PORT))

    return make


def _pointing_mov() -> Make:
    """A film whose `rmra` boxes refer to another one, as QuickTime followed them."""

    def box(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", 8 + len(data)) + name + data

    def make(path: Path) -> None:
        address = bytes(path.parent / TARGET) + b"\0"
        reference = box(b"rdrf", bytes(4) + b"url " + struct.pack(">I", len(address)) + address)
        film = box(b"moov", box(b"rmra", box(b"rmda", reference)))
        path.write_bytes(box(b"ftyp", b"qt  \0\0\0\0qt  ") + film)

    return make
