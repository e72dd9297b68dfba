"""Sensitivity and specificity of the warnings about processing by the recorder.

    python experiments/processing.py [--sessions N] [--real FOLDER] [--write]

Each generated session is recorded four times: without processing, with automatic gain, with a noise gate, and with
noise suppression; sounds, acoustics, resampling and codec are the same. One recording of 2-90 s is examined. FOLDER
holds real recordings, whose processing is unknown; those with a warning are listed.
`--write` puts the output into docs/research/processing.md.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np

from popclass.audio import open_recording, processing
from popclass.errors import AudioError
from popclass.evaluation.figures import wilson
from popclass.synthesis import recorder, session
from popclass.synthesis.acoustics import draw_acoustics
from popclass.synthesis.settings import draw_settings

SESSIONS, SEED = 110, 20_000
KINDS = ("none", "automatic gain", "noise gate", "noise suppression")
WARNINGS = {"suppression": processing.SUPPRESSION, "gain": processing.GAIN, "high-pass": processing.HIGH_PASS}
LENGTHS_S = {(2, 10): 0.25, (10, 20): 0.3, (20, 40): 0.3, (60, 90): 0.15}
CUT_HZ, KEPT_HZ = (45, 55), (300, 1000)
CUT_DB, WHOLE_DB = 10.0, 3.0  # attenuation at 50 Hz of a high-pass, and at most of a device without one
SUFFIXES = (".wav", ".flac", ".ogg", ".m4a", ".mp3")
PAGE = Path(__file__).resolve().parents[1] / "docs" / "research" / "processing.md"
MARK = "<!-- measured -->\n"


@dataclass(frozen=True, slots=True)
class Case:
    """One examined recording.

    Attributes
    ----------
    kind, codec : str
        Processing and codec.
    length_s : float
    cut_db : float
        Attenuation of the device at 50 Hz.
    warnings : tuple of str
        Keys of `WARNINGS`.
    """

    kind: str
    codec: str
    length_s: float
    cut_db: float
    warnings: tuple[str, ...]


def main(argv: list[str] | None = None) -> int:
    """Examine, print, and write the page with --write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=SESSIONS)
    parser.add_argument("--real", type=Path, metavar="FOLDER")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(argv)
    cases = [record(index, kind) for index in range(options.sessions) for kind in KINDS]
    command = f"python experiments/processing.py --sessions {options.sessions}"
    with redirect_stdout(io.StringIO()) as output:
        print_tables(cases)
        if options.real:
            command += " --real FOLDER"
            print_real(options.real)
    print(output.getvalue(), end="")
    if options.write:
        text, _, _ = PAGE.read_text("utf-8").partition(MARK)
        PAGE.write_text(f"{text}{MARK}\n```text\n$ {command}\n{output.getvalue()}```\n", "utf-8")
    return 0


def record(index: int, kind: str) -> Case:
    """Record one session and examine it."""
    rng = np.random.default_rng(np.random.SeedSequence(SEED, spawn_key=(index,)))
    settings = replace(draw_settings(rng), processing=kind)
    devices: list[np.ndarray] = []

    def acoustics(*arguments):
        responses = draw_acoustics(*arguments)
        devices.append(responses["device"])
        return responses

    with (
        patch.object(recorder, "draw_acoustics", acoustics),
        patch.object(session, "draw_starts", lambda rng: [0.0]),
        patch.object(session, "DURATIONS_S", LENGTHS_S),
    ):
        recorded = session.generate_session(rng, settings).recordings[0]
    length_s = len(recorded.samples) / recorded.sample_rate
    cut_db = attenuation(devices[0], settings.work_rate)
    return Case(kind, settings.codec, length_s, cut_db, examine(recorded.samples, recorded.sample_rate))


def attenuation(response: np.ndarray, rate: int) -> float:
    """Return the level at 50 Hz below that at 300-1000 Hz, in dB."""
    power = np.abs(np.fft.rfft(response, rate)) ** 2  # bins of 1 Hz
    return float(10 * np.log10(power[slice(*KEPT_HZ)].mean() / power[slice(*CUT_HZ)].mean()))


def examine(samples: np.ndarray, rate: int) -> tuple[str, ...]:
    """Return the keys of the warnings about a recording."""
    check = processing.ProcessingCheck(rate)
    check.feed(samples if samples.ndim == 1 else samples[:, 0])
    found = check.finish()
    return tuple(key for key, text in WARNINGS.items() if text in found)


def print_tables(cases: list[Case]) -> None:
    """Print the share of recordings with each warning, by processing, length and codec."""
    print("recordings with a warning of noise suppression or automatic gain, 95 % intervals")
    print(f"{'':32s}{'recordings':>10s}{'suppression':>22s}{'automatic gain':>22s}")
    groups: dict[str, Callable[[Case], bool]] = {"": lambda case: True}
    groups |= {
        f", {low}-{high} s": lambda case, low=low, high=high: low <= case.length_s < high for low, high in LENGTHS_S
    }
    groups |= {", without codec": lambda case: case.codec == "none", ", lossy codec": lambda case: case.codec != "none"}
    for kind in KINDS:
        for name, belongs in groups.items():
            some = [case for case in cases if case.kind == kind and belongs(case)]
            print_row(kind + name, some, "suppression", "gain")
    print("\nrecordings with a warning of a high-pass, without other processing")
    print(f"{'device at 50 Hz':32s}{'recordings':>10s}{'high-pass':>22s}")
    plain = [case for case in cases if case.kind == "none"]
    print_row(f"{CUT_DB:g} dB weaker or more", [case for case in plain if case.cut_db >= CUT_DB], "high-pass")
    print_row("between", [case for case in plain if WHOLE_DB <= case.cut_db < CUT_DB], "high-pass")
    print_row(f"at most {WHOLE_DB:g} dB weaker", [case for case in plain if case.cut_db < WHOLE_DB], "high-pass")


def print_row(name: str, cases: list[Case], *warnings: str) -> None:
    """Print the share of recordings with each of some warnings."""
    cells = [share(sum(warning in case.warnings for case in cases), len(cases)) for warning in warnings]
    print(f"{name:32s}{len(cases):10d}{''.join(f'{cell:>22s}' for cell in cells)}")


def share(hits: int, number: int) -> str:
    """Return a share and its interval."""
    if not number:
        return "-"
    low, high = wilson(hits, number)
    return f"{hits / number:.3f} ({low:.3f}-{high:.3f})"


def print_real(folder: Path) -> None:
    """Print how many real recordings get each warning, and which."""
    found: dict[str, tuple[str, ...]] = {}
    for path in sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES):
        try:
            with open_recording(path) as recording:
                samples = np.concatenate([block[:, 0] for block in recording.blocks()])
        except AudioError:
            continue
        found[path.relative_to(folder).as_posix()] = examine(samples, recording.sample_rate)
    print(f"\n{len(found)} real recordings")
    for warning in WARNINGS:
        names = [name for name, warnings in found.items() if warning in warnings]
        print(f"{warning:12s}{len(names):4d}", *names, sep="\n    ")


if __name__ == "__main__":
    sys.exit(main())
