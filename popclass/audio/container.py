"""What a file promises about its sound, and whether it keeps its word: the record that all readers of headers fill in.

- `cut_short`: the file ends before the sound its header promises. Nobody knows what is missing: it is refused.
- `damage`: a part in the middle is missing or not what was written. Decoders step over it without a word, and all that
  follows has the wrong time: it is refused.
- `length_lost`: the header says that there is no sound, or less than 4 GiB of a longer file, and sound follows:
  the recorder lost power, or could not count that far. The sound is read to the end of the file, with a warning.
- `length_unknown`: the header says that the writer could not know the length (a pipe). Read to the end, with a warning.
- `ignored`: more follows the sound than its header promises, and it is no chunk of anything. It is not read, with a
  warning.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

IGNORED_S = 0.25
"""Sound beyond the promised length that is mentioned; less of it is padding."""

IGNORED_BYTES = 1 << 16
"""The same where the byte rate is not known."""


@dataclass(slots=True)
class Header:
    """What the header of a file says, held against the file.

    Attributes
    ----------
    kind : str
        Name of the file format.
    promised, present : int or None
        Bytes of sound by the header and by the size of the file; None where one of them is unknown.
    byte_rate : float or None
        Bytes per second of sound, where that is a constant.
    cut_short, length_lost, length_unknown : bool
        See the module.
    ignored : int
        Bytes that follow the sound and are not read.
    damage : str
        What is missing or not what was written, and where; empty where nothing is.
    fault : str
        Why the file cannot be read as what it says it is; empty for a sound one.
    chunks : dict of bytes to bytes
        The metadata chunks `bext` and `iXML`.
    """

    kind: str
    promised: int | None = None
    present: int | None = None
    byte_rate: float | None = None
    cut_short: bool = False
    length_lost: bool = False
    length_unknown: bool = False
    ignored: int = 0
    damage: str = ""
    fault: str = ""
    chunks: dict[bytes, bytes] = field(default_factory=dict)

    def judge(self, promised: int | None, present: int, *, more_follows: bool, wraps: bool = False) -> None:
        """Hold the promised number of bytes against the number that is there.

        Parameters
        ----------
        promised : int or None
            None where the header says that it is not known.
        present : int
            From the first byte of sound to the end of the file.
        more_follows : bool
            Whether something that is no sound follows the promised bytes.
        wraps : bool
            Whether the number could not count beyond 4 GiB.
        """
        self.promised, self.present = promised, present
        if promised is None:
            self.length_unknown = True
        elif promised > present:
            self.cut_short = True
        elif present > promised and not more_follows:
            self.length_lost = promised == 0 or (wraps and (present - promised) >> 32 > 0)
            padding = self.byte_rate * IGNORED_S if self.byte_rate else IGNORED_BYTES
            self.ignored = present - promised if present - promised > padding else 0

    def shortfall(self) -> str:
        """How much of the promised sound is there, in seconds where the byte rate is known."""
        if self.promised is None or self.present is None:
            return "its last page is missing"
        believable = self.byte_rate is not None and 0 < self.byte_rate < math.inf  # a CAF may say anything
        unit, scale = ("s", self.byte_rate) if self.byte_rate and believable else ("bytes", 1)
        digits = 2 if unit == "s" else 0
        present = max(self.present, 0)  # the sound may begin beyond the end of the file
        return (
            f"the header promises {self.promised / scale:.{digits}f} {unit}, "
            f"the file holds {present / scale:.{digits}f} {unit}"
        )


def is_chunk(name: bytes) -> bool:
    """Whether four bytes can be the name of a chunk or box.

    Examples
    --------
    >>> is_chunk(b"data"), is_chunk(b"RI"), is_chunk(bytes(4))
    (True, False, False)
    """
    return len(name) == 4 and all(32 <= byte < 127 for byte in name)
