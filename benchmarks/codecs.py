"""Events and labels of the same recordings as WAV, FLAC, AAC, MP3 and Opus.

    python benchmarks/codecs.py [RECORDING ...]
    python benchmarks/codecs.py --cracks FOLDER [--write]

Each recording (default: those of samples/demo) is written as 16-bit WAV and with each codec, and all are classified.
An event of the WAV is kept if the other file has one within 2 ms (5 ms for AAC and MP3, which spread a click); it is
doubled if there are two. A label is flipped if both files give the event a class and they differ. Recordings of
another rate are resampled to 48 kHz, which all codecs know.

With `--cracks`, FOLDER holds recordings of cracks and `truth.csv` (file, onset_s). The table counts the cracks that are
labelled `cavitation` in each codec, with the probability by sound alone. `--write` stores the counts in
`models/codecs.json` and rewrites the model card.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import av
import numpy as np
import soundfile
import soxr
from measure import Bounds

import popclass
from popclass.pipeline import load_model
from popclass.schema import CAVITATION, UNCERTAIN
from popclass.training.default import write_card

ROOT = Path(__file__).resolve().parents[1]
DEMO, MODELS = ROOT / "samples" / "demo", ROOT / "models"
CODECS: dict[str, tuple[str, str, int | None]] = {  # name of the file, codec, bit rate
    "FLAC": ("a.flac", "flac", None),
    "AAC 128k": ("a.m4a", "aac", 128_000),
    "AAC 64k": ("b.m4a", "aac", 64_000),
    "MP3 96k": ("a.mp3", "libmp3lame", 96_000),
    "Opus 24k": ("a.ogg", "libopus", 24_000),
    "webm 64k": ("a.webm", "libopus", 64_000),
}
WITHIN_S = {"FLAC": 0.002, "AAC 128k": 0.005, "MP3 96k": 0.005, "Opus 24k": 0.002}  # of the codecs without --cracks
CRACK_WITHIN_S = 0.005
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


def cracks(folder: Path, *, write: bool) -> int:
    """Print the cracks that are labelled `cavitation` in each codec; return 1 if one is not."""
    if not (folder / "truth.csv").is_file():
        print(f"skipped: {folder} has no truth.csv")
        return 0
    truth: dict[str, list[float]] = defaultdict(list)
    with (folder / "truth.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            truth[row["file"]].append(float(row["onset_s"]))
    lost, rows = False, []
    with tempfile.TemporaryDirectory() as temporary:
        for name, onsets in sorted(truth.items()):
            samples, rate = soundfile.read(folder / name, dtype="float32", always_2d=True)
            called = {"WAV": _called(folder / name, onsets)}
            for codec, (file, *encoding) in CODECS.items():
                encode(Path(temporary, file), *encoding, samples[:, 0], rate)
                called[codec] = _called(Path(temporary, file), onsets)
            print(f"{name}: {len(onsets)} cracks")
            kept = {codec: sum(event.label == CAVITATION for event in events) for codec, events in called.items()}
            for codec, events in called.items():
                by_sound = ", ".join(f"{event.probabilities[CAVITATION]:.2f}" for event in events)
                print(f"  {codec:8}  {len(events)} found, {kept[codec]} cavitation; p by sound {by_sound or '-'}")
            lost |= min(kept.values()) < len(onsets)
            rows.append({"recording": name, "cracks": len(onsets), "cavitation": kept})
    if write:
        model = load_model(None)
        stored = {"model_sha256": model.sha256, "recordings": rows}
        (MODELS / "codecs.json").write_text(json.dumps(stored, indent=1) + "\n", "utf-8")
        write_card(MODELS, model)
    return int(lost)


def _called(path: Path, onsets: list[float]) -> list[popclass.Event]:
    """Return the event nearest to each onset, if it is near enough."""
    events = popclass.classify(path).events
    nearest = [min(events, key=lambda event: abs(event.start_s - onset), default=None) for onset in onsets]
    pairs = zip(nearest, onsets, strict=True)
    return [event for event, onset in pairs if event and abs(event.start_s - onset) <= CRACK_WITHIN_S]


def main(arguments: list[str] | None = None) -> int:
    """Print the table; return 1 if a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", nargs="*", type=Path)
    parser.add_argument("--cracks", type=Path, metavar="FOLDER")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(arguments)
    if options.cracks is not None:
        return cracks(options.cracks, write=options.write)
    paths = options.recordings or sorted(DEMO.glob("*.flac"))
    events = 0
    counts = {name: np.zeros(4, dtype=int) for name in WITHIN_S}
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
            wav = Path(folder, "a.wav")
            soundfile.write(wav, samples[:, 0], rate, subtype="PCM_16")
            reference = popclass.classify(wav).events
            events += len(reference)
            for name, within_s in WITHIN_S.items():
                file, *encoding = CODECS[name]
                encode(Path(folder, file), *encoding, samples[:, 0], rate)
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
