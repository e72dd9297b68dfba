"""Duration of postprocessing: refractory rule, reasons and labels of extracted events.

    python benchmarks/timing.py

100,000 events over 100 timelines (ten recordings each, of a site with 1 to 24 joint cavities or an unknown one), and
10,000 on a single timeline so crowded that most events find no free cavity, with 1, 2, 10 and 24 cavities and without a
site. `popclass.postprocess.postprocess` does all of it. The bound is five seconds of one core each, an absolute figure;
scheduling alone is measured as well.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
from measure import Bounds

from popclass.extraction import number_events
from popclass.info import RecordingInfo
from popclass.metadata import Metadata
from popclass.postprocess import postprocess
from popclass.results import Analysis, Event
from popclass.schema import REFRACTORY
from popclass.timing.scheduling import schedule

RATE = 48_000
CLASSES = ("cavitation", "snapping", "other")
MODEL = SimpleNamespace(
    classes=CLASSES, thresholds=SimpleNamespace(min_probability=(0.5,) * 3, novelty=0.99, weights=(1.0,) * 3)
)
START = datetime(2026, 11, 22, 8, tzinfo=UTC)
SITES = ("mcp", "si", "lumbar", "thoracic", None)
BOUND_S = 5.0


def main(argv: list[str] | None = None) -> int:
    """Measure and print; return 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000, help="over 100 timelines; a tenth of it on one")
    options = parser.parse_args(argv)
    rng = np.random.default_rng(0)
    bounds = Bounds()
    each = options.events // 1000
    analyses, metadata = [], []
    for subject in range(100):
        site = SITES[subject % len(SITES)]
        for number in range(10):
            began = START + timedelta(minutes=30 * number)
            analyses.append(analysis(rng, each, 1500.0, f"{subject:03d}-{number}.wav", began))
            metadata.append(Metadata(site=site, subject=f"P{subject:03d}"))
    _measure(bounds, f"{1000 * each} events over 100 timelines", analyses, metadata)
    crowded = options.events // 10
    for cavities in (1, 2, 10, 24, None):
        one = analysis(rng, crowded, 3600.0, "crowded.wav", START)
        cavity = "site unknown" if cavities is None else f"{cavities} {'cavity' if cavities == 1 else 'cavities'}"
        what = f"{crowded} events on one, {cavity}"
        _measure(bounds, what, [one], [Metadata(cavities=cavities, subject="P")])
    starts = np.sort(rng.integers(0, 3600 * 10**6, crowded)).tolist()
    weights = rng.integers(1, 1_750_000, crowded).tolist()
    before = time.process_time()
    schedule(starts, weights, length=1200 * 10**6, machines=24)
    bounds.at_most(f"{crowded} events on one, 24 cavities: scheduling", time.process_time() - before, BOUND_S, " s")
    return bounds.exit_code


def analysis(rng: np.random.Generator, events: int, seconds: float, name: str, began: datetime) -> Analysis:
    """Return an analysis with single pops and bursts of up to nine, half of them likely cavitations."""
    onsets: list[float] = []
    while len(onsets) < events:
        pops = int(rng.integers(1, 10))
        onsets += (rng.uniform(0, seconds - 1) + np.cumsum(rng.uniform(0.006, 0.06, pops))).tolist()
    sounds = [
        Event(at, at + 20, at + 300, RATE, 1, 20.0, -20.0)
        for at in sorted(round(seconds * RATE) for seconds in onsets[:events])
    ]
    probabilities = rng.dirichlet((1.0, 0.7, 0.4), events)
    return Analysis(
        RecordingInfo(name, sample_rate=RATE, channels=1, duration_s=seconds, recorded_at=began, warnings=()),
        events=number_events(sounds),
        acoustic=probabilities,
        contextual=probabilities,
        novelty=rng.uniform(0, 1, events),
    )


def _measure(bounds: Bounds, what: str, analyses: list[Analysis], metadata: list[Metadata]) -> None:
    before = time.process_time()
    results = postprocess(analyses, metadata, MODEL)
    seconds = time.process_time() - before
    events = [event for result in results for event in result.events]
    flagged = sum(event.timing == REFRACTORY for event in events)
    bounds.at_most(f"{what} ({flagged / len(events):.0%} refractory)", seconds, BOUND_S, " s")


if __name__ == "__main__":
    sys.exit(main())
