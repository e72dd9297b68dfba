"""What a model trained anew takes over from its base: the worth of a sound's company, where the classes are the same.

Weights belong to classes by name. A base may list them in another order than the new model; the same numbers then move
to where their class stands. Where a class is missing on either side the weights mean nothing and are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from popclass.context import Context, Weighing
from popclass.model import Model
from popclass.timing.repetition import context_names


def inherited_context(base: Model | None, classes: Sequence[str]) -> tuple[dict[str, Any] | None, list[str]]:
    """The base's context weights for these classes, as a model file holds them.

    Parameters
    ----------
    base : Model or None
    classes : sequence of str
        In the order of the new model.

    Returns
    -------
    stored : dict or None
        None where there is no base, it has no weights, or its classes are others.
    remarks : list of str
        Which class the weights could not be taken over for.
    """
    if base is None or base.context is None:
        return None, []
    if strange := differences(base.classes, classes):
        return None, [f"the worth of a sound's company was not taken over from the base model: {strange}"]
    if tuple(classes) == base.classes:
        return base.info["context"], []
    return reordered(base.context, base.classes, classes).to_json(), []


def differences(base: Sequence[str], classes: Sequence[str]) -> str:
    """Which classes only one of two models has, in words; empty where they have the same.

    Examples
    --------
    >>> differences(["cavitation", "snapping", "other"], ["cavitation", "click", "other"])
    "it does not know 'click'; 'snapping' is not among the labels"
    """
    new, gone = [n for n in classes if n not in base], [n for n in base if n not in classes]
    parts = [f"it does not know {_quoted(new)}"] if new else []
    if gone:
        parts.append(f"{_quoted(gone)} {'is' if len(gone) == 1 else 'are'} not among the labels")
    return "; ".join(parts)


def reordered(context: Context, old: Sequence[str], new: Sequence[str]) -> Context:
    """The same weights for the same classes in another order."""
    before, names = context_names(old), context_names(new)
    rows, columns = [before.index(name) for name in names], [list(old).index(name) for name in new]
    weighing = context.weighing
    moved = Weighing(
        weighing.linear[rows][:, columns],
        weighing.inner[rows],
        weighing.sound[columns],
        weighing.bias,
        weighing.outer[:, columns],
    )
    return replace(context, names=names, weighing=moved)


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
