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
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from popclass.formats.table import description, summary, total
from popclass.formats.text import rounded
from popclass.model.limitations import brief_limits
from popclass.model.model import Model
from popclass.report.evidence import Contribution
from popclass.report.guidance import guidance
from popclass.report.media import Clip, RecordingMedia
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
    model: Model,
    labels: str,
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
        Path of each recording relative to the page, for the downloaded labels; None for standard input.
    model : Model
        The model that classified, whose limitations the page lists.
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
    sites = [result.site for result in results]
    # The key of the browser storage depends on the events, so that two reports do not share corrections.
    found = [[result.recording, [[e.onset, e.label] for e in result.events]] for result in results]
    data = {
        "labels": labels,
        "classes": list(results[0].classes),
        "recordings": [_recording(each, file) for each, file in zip(media, files, strict=True)],
        "sessions": _sessions(results, results if timeline_results is None else timeline_results),
        "key": hashlib.sha256(json.dumps(found).encode()).hexdigest()[:20],
    }
    values = {
        "title": shown_name(results[0].recording) if len(results) == 1 else f"{len(results)} recordings",
        "total": total(results) if len(results) > 1 else None,
        "failures": [one_line(failure) for failure in failures],
        "sounds": any(result.events for result in results),
        "recordings": [(shown_name(each.recording), description(each), summary(each)) for each in results],
        "data": data,
        "guidance": guidance(sites, symptoms),
        "index": index,
        "script": _script(),
    }
    return render("page.html", values, model, sites)


def render(template: str, values: Mapping[str, Any], model: Model, sites: Sequence[str | None]) -> str:
    """Render a template with its style and the security policy that allows only this style and its script.

    Parameters
    ----------
    template : str
        `page.html` or `index.html`.
    values : mapping
        For the template; without a `script` the page can run none.
    model : Model
        Its name and limitations are shown.
    sites : sequence of str or None
        Of all recordings; assumptions about them are listed with the limitations.
    """
    assumptions = [assumption(site) for site in sorted({site for site in sites if site is not None})]
    limits = [*brief_limits(model), *(text for text in assumptions if text is not None)]
    style, script = _text("page.css"), values.get("script")
    policy = (
        "default-src 'none'; img-src data:; media-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src {_allowed(style)}; script-src {_allowed(script)}"
    )
    common = {
        "limits": [one_line(f"{each[0].upper()}{each[1:].rstrip('.')}.") for each in limits],
        "model": one_line(model.name),
        "version": __version__,
        "style": style,
        "policy": policy,
    }
    return visible(_environment().get_template(template).render(values, **common))


def _allowed(text: str | None) -> str:
    """Return the source of a security policy that allows this text only."""
    if text is None:
        return "'none'"
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def _script() -> str:
    """Join the scripts in one function scope."""
    parts = "\n".join(map(_text, SCRIPTS))
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
    data = {
        "n": event.event,
        "burst": event.burst,
        "start": rounded(event.start_s, 6),
        "end": rounded(event.end_s, 6),
        "label": event.label,
        "p": rounded(event.p_label, 4),
        "acoustic": event.acoustic_label,
        "probabilities": [rounded(event.probabilities.get(name), 4) for name in result.classes],
        "novelty": rounded(event.novelty, 4),
        "timing": event.timing,
        "why": one_line(event.timing_reason),
        "snr": rounded(event.snr_db, 1),
        "dbfs": rounded(event.peak_dbfs, 1),
        "channel": event.channel,
    }
    if clip is None:  # beyond the size limit of the clips, the evidence is left out as well
        return data | dict.fromkeys(("clip", "clipStart", "gain", "evidence"))
    return data | {
        "clip": _uri(clip.data, clip.mime),
        "clipStart": rounded(clip.start_s, 6),
        "gain": rounded(clip.gain_db, 1),
        "evidence": [[e.group, rounded(e.log_odds, 2), e.measured] for e in evidence],
    }


def _uri(data: bytes, mime: str) -> str:
    return f"data:{mime};base64,{base64.b64encode(data).decode('ascii')}"


def _sessions(shown: Sequence[RecordingResult], results: Sequence[RecordingResult]) -> list[dict[str, Any]]:
    """Return the timelines of the shown recordings, each with all its recordings."""
    places = {result.recording: index for index, result in enumerate(shown)}
    lines = timelines([result.info for result in results])
    return [
        _session(line, [results[index] for index in line.recordings], places)
        for line in lines
        if any(results[index].recording in places for index in line.recordings)
    ]


def _session(line: Timeline, results: Sequence[RecordingResult], places: Mapping[str, int]) -> dict[str, Any]:
    session, recordings = results[0].session, []
    for result, offset in zip(results, line.offsets_s, strict=True):
        place = places.get(result.recording)
        # Events of the page are taken from its recordings, so that corrections show at once.
        others = [[rounded(event.start_s, 3), event.label] for event in result.events] if place is None else []
        name, duration = shown_name(result.recording), result.duration_s
        recordings.append({"name": name, "offset": offset, "duration": duration, "place": place, "events": others})
    return {
        "subject": None if line.subject is None else visible(line.subject),
        "site": line.site,
        "began": None if line.started_at is None else line.started_at.isoformat(sep=" ", timespec="seconds"),
        "cavities": None if session is None else session.cavities,
        "period": REFRACTORY_S if session is None else session.refractory_s,
        "recordings": recordings,
    }
