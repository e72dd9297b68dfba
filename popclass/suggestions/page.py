"""HTML page that plays suggested sounds and takes their labels.

One self-contained file, made like a report (`popclass.report.page`). The sounds are cut from the recordings here, after
the choice, so that only those of the page are ever in memory. Labels stay in the storage of the browser and are saved
as a CSV for `popclass train --partial`, with earlier labels, so that one file holds them all.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from popclass.audio.excerpts import read_excerpts
from popclass.audio.recording import open_recording
from popclass.errors import AudioError
from popclass.formats.text import rounded
from popclass.labels.records import UNSURE
from popclass.labels.table import COLUMNS
from popclass.labels.write import table_rows
from popclass.report import clips
from popclass.report.guidance import guidance
from popclass.report.keys import label_keys
from popclass.report.overview import data_url
from popclass.report.page import more_cells, more_columns, page_script, render
from popclass.report.write import labels_name, relative
from popclass.suggestions.records import Selection, Sound
from popclass.utils.files import STDOUT, write_text
from popclass.utils.text import counted, one_line

SCRIPTS = ("common.js", "labels.js", "save.js", "sound.js", "closeup.js", "suggest.js")

Target = str | os.PathLike[str]
Place = tuple[str, int]  # recording and onset of a sound
Clips = dict[Place, clips.Clip]


def write_page(found: Selection, target: Target) -> tuple[str, ...]:
    """Write the page of suggestions; return a line for each recording that can no longer be read."""
    cut, failures = cut_sounds(found.folder, listed(found))
    data = page_data(found, target, lambda sound: _embedded(cut.get(_place(sound))))
    rows = [entry | {"clip": None} for entry in data["sounds"]]
    data["key"] = hashlib.sha256(json.dumps([rows, data["rows"]]).encode()).hexdigest()[:20]
    number = len(found.suggestions)
    values = {
        "title": f"{counted(number, 'sound')} to label" if number else "No sound to label",
        "folder": one_line(os.path.basename(os.path.realpath(found.folder))),
        "recordings": counted(len(found.infos), "recording"),
        "sounds": counted(found.sounds, "sound"),
        "suggested": number,
        "unreadable": [one_line(line) for line in (*found.failed, *failures)],
        "data": data,
        "guidance": guidance(()),
        "script": page_script(SCRIPTS),
    }
    write_text(target, render("suggest.html", values, found.model, ()))
    return failures


def listed(found: Selection) -> list[Sound]:
    """Return the sounds of a page, each once: those suggested in their order, then the ones similar to them."""
    similar = (sound for each in found.suggestions for sound in each.similar)
    return list({_place(sound): sound for sound in (*(each.sound for each in found.suggestions), *similar)}.values())


def page_data(found: Selection, target: Target, clip_of: Callable[[Sound], Mapping[str, Any]]) -> dict[str, Any]:
    """Return the data for the scripts of the page, except its key.

    Parameters
    ----------
    found : Selection
    target : path or `-`
        The page, or any file in the folder to which the paths of recordings are relative.
    clip_of : callable
        Returns the values of `clip` (an address or data URL, None without one), `clipStart` and `gain` of a sound.
    """
    sounds = listed(found)
    names = list(dict.fromkeys(sound.recording for sound in sounds))
    folder = Path() if os.fspath(target) == STDOUT else Path(target).parent
    first, *earlier = table_rows(found.labels, folder)
    header = [str(name) for name in first]
    more = list(dict.fromkeys([*header[len(COLUMNS) :], *more_columns(found.infos.values())]))
    labelled = [name for name in found.counts if name != UNSURE]
    infos = [found.infos[name] for name in names]
    place = f"{os.path.realpath(found.folder)}\n{os.path.realpath(target)}"
    entries = [{**_entry(sound, names.index(sound.recording)), **clip_of(sound)} for sound in sounds]
    places = {_place(sound): at for at, sound in enumerate(sounds)}
    for each, entry in zip(found.suggestions, entries, strict=False):
        entry["similar"] = [places[_place(sound)] for sound in each.similar]
        entry["similarFound"] = each.similar_found
        entry["by"] = each.by
    return {
        "labels": labels_name(target),
        # labels of an earlier page of the same folder and name are taken up
        "place": hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest()[:20],
        "classes": labelled,
        "keys": label_keys(labelled),
        "suggested": len(found.suggestions),
        "recordings": [
            {
                "name": one_line(info.name),
                "file": relative(found.folder / info.name, target),
                "subject": info.subject,
                "site": info.site,
                "more": more_cells(info),
                "recordedAt": None if info.recorded_at is None else info.recorded_at.isoformat(),
            }
            for info in infos
        ],
        "sounds": entries,
        "more": more,
        "rows": [_cells(dict(zip(header, row, strict=True)), (*COLUMNS, *more)) for row in earlier],
    }


def _cells(row: Mapping[str, Any], columns: Sequence[str]) -> list[Any]:
    return ["" if row.get(name) is None else row[name] for name in columns]


def _place(sound: Sound) -> Place:
    return sound.recording, sound.event.onset


def _entry(sound: Sound, recording: int) -> dict[str, Any]:
    event = sound.event
    posteriors = sorted(event.posteriors.items(), key=lambda each: -each[1])
    return {
        "n": event.event,
        "recording": recording,
        "start": rounded(event.start_s, 6),
        "end": rounded(sound.end_s, 6),
        "posteriors": [[name, rounded(p, 4)] for name, p in posteriors],
    }


def _embedded(clip: clips.Clip | None) -> dict[str, Any]:
    return {
        "clip": None if clip is None else data_url(clip.data, clip.mime),
        "clipStart": None if clip is None else rounded(clip.start_s, 6),
        "gain": None if clip is None else rounded(clip.gain_db, 1),
    }


def cut_sounds(folder: Path, sounds: Sequence[Sound]) -> tuple[Clips, tuple[str, ...]]:
    """Cut the clips of sounds out of their recordings.

    They are FLAC, or Ogg Opus if the page would become too large.

    Returns
    -------
    clips : dict of (str, int) to Clip
        By recording and onset.
    failures : tuple of str
        One line for each recording that can no longer be read, or has changed; its sounds have no clip.
    """
    ranges = (clips.clip_range(sound.event) for sound in sounds)
    samples = sum(last - first for first, last in ranges)
    encode = clips.flac if 2 * samples * clips.FLAC_SHARE <= clips.MAX_SIZE_LIMIT else clips.opus
    by_recording: dict[str, list[Sound]] = {}
    for sound in sounds:
        by_recording.setdefault(sound.recording, []).append(sound)
    made: Clips = {}
    failures: list[str] = []
    for name, own in by_recording.items():
        try:
            made |= cut_recording(folder / name, name, sorted(own, key=lambda each: each.event.onset), encode)
        except AudioError as error:
            failures.append(str(error))
    return made, tuple(failures)


def cut_recording(
    path: Path, name: str, sounds: Sequence[Sound], encode: Callable[[Any, int], tuple[bytes, str]]
) -> Clips:
    """Cut the clips of some sounds of one recording, in order of onset; raises AudioError."""
    made: Clips = {}
    with open_recording(path, name=name) as recording:
        ranges = [clips.clip_range(sound.event) for sound in sounds]
        for sound, (first, last), block in zip(sounds, ranges, read_excerpts(recording, ranges), strict=True):
            event = sound.event
            if recording.sample_rate != event.sample_rate or first + len(block) <= event.onset:
                raise AudioError(f"{one_line(name)}: has changed since its sounds were found; run the command again")
            mono = np.ascontiguousarray(block[: last - first, event.channel - 1])
            samples, gain_db = clips.normalize_clip(mono, event.sample_rate)
            made[_place(sound)] = clips.Clip(*encode(samples, event.sample_rate), first / event.sample_rate, gain_db)
    return made
