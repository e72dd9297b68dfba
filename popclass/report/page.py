"""HTML page of one or several recordings, and its data for the scripts.

Jinja2 fills the template and escapes every text. The content security policy allows the embedded script and style, by
their SHA-256, and embedded images and sound. The browser blocks everything else, even if a file name contains HTML, and
the page sends no request.

The data are plain values: recordings, events, sessions. Their keys are short, since a page can hold hundreds of events;
they are not a documented format. Texts come from `popclass.formats`, so that the page and the tables agree.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from popclass.formats.table import description, summary, total
from popclass.formats.text import rounded
from popclass.labels.table import TABLE
from popclass.model.limitations import brief_limits
from popclass.model.model import Model
from popclass.report.clips import Clip
from popclass.report.evidence import Contribution
from popclass.report.guidance import guidance
from popclass.report.media import RecordingMedia
from popclass.report.overview import TILE, Overview
from popclass.results import Event, RecordingResult
from popclass.timing.sites import REFRACTORY_S, assumption
from popclass.timing.timeline import Timeline, timelines
from popclass.utils.files import STDOUT
from popclass.utils.text import one_line, visible
from popclass.version import __version__

if TYPE_CHECKING:
    from jinja2 import Environment


# In order of dependency.
SCRIPTS = ("store.js", "labels.js", "sound.js", "picture.js", "table.js", "detail.js", "timeline.js", "main.js")


def render_page(
    media: Sequence[RecordingMedia],
    files: Sequence[str | None],
    *,
    model: Model | str,
    labels: str = TABLE,
    symptoms: Sequence[str] = (),
    failures: Sequence[str] = (),
    timeline_results: Sequence[RecordingResult] | None = None,
    index: str | None = None,
) -> str:
    """Return the HTML of a report.

    Parameters
    ----------
    media : sequence of RecordingMedia
        At least one recording.
    files : sequence of str or None
        Path of each recording relative to the page; None for standard input.
    model : Model or str
        The model that classified, whose limitations the page lists; or only its name.
    labels : str
        File name of the downloaded labels.
    symptoms : sequence of str
        Names as returned by `check_symptom`.
    failures : sequence of str
        One message for each recording that could not be used and is not in `media`.
    timeline_results : sequence of RecordingResult, optional
        All recordings of the timelines, including those of the page (default: those of the page).
    index : str, optional
        Relative URL of the index page.
    """
    results = [each.result for each in media]
    values = {
        "title": shown_name(results[0].recording) if len(results) == 1 else f"{len(results)} recordings",
        "total": total(results) if len(results) > 1 else None,
        "failures": [one_line(failure) for failure in failures],
        "limits": limits_of(model, [result.site for result in results]),
        "sounds": any(result.events for result in results),
        "recordings": [(shown_name(each.recording), description(each), summary(each)) for each in results],
        "data": page_data(media, files, results if timeline_results is None else timeline_results, labels),
        "guidance": guidance([result.site for result in results], symptoms),
        "index": index,
        "model": name_of(model),
        "version": __version__,
    }
    return render("page.html", values, scripts=SCRIPTS)


def limits_of(model: Model | str, sites: Iterable[str | None]) -> list[str]:
    """Return the limitations of the model and the assumptions about the sites, as sentences."""
    known = sorted({site for site in sites if site is not None})
    notices = [notice for site in known if (notice := assumption(site)) is not None]
    limits = [*([] if isinstance(model, str) else brief_limits(model)), *notices]
    return [one_line(f"{each[0].upper()}{each[1:].rstrip('.')}.") for each in limits]


def name_of(model: Model | str) -> str:
    """Return the name of a model as a page shows it."""
    return one_line(model if isinstance(model, str) else model.name)


def render(template: str, values: Mapping[str, Any], *, scripts: Sequence[str] = ()) -> str:
    """Render a template with its script, its style and the security policy that allows only these."""
    style, script = _text("page.css"), _script(scripts) if scripts else ""
    policy = (
        "default-src 'none'; img-src data:; media-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src {_allowed(style)}; script-src {_allowed(script) if script else chr(39) + 'none' + chr(39)}"
    )
    filled = _environment().get_template(template).render(values, style=style, script=script, policy=policy)
    return visible(filled)


def _allowed(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def _script(names: Sequence[str]) -> str:
    """Join the scripts in one function scope."""
    parts = "\n".join(_text(name) for name in names)
    return f'(function () {{\n"use strict";\n{parts}\n}})();\n'


@cache
def _text(name: str) -> str:
    return resources.files("popclass.report").joinpath("templates", name).read_text("utf-8")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("popclass.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page_data(
    media: Sequence[RecordingMedia],
    files: Sequence[str | None],
    timeline_results: Sequence[RecordingResult],
    labels: str,
) -> dict[str, Any]:
    """Return the data for the scripts of a page.

    Parameters
    ----------
    media : sequence of RecordingMedia
        The recordings of the page.
    files : sequence of str or None
        Path of each recording in the downloaded labels; None for standard input.
    timeline_results : sequence of RecordingResult
        All recordings of the timelines, including those of the page.
    labels : str
        File name of the downloaded labels.
    """
    results = [each.result for each in media]
    data = {
        "labels": labels,
        "classes": list(results[0].classes),
        "recordings": [_recording(each, file) for each, file in zip(media, files, strict=True)],
        "sessions": sessions(results, timeline_results),
    }
    # The key of the browser storage depends on the events, so that two reports do not share corrections.
    found = [[result.recording, [[e.onset, e.label] for e in result.events]] for result in results]
    data["key"] = hashlib.sha256(json.dumps(found).encode()).hexdigest()[:20]
    return data


def shown_name(recording: str) -> str:
    """Return the displayed name of a recording.

    Examples
    --------
    >>> shown_name("hip.wav"), shown_name("-")
    ('hip.wav', 'standard input')
    """
    return "standard input" if recording == STDOUT else one_line(recording)


def _recording(media: RecordingMedia, file: str | None) -> dict[str, Any]:
    result = media.result
    events = zip(result.events, media.clips, media.evidence, strict=True)
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
        "overview": _overview(media.overview),
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
        "p": _rounded_probability(event.p_label),
        "acoustic": event.acoustic_label,
        "probabilities": [_rounded_probability(event.probabilities.get(name)) for name in result.classes],
        "novelty": _rounded_probability(event.novelty),
        "timing": event.timing,
        "why": one_line(event.timing_reason),
        "snr": rounded(event.snr_db, 1),
        "dbfs": rounded(event.peak_dbfs, 1),
        "channel": event.channel,
        "clip": None if clip is None else _uri(clip.data, clip.mime),
        "clipStart": None if clip is None else rounded(clip.start_s, 6),
        "gain": None if clip is None else rounded(clip.gain_db, 1),
        # beyond the size limit of the clips, these are left out as well
        "evidence": None if clip is None else [[e.group, rounded(e.log_odds, 2), e.measured] for e in evidence],
    }


def _rounded_probability(value: float | None) -> float | None:
    return None if value is None else rounded(value, 4)


def _uri(data: bytes, mime: str) -> str:
    return f"data:{mime};base64,{base64.b64encode(data).decode('ascii')}"


def sessions(shown: Sequence[RecordingResult], timeline_results: Sequence[RecordingResult]) -> list[dict[str, Any]]:
    """Return the timelines of the shown recordings, each with all its recordings.

    Parameters
    ----------
    shown : sequence of RecordingResult
        Recordings of the page. Their index is stored instead of their events, so that corrections show at once.
    timeline_results : sequence of RecordingResult
        All recordings of the timelines, including `shown`.
    """
    places = {result.recording: index for index, result in enumerate(shown)}
    lines = timelines([result.info for result in timeline_results])
    return [
        _session(line, timeline_results, places)
        for line in lines
        if any(timeline_results[index].recording in places for index in line.recordings)
    ]


def _session(line: Timeline, timeline_results: Sequence[RecordingResult], places: Mapping[str, int]) -> dict[str, Any]:
    known = timeline_results[line.recordings[0]].session
    return {
        "subject": None if line.subject is None else visible(line.subject),
        "site": line.site,
        "began": None if line.started_at is None else line.started_at.isoformat(sep=" ", timespec="seconds"),
        "cavities": None if known is None else known.cavities,
        "period": REFRACTORY_S if known is None else known.refractory_s,
        "recordings": [
            _session_recording(timeline_results[index], offset, places)
            for index, offset in zip(line.recordings, line.offsets_s, strict=True)
        ],
    }


def _session_recording(result: RecordingResult, offset: float, places: Mapping[str, int]) -> dict[str, Any]:
    place = places.get(result.recording)
    others = [] if place is not None else [[rounded(event.start_s, 3), event.label] for event in result.events]
    return {
        "name": shown_name(result.recording),
        "offset": offset,
        "duration": result.duration_s,
        "place": place,
        "events": others,
    }
