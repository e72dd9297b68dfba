"""One page from its data: a file that holds all it needs and asks nobody for more.

The template is filled by Jinja2, which escapes every text. Script and style stand in the page, and its policy allows
just these, by their SHA-256, with images and sound from the page itself: a browser refuses everything else, whatever a
file name says, and no request leaves the machine.

What a page knows, as plain values for its script: recordings, events, sessions.

Names are short, since a page of an hour holds hundreds of events; `docs/reference-formats.md` does not promise them.
Everything that people read as text comes from the formats' own functions, so that the page and the table say the same.
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
from popclass.report.media import Seen
from popclass.report.overview import TILE, Overview
from popclass.results import Event, RecordingResult
from popclass.timing.sites import REFRACTORY_S, assumption
from popclass.timing.timeline import Timeline, timelines
from popclass.utils.files import STDOUT
from popclass.utils.text import one_line, visible
from popclass.version import __version__

if TYPE_CHECKING:
    from jinja2 import Environment


# In the order in which one uses the other.
SCRIPTS = ("store.js", "labels.js", "sound.js", "picture.js", "table.js", "detail.js", "timeline.js", "main.js")


def render_page(
    seen: Sequence[Seen],
    files: Sequence[str | None],
    *,
    model: Model | str,
    labels: str = TABLE,
    symptoms: Sequence[str] = (),
    failures: Sequence[str] = (),
    around: Sequence[RecordingResult] | None = None,
    index: str | None = None,
) -> str:
    """The HTML of a report.

    Parameters
    ----------
    seen : sequence of Seen
        At least one recording.
    files : sequence of str or None
        For each, its path relative to the page; None where it is no file.
    model : Model or str
        The one that classified, whose limits the page tells; or just what it is called.
    labels : str
        What the file of downloaded labels is called.
    symptoms : sequence of str
        As `popclass.report.guidance.guidance`.
    failures : sequence of str
        A line for each recording that could not be used and is not among `seen`.
    around : sequence of RecordingResult, optional
        The other recordings of the same timelines and these; only these where None.
    index : str, optional
        Address of the page that lists this one.
    """
    results = [each.result for each in seen]
    values = {
        "title": shown_name(results[0].recording) if len(results) == 1 else f"{len(results)} recordings",
        "verdict": total(results) if len(results) > 1 else None,
        "failures": [one_line(failure) for failure in failures],
        "limits": limits_of(model, [result.site for result in results]),
        "sounds": any(result.events for result in results),
        "recordings": [(shown_name(each.recording), description(each), summary(each)) for each in results],
        "data": page_data(seen, files, results if around is None else around, labels),
        "guidance": guidance([result.site for result in results], symptoms),
        "index": index,
        "model": name_of(model),
        "version": __version__,
    }
    return render("page.html", values, scripts=SCRIPTS)


def limits_of(model: Model | str, sites: Iterable[str | None]) -> list[str]:
    """What has to be known before labels are contextual: of the model, and of sites nobody has heard crack."""
    known = sorted({site for site in sites if site is not None})
    notices = [notice for site in known if (notice := assumption(site)) is not None]
    said = [*([] if isinstance(model, str) else brief_limits(model)), *notices]
    return [one_line(f"{each[0].upper()}{each[1:].rstrip('.')}.") for each in said]


def name_of(model: Model | str) -> str:
    """What a page calls a model."""
    return one_line(model if isinstance(model, str) else model.name)


def render(template: str, values: Mapping[str, Any], *, scripts: Sequence[str] = ()) -> str:
    """A template filled, with its script, its style and the policy that allows these two alone."""
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
    """The parts of the script as one, so that they share their names and nobody else sees them."""
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
    lines = timelines([result.info for result in around])
    return [
        _session(line, around, places)
        for line in lines
        if any(around[index].recording in places for index in line.recordings)
    ]


def _session(line: Timeline, around: Sequence[RecordingResult], places: Mapping[str, int]) -> dict[str, Any]:
    known = around[line.recordings[0]].session
    return {
        "subject": None if line.subject is None else visible(line.subject),
        "site": line.site,
        "began": None if line.started_at is None else line.started_at.isoformat(sep=" ", timespec="seconds"),
        "cavities": None if known is None else known.cavities,
        "period": REFRACTORY_S if known is None else known.refractory_s,
        "takes": [
            _take(around[index], offset, places) for index, offset in zip(line.recordings, line.offsets_s, strict=True)
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
