"""Classification of short sounds of a moving body: joint cavitation, snapping, or other.

    >>> import popclass
    >>> result = popclass.classify("hip.m4a", site="hip")        # doctest: +SKIP
    >>> model = popclass.train("labelled/")                       # doctest: +SKIP

Each name is imported at its first use, so that `import popclass` is fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from popclass.version import __version__ as __version__

if TYPE_CHECKING:
    from popclass.batch import classify_folder as classify_folder
    from popclass.batch.clips import cut_clips as cut_clips
    from popclass.detection import Detector as Detector
    from popclass.evaluation import evaluate as evaluate
    from popclass.model.model import Model as Model
    from popclass.pipeline import classify as classify
    from popclass.pipeline import classify_session as classify_session
    from popclass.pipeline import extract_features as extract_features
    from popclass.results import Burst as Burst
    from popclass.results import Event as Event
    from popclass.results import RecordingResult as RecordingResult
    from popclass.streaming import Listener as Listener
    from popclass.streaming import LiveEvent as LiveEvent
    from popclass.suggestions import suggest as suggest
    from popclass.training import train as train

_HOMES = {
    **dict.fromkeys(("classify", "classify_session", "extract_features"), "popclass.pipeline"),
    **dict.fromkeys(("Listener", "LiveEvent"), "popclass.streaming"),
    **dict.fromkeys(("Burst", "Event", "RecordingResult"), "popclass.results"),
    **{"classify_folder": "popclass.batch", "cut_clips": "popclass.batch.clips"},
    **{"train": "popclass.training", "evaluate": "popclass.evaluation", "suggest": "popclass.suggestions"},
    **{"Model": "popclass.model.model", "Detector": "popclass.detection"},
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if not name.startswith("_"):
        try:
            return import_module(f"popclass.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"popclass.{name}":
                raise
    raise AttributeError(f"module 'popclass' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
