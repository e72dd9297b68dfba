"""Tables of docs/robustness-inputs.md, from the bad inputs of tests/robustness/bad_inputs.

python docs/generate/robustness_table.py
"""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(DOCS.parent / "tests" / "robustness"))

from bad_inputs.kinds import Kind, Outcome  # noqa: E402
from bad_inputs.registry import KINDS  # noqa: E402

MANY = 15
PAGE = DOCS / "robustness-inputs.md"
OUTCOMES = {
    Outcome.ACCEPTED: "accepted",
    Outcome.WARNED: "accepted, with a warning",
    Outcome.REFUSED: "refused",
    Outcome.EITHER: "accepted or refused",
    Outcome.SKIPPED: "skipped",
}
TOP = """# Bad inputs, one by one

The {count} inputs that `tests/robustness/test_bad_inputs.py` makes, and what `popclass.classify`, `popclass classify`
and `popclass batch` do with each. [Bad recordings](robustness.md) explains the outcomes. Written by `python
docs/generate/robustness_table.py`.
"""


def page() -> str:
    """Return the page: a table for each group of inputs."""
    listed = [kind for kind in KINDS if kind.name != "forbidden"]  # cannot be made where every file is readable
    parts = [TOP.format(count=len(listed))]
    for group in dict.fromkeys(kind.group for kind in listed):
        own = [kind for kind in listed if kind.group == group]
        parts.append(f"\n## {group} ({len(own)})\n\n| input | outcome |\n| --- | --- |\n")
        parts += _rows(own)
    return "".join(parts)


def _rows(kinds: list[Kind]) -> list[str]:
    """Return a row for each description and outcome."""
    formats = list(dict.fromkeys(kind.of for kind in kinds if kind.of))
    merged: dict[tuple[str, str], list[str]] = {}
    for kind in kinds:
        merged.setdefault((kind.what, _outcome(kind)), []).append(kind.of)
    rows = []
    for (what, outcome), of in merged.items():
        named = _named(of, formats)
        count = f" ({len(of)} inputs)" if len(of) > 1 and not named else ""
        rows.append(f"| {what}{f': {named}' if named else count} | {outcome} |\n")
    return rows


def _named(of: list[str], formats: list[str]) -> str:
    """Return the formats of a row, or those missing where it has most."""
    named = list(dict.fromkeys(name for name in of if name))
    if len(named) <= MANY:
        return ", ".join(named)
    missing = [name for name in formats if name not in named]
    return "every format" + (f" but {', '.join(missing)}" if missing else "")


def _outcome(kind: Kind) -> str:
    text = OUTCOMES[kind.outcome]
    if len(kind.says) == 1 and kind.outcome is not Outcome.EITHER:
        text += f": “{kind.says[0]}”"
    if kind.in_batch is not None:
        text += f"; {OUTCOMES[kind.in_batch]} by `batch`"
    if kind.batch_says:
        text += f"; by `batch`: “{kind.batch_says[0]}”"
    return text


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
