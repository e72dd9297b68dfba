"""All kinds of bad inputs, in the order of the documentation."""

from __future__ import annotations

import os
from pathlib import Path

from bad_inputs import boxes, codecs, containers, contents, foreign, names, pcm, places, playlists, wav
from bad_inputs.kinds import Kind, holding
from bad_inputs.sources import good

FAMILIES = (containers, wav, pcm, codecs, boxes, contents, foreign, playlists, places, names)
KINDS: tuple[Kind, ...] = tuple(kind for family in FAMILIES for kind in family.kinds())


def make_all(folder: Path) -> None:
    """Make every kind in a folder, and beside them what some of them point to."""
    target = folder / playlists.TARGET
    target.parent.mkdir()
    holding(good("wav"))(target)
    for kind in KINDS:
        kind.make(path_of(kind, folder))


def path_of(kind: Kind, folder: Path) -> Path:
    """Where a kind lies in a folder."""
    return Path(os.fsdecode(os.path.join(os.fsencode(folder), kind.file_name)))
