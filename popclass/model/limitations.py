"""Limitations of a model, from its training data and in general.

The model card lists them in full (`limits`), a report in a few sentences (`brief_limits`). Both read only the JSON of
the model, so that classification loads nothing of training.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from popclass.model.model import Model
from popclass.schema import SNAPPING
from popclass.utils.text import counted

CORRECTED = "corrected"  # stored kind of a base with a correction
UNCHANGED = "base"  # stored kind of a classifier that answers as the base does, since no correction helped

_ASSUMED = (
    "Those rest on the few published figures and on many assumptions (`docs/synthesis.md`). How well snapping is "
    "recognised in real recordings is unknown: no such recordings are openly available."
)
_FREQUENT = (
    "A calibrated probability assumes that each class is as frequent as in the training data; where a class is rarer, "
    "its probability is too high."
)
_ALWAYS = (
    "The scores were measured on groups held out of the same data. Another sensor, room or way of recording may do "
    "worse.",
    _FREQUENT,
    "No openly available recordings labelled as cavitation against soft-tissue snapping were found for comparison.",
    "popclass is not a medical device and makes no diagnosis.",
)


def reason_against(model: Model) -> str | None:
    """Return why nobody should use a model: on held-out data it does no better than guessing; None for any other.

    That is so if it never names a class that occurs, or if the 95 % interval of its balanced accuracy (where there is
    none, the accuracy) does not lie above that of guessing, one over the number of classes.

    Parameters
    ----------
    model : Model

    Examples
    --------
    >>> reason_against(Model.default()) is None
    True
    """
    scores = model.info.get("scores", {})
    held_out = scores.get("held_out")
    if not held_out or not held_out["events"] or not scores.get("folds"):
        return None
    events = {row["class"]: row["events"] for row in held_out["classes"] if row["events"]}
    recalls = {row["class"]: row["recall"] for row in held_out["classes"]}
    interval = (held_out.get("intervals") or {}).get("balanced_accuracy")
    at_target = ""
    if set(model.thresholds.weights) != {1.0}:  # the answer is not the most likely class, of which these scores are
        recalls, interval, at_target = scores["recalls"], None, " at its target"
    never = [f"'{name}' (0 of {events[name]})" for name in events if recalls[name] == 0]
    accuracy, chance = sum(recalls[name] for name in events) / len(events), 1 / len(events)
    reasons = [f"it never finds {' or '.join(never)}"] if never else []
    if (interval[0] if interval else accuracy) <= chance:
        span = f", {interval[0]:.2f}-{interval[1]:.2f}" if interval else ""
        reasons.append(f"its balanced accuracy{at_target} is {accuracy:.2f}{span}; guessing gives {chance:.2f}")
    if not reasons:
        return None
    return f"Do not use this model: on held-out {scores['grouped_by']}s {', and '.join(reasons)}."


def limits(model: Model) -> list[str]:
    """Return all limitations of a model, one or two sentences each.

    Parameters
    ----------
    model : Model
    """
    training = model.info["training"]
    limitations = [reason] if (reason := reason_against(model)) else []
    if training.get("source") == "generated":
        limitations.append(f"It was trained on generated sounds only. {_ASSUMED}")
    elif _is_generated(training):
        limitations.append(f"The base model was trained on generated sounds. {_ASSUMED} {_adapted(model)}.")
    later = "timing, as this model has no context weights, is" if model.context is None else "timing and context are"
    sound = f"The probabilities are those of the sound alone; {later} applied after them."
    return [*limitations, *_ALWAYS[:2], *_repeated(model), sound, *_ALWAYS[2:]]


def brief_limits(model: Model) -> list[str]:
    """Return the limitations that a reader of labels needs, a sentence each.

    Parameters
    ----------
    model : Model

    Examples
    --------
    >>> brief_limits(Model.default())[0]
    'The model was trained on generated sounds only: how well it recognises real snapping is not known.'
    """
    training, limitations = model.info["training"], [*_repeated(model), _FREQUENT]
    against = [reason] if (reason := reason_against(model)) else []
    if not _is_generated(training):
        return [*against, *limitations]
    trained = "was" if training.get("source") == "generated" else "corrects one that was"
    unknown = "how well it recognises real snapping is not known."
    return [*against, f"The model {trained} trained on generated sounds only: {unknown}", *limitations]


def _repeated(model: Model) -> list[str]:
    return ["A repeated tap or click of anything else can pass for snapping."] if SNAPPING in model.classes else []


def _adapted(model: Model) -> str:
    """Return the part that labelled recordings have in an adapted model."""
    training = model.info["training"]
    source = counted(training["recordings"], "labelled recording") if "recordings" in training else "labelled events"
    events = counted(sum(found["events"] for found in training["classes"].values()), "event")
    if model.info["classifier"]["kind"] == UNCHANGED:
        return f"The {source} given to `train` ({events}) changed none of its probabilities"
    if model.info["classifier"]["kind"] != CORRECTED:
        return f"A classifier trained on {source} ({events}) uses its probabilities beside the features"
    return f"Only the correction of its probabilities comes from {source} ({events})"


def _is_generated(training: Mapping[str, Any]) -> bool:
    """Return whether a model was trained on generated sounds, or adapted from one that was."""
    return training.get("source") == "generated" or ("base" in training and _is_generated(training["base"]["training"]))
