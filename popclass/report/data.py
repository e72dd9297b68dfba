"""What a page knows, as plain values for its script: recordings, events, sessions.

Names are short, since a page of an hour holds hundreds of events; `docs/reference-formats.md` does not promise them.
Everything that people read as text comes from the formats' own functions, so that the page and the table say the same.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from popclass.formats.table import description, summary
from popclass.formats.text import one_line, rounded, visible
from popclass.formats.write import STDOUT
from popclass.report.clips import Clip
from popclass.report.evidence import Contribution
from popclass.report.hearing import Seen
from popclass.report.overview import TILE, Overview
from popclass.results import Event, RecordingResult
from popclass.timing.sites import REFRACTORY_S
from popclass.timing.timeline import Take, Timeline, timelines


def page_data(
    seen: Sequence[Seen], files: Sequence[str | None], around: Sequence[RecordingResult], labels: str
) -> dict[str, Any]:
    """Everything the script of a page needs.

    Parameters
    ----------
    seen : sequence of Seen
        The recordings of the page.
    files : sequence of str or None
        For each, its path as the downloaded labels name it; None where it is no file.
    around : sequence of RecordingResult
        All recordings of the timelines the page shows, those of the page among them.
    labels : str
        What the file of downloaded labels is called.
    """
    results = [each.result for each in seen]
    data = {
        "labels": labels,
        "classes": list(results[0].classes) if results else [],
        "recordings": [_recording(each, file) for each, file in zip(seen, files, strict=True)],
        "sessions": sessions(results, around),
    }
    # What was corrected in one report must not turn up in another: the key is made from what was found.
    found = [[result.recording, [[e.onset, e.label] for e in result.events]] for result in results]
    data["key"] = hashlib.sha256(json.dumps(found).encode()).hexdigest()[:20]
    return data


def shown_name(recording: str) -> str:
    """What people are shown as the name of a recording.

    Examples
    --------
    >>> shown_name("hip.wav"), shown_name("-")
    ('hip.wav', 'standard input')
    """
    return "standard input" if recording == STDOUT else one_line(recording)


def _recording(seen: Seen, file: str | None) -> dict[str, Any]:
    result = seen.result
    events = zip(result.events, seen.clips, seen.evidence, strict=True)
    return {
        "name": shown_name(result.recording),
        "file": None if file is None else visible(file),
        "duration": result.duration_s,
        "site": result.site,
        "subject": None if result.subject is None else visible(result.subject),
        "recordedAt": None if result.recorded_at is None else result.recorded_at.isoformat(),
        "channels": result.channels,
        "description": description(result),
        "summary": summary(result),
        "warnings": [one_line(warning) for warning in result.warnings],
        "overview": _overview(seen.overview),
        "events": [_event(event, result, clip, evidence) for event, clip, evidence in events],
    }


def _overview(overview: Overview) -> dict[str, Any]:
    return {
        "step": overview.envelope_s,
        "peak": rounded(overview.peak, 6),
        "envelope": base64.b64encode(overview.envelope.tobytes()).decode("ascii"),
        "images": [_uri(image, "image/png") for image in overview.spectrogram],
        "imageStep": overview.spectrogram_s,
        "tile": TILE,
        "lowest": overview.edges_hz[0],
        "highest": overview.edges_hz[-1],
    }


def _event(
    event: Event, result: RecordingResult, clip: Clip | None, evidence: Sequence[Contribution]
) -> dict[str, Any]:
    return {
        "n": event.event,
        "burst": event.burst,
        "start": rounded(event.start_s, 6),
        "end": rounded(event.end_s, 6),
        "label": event.label,
        "p": _share(event.p_label),
        "acoustic": event.acoustic_label,
        "probabilities": [_share(event.probabilities.get(name)) for name in result.classes],
        "novelty": _share(event.novelty),
        "timing": event.timing,
        "why": one_line(event.timing_reason),
        "snr": rounded(event.snr_db, 1),
        "dbfs": rounded(event.peak_dbfs, 1),
        "channel": event.channel,
        "clip": None if clip is None else _uri(clip.data, clip.mime),
        "clipStart": None if clip is None else rounded(clip.start_s, 6),
        "gain": None if clip is None else rounded(clip.gain_db, 1),
        # where there was no room for the sound there is none for this either
        "evidence": None if clip is None else [[e.group, rounded(e.log_odds, 2), e.measured] for e in evidence],
    }


def _share(value: float | None) -> float | None:
    return None if value is None else rounded(value, 4)


def _uri(data: bytes, mime: str) -> str:
    return f"data:{mime};base64,{base64.b64encode(data).decode('ascii')}"


def sessions(shown: Sequence[RecordingResult], around: Sequence[RecordingResult]) -> list[dict[str, Any]]:
    """The timelines on which the shown recordings lie, each with all its recordings.

    Parameters
    ----------
    shown : sequence of RecordingResult
        Their events are named by where they stand here, so that corrections show at once.
    around : sequence of RecordingResult
        `shown` and the others.
    """
    places = {result.recording: index for index, result in enumerate(shown)}
    takes = [Take(r.recording, r.subject, r.site, r.recorded_at, r.duration_s) for r in around]
    lines = timelines(takes)
    return [
        _session(line, around, places)
        for line in lines
        if any(around[index].recording in places for index in line.takes)
    ]


def _session(line: Timeline, around: Sequence[RecordingResult], places: Mapping[str, int]) -> dict[str, Any]:
    known = around[line.takes[0]].session
    return {
        "subject": None if line.subject is None else visible(line.subject),
        "site": line.site,
        "began": None if line.started_at is None else line.started_at.isoformat(sep=" ", timespec="seconds"),
        "cavities": None if known is None else known.cavities,
        "period": REFRACTORY_S if known is None else known.refractory_s,
        "takes": [
            _take(around[index], offset, places) for index, offset in zip(line.takes, line.offsets_s, strict=True)
        ],
    }


def _take(result: RecordingResult, offset: float, places: Mapping[str, int]) -> dict[str, Any]:
    place = places.get(result.recording)
    others = [] if place is not None else [[rounded(event.start_s, 3), event.label] for event in result.events]
    return {
        "name": shown_name(result.recording),
        "offset": offset,
        "duration": result.duration_s,
        "place": place,
        "events": others,
    }
