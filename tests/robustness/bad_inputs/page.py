"""The tables of docs/robustness.md, written from the kinds.

python tests/robustness/bad_inputs/page.py
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))

from bad_inputs.kinds import Kind, Outcome  # noqa: E402
from bad_inputs.registry import KINDS  # noqa: E402

PAGE = TESTS.parents[1] / "docs" / "robustness.md"
_TABLES = re.compile(r"(?<=<!-- kinds -->\n).*?(?=<!-- end -->)", re.DOTALL)


def refreshed() -> str:
    """The page with its tables as the kinds have them."""
    return _TABLES.sub(lambda _: tables(), PAGE.read_text("utf-8"))


def tables() -> str:
    """How many kinds there are, and a table for each group."""
    listed = [kind for kind in KINDS if kind.name != "forbidden"]  # not made where nothing is forbidden
    parts = [f"{len(listed)} kinds:\n\n"]
    for group in dict.fromkeys(kind.group for kind in listed):
        own = [kind for kind in listed if kind.group == group]
        parts.append(f"### {group} ({len(own)})\n\n| what | outcome |\n| --- | --- |\n")
        parts += _rows(own)
        parts.append("\n")
    return "".join(parts)


def _rows(kinds: list[Kind]) -> list[str]:
    """Kinds with the same description and outcome share a row."""
    merged: dict[tuple[str, str], list[str]] = {}
    for kind in kinds:
        merged.setdefault((kind.what, _outcome(kind)), []).append(kind.of)
    rows = []
    for (what, outcome), of in merged.items():
        named = ", ".join(dict.fromkeys(name for name in of if name))
        count = f" ({len(of)} kinds)" if len(of) > 1 and not named else ""
        rows.append(f"| {what}{f': {named}' if named else count} | {outcome} |\n")
    return rows


def _outcome(kind: Kind) -> str:
    text = kind.outcome.value
    if kind.says and kind.outcome is not Outcome.EITHER:
        text += ": " + " or ".join(f"“{part}”" for part in kind.says[:2])
        text += ", or the like" if len(kind.says) > 2 else ""
    if kind.in_batch is not None:
        text += f"; {kind.in_batch.value} by `batch`"
    if kind.batch_says:
        text += f"; by `batch`: “{kind.batch_says[0]}”"
    return text


if __name__ == "__main__":
    PAGE.write_text(refreshed(), encoding="utf-8")
