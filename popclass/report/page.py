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
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from popclass.formats.table import UNLIKE, description, is_unlike, repeated_warnings, summary
from popclass.formats.text import rounded, shown_start
from popclass.info import RecordingInfo
from popclass.model.limitations import brief_limits
from popclass.model.model import Model
from popclass.report.clips import Clip
from popclass.report.evidence import Contribution
from popclass.report.keys import label_keys
from popclass.report.media import RecordingMedia
from popclass.report.overview import data_url
from popclass.results import Event, RecordingResult
from popclass.schema import CAVITATION, OTHER, PER_BURST, SNAPPING, UNCERTAIN
from popclass.timing.sites import REFRACTORY_S, assumption
from popclass.timing.timeline import Timeline, timelines
from popclass.utils.files import STDOUT
from popclass.utils.text import counted, one_line, visible
from popclass.version import __version__

Data = dict[str, Any]

# In order of dependency.
SCRIPTS = (
    *("common.js", "store.js", "labels.js", "save.js", "corrections.js", "sound.js", "picture.js", "closeup.js"),
    *("table.js", "detail.js", "timeline.js", "main.js"),
)


@dataclass(frozen=True, slots=True)
class Saving:
    """Server that takes the labels of a page, in place of downloads and the storage of the browser.

    Attributes
    ----------
    url : str
        Labels are posted to it as JSON, `{"rows": [[name, start_s, end_s, label], ...]}`; an empty label removes one.
        The answer comes once they are on disk.
    names : sequence of str
        Name of each recording of the page at the server.
    labels : sequence of sequences of (float, float or None, str)
        Its labels of each recording: start, end and label.
    """

    url: str
    names: Sequence[str]
    labels: Sequence[Sequence[tuple[float, float | None, str]]]


_ENVIRONMENT = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
_ENVIRONMENT.loader = PackageLoader("popclass.report", "templates")


def render(template: str, values: Mapping[str, Any], model: Model, sites: Sequence[str | None]) -> str:
    """Render a template with its style and the security policy that allows only this style and its script.

    Parameters
    ----------
    template : str
        `page.html`, `index.html` or `suggest.html`.
    values : mapping
        For the template; without a `script` the page can run none, without `save` in its `data` it can reach no server.
    model : Model
        Its name and limitations are shown.
    sites : sequence of str or None
        Of all recordings; assumptions about them are listed with the limitations.
    """
    assumptions = [assumption(site) for site in sorted({site for site in sites if site is not None})]
    limits = [*brief_limits(model), *(text for text in assumptions if text is not None)]
    style, script = template_text("page.css"), values.get("script")
    server = " 'self'; connect-src 'self'" if "save" in values.get("data", ()) else ""
    policy = (
        f"default-src 'none'; img-src data:; media-src data:{server}; base-uri 'none'; form-action 'none'; "
        f"style-src {_allowed(style)}; script-src {_allowed(script)}"
    )
    common = {
        "limits": [one_line(f"{each[0].upper()}{each[1:].rstrip('.')}.") for each in limits],
        "model": one_line(model.name),
        "version": __version__,
        "style": style,
        "policy": policy,
    }
    return visible(_ENVIRONMENT.get_template(template).render(values, **common))


def _allowed(text: str | None) -> str:
    """Return the source of a security policy that allows this text only."""
    if text is None:
        return "'none'"
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def page_script(names: Sequence[str] = SCRIPTS) -> str:
    """Return the scripts of a page, in one function scope."""
    return wrapped(map(template_text, names))


def wrapped(parts: Iterable[str]) -> str:
    """Join scripts in one function scope."""
    joined = "\n".join(parts)
    return f'(function () {{\n"use strict";\n{joined}\n}})();\n'


@cache
def template_text(name: str) -> str:
    """Return the text of a style sheet or script in `templates`."""
    return resources.files("popclass.report").joinpath("templates", name).read_text("utf-8")


def page_data(
    media: Sequence[RecordingMedia],
    files: Sequence[str | None],
    labels: str,
    results: Sequence[RecordingResult],
    *,
    graded: bool,
    saving: Saving | None = None,
) -> Data:
    """Return the data for the scripts of a page.

    Parameters
    ----------
    media : sequence of RecordingMedia
        The recordings of the page, at least one.
    files : sequence of str or None
        Path of each recording in the downloaded labels; None for standard input.
    labels : str
        File name of the downloaded labels.
    results : sequence of RecordingResult
        All recordings of the timelines, including those of the page.
    graded : bool
        True if novelty lowered the probabilities of joint classes.
    saving : Saving, optional
        Server that takes the labels.
    """
    shown = [each.result for each in media]
    # The key of the browser storage depends on the events, so that two reports do not share corrections.
    found = [[result.recording, [[e.onset, e.label] for e in result.events]] for result in shown]
    places = {result.recording: index for index, result in enumerate(shown)}
    repeated = repeated_warnings(shown)
    data: Data = {
        "labels": labels,
        "classes": list(shown[0].classes),
        "keys": label_keys(shown[0].classes),
        "more": more_columns(result.info for result in shown),
        "unlike": UNLIKE,
        "graded": graded,
        "recordings": [_recording(each, file, repeated) for each, file in zip(media, files, strict=True)],
        "sessions": [
            _session(line, [results[index] for index in line.recordings], places)
            for line in timelines([result.info for result in results])
        ],
        "key": hashlib.sha256(json.dumps(found).encode()).hexdigest()[:20],
    }
    if saving is not None:
        data["save"] = saving.url
        for recording, name, rows in zip(data["recordings"], saving.names, saving.labels, strict=True):
            recording |= {"file": name, "saved": rows}
    return data


