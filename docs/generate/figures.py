"""Score tables of the README, from the default model and `models/real.json`.

Generated and real recordings never share a table. `docs/generate/refresh.py` writes the text into the README.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from popclass.metrics.tables import figure, markdown_table
from popclass.model.model import Model

MODELS = Path(__file__).resolve().parents[2] / "models"


def text() -> str:
    """Return the table of real recordings, and a sentence on generated ones, as Markdown."""
    model = Model.load(MODELS / "default.onnx")
    path = MODELS / "real.json"
    real = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return on_real(real if real.get("model_sha256") == model.sha256 else {}) + "\n" + generated(model)


def generated(model: Model) -> str:
    """State the range of scores on generated sessions with settings left out of training."""
    rows = [row for row in model.info["scores"].get("left_out", []) if row["value"] == "all"]
    found = sorted(row["balanced_accuracy"] for row in rows)
    spread = f"{figure(found[0])} to {figure(found[-1])}"
    return (
        f"Apart from these, on **generated sessions** ({rows[0]['events']} sounds) with a sensor, room, device or\n"
        f"other setting left out of training: balanced accuracy {spread}, by chance 0.333.\n"
    )


def on_real(real: Mapping[str, Any]) -> str:
    """Tabulate counts on real recordings, none of them used in training."""
    if not real:
        return "**Real recordings**: not measured for this model.\n"
    rows = [["real recordings", "n", "minutes", "cavitation", "snapping", "other", "uncertain"]]
    for row in real["cracks"]:
        if row["cracks"]:
            called = [str(row["called"][label]) for label in ("cavitation", "snapping", "other", "uncertain")]
            rows.append([f"cracks in `{row['recording']}`", str(row["cracks"]), "-", *called])
    (every,) = [row for row in real["negatives"] if row["kind"] == "all"]
    known = [every[key] for key in ("cavitation", "snapping", "uncertain")]
    called = [str(known[0]), str(known[1]), str(every["events"] - sum(known)), str(known[2])]
    name = f"everyday sounds, {every['recordings']} recordings"
    rows.append([name, str(every["events"]), str(every["minutes"]), *called])
    alarms = every["joint_per_minute"]
    return (
        f"{markdown_table(rows)}\n\n"
        f"So {alarms} false joint labels a minute. None of these was used in training, but all were known while the\n"
        "generator was chosen; five cracks are too few for a rate.\n"
    )
