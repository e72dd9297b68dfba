"""Page docs/synthesis.md: published figures of joint sounds next to generated ones, and the assumptions.

    python docs/generate/synthesis_figures.py > docs/synthesis.md

Sessions are generated and measured with popclass's detector and features. For comparison with the published figures
they use a flat device on the skin or close by, loud over pink noise, without codec. Sounds and parameter regimes are
drawn as for training.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from popclass.detection import Detector
from popclass.features import FrontEnd, extract
from popclass.schema import CAVITATION, OTHER, SNAPPING
from popclass.synthesis import Label, Settings, draw_settings, generate_session, other
from popclass.synthesis import parameters as p

MATCH_S = 0.005
CLEAR_DB = 15.0
THRUST_S = 0.25
SITES = ("neck", "lumbar", "hand", "neck", "lumbar", "wrist", "mcp")

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Found:
    """A labelled sound with its measured features."""

    label: Label
    sensor: str
    site: str
    recording: int
    onset_s: float
    at_s: float
    features: dict[str, float]


def measure(sessions: int, seed: int, sensor: str, level: str = "loud") -> list[Found]:
    """Generate sessions with one kind of sensor and measure the detected sounds."""
    frontend = FrontEnd.build()
    found: list[Found] = []
    for index in range(sessions):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index, len(sensor))))
        settings = _plain(draw_settings(rng), sensor, level, SITES[index % len(SITES)])
        for number, recording in enumerate(generate_session(rng, settings).recordings):
            detector = Detector(recording.sample_rate, 1)
            sounds = [*detector.feed(recording.samples[:, None]), *detector.flush()]
            onsets = np.array([sound.event.onset / recording.sample_rate for sound in sounds])
            table = extract(sounds, frontend)
            for label in recording.labels:
                if len(onsets) == 0:
                    break
                near = int(np.argmin(np.abs(onsets - label.start_s)))
                if abs(onsets[near] - label.start_s) > MATCH_S:
                    continue
                values = dict(zip(frontend.names, table[near].tolist(), strict=True))
                at = recording.recorded_at.timestamp() + label.start_s
                place = (index + (1000 if sensor == "contact" else 0)) * 100 + number
                found.append(Found(label, sensor, settings.site, place, float(onsets[near]), at, values))
    return found


def _plain(drawn: Settings, sensor: str, level: str, site: str) -> Settings:
    fixed = {"room": "open", "device": "flat", "background": "pink", "processing": "none", "codec": "none"}
    return replace(drawn, sensor=sensor, level=level, site=site, sample_rate=48000, bits=24, channels=1, **fixed)


# --- measures ---------------------------------------------------------------------------------------------------------


def chosen(found: Sequence[Found], label: str, sensor: str) -> list[Found]:
    """Return the clear sounds of a class and a sensor."""
    return [f for f in found if f.label.label == label and f.sensor == sensor and f.features["snr"] >= CLEAR_DB]


def exp2(found: Sequence[Found], feature: str) -> Numbers:
    """Return a feature stored as a base-2 logarithm in its unit."""
    return 2.0 ** np.array([f.features[feature] for f in found])


def spread(values: Numbers, form: str = "{:.0f}") -> str:
    """Format the median, the range from 5 to 95 %, and n."""
    low, middle, high = (form.format(v) for v in np.percentile(values, (5, 50, 95)))
    return f"median {middle}, {low} to {high} (n {len(values)})"


def thrusts(found: Sequence[Found], site: str) -> list[Numbers]:
    """Return the onsets of the pops in the first thrust of each session at a site."""
    pops = [f for f in found if f.label.label == CAVITATION and f.site == site]
    groups: dict[int, list[Found]] = {}
    for pop in pops:
        group = groups.setdefault(pop.recording // 100, [])
        if not group or 0.0 <= pop.at_s - group[-1].at_s <= THRUST_S:
            group.append(pop)
    return [np.array([pop.onset_s for pop in group]) for group in groups.values()]


def gaps(groups: Sequence[Numbers]) -> Numbers:
    """Return the milliseconds between successive pops."""
    return np.concatenate([np.diff(group) for group in groups]) * 1e3


def silent_minutes(found: Sequence[Found]) -> Numbers:
    """Return the minutes between successive pops of one cavity."""
    last: dict[tuple[int, int | None], float] = {}
    minutes = []
    for f in found:
        if f.label.label == CAVITATION:
            key = (f.recording // 100, f.label.cavity)
            if key in last:
                minutes.append((f.at_s - last[key]) / 60.0)
            last[key] = f.at_s
    return np.array(minutes)


def agreement(found: Sequence[Found], feature: str) -> tuple[float, int]:
    """Return ICC(1) of a feature over recordings with four or more snaps, and their number."""
    groups: dict[int, list[float]] = {}
    for f in found:
        groups.setdefault(f.recording, []).append(f.features[feature])
    kept = [np.array(group[:4]) for group in groups.values() if len(group) >= 4]
    within = float(np.mean([np.var(group, ddof=1) for group in kept]))
    between = 4.0 * float(np.var([group.mean() for group in kept], ddof=1))
    return (between - within) / (between + 3.0 * within), len(kept)


def repeat_levels(found: Sequence[Found]) -> Numbers:
    """Return the standard deviation of the level in each recording with four or more snaps."""
    groups: dict[int, list[float]] = {}
    for f in found:
        groups.setdefault(f.recording, []).append(f.label.snr_db)
    return np.array([np.std(group, ddof=1) for group in groups.values() if len(group) >= 4])


def shares(values: Numbers, edges: Sequence[float]) -> str:
    """Format the percentage of the values between each two edges."""
    counts = np.histogram(values, [0.0, *edges, np.inf])[0] / len(values)
    return " / ".join(f"{100 * share:.0f} %" for share in counts) + f" (n {len(values)})"


# --- the table --------------------------------------------------------------------------------------------------------

Row = tuple[str, str, str, str]


def cavitation_rows(found: Sequence[Found]) -> list[Row]:
    """Return the rows of pops at the skin and in air, and of their series."""
    skin, air = chosen(found, CAVITATION, "contact"), chosen(found, CAVITATION, "airborne close")
    peak, lumbar, neck = exp2(skin, "dominant"), thrusts(found, "lumbar"), thrusts(found, "neck")
    long = [group for group in lumbar if len(group) > 1]
    fingers = [g for site in ("hand", "wrist") for g in thrusts(found, site) if len(g) > 1]
    size = np.array([len(group) for group in lumbar], dtype=float)
    necks = np.array([len(group) for group in neck], dtype=float)
    length = np.array([np.ptp(group) * 1e3 for group in long])
    minutes = silent_minutes(found)
    within = f"{100 * np.mean(minutes < 15):.0f} % under 15 min"
    milliseconds = "{:.2f}"
    return [
        ("peak frequency, skin (Hz)", "86-1,830, mean 333, median 215", "S", f"mean {peak.mean():.0f}, {spread(peak)}"),
        ("spread of it, sigma of ln", "about 0.7", "D", f"{np.std(np.log(peak)):.2f}"),
        ("single pop, skin (ms to -20 dB)", "5.66, SD 1.8", "S; SD D", spread(exp2(skin, "fall_20"), milliseconds)),
        ("cycles in one pop, skin", "1.2-1.9", "D", spread(exp2(skin, "cycles"), milliseconds)),
        ("pops per thrust, L5-S1", "5.27 (2-9)", "S", f"mean {size.mean():.2f}, {spread(size)}"),
        (
            "pops per thrust, neck",
            "3.57 (C1-2); 1 to 5 in 9, 22, 10, 7, 2 thrusts",
            "S",
            f"mean {necks.mean():.2f}, {spread(necks)}",
        ),
        ("series of one thrust, L5-S1 (ms)", "139", "S", f"mean {length.mean():.0f}, {spread(length)}"),
        ("gap between pops, spine (ms)", "33-36", "D", f"mean {gaps(long).mean():.0f}, {spread(gaps(long))}"),
        ("falls 20 dB, airborne (ms)", "1-5, typically 1-2", "R", spread(exp2(air, "fall_20"), milliseconds)),
        ("centroid, airborne (Hz)", "2,000-6,000", "R", spread(exp2(air, "centroid"))),
        ("peak frequency, airborne (Hz)", "900-6,000", "R", spread(exp2(air, "dominant"))),
        ("sharp pulses in one click, airborne", "1 or 2", "R", spread(exp2(air, "peaks"))),
        ("gap between clicks, finger and wrist (ms)", "6-67", "R", spread(gaps(fingers))),
        ("one cavity again after (min)", "about 20; 15-30", "S; 2", f"{spread(minutes)}, {within}"),
    ]


def snapping_rows(found: Sequence[Found], everything: Sequence[Found]) -> list[Row]:
    """Return the rows of snaps, their repeats, crepitus and levels."""
    skin, air = chosen(found, SNAPPING, "contact"), chosen(found, SNAPPING, "airborne close")
    icc, groups = agreement(skin + air, "centroid")
    damping = np.log(10.0) / (2.0 * np.pi * exp2(skin, "cycles"))
    jaw = exp2(air, "dominant")
    grating = [f for f in found if f.label.kind == "crepitus"]
    steps = np.array([b.onset_s - a.onset_s for a, b in pairwise(grating) if a.recording == b.recording])
    levels = np.array([f.label.snr_db for f in everything])
    low, high = np.percentile(levels, (0.5, 99.5))
    others = [
        f for f in found if f.label.label == OTHER and f.sensor == "airborne close" and f.features["snr"] >= CLEAR_DB
    ]
    return [
        (
            "first mode, skin (Hz)",
            "115 +- 44 (knee, healthy side of 9 injured); 67 +- 10 (injured)",
            "S",
            spread(exp2(skin, "dominant")),
        ),
        ("damping ratio, skin", "0.098 +- 0.022; 0.036 +- 0.029 (injured)", "S", spread(damping, "{:.3f}")),
        (
            "rings to -20 dB, skin (ms)",
            "about 15, 5-44 (healthy); 144 (injured)",
            "D",
            spread(exp2(skin, "fall_20"), "{:.1f}"),
        ),
        ("similarity of repeats (ICC)", "0.94; 0.85-0.95", "S", f"{icc:.2f} of the centroid ({groups} recordings)"),
        (
            "level of repeats (SD, dB)",
            "1.4-2.4 (sets of five; single events vary more)",
            "S",
            spread(repeat_levels(skin + air), "{:.1f}"),
        ),
        (
            "dominant band <600 / 600-1,200 / >1,200 Hz",
            "45 / 68 / 38 % of subjects (jaw click)",
            "S",
            f"airborne: {shares(jaw, (600.0, 1200.0))}",
        ),
        ("rate of a crepitus train (Hz)", "about 16", "S", spread(1.0 / steps[steps < THRUST_S], "{:.1f}")),
        ("level range (dB)", "62 (jaw clicks)", "S", f"{high - low:.0f} (99 % of all detected, n {len(levels)})"),
        ("for comparison: centroid of `other`, airborne (Hz)", "none published", "", spread(exp2(others, "centroid"))),
        ("for comparison: `other` falls 20 dB (ms)", "none published", "", spread(exp2(others, "fall_20"), "{:.2f}")),
    ]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Format a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def parameter_rows(wanted: Callable[[p.Parameter], bool]) -> list[list[str]]:
    """Return the rows of the parameter table."""
    rows = []
    for q in p.TABLE:
        if wanted(q):
            shape = q.law if q.law in ("uniform", "log") else f"{q.law}, {q.median:g}, {q.sigma:g}"
            rows.append([q.name, q.unit, f"{q.low:g} to {q.high:g}", shape, q.source])
    return rows


def group_rows() -> list[list[str]]:
    """Return the groups of other sounds with their kinds."""
    families = dict.fromkeys(other.FAMILIES.values())
    return [[name, ", ".join(kind for kind, family in other.FAMILIES.items() if family == name)] for name in families]


TEXT = """# Generated sounds

