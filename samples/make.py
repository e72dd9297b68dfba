"""Generation of the samples: `python samples/make.py` rewrites the example, `samples/demo/` and `samples/labelled/`.

The example is one recording by a script (`example`), with a seed chosen so that each kind of answer appears. The other
samples are sessions of the generator of `popclass synth`, selected by their settings and labels, never by a model's
output: the first ones that meet the rules `is_demo` and `usable`.
"""

from __future__ import annotations

import csv
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import numpy as np
import soundfile as sf

from popclass.audio.quality import DC_BOUND
from popclass.schema import CAVITATION, OTHER, SNAPPING
from popclass.synthesis import Label, Session, Settings, draw_settings, generate_session, joints, other, session_of
from popclass.synthesis.plan import Planner
from popclass.synthesis.recorder import GeneratedRecording, Recorder
from popclass.synthesis.session import LABEL_COLUMNS
from popclass.synthesis.waves import Renderer, SynthSound

SAMPLES = Path(__file__).resolve().parent
CLASSES = (CAVITATION, SNAPPING, OTHER)
EXAMPLE_SEED, LABELLED_SEED = 6, 2
DEMO = Settings(  # a knuckle, a microphone close by, no degradation
    sensor="airborne close",
    room="small",
    device="flat",
    level="middle",
    background="pink",
    processing="none",
    codec="none",
    pitch="whole",
    duration="whole",
    site="mcp",
    sample_rate=48000,
    bits=16,
)
CLIPS, CLIPS_A_SESSION = 24, 3  # of each class
BEFORE_S, AFTER_S = 0.1, 0.25  # a clip around its onset
AUDIBLE_DB = 15.0
MOST_RECORDINGS, MOST_SOUNDS, FEWEST_SNAPS = 5, 24, 4  # in the demo, to keep its table short
REFRACTORY_S = 1200.0  # of a finger joint (Unsworth 1971)


def main() -> int:
    """Write all samples."""
    write_example(SAMPLES)
    demo = write_demo(SAMPLES / "demo")
    labelled = write_labelled(SAMPLES / "labelled")
    sys.stdout.write(f"the demo has seed {demo}; clips are from {labelled} sessions\n")
    return 0


def settings_of(seed: int, index: int) -> Settings:
    """Return the settings of a session without generating its sounds."""
    return draw_settings(np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index,))))


# --- example ----------------------------------------------------------------------------------------------------------