def shown_name(recording: str) -> str:
    """Return the displayed name of a recording.

    Examples
    --------
    >>> shown_name("hip.wav"), shown_name("-")
    ('hip.wav', 'standard input')
    """
    return "standard input" if recording == STDOUT else one_line(recording)


def lead(results: Sequence[RecordingResult]) -> str:
    """Return what was found in one sentence for readers who know none of the terms; empty where nothing was."""
    counts = Counter(event.label for result in results for event in result.events)
    names = [name for name in results[0].classes if name != OTHER and counts[name]]
    joint = [
        f"{counted(counts[name], _LAY[name])} ({name})" if name in _LAY else f"{counts[name]} {name}" for name in names
    ]
    rest = counted(counts[OTHER] + counts[UNCERTAIN], "other or unclear sound")
    if not joint:
        return f"popclass found nothing that sounds like a joint, only {rest}." if counts else ""
    found = " and ".join([", ".join(joint[:-1]), joint[-1]] if joint[1:] else joint)
    return f"popclass found what sounds like {found}{'' if rest.startswith('0') else f', besides {rest}'}."


_LAY = {CAVITATION: "joint crack", SNAPPING: "tendon snap"}


def more_columns(infos: Iterable[RecordingInfo]) -> list[str]:
    """Return the columns of a CSV of labels after the standard ones: `side` and the user's own, if there are some."""
    return list(dict.fromkeys(name for info in infos for name, cell in more_cells(info).items() if cell))


def more_cells(info: RecordingInfo) -> dict[str, str | None]:
    """Return the cells of a recording in these columns."""
    return {"side": info.side, **info.extra}


def _recording(media: RecordingMedia, file: str | None, repeated: Collection[str]) -> Data:
    result = media.result
    events = zip(result.events, media.clips, media.evidence, strict=True)
    return {
        "name": shown_name(result.recording),
        "file": None if file is None else visible(file),
        "duration": result.duration_s,
        "site": result.site,
        "subject": None if result.subject is None else visible(result.subject),
        "recordedAt": None if result.recorded_at is None else result.recorded_at.isoformat(),
        "more": more_cells(result.info),
        "channels": result.channels,
        "description": description(result),
        "summary": summary(result),
        "warnings": [one_line(warning) for warning in result.warnings if warning not in repeated],
        "overview": media.overview | {"peak": rounded(media.overview["peak"], 6)},
        "events": [_event(event, result.classes, clip, evidence) for event, clip, evidence in events],
    }


def _event(event: Event, classes: Sequence[str], clip: Clip | None, evidence: Sequence[Contribution]) -> Data:
    data = {
        "n": event.event,
        "burst": event.burst,
        "start": rounded(event.start_s, 6),
        "end": rounded(event.end_s, 6),
        "label": event.label,
        "p": rounded(event.p_label, 4),
        "acoustic": event.acoustic_label,
        "probabilities": [rounded(event.probabilities.get(name), 4) for name in classes],
        "novelty": rounded(event.novelty, 4),
        "unlike": is_unlike(event),
        "timing": event.timing,
        "why": one_line(event.timing_reason),
        "snr": rounded(event.snr_db, 1),
        "dbfs": rounded(event.peak_dbfs, 1),
        "channel": event.channel,
    }
    if clip is None:  # beyond the size limit of the clips, the evidence is left out as well
        return data | dict.fromkeys(("clip", "clipStart", "gain", "evidence"))
    return data | {
        "clip": data_url(clip.data, clip.mime),
        "clipStart": rounded(clip.start_s, 6),
        "gain": rounded(clip.gain_db, 1),
        "evidence": [[group, rounded(log_odds, 2), measured] for group, log_odds, measured in evidence],
    }


def _session(line: Timeline, results: Sequence[RecordingResult], places: Mapping[str, int]) -> Data:
    session, recordings = results[0].session, []
    for result, offset in zip(results, line.offsets_s, strict=True):
        place = places.get(result.recording)
        # Events of the page are taken from its recordings, so that corrections show at once.
        others = [[rounded(e.start_s, 3), e.label, e.burst] for e in result.events] if place is None else []
        name, duration = shown_name(result.recording), result.duration_s
        recordings.append({"name": name, "offset": offset, "duration": duration, "place": place, "events": others})
    return {
        "subject": None if line.subject is None else visible(line.subject),
        "site": line.site,
        "side": line.side,
        "began": shown_start(results[0].info),
        "cavities": None if session is None else session.cavities,
        "period": REFRACTORY_S if session is None else session.refractory_s,
        "countBy": PER_BURST if session is None else session.count_by,
        "recordings": recordings,
    }
