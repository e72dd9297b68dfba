"""Numbers of cavitations against the truth on generated thrusts: mean error, concordance, coverage of the bounds.

    python benchmarks/counts.py [--scenes N] [--sessions N] [--class-frequencies estimate] [--measure]

The generated thrusts of `thrusts.py`, four to a recording: in three rooms with the microphone near the body or far from
it, in the open and on the skin; then those of generated sessions, which also hold snaps and other sounds. A thrust is
counted by the rows of `bursts.csv` that overlap with it. One without a row counts 0 and lies outside the bounds.

Coverage is the share of true numbers between `cavitations_low` and `cavitations_high`; the bounds are meant for 90 %.
`--measure` prints the constants of `popclass.bursts` that other scenes give: the share of pops that the detector
misses, and the least shared errors with which enough thrusts with a row are covered, and recordings near the body.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from measure import Bounds
from thrusts import ROOMS, SKIN, generated

from popclass import bursts
from popclass.bursts import count_cavitations, in_bursts
from popclass.evaluation.counts import overlaps, series
from popclass.metadata import Metadata
from popclass.metrics.agreement import concordance
from popclass.model.model import Model
from popclass.pipeline import analyze
from popclass.postprocess import postprocess
from popclass.results import Burst, Cavitations, Event, RecordingResult
from popclass.schema import CAVITATION, ESTIMATE, FROM_MODEL
from popclass.synthesis import Session, session_of
from popclass.synthesis.recorder import GeneratedRecording

Recording = tuple[str, RecordingResult, list[np.ndarray]]  # place, result, onsets of each thrust

FAR, SESSIONS = "far", "sessions"
PLACES = (*(f"{room} {distance}" for room in ROOMS for distance in ("near", FAR)), "open", SKIN)
NEAR_S = 0.010
LEVEL, LEAST, MOST = 0.90, 0.85, 0.95
SHARED_ERRORS = np.arange(0, 4.1, 0.25)
SEEDS = {False: 1700, True: 2700}  # of the scenes that are checked, and of those that are measured


@dataclass(frozen=True, slots=True)
class Thrust:
    """A thrust: its place, true number of pops, number found, and the rows that count it with their events."""

    place: str
    pops: int
    found: int
    bursts: list[Burst]
    events: list[Event]


def main(argv: list[str] | None = None) -> int:
    """Measure and print; return 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=15, help="recordings of four thrusts in each place")
    parser.add_argument("--sessions", type=int, default=40, help="generated sessions")
    parser.add_argument("--class-frequencies", choices=(FROM_MODEL, ESTIMATE), default=FROM_MODEL)
    parser.add_argument("--measure", action="store_true")
    options = parser.parse_args(argv)
    model, seed = Model.default(), SEEDS[options.measure]
    recordings: list[Recording] = []
    for room in (*ROOMS, "open", SKIN):
        for number in range(options.scenes):
            scene = generated(seed + number, room)
            place = f"{room} {scene.sensor.split()[-1]}" if room in ROOMS else room
            analysis = analyze(scene.samples, model, sample_rate=scene.rate)
            (result,) = postprocess([analysis], [Metadata()], model, class_frequencies=options.class_frequencies)
            onsets = [np.array([pop.onset_s for pop in thrust]) for thrust in scene.thrusts]
            recordings.append((place, result, onsets))
    for number in range(options.sessions):
        recordings += of_session(session_of(seed, number), model, options.class_frequencies)
    thrusts = [thrust for recording in recordings for thrust in thrusts_of(*recording)]
    return measure(recordings, thrusts) if options.measure else report(recordings, thrusts)


def series_of(recording: GeneratedRecording) -> list[np.ndarray]:
    """Return the onsets of the cavitations of each thrust."""
    return series([label.start_s for label in recording.labels if label.label == CAVITATION])


def of_session(session: Session, model: Model, class_frequencies: str) -> list[Recording]:
    """Return the recordings of a generated session."""
    each, settings = session.recordings, session.settings
    analyses = [analyze(one.samples, model, sample_rate=settings.sample_rate) for one in each]
    metadata = [Metadata(site=settings.site, subject=session.subject, recorded_at=one.recorded_at) for one in each]
    results = postprocess(analyses, metadata, model, class_frequencies=class_frequencies)
    return [(SESSIONS, result, series_of(one)) for result, one in zip(results, each, strict=True)]


def thrusts_of(place: str, result: RecordingResult, onsets_of: Sequence[np.ndarray]) -> Iterator[Thrust]:
    """Yield the thrusts of a recording, given the onsets of each."""
    onsets = np.array([event.start_s for event in result.events])
    for pops in onsets_of:
        own = [burst for burst in result.bursts if overlaps(burst, pops)]
        found = sum(bool((np.abs(onsets - pop) < NEAR_S).any()) for pop in pops)
        yield Thrust(place, len(pops), found, own, in_bursts(result.events, own))