`popclass synth` generates labelled sessions from a physical model, since no recordings labelled as cavitation against
snapping are openly available. Published figures fix a few of its parameters. All others are assumed and drawn from wide
ranges. Scores on generated sessions show how well classes from these ranges can be separated, not how well real ones
can.

Written by `python docs/generate/synthesis_figures.py > docs/synthesis.md`.

## Published and generated figures

Median, 5 to 95 % and number of events, measured with popclass's detector and features on {sessions} sessions (seed
{seed}): flat device on the skin or close by, sounds at least {clear:.0f} dB over the floor. Spreads are wider than the
published ones on purpose. The 21 ms frame resolves frequencies to about 50 Hz. Pops per thrust are those of the first
thrust of each session. Flags: S read in the paper, 2 read in a secondary source, D derived from such figures, R
measured on real clips.

### Cavitation

{cavitation}

### Snapping and related sounds

No acoustics of a snapping hip, scapula or ankle tendon are published; these figures are from knees and jaws (TMJ).

{snapping}

## Other sounds

Most sounds of generated sessions are neither cavitation nor snapping; of those that the default model is trained on,
79 % (`OTHER_SHARE` in `popclass.training.default`). Their kinds are in six families, so that studies can leave out some
of them (`popclass.synthesis.other.FAMILIES`):

