"""Journal of a batch: what was processed so far, so that an interrupted batch can continue.

`journal.jsonl` in the folder of results has one JSON object a line. Lines are only appended, unless a batch starts
over. The first line names the version of the journal and of popclass, the SHA-256 of the model, the folder of
recordings and the options that change labels, as they were at first. Each further line is one recording that was
processed completely, see `popclass.batch.lines`. A line `manifest` keeps the metadata of the manifest, and a line
`options` another model or other options than before, so that the next run can report changes.

- A line counts once its line end is written. An incomplete last line, left by an interruption, is cut off.
- A damaged line is ignored, and its recording is processed again.
- A line counts only while the file still has that size and time of modification. The last line of a file counts.
- Recordings that failed are not in the journal: they are tried again.
- Labels are not in the journal, since the manifest and the options that change labels may differ from one run to the
  next. A journal without `--count-by` is an older one, made when each pop counted; one without `--class-frequencies`
  was made with those of the model.
- With another model, which has another front end, all recordings are processed again. Their lines name that model, so
  that those of both models are kept, and each run reads only its own.
- Another folder or version of popclass is refused; `--fresh` starts over. One batch at a time writes a journal.

All results of a batch are made from journal lines, those of this run and those of an earlier one alike. So an
interrupted batch ends with the same bytes as an uninterrupted one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from popclass.batch.lines import MALFORMED, Entry, Source, entry_of, seal, source_of, unseal, with_model
from popclass.batch.manifest import Summary, check_summary
from popclass.errors import OutputError
from popclass.formats.text import shortened
from popclass.schema import FROM_MODEL, PER_POP
from popclass.utils.files import lock, system_errors
from popclass.utils.text import one_line, visible
from popclass.version import __version__

NAME = "journal.jsonl"
VERSION = 3

Options = dict[str, Any]
_OLDER: Options = {"--count-by": PER_POP, "--class-frequencies": FROM_MODEL}  # of a journal that does not state them

_BEGINNING = b'{"journal":'


def read_entries(results_dir: Path, *, classes: int, model: str | None = None) -> dict[str, Entry]:
    """Return the recordings in a journal by name.

    Parameters
    ----------
    results_dir : Path
    classes : int
        Number of classes of the model.
    model : str, optional
        SHA-256 of the model that processed them (default: that of the first run).

    Raises
    ------
    OutputError
        If the journal cannot be read.
    """
    path = results_dir / NAME
    first: Options = {}
    with system_errors(path, "read"), path.open("rb") as file:
        with suppress(*MALFORMED):
            first = dict(json.loads(file.readline()))
        return _parse(file, classes, None if model == first.get("model") else model)[0]


def read_sources(results_dir: Path) -> tuple[Path | None, dict[str, Source]]:
    """Return the folder of the recordings, None if its line is damaged, and the source of each by its name in tables.

    Raises
    ------
    OutputError
        If the journal cannot be read.
    """
    folder, found = None, dict[str, Source]()
    path = results_dir / NAME
    with system_errors(path, "read"), path.open("rb") as file:
        with suppress(*MALFORMED):
            folder = Path(json.loads(file.readline())["folder"])
        for line in file:
            with suppress(*MALFORMED):
                source = source_of(unseal(line.decode("ascii")))
                found[visible(source.name)] = source
    return folder, found


def _parse(lines: Iterable[bytes], classes: int, model: str | None) -> tuple[dict[str, Entry], Summary | None, Options]:
    """Return recordings, the latest manifest and options of a journal; other and damaged lines are ignored.

    `model` is that of the lines of recordings, None for those that name no model.
    """
    entries: dict[str, Entry] = {}
    manifest, options = None, Options()
    for line in lines:
        with suppress(*MALFORMED):
            content = unseal(line.decode("ascii"))
            if "manifest" in content:
                manifest = check_summary(content["manifest"])
            elif "options" in content:
                options = dict(content["options"])
            elif content.get("model") == model:
                entries[content["recording"]] = entry_of(content, classes)
    return entries, manifest, options


class Journal:
    """Journal in a folder of results, open for appending.

    Parameters
    ----------
    results_dir : Path
    made_by : mapping
        Version, model, folder, and the options that change labels, as the first line has them.
    classes : int
        Number of classes of the model.
    fresh : bool
        Start over.

    Attributes
    ----------
    entries : dict of str to Entry
        Recordings that earlier runs processed.
    manifest : dict or None
        Metadata of the manifest of the latest run, see `popclass.batch.manifest.summarize`; None if no run had one.
    changed : tuple of str
        Model and options that differ from those of the latest run, with both values; empty if there was no run before.

    Raises
    ------
    OutputError
        If the journal belongs to another batch, is in use, or cannot be written.
    """

    def __init__(self, results_dir: Path, made_by: Mapping[str, Any], *, classes: int, fresh: bool = False) -> None:
        self._path = results_dir / NAME
        self._shown = one_line(os.fspath(self._path))
        self._classes = classes
        with system_errors(self._path):
            # Unbuffered: after a failed write to a full disk, closing the file must not try again.
            self._file: BinaryIO = open(self._path, "ab", buffering=0)  # noqa: SIM115 - closed by `__exit__`
            try:
                if not lock(self._file):
                    raise OutputError(f"{self._shown} is in use by another batch; wait or name another folder")
                if os.fstat(self._file.fileno()).st_size and not is_journal(self._path):
                    raise OutputError(f"{self._shown} is not the journal of a batch; use another folder")
                if fresh:
                    self._file.truncate(0)
                first = self._check_head(json.dumps({"journal": VERSION, **made_by}, separators=(",", ":")) + "\n")
                self._model = None if made_by.get("model") == first.get("model") else made_by["model"]
                with self._path.open("rb") as file:
                    self.entries, self.manifest, latest = _parse(file, classes, self._model)
                self.changed = self._note_options({**_OLDER, **first, **latest}, made_by)
            except BaseException:
                self._file.close()
                raise

    def add(self, lines: Sequence[str]) -> list[Entry]:
        """Append lines that `to_line` wrote, and return what they hold."""
        if self._model is not None:
            lines = [with_model(line, self._model) for line in lines]
        self._write("".join(lines))
        return [entry_of(unseal(line), self._classes) for line in lines]

    def note_manifest(self, summary: Summary) -> None:
        """Append the metadata of a manifest if it differs from the last."""
        if summary != (self.manifest or {}):
            self._write(seal({"manifest": summary}))
        self.manifest = summary

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _check_head(self, head: str) -> Options:
        """Write the first line, or raise OutputError if it is of another batch; cut off an incomplete last line."""
        with self._path.open("rb") as file:
            first = file.readline()
            complete = len(first) if first.endswith(b"\n") else 0
            complete += sum(len(line) for line in file if line.endswith(b"\n"))
        self._file.truncate(complete)
        if not complete:
            self._write(head)
            first = head.encode("ascii")
        return self._check_same(first, json.loads(head))

    def _check_same(self, line: bytes, now: Options) -> Options:
        """Return the first line of a journal; raise OutputError if it is of another batch, options apart."""
        other = None
        with suppress(*MALFORMED):
            before = dict(json.loads(line))
            other = next((key for key in now if not _may_change(key) and before.get(key) != now[key]), None)
            if other is None and before.keys() <= now.keys():
                return before
        what = "is something else" if other is None else f"is of another {other}"
        raise OutputError(f"{self._shown} {what}; name another folder for the results, or start over with --fresh")

    def _note_options(self, before: Options, now: Mapping[str, Any]) -> tuple[str, ...]:
        """Append model and options that change labels if they differ from those before; return what differs."""
        options = {name: value for name, value in now.items() if _may_change(name)}
        differ = [name for name in options if before.get(name) != options[name]]
        if differ:
            self._write(seal({"options": options}))
        return tuple(f"{name} from {_shown(before.get(name))} to {_shown(options[name])}" for name in differ)

    def _write(self, text: str) -> None:
        left = memoryview(text.encode("ascii"))
        with system_errors(self._path):
            while left:
                left = left[self._file.write(left) :]
            names = os.fstat(self._file.fileno()).st_nlink
        if not names:  # further lines would be lost
            raise OutputError(f"{self._shown} was removed while the batch was running; run it again")


def is_journal(path: Path) -> bool:
    """Return True if a file begins like a journal, so that a batch wrote the files beside it; False if it is missing.

    Raises
    ------
    OutputError
        If it cannot be read.
    """
    if not path.exists():
        return False
    with system_errors(path, "read"), path.open("rb") as file:
        head = file.read(len(_BEGINNING))
        return head != b"" and _BEGINNING.startswith(head)  # an interruption may leave a part of the first line


def can_continue(results_dir: Path, folder: Path) -> bool:
    """Return True if a batch of a folder would continue the journal in a folder of results, or begin one.

    It would not after the recordings were moved, or popclass was updated: `Journal` then needs `fresh`.
    """
    path = results_dir / NAME
    if not is_journal(path):
        return True
    with system_errors(path, "read"), path.open("rb") as file:
        line = file.readline()
    if not line.endswith(b"\n"):  # an interruption left a part of it
        return True
    with suppress(*MALFORMED):
        first = json.loads(line)
        made_by = first["journal"], first["popclass"], first["folder"]
        return bool(made_by == (VERSION, __version__, os.path.realpath(folder)))
    return False


def _may_change(name: str) -> bool:
    return name == "model" or name.startswith("--")


def _shown(value: Any) -> str:
    return "none" if value is None else shortened(str(value), 15)
