"""One page from its data: a file that holds all it needs and asks nobody for more.

The template is filled by Jinja2, which escapes every text. Script and style stand in the page, and its policy allows
just these, by their SHA-256, with images and sound from the page itself: a browser refuses everything else, whatever a
file name says, and no request leaves the machine.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from popclass import __version__
from popclass.formats.table import description, summary, total
from popclass.formats.text import one_line, visible
from popclass.labels.table import TABLE
from popclass.limits import in_short
from popclass.model import Model
from popclass.report.data import page_data, shown_name
from popclass.report.guidance import guidance
from popclass.report.hearing import Seen
from popclass.results import RecordingResult
from popclass.timing.sites import assumption

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
    """What has to be known before labels are believed: of the model, and of sites nobody has heard crack."""
    known = sorted({site for site in sites if site is not None})
    notices = [notice for site in known if (notice := assumption(site)) is not None]
    said = [*([] if isinstance(model, str) else in_short(model)), *notices]
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
