"""Records of suggested sounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from popclass.info import RecordingInfo
from popclass.labels.records import UNSURE, LabelledRecording, LabelRow, Labels
from popclass.model.model import Model
from popclass.results import Event
from popclass.utils.text import counted


class Sound(NamedTuple):
    """One detected sound.

    Attributes
    ----------
    recording : str
        Path relative to the folder, with `/`.
    event : Event
        With `posteriors`, the probabilities after context and timing.
    end_s : float
        End of its label in seconds: that of the event, or the next onset.
    """

    recording: str
    event: Event
    end_s: float


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A sound to label.

    Attributes
    ----------
    sound : Sound
    by : str
        `margin` or `random`, see `popclass.training.active`.
    similar : tuple of Sound
        Similar sounds of the same recording without a label, the most similar first.
    similar_found : int
        Number of all such sounds; `similar` is limited.
    """

    sound: Sound
    by: str
    similar: tuple[Sound, ...] = ()
    similar_found: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class Selection:
    """Sounds to label, in the order in which to label them.

    Attributes
    ----------
    folder : Path
        Folder of the recordings.
    suggestions : tuple of Suggestion
    labels : Labels
        Earlier labels, those of other recordings included.
    infos : mapping of str to RecordingInfo
        Recordings of the folder that could be used, by name.
    sounds : int
        Number of their sounds.
    failed : tuple of str
        One line for each recording or folder that could not be used.
    model : Model
        The model whose probabilities were used.
    """

    folder: Path
    suggestions: tuple[Suggestion, ...]
    labels: Labels
    infos: Mapping[str, RecordingInfo]
    sounds: int
    failed: tuple[str, ...]
    model: Model = field(compare=False)

    def __repr__(self) -> str:
        return f"<Suggestions: {len(self.suggestions)} of {counted(self.sounds, 'sound')}>"

    @property
    def counts(self) -> dict[str, int]:
        """Number of earlier labels by class and of those that are `unsure`, each class of the model included."""
        rows = [row.label for each in self.labels.recordings for row in each.rows]
        found = Counter([*rows, *(each.whole for each in self.labels.recordings if each.whole)])
        found.pop("", None)  # of intervals that hold nothing but `other`
        names = dict.fromkeys((*self.model.classes, *sorted(found.keys() - {UNSURE}), UNSURE))
        return {name: found[name] for name in names}

    def table(self) -> Labels:
        """Return the suggestions as labels, each `unsure`, followed by the earlier labels.

        `unsure` neither trains nor counts as `other`, so the table can be used before all labels are filled in.
        """
        own = tuple(self._unsure(each.sound) for each in self.suggestions)
        return Labels((*own, *self.labels.recordings))

    def _unsure(self, sound: Sound) -> LabelledRecording:
        info = self.infos[sound.recording]
        row = LabelRow(sound.event.start_s, sound.end_s, UNSURE)
        known = {name: getattr(info, name) for name in ("subject", "site", "recorded_at", "side", "extra")}
        return LabelledRecording(self.folder / sound.recording, sound.recording, (row,), **known)