def covered(thrusts: Sequence[Thrust]) -> np.ndarray:
    """Return which true numbers of thrusts lie between the bounds."""
    counts = [counted(thrust) for thrust in thrusts]
    return np.array([one.low <= thrust.pops <= one.high for one, thrust in zip(counts, thrusts, strict=True)])


def counted(thrust: Thrust) -> Cavitations:
    """Return the number of cavitations in a thrust."""
    return count_cavitations(thrust.events, (CAVITATION,), thrust.bursts)


def held(recordings: Sequence[Recording]) -> np.ndarray:
    """Return which true numbers of recordings with a row lie between the bounds."""
    inside = []
    for _, result, onsets_of in recordings:
        if result.bursts:
            number = count_cavitations(in_bursts(result.events, result.bursts), (CAVITATION,), result.bursts)
            inside.append(number.low <= sum(map(len, onsets_of)) <= number.high)
    return np.array(inside)


def report(recordings: Sequence[Recording], thrusts: Sequence[Thrust]) -> int:
    """Print the table and the bounds."""
    print("place       thrusts   pops  found  without   expected   mean  concor-       coverage of       width")
    print("                      each           a row       each  error   dance   rows   all recordings")
    far = [place for place in PLACES if FAR in place]
    together = {"all near": set(PLACES).difference(far), "all far": far, "all": {*PLACES, SESSIONS}}
    for name, places in {**{place: [place] for place in (*PLACES, SESSIONS)}, **together}.items():
        own = [thrust for thrust in thrusts if thrust.place in places]
        if own:
            print(line(name, own, held([each for each in recordings if each[0] in places])))
    false = [
        burst.expected_cavitations
        for _, result, onsets_of in recordings
        for burst in result.bursts
        if not any(overlaps(burst, pops) for pops in onsets_of)
    ]
    print(f"\nbursts without a thrust: {len(false)}, together {sum(false):.1f} cavitations expected\n")
    with_row = covered([thrust for thrust in thrusts if thrust.bursts]).mean()
    bounds = Bounds()
    bounds.at_least("coverage of the bounds, thrusts with a row", with_row, LEAST)
    bounds.at_most("coverage of the bounds, thrusts with a row", with_row, MOST)
    bounds.at_least("coverage of the bounds, all thrusts", covered(thrusts).mean(), LEAST)
    bounds.at_least("coverage of the bounds, recordings with a row", held(recordings).mean(), LEAST)
    return bounds.exit_code


def line(place: str, thrusts: Sequence[Thrust], recordings: np.ndarray) -> str:
    """Return a line of the table."""
    truth = np.array([thrust.pops for thrust in thrusts])
    counts = [counted(thrust) for thrust in thrusts]
    expected = np.array([one.expected for one in counts])
    with_row = [thrust for thrust in thrusts if thrust.bursts]
    found = sum(thrust.found for thrust in thrusts) / truth.sum()
    width = np.mean([one.high - one.low for one in counts])
    agreement = concordance(truth, expected)
    return (
        f"{place:11s} {len(thrusts):7d} {truth.mean():6.2f} {found:6.3f} {1 - len(with_row) / len(thrusts):8.3f} "
        f"{expected.mean():10.2f} {(expected - truth).mean():6.2f} {np.nan if agreement is None else agreement:8.3f} "
        f"{share(covered(with_row)):6.3f} {share(covered(thrusts)):5.3f} {share(recordings):10.3f} {width:7.2f}"
    )


def share(flags: np.ndarray) -> float:
    """Return the share of True, NaN of nothing."""
    return float(flags.mean()) if len(flags) else float("nan")


def measure(recordings: Sequence[Recording], thrusts: Sequence[Thrust]) -> int:
    """Print the constants that these thrusts give."""
    with_row = [thrust for thrust in thrusts if thrust.bursts]
    found, pops = (sum(getattr(thrust, name) for thrust in with_row) for name in ("found", "pops"))
    missed = (pops - found) / found
    print(
        f"MISSED                   {missed:.3f}   {pops - found} of {pops} pops of {len(with_row)} thrusts with a row"
    )
    near = [each for each in recordings if FAR not in each[0]]
    for name, enough, cover in (
        ("SHARED_ERROR", LEVEL, lambda: covered(with_row)),
        ("SHARED_ERROR_OF_SEVERAL", LEAST, lambda: held(near)),
    ):
        for value in SHARED_ERRORS:
            setattr(bursts, name, value)
            print(f"{name:24s} {value:.2f}    covers {cover().mean():.3f}")
            if cover().mean() >= enough:
                break
    return 0


if __name__ == "__main__":
    sys.exit(main())
