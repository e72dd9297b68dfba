"""Pages of the app and the files that they load.

The page of a project loads one style sheet and one script, which are joined here from those of reports and of the app.
It contains no text of a recording: all of them come from the server as JSON, and the scripts show them as plain text.
The page of sounds to label is that of `popclass suggest`, with a server that takes the labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from popclass.audio.paths import AUDIO_SUFFIXES
from popclass.model.model import Model
from popclass.report.guidance import guidance
from popclass.report.page import page_script, render, template_text, wrapped
from popclass.suggestions.page import SCRIPTS as LABEL_SCRIPTS
from popclass.utils.text import counted, one_line, visible
from popclass.version import __version__

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob: data:; connect-src 'self'; worker-src 'self'; frame-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content security policy of the page of a project."""

# In order of dependency: those of reports, then those of the app.
_SHARED = ("common.js",)
_FIRST = ("observer.js",)
_DRAWING = ("labels.js", "save.js", "sound.js", "closeup.js")
_OWN = (
    *("server.js", "tabs.js", "about.js", "recorder.js", "drop.js", "virtual.js", "results.js", "label.js", "map.js"),
    *("markdown.js", "train.js", "app.js"),
)
_SCRIPT, _STYLE = "text/javascript; charset=utf-8", "text/css; charset=utf-8"

_ENVIRONMENT = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
_ENVIRONMENT.loader = ChoiceLoader([PackageLoader("popclass.app"), PackageLoader("popclass.report")])


def app_page(project: str, folder: str, place: str) -> str:
    """Return the page of a project, to be sent with `POLICY`.

    Parameters
    ----------
    project : str
        Displayed name.
    folder : str
        Displayed path.
    place : str
        Identifies the project on this computer; the browser keeps labels that could not be saved under it.
    """
    values = {
        "project": one_line(project),
        "folder": one_line(folder),
        "version": __version__,
        "disclaimer": guidance(())["disclaimer"],
        "suffixes": ",".join(AUDIO_SUFFIXES),
        "data": {"classes": [], "keys": {}, "more": [], "place": place, "suffixes": list(AUDIO_SUFFIXES)},
    }
    return visible(_ENVIRONMENT.get_template("app.html").render(values))


@cache
def static(name: str) -> tuple[str, str] | None:
    """Return the text and the media type of a file that the page loads; None for any other name."""
    if name == "app.css":
        return template_text("page.css") + _text("app.css"), _STYLE
    if name == "app.js":
        parts = [*map(template_text, _SHARED), *map(_text, _FIRST), *map(template_text, _DRAWING), *map(_text, _OWN)]
        return wrapped(parts), _SCRIPT
    if name == "recorder-worklet.js":
        return _text(name), _SCRIPT
    return None


def label_page(data: Mapping[str, Any], url: str, model: Model) -> str:
    """Return the page of sounds to label, which has a policy of its own.

    Parameters
    ----------
    data : mapping
        For its scripts, as `popclass.app.sounds.queue_data` returns it.
    url : str
        Labels are posted to it.
    model : Model
    """
    number = data["suggested"]
    values = {
        "title": f"{counted(number, 'sound')} to label" if number else "No sound to label",
        "folder": "",
        "suggested": number,
        "unreadable": [],
        "data": {**data, "save": url},
        "guidance": guidance(()),
        "script": page_script(LABEL_SCRIPTS),
    }
    return render("suggest.html", values, model, ())


def _text(name: str) -> str:
    return resources.files("popclass.app").joinpath("templates", name).read_text("utf-8")