def write_example(folder: Path) -> None:
    """Write the example with its labels."""
    recording = example(EXAMPLE_SEED)
    _write(folder / "example.flac", recording.samples, recording)
    with (folder / "example.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(LABEL_COLUMNS[:4])
        table.writerows(["example.flac", f"{x.start_s:.6f}", f"{x.end_s:.6f}", x.label] for x in recording.labels)


def example(seed: int) -> GeneratedRecording:
    """Return a recording in which a knuckle cracks, a tendon snaps four times, something taps, and the knuckle cracks.

    The second crack is one of those that come within the refractory period.
    """
    rng = np.random.default_rng(seed)
    planner, recorder = Planner(rng, DEMO, CLASSES), Recorder(rng, DEMO)
    tap = other.KINDS["tap"](rng, planner.rate, planner.regime)

    def crack() -> list[SynthSound]:
        return joints.series(rng, planner.cavities[:1], spine=False)

    script: list[tuple[float, Renderer, str, float]] = [(1.5, crack, CAVITATION, 34.0)]
    script += [(time, planner.tendons[0], SNAPPING, 28.0) for time in (4.1, 5.5, 6.8, 8.2)]
    script += [(10.3, tap, OTHER, 25.0), (12.6, crack, CAVITATION, 33.0)]
    sounds = []
    for time, render, label, level_db in script:
        begin = time + (rng.normal(0.0, 0.1) if label == SNAPPING else 0.0)
        for each in render():
            moved = replace(each, time_s=each.time_s + begin, level_db=each.level_db + level_db)
            sounds.append(replace(moved, label=label, place="joint"))
    recorder.set_level([sound.level_db for sound in sounds])
    return recorder.record(datetime(2024, 9, 9, 11, tzinfo=UTC), 14.0, sounds)


# --- demo -------------------------------------------------------------------------------------------------------------


def write_demo(folder: Path) -> int:
    """Write the demo session with its labels and return its seed."""
    sessions = ((seed, generate_session(np.random.default_rng(seed), DEMO)) for seed in count())
    seed, session = next((seed, session) for seed, session in sessions if is_demo(session))
    _empty(folder)
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(LABEL_COLUMNS)
        for recording in session.recordings:
            name = f"knuckle_{recording.recorded_at:%Y%m%d_%H%M%SZ}.flac"
            _write(folder / name, recording.samples, recording)
            metadata = ["demo", session.settings.site, recording.recorded_at.isoformat()]
            rows = [[f"{x.start_s:.6f}", f"{x.end_s:.6f}", x.label] for x in recording.labels] or [["", "", ""]]
            table.writerows([name, *row, *metadata] for row in rows)
    with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        manifest = csv.writer(file, lineterminator="\n")
        manifest.writerow(["file", "subject", "site"])
        manifest.writerows([path.name, "demo", session.settings.site] for path in sorted(folder.glob("*.flac")))
    return seed


def is_demo(session: Session) -> bool:
    """Return whether a session has audible sounds of all classes, few enough for a table, that show timing and context.

    A joint cavitates, and again after its refractory period; a tendon snaps with several movements; other sounds occur.
    """
    sounds = [(at, label) for at, label in _timeline(session) if label.snr_db >= AUDIBLE_DB]
    pops = [at for at, label in sounds if label.label == CAVITATION]
    snaps = [label for _, label in sounds if label.label == SNAPPING]
    return (
        len(session.recordings) <= MOST_RECORDINGS
        and len(sounds) == sum(len(recording.labels) for recording in session.recordings) <= MOST_SOUNDS
        and {label.label for _, label in sounds} == set(CLASSES)
        and len(snaps) >= FEWEST_SNAPS
        and bool((np.diff(pops) > REFRACTORY_S).any())
        and centred(session)
    )


def centred(session: Session) -> bool:
    """Return whether no recording has a DC offset that causes a warning."""
    return all(abs(float(recording.samples.mean())) < DC_BOUND for recording in session.recordings)


def _timeline(session: Session) -> list[tuple[float, Label]]:
    start = session.recordings[0].recorded_at
    return [
        ((recording.recorded_at - start).total_seconds() + label.start_s, label)
        for recording in session.recordings
        for label in recording.labels
    ]


# --- labelled clips ---------------------------------------------------------------------------------------------------


def write_labelled(folder: Path) -> int:
    """Write a folder of clips per class and return the number of their sessions."""
    _empty(folder)
    made: Counter[str] = Counter()
    subjects = set()
    for index in range(1_000_000):
        if min(made[name] for name in CLASSES) >= CLIPS:
            break
        if not usable(settings_of(LABELLED_SEED, index)):
            continue
        session = session_of(LABELLED_SEED, index)
        of_session: Counter[str] = Counter()
        for recording, label in clean(session):
            name = label.label
            if made[name] >= CLIPS or of_session[name] >= CLIPS_A_SESSION:
                continue
            made[name] += 1
            of_session[name] += 1
            subjects.add(session.subject)
            path = folder / name / f"{session.subject}_{session.settings.site}_{of_session[name]}.flac"
            path.parent.mkdir(exist_ok=True)
            _write(path, _cut(recording, label), recording)
    return len(subjects)


def usable(settings: Settings) -> bool:
    """Return whether settings give sounds well above the floor, with one sensor and no codec."""
    plain = settings.codec == "none" and settings.channels == 1
    return plain and settings.level != "faint" and settings.processing in ("none", "automatic gain")


def clean(session: Session) -> Iterator[tuple[GeneratedRecording, Label]]:
    """Yield audible sounds without another class nearby, from recordings without DC offset."""
    for recording in session.recordings if centred(session) else ():
        for label in recording.labels:
            near = [x for x in recording.labels if -BEFORE_S <= x.start_s - label.start_s <= AFTER_S]
            inside = BEFORE_S < label.start_s < len(recording.samples) / recording.sample_rate - AFTER_S
            if inside and label.snr_db >= AUDIBLE_DB and all(x.label == label.label for x in near):
                yield recording, label


def _cut(recording: GeneratedRecording, label: Label) -> np.ndarray:
    rate = recording.sample_rate
    return recording.samples[round((label.start_s - BEFORE_S) * rate) : round((label.start_s + AFTER_S) * rate)]


def _write(path: Path, samples: np.ndarray, recording: GeneratedRecording) -> None:
    sf.write(path, samples, recording.sample_rate, subtype="PCM_16", format="FLAC")


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()


if __name__ == "__main__":
    sys.exit(main())
