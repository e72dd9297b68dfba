"""Clips that seem to be cut from one recording, by their names: `take_1.wav`, `take_2.wav`, `take (3).wav`.

Sounds of one recording resemble each other more than those of another person will. Where clips are all there is, each
counts as a recording of its own; that some belong together can then only be guessed, and is told, never acted upon.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from popclass.formats.text import counted
from popclass.labels.records import LabelledRecording, Note, some

_COUNTER = re.compile(r"(?P<stem>.*[^\W_].*?)(?:[ _.-]+\d+|[ _.-]*\(\d+\))")


def sibling_clips(recordings: Sequence[LabelledRecording]) -> list[Note]:
    """A note of the clips without a subject whose names differ only in a counter at their end; empty without any.

    Parameters
    ----------
    recordings : sequence of LabelledRecording

    Examples
    --------
    >>> from pathlib import Path
    >>> names = ["cavitation/knee_1.wav", "other/knee_2.wav", "other/P07.wav", "other/P08.wav"]
    >>> [note] = sibling_clips([LabelledRecording(Path(name), name, whole="other") for name in names])
    >>> note.startswith("2 clips may be cut from one recording"), note.endswith("(labels.csv): knee")
    (True, True)
    """
    families: dict[str, int] = {}
    for recording in recordings:
        if recording.whole is None or recording.subject is not None:
            continue
        found = _COUNTER.fullmatch(PurePosixPath(recording.name).stem)
        if found is not None:
            families[found["stem"]] = families.get(found["stem"], 0) + 1
    shared = {stem: count for stem, count in sorted(families.items()) if count > 1}
    if not shared:
        return []
    clips = counted(sum(shared.values()), "clip")
    source = "one recording" if len(shared) == 1 else counted(len(shared), "recording")
    brief = (
        f"{clips} may be cut from {source}, by their names, but each counts as a recording of its own; scores are too "
        "good then. Say whose each clip is in a table with a column subject (labels.csv)"
    )
    return [Note(brief, some(list(shared)))]
