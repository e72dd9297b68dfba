"""Files that are no recordings, under the names of recordings."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import sqlite3
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from functools import cache

import numpy as np

from bad_inputs.codecs import picture
from bad_inputs.kinds import Kind, holding, refused

GROUP = "Other files under the name of a recording"
ENDINGS = (".wav", ".m4a", ".mp3", ".flac", ".au", ".aac", ".ogg", ".webm")


def kinds() -> Iterator[Kind]:
    reasons = (
        "cannot be read as audio",
        "is not a usable",
        "contains no sound",
        "cut short",
        "breaks off",
        "no audio stream",
    )
    for number, (name, (what, make)) in enumerate({**_texts(), **_binaries()}.items()):
        ending = ENDINGS[number % len(ENDINGS)]
        yield refused(GROUP, f"foreign-{name}", what, holding(make), *reasons, ending=ending, of=ending)
    for ending in ENDINGS:
        text = holding(b"These are notes about the left knee, and no recording of it.\n" * 40)
        yield refused(GROUP, f"notes{ending}", "plain text", text, *reasons, ending=ending, of=ending)
        noise = holding(np.random.default_rng(2).bytes(20_000))
        yield refused(GROUP, f"noise{ending}", "random bytes", noise, *reasons, ending=ending, of=ending)
        yield refused(GROUP, f"zeros{ending}", "zeros", holding(bytes(100_000)), *reasons, ending=ending, of=ending)


def _texts() -> dict[str, tuple[str, Callable[[], bytes] | bytes]]:
    return {
        "newline": ("a line end", b"\n"),
        "byte": ("one byte", b"R"),
        "html": ("a web page", b"<!DOCTYPE html><html><head><title>404</title></head><body>Not found</body></html>"),
        "json": ("JSON", b'{"error": "not found", "status": 404}\n'),
        "xml": ("XML", b'<?xml version="1.0"?><recordings><r file="a.wav"/></recordings>'),
        "svg": (
            "SVG",
            b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>',
        ),
        "csv": ("CSV", b"file,start_s,end_s,label\na.wav,1,2,cavitation\n"),
        "script": ("a script", b"#!/bin/sh\nrm -rf /nonexistent\n"),
        "subtitles": ("subtitles", b"1\n00:00:01,000 --> 00:00:02,000\npop\n\n"),
        "webvtt": ("subtitles of the web", b"WEBVTT\n\n00:01.000 --> 00:02.000\npop\n"),
        "git-lfs": (
            "a pointer of Git LFS",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"ab" * 32 + b"\nsize 12345\n",
        ),
        "utf-16": ("text in UTF-16", "Left knee, first take.\n".encode("utf-16")),
        "pickle": ("a Python pickle", pickle.dumps({"a": [1, 2, 3]})),
        "pdf": ("a PDF", b"%PDF-1.7\n1 0 obj\n<</Type/Catalog>>\nendobj\ntrailer\n<</Root 1 0 R>>\n%%EOF\n"),
    }


def _binaries() -> dict[str, tuple[str, Callable[[], bytes] | bytes]]:
    return {
        "png": ("a picture (PNG)", picture),
        "jpeg": ("a picture (JPEG)", lambda: _image("JPEG")),
        "gif": ("a picture (GIF)", lambda: _image("GIF")),
        "bmp": ("a picture (BMP)", lambda: _image("BMP")),
        "tiff": ("a picture (TIFF)", lambda: _image("TIFF")),
        "webp": ("a picture (WebP), a RIFF file like WAV", lambda: _image("WEBP")),
        "zip": ("a zip archive", lambda: _zip(b"notes")),
        "zip-bomb": ("a zip archive of 1 GiB of zeros in 1 MB", lambda: _zip_bomb()),
        "gzip": ("gzip", lambda: gzip.compress(b"notes", mtime=0)),
        "gzip-bomb": ("gzip of 1 GiB of zeros in 1 MB", lambda: _gzip_bomb()),
        "bzip2": ("bzip2", lambda: bz2.compress(bytes(1_000_000))),
        "xz": ("xz", lambda: lzma.compress(bytes(1_000_000))),
        "tar": ("a tar archive", _tar),
        "database": ("a database (SQLite)", _database),
        "numpy": ("a numpy array", _array),
        "program": ("a program (ELF)", b"\x7fELF\x02\x01\x01" + bytes(200)),
        "windows-program": (
            "a program (Windows)",
            b"MZ" + bytes(58) + b"\x80\0\0\0" + bytes(64) + b"PE\0\0" + bytes(400),
        ),
        "midi": ("notes (MIDI)", b"MThd\0\0\0\6\0\0\0\1\0\x60MTrk\0\0\0\4\0\xff\x2f\0"),
        "avi": ("a RIFF file of the wrong kind", b"RIFF\x80\0\0\0AVI LIST" + bytes(120)),
        "ones": ("bytes of 0xFF", b"\xff" * 50_000),
    }


def _image(form: str) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(file, form)
    return file.getvalue()


def _zip(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("notes.txt"), content, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def _zip_bomb() -> bytes:
    """The bomb of `_gzip_bomb`, by its own deflate stream, in the frame of a zip archive."""
    stream = _gzip_bomb()[10:-8]
    small = bytearray(_zip(b""))
    start = 30 + len("notes.txt")
    end = small.index(b"PK\1\2")
    return bytes(small[:start]) + stream + bytes(small[end:])


@cache
def _gzip_bomb() -> bytes:
    """Members of 64 MiB of zeros one after the other are a valid gzip file; one is quick to make."""
    return gzip.compress(bytes(64 << 20), 9, mtime=0) * 16


def _tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        info = tarfile.TarInfo("a.wav")
        info.size = 1000
        archive.addfile(info, io.BytesIO(bytes(1000)))
    return file.getvalue()


def _database() -> bytes:
    with sqlite3.connect(":memory:") as database:
        database.execute("create table pops (start_s real)")
        return database.serialize()


def _array() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(1000))
    return file.getvalue()
