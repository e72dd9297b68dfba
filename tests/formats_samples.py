"""Sample results for the formats, and their golden files in data/formats.

`python tests/formats_samples.py` writes the golden files anew; look at the difference before you keep it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from popclass.bursts import count_cavitations, find_bursts, in_bursts
from popclass.formats import FORMATS
from popclass.formats.csv_io import FAILED, RecordingRow, burst_columns, burst_rows, csv_line, recordings_csv
from popclass.info import RecordingInfo
from popclass.results import Event, RecordingResult, Session
from popclass.schema import CAVITATION, CONSISTENT, REFRACTORY, UNCERTAIN
from popclass.utils.files import write_text

GOLDEN = Path(__file__).parent / "data" / "formats"
CLASSES = ("cavitation", "snapping", "other")


def event(number: int, burst: int, seconds: float, label: str, p_label: float, **fields: object) -> Event:
    """Return an event of 6.25 ms at 48 kHz with plausible values in the fields that are not given."""
    onset = round(seconds * 48000)
    acoustic = str(fields.setdefault("acoustic_label", label if label != UNCERTAIN else "other"))
    p_acoustic = float(str(fields.pop("p_acoustic", p_label)))
    others = (1 - p_acoustic) / 2
    likeliest = acoustic if label == UNCERTAIN else label
    return Event(
        onset=onset,
        peak=onset + 20,
        end=onset + 300,
        sample_rate=48000,
        channel=int(str(fields.pop("channel", 1))),
        snr_db=float(str(fields.pop("snr_db", 24.567))),
        peak_dbfs=-3.25,
        probabilities={name: p_acoustic if name == acoustic else others for name in CLASSES},
        posteriors={name: p_label if name == likeliest else (1 - p_label) / 2 for name in CLASSES},
        novelty=float(str(fields.pop("novelty", 0.3))),
    ).gain(event=number, burst=burst, label=label, p_label=p_label, **fields)


def counted(result: RecordingResult) -> RecordingResult:
    """Return the result with its bursts and its number of cavitations."""
    bursts = find_bursts(result.events, CLASSES, lambda own: sum(event.label == CAVITATION for event in own))
    number = count_cavitations(in_bursts(result.events, bursts), CLASSES, bursts)
    return replace(result, bursts=bursts, cavitations=number)


def named(result: RecordingResult, name: str, **info: object) -> RecordingResult:
    """Return the result of a recording of another name."""
    return replace(result, info=replace(result.info, name=name, **info))


FULL = RecordingResult(
    RecordingInfo(
        'hips/left, "first".m4a',
        sample_rate=48000,
        channels=1,
        duration_s=1500.25,
        recorded_at=datetime(2026, 3, 1, 10, 15, tzinfo=timezone(timedelta(hours=1))),
        site="hip",
        subject="S01",
        warnings=("the signal is clipped in 3 places", "a DC offset of 0.2 was removed"),
    ),
    events=(
        event(1, 1, 0.0, "other", 0.99),
        event(2, 2, 3.0191, "cavitation", 0.93, timing=CONSISTENT),
        event(
            *(3, 2, 3.0251, "cavitation", 0.88),
            timing=CONSISTENT,
            timing_reason="with it 2 of 3 joint cavities are in use",
        ),
        event(
            *(4, 2, 3.07, "cavitation", 0.71),
            timing=CONSISTENT,
            timing_reason="with it 3 of 3 joint cavities are in use",
        ),
        event(
            *(5, 3, 255.2, "snapping", 0.61),
            acoustic_label="cavitation",
            p_acoustic=0.83,
            timing=REFRACTORY,
            since_cavitation_s=252.1809,
            timing_reason="all 3 joint cavities are held by cavitations of the last 20min; more likely soft tissue",
        ),
        event(6, 4, 300.0, UNCERTAIN, 0.45, acoustic_label="snapping", p_acoustic=0.5, novelty=0.9954, snr_db=8.0),
        event(
            *(7, 5, 301.0, "cavitation", 0.97),
            timing=REFRACTORY,
            since_cavitation_s=297.981,
            timing_reason="all 3 joint cavities are held by cavitations of the last 20min; other evidence outweighs it",
        ),
    ),
    classes=CLASSES,
    cavities_needed=4,
    session=Session(('hips/left, "first".m4a',), cavities=3, refractory_s=1200.0, cavities_needed=4),
)
EMPTY = RecordingResult(
    RecordingInfo("quiet[1].wav", sample_rate=44100, channels=2, duration_s=42.0), events=(), classes=CLASSES
)
ODD = RecordingResult(
    RecordingInfo("R\xfccken/caf\udce9\ttwo\nlines.flac", sample_rate=48000, channels=2, duration_s=7300.0),
    events=(
        event(
            1,
            1,
            4000.5,
            "cavitation",
            0.97,
            timing=CONSISTENT,
            since_cavitation_s=1500.0,
            channel=2,
            timing_reason="25.0 min after the last",
        ),
    ),
    classes=CLASSES,
    cavities_needed=1,
)

FULL, ODD = counted(FULL), counted(ODD)
SETS = {"full": [FULL], "zero": [EMPTY], "several": [FULL, EMPTY, ODD]}
SUFFIXES = {"table": "txt", "csv": "csv", "jsonl": "jsonl", "audacity": "txt", "raven": "txt"}


def golden_names() -> list[tuple[str, str]]:
    """Return every (format, set of results) with a golden file."""
    return [(name, which) for name in FORMATS for which in SETS if (name, which) != ("audacity", "several")]


def golden_path(name: str, which: str) -> Path:
    return GOLDEN / f"{name}_{which}.{SUFFIXES[name]}"


def recording_rows() -> list[RecordingRow]:
    failed = RecordingRow(
        RecordingInfo("bad,\udcff.wav", subject="S02", warnings=("cut short",)), FAILED, "not audio:\nno header"
    )
    return [*map(RecordingRow.from_result, SETS["several"]), failed]


def burst_lines() -> list[str]:
    return [csv_line(burst_columns(CLASSES)), *(line for result in SETS["several"] for line in burst_rows(result))]


if __name__ == "__main__":
    for name, which in golden_names():
        write_text(golden_path(name, which), FORMATS[name](SETS[which]))
    write_text(GOLDEN / "recordings.csv", recordings_csv(recording_rows(), classes=CLASSES))
    write_text(GOLDEN / "bursts.csv", burst_lines())
