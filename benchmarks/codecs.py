"""Events and labels of the same recordings as WAV, FLAC, AAC, MP3 and Opus.

    python benchmarks/codecs.py [RECORDING ...]

Each recording (default: those of samples/demo) is written as 16-bit WAV and with each codec, and all are classified.
An event of the WAV is kept if the other file has one within 2 ms (5 ms for AAC and MP3, which spread a click); it is
doubled if there are two. A label is flipped if both files give the event a class and they differ. Recordings of
another rate are resampled to 48 kHz, which all codecs know.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import av
import numpy as np
import soundfile
import soxr
from measure import Bounds

import popclass
from popclass.results import UNCERTAIN

DEMO = Path(__file__).resolve().parents[1] / "samples" / "demo"
CODECS = {  # name of the file, codec, bit rate, tolerance in seconds
    "FLAC": ("a.flac", "flac", None, 0.002),
    "AAC 128k": ("a.m4a", "aac", 128_000, 0.005),
    "MP3 96k": ("a.mp3", "libmp3lame", 96_000, 0.005),
    "Opus 24k": ("a.webm", "libopus", 24_000, 0.002),
}
RATE = 48_000  # that all of these codecs know
LEAST_KEPT = 0.9
LEAST_KEPT_OPUS = 0.6  # 24 kbit/s is made for speech and removes faint clicks


def encode(path: Path, codec: str, bit_rate: int | None, samples: np.ndarray, rate: int) -> None:
    """Write mono float samples with PyAV."""
    if rate != RATE and codec != "flac":
        samples, rate = soxr.resample(samples, rate, RATE), RATE
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        if bit_rate is not None:
            stream.bit_rate = bit_rate
        for start in range(0, len(samples), 1024):
            piece = np.ascontiguousarray(samples[None, start : start + 1024], np.float32)
            frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def compare(reference: list[popclass.Event], other: list[popclass.Event], within_s: float) -> np.ndarray:
    """Return how many events are kept, doubled, new, and kept with another class."""
    times = np.array([event.start_s for event in other])
    kept = doubled = flipped = 0
    near_any = np.zeros(len(times), dtype=bool)
    for event in reference:
        near = np.flatnonzero(np.abs(times - event.start_s) <= within_s)
        near_any[near] = True
        kept += len(near) > 0
        doubled += len(near) > 1
        labels = {event.label, *(other[index].label for index in near[:1])} - {UNCERTAIN}
        flipped += len(labels) > 1
    return np.array([kept, doubled, int((~near_any).sum()), flipped])


def main(arguments: list[str] | None = None) -> int:
    """Print the table; return 1 if a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", nargs="*", type=Path)
    paths = parser.parse_args(arguments).recordings or sorted(DEMO.glob("*.flac"))
    events = 0
    counts = {name: np.zeros(4, dtype=int) for name in CODECS}
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
            wav = Path(folder, "a.wav")
            soundfile.write(wav, samples[:, 0], rate, subtype="PCM_16")
            reference = popclass.classify(wav).events
            events += len(reference)
            for name, (file, codec, bit_rate, within_s) in CODECS.items():
                encode(Path(folder, file), codec, bit_rate, samples[:, 0], rate)
                counts[name] += compare(reference, popclass.classify(Path(folder, file)).events, within_s)
    print(f"{len(paths)} recordings, {events} events as WAV\n\ncodec     kept  doubled  new  label flipped")
    bounds = Bounds()
    for name, (kept, doubled, new, flipped) in counts.items():
        print(f"{name:8} {kept:5} {doubled:8} {new:4} {flipped:14}")
        least = LEAST_KEPT_OPUS if "Opus" in name else LEAST_KEPT
        bounds.at_least(f"{name}: share of events kept", kept / events, 1.0 if name == "FLAC" else least)
        bounds.at_most(f"{name}: events doubled", doubled, 0)
    return bounds.exit_code


if __name__ == "__main__":
    sys.exit(main())