{groups}

A thing that is struck often strikes again: it bounces, or the hand hits twice, at shrinking gaps from 5-120 ms, at
another spot and another level. Walls that face each other and are bare give flutter echoes to sounds of every class. So
a burst of dissimilar sounds is not evidence of a thrust by itself. A tenth of the sessions has two sensors, left and
right, with a channel each; a sound arrives later and weaker at the farther one. Pops of a thrust come from one side or
both. A thrust may have both sides as often as published, but the side of each of its pops is then drawn separately, and
few pops often fall on one side. So both sides are rarer than published, above all at C1-2. Other sounds and snaps come
from either side.

## Processing and codecs

Two in three sessions pass through a lossy codec, one for the whole session: AAC at 32-192 kbit/s, Opus at 16-96, MP3 at
64-192, AMR at its eight modes of 4.75-12.2. 55 % are processed before: automatic gain, noise suppression (a Wiener
filter that leaves musical noise; with automatic gain in calls), a noise gate, or clipping. One in seven is resampled on
the way. No step depends on the classes or moves the time axis: the delay of each encoder is removed to the sample.

## Parameters with a source

{sourced}

## Assumptions

Nothing published fixes these ranges. Also assumed: the shares of programs, sensors, rooms, devices, processing and
codecs (`popclass/synthesis/settings.py`, `plan.py`), what phones do to a signal (`processing.py`), room sizes and
distances (`acoustics.py`), the modes of the objects in `other.py`, `impacts.py`, `rubs.py`, `mouth.py` and `body.py`,
and that a second peak within 5 ms belongs to its pop.

{assumed}
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=140, help="sessions for each of the two sensors (140)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    found = [f for s in ("contact", "airborne close") for f in measure(options.sessions, options.seed, s)]
    few = max(1, options.sessions // 4)
    quieter = [f for level in ("faint", "middle") for f in measure(few, options.seed + 1, "airborne close", level)]
    header = ("quantity", "published", "flag", "generated")
    columns = ("parameter", "unit", "range", "law", "source")
    print(
        TEXT.format(
            sessions=2 * options.sessions + 2 * few,
            seed=options.seed,
            clear=CLEAR_DB,
            cavitation=table(header, cavitation_rows(found)),
            snapping=table(header, snapping_rows(found, [*found, *quieter])),
            groups=table(("group", "kinds"), group_rows()),
            sourced=table(columns, parameter_rows(lambda q: q.source != p.ASSUMPTION)),
            assumed=table(columns[:4], [row[:4] for row in parameter_rows(lambda q: q.source == p.ASSUMPTION)]),
        ),
        end="",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
