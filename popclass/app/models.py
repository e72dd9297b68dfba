"""Models of a project: those that were trained in it, the bundled one, and which of them is in use."""

from __future__ import annotations

import json
from pathlib import Path

from popclass.app.names import NAME, check_name
from popclass.errors import UsageError
from popclass.model.model import Model
from popclass.utils.files import write_synced
from popclass.utils.text import one_line

DEFAULT = "default"  # the bundled model
CANDIDATE = "candidate"  # a model that was trained and neither kept nor discarded yet


class Models:
    """Models of a project.

    Parameters
    ----------
    folder : Path
        Of their files.
    settings : Path
        File that names the one in use; it need not exist.
    """

    def __init__(self, folder: Path, settings: Path) -> None:
        self._folder, self._settings = folder, settings

    def names(self) -> list[str]:
        """Return the models that can be used, the bundled one first."""
        found = sorted(path.stem for path in self._folder.glob("*.onnx"))
        return [DEFAULT, *(name for name in found if name not in (CANDIDATE, DEFAULT) and NAME.fullmatch(name))]

    @property
    def in_use(self) -> str:
        """Name of the model in use."""
        name = self._chosen()
        return name if name in self.names() else DEFAULT

    @property
    def file_in_use(self) -> Path | None:
        """File of the model in use, None for the bundled one."""
        name = self.in_use
        return None if name == DEFAULT else self.path(name)

    def error(self) -> str | None:
        """Return a line if the model in use is not the one that was chosen; None if all is well."""
        name = self._chosen()
        if name in self.names():
            return None
        if not name:
            return f"{self._settings.name} is damaged: the bundled model is used; choose a model to mend it"
        return f"the model {one_line(name)[:40]} is not in models/: the bundled one is used; put it back, or choose one"

    def _chosen(self) -> str:
        """Return the model that the settings name, empty if they are damaged."""
        try:
            return str(json.loads(self._settings.read_text("utf-8"))["model"])
        except FileNotFoundError:
            return DEFAULT
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return ""

    def load(self) -> Model:
        """Load the model in use; raises ModelError if it cannot be used."""
        file = self.file_in_use
        return Model.default() if file is None else Model.load(file)

    def path(self, name: str) -> Path:
        """Return the file of a model, which need not exist."""
        return self._folder / f"{check_name(name, 'a model')}.onnx"

    def use(self, name: str) -> None:
        """Use another model from now on."""
        if name not in self.names():
            raise UsageError(f"'{one_line(name)[:40]}' is no model of this project: {', '.join(self.names())}")
        write_synced(self._settings, json.dumps({"model": name}) + "\n")
