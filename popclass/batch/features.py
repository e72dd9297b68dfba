"""Cache of the features of recordings, one file for each, for what needs more than the tables of a batch.

A file holds the line of the journal, which names the recording and its stamp and has a checksum, the features, and what
made both. It counts only for the size and time of modification that its recording had, the front end and the version of
popclass; any other file, also a damaged one, is as if it were missing. With another model of the same front end only
the probabilities are computed again.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np

from popclass.batch.files import Fingerprint
from popclass.batch.lines import from_line, to_line
from popclass.errors import OutputError
from popclass.extraction import Extraction
from popclass.model.model import Model
from popclass.pipeline import apply_model
from popclass.results import Analysis
from popclass.utils.files import Stamp, write_bytes
from popclass.version import __version__

Processed = tuple[Stamp, Extraction, Analysis]
"""A recording with the stamp of its file, its features, and the probabilities of its events."""


class FeatureCache:
    """Features and probabilities of recordings, kept in a folder.

    Parameters
    ----------
    folder : Path
        Made when the first recording is kept.
    model : Model
    """

    def __init__(self, folder: Path, model: Model) -> None:
        self._folder, self._model = folder, model
        frontend = json.dumps(model.frontend.to_json(), sort_keys=True).encode()
        self._made_by = {"popclass": __version__, "frontend": hashlib.sha256(frontend).hexdigest()}

    def read(self, name: str, stamp: Stamp) -> Processed | None:
        """Return what the cache holds of a recording; None if it holds nothing that can be used."""
        try:
            with np.load(self._path(name), allow_pickle=False) as file:
                made_by = json.loads(file["made_by"].tobytes())
                line, features = file["line"].tobytes().decode("ascii"), file["features"]
            entry = from_line(line, classes=made_by["classes"])
            analysis = entry.analysis
            fits = (analysis.info.name, entry.stamp) == (name, stamp) and made_by.items() >= self._made_by.items()
            if not fits or features.shape != (len(analysis.events), len(self._model.features)):
                return None
            extraction = Extraction(analysis.info, analysis.events, features)
            if made_by["model"] == self._model.sha256:
                return stamp, extraction, analysis
            found = stamp, extraction, apply_model([extraction], self._model)[0]
        except (OSError, EOFError, LookupError, TypeError, ValueError, AttributeError, zipfile.BadZipFile):
            return None
        self.write(found, entry.fingerprint)
        return found

    def write(self, processed: Processed, of_file: Fingerprint) -> None:
        """Keep a recording; without room for it, it is computed again at the next start."""
        stamp, extraction, analysis = processed
        name = analysis.info.name
        made_by = {**self._made_by, "model": self._model.sha256, "classes": len(self._model.classes)}
        texts = {"made_by": json.dumps(made_by), "line": to_line(name, analysis, stamp, of_file)}
        arrays = {key: np.frombuffer(text.encode("ascii"), np.uint8) for key, text in texts.items()}
        data = io.BytesIO()
        np.savez(data, allow_pickle=False, features=extraction.features, **arrays)
        with suppress(OSError, OutputError):
            self._folder.mkdir(parents=True, exist_ok=True)
            write_bytes(self._path(name), data.getvalue())

    def prune(self, names: Iterable[str]) -> None:
        """Remove the files of recordings that are gone."""
        wanted = {self._path(name) for name in names}
        with suppress(OSError):
            for path in self._folder.glob("*.npz"):
                if path not in wanted:
                    path.unlink()

    def _path(self, name: str) -> Path:
        return self._folder / f"{hashlib.sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()[:32]}.npz"
