"""Recordings that the model was trained on: scores on them are too good, since it knows these very sounds.

A model file holds the SHA-256 of every recording it was trained on, so the same bytes are recognised under any name; a
copy in another format is not. An adapted model knows those it was adapted to, not those of its base.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from popclass.labels import LabelledRecording
from popclass.model import Model


def trained_on(recordings: Sequence[LabelledRecording], own: Sequence[str], model: Model) -> list[str] | None:
    """Names of the recordings that the model was trained on.

    Parameters
    ----------
    recordings : sequence of LabelledRecording
    own : sequence of str
        The SHA-256 of each.
    model : Model

    Returns
    -------
    list of str or None
        In the order given; None where the model does not tell which recordings it was trained on.
    """
    hashes = model.info["training"].get("sha256")
    if hashes is None:
        return None
    known = set(hashes)
    return [recording.name for recording, digest in zip(recordings, own, strict=True) if digest in known]


def warning(about: Mapping[str, Any]) -> str:
    """What a reader must know of the scores; empty where no recording is one of training.

    Examples
    --------
    >>> warning({"heard": 5, "trained_on": ["a.wav", "b.wav"]})
    'Warning: the model was trained on 2 of these 5 recordings; the figures are too good.'
    """
    count = len(about["trained_on"] or ())
    if not count:
        return ""
    return f"Warning: the model was trained on {count} of these {about['heard']} recordings; the figures are too good."
