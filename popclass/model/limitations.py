"""What a model cannot do: what follows from where its events came from, and what holds for all.

The card of a model says it in full (`limits`), a report in a few words (`in_short`). Both read the model's own JSON and
nothing else, so that whoever only classifies need not load what training does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from popclass.model.model import Model
from popclass.results import SNAPPING
from popclass.utils.text import counted

UNCHANGED = "base"  # kind of a classifier that answers as the base does, since correcting it did not help

_ASSUMED = (
    "They rest on the few published figures and on many assumptions (`docs/synthesis.md`). How well snapping is "
    "recognised in real recordings is unknown: none is openly available."
)
_REPEATED = "A repeated tap or click of anything else can pass for snapping."
_FREQUENT = (
    "A probability holds where each class is as frequent as in training; where a class is rarer, its probability is "
    "too high."
)
_SCORES = (
    "The scores were measured on groups held out of the same data. Another sensor, room or way of recording may do "
    "worse.",
    "A calibrated probability takes each class to be as frequent as in the training data; where a class is rarer, its "
    "probability is too high.",
)
_ALWAYS = (
    "No openly available recordings labelled as cavitation against soft-tissue snapping were found to compare with.",
    "This is no medical device and makes no diagnosis.",
)


def limits(model: Model) -> list[str]:
    """A sentence or two for each limit.

    Parameters
    ----------
    model : Model
    """
    return [*_source_limits(model), *_SCORES, *_repeated(model), _after(model), *_ALWAYS]


def in_short(model: Model) -> list[str]:
    """What has to be known before a label is contextual, a sentence for each limit.

    Parameters
    ----------
    model : Model

    Examples
    --------
    >>> in_short(Model.default())[0]
    'The model has learnt from generated sounds alone: how well it recognises real snapping is not known.'
    """
    said = [*_source_in_short(model), *_repeated(model)]
    return [*said, _FREQUENT]


def _source_in_short(model: Model) -> list[str]:
    training = model.info["training"]
    unknown = "how well it recognises real snapping is not known."
    if training.get("source") == "generated":
        return [f"The model has learnt from generated sounds alone: {unknown}"]
    if "base" in training and _generated(training["base"]["training"]):
        return [f"The model corrects one that has learnt from generated sounds alone: {unknown}"]
    return []


def _repeated(model: Model) -> list[str]:
    return [_REPEATED] if SNAPPING in model.classes else []


def _source_limits(model: Model) -> list[str]:
    """What follows from where the events came from."""
    training = model.info["training"]
    if training.get("source") == "generated":
        return [f"It was trained on generated sounds alone. {_ASSUMED}"]
    if "base" not in training or not _generated(training["base"]["training"]):
        return []
    heard = counted(training["recordings"], "labelled recording") if "recordings" in training else "labelled events"
    events = counted(sum(found["events"] for found in training["classes"].values()), "event")
    if model.info["classifier"]["kind"] == UNCHANGED:
        own = f"The {heard} given to `train` ({events}) changed none of its answers"
    else:
        own = f"Only the correction of its answers comes from {heard} ({events})"
    return [f"The base model was trained on generated sounds. {_ASSUMED} {own}."]


def _after(model: Model) -> str:
    if model.context is not None:
        return "The probabilities are of the sound alone; timing and context are weighed after them."
    return (
        "The probabilities are of the sound alone; timing is weighed after them, the company a sound keeps is not: "
        "this model has no weights for it."
    )


def _generated(training: Mapping[str, Any]) -> bool:
    """Whether a base was trained on generated sounds, or adapted from one that was."""
    return training.get("source") == "generated" or ("base" in training and _generated(training["base"]["training"]))
