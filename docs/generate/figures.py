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
    """Return both sections as Markdown."""
    model = Model.load(MODELS / "default.onnx")
    path = MODELS / "real.json"
    real = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return generated(model) + "\n" + on_real(real if real.get("model_sha256") == model.sha256 else {})


def generated(model: Model) -> str:
    """Tabulate scores on generated sessions with settings left out of training."""
    scores = model.info["scores"]
    held = scores["held_out"]
    rows = [["left out of training", "n", "balanced accuracy", "ECE"]]
    rows.append(["a sensor in a room, sound alone", *_totals(held)])
    rows += [
        [f"a {row['setting']}, with context", *_totals(row)]
        for row in scores.get("left_out", [])
        if row["value"] == "all" and row["setting"] in ("sensor", "room", "device")
    ]
    return (
        "**Generated sessions** with settings left out of training. Chance level of balanced accuracy: 0.333. ECE is\n"
        "the expected calibration error.\n\n"
        f"{markdown_table(rows)}\n"
    )


def on_real(real: Mapping[str, Any]) -> str:
    """Tabulate counts on real recordings, none of them used in training."""
    if not real:
        return "**Real recordings**: not measured for this model.\n"
    cracks = [
        [
            "real cavitations",
            "n",
            "detected",
            "labelled cavitation",
            "snapping",
            "other",
            "uncertain",
            "other events labelled joint",
        ]
    ]
    for row in real["cracks"]:
        called = [str(row["called"][label]) for label in ("cavitation", "snapping", "other", "uncertain")]
        rest = row["other_events"]
        elsewhere = f"{rest['cavitation'] + rest['snapping']} of {sum(rest.values())}"
        cracks.append([f"`{row['recording']}`", str(row["cracks"]), str(row["found"]), *called, elsewhere])
    head = ["no joint sounds", "minutes", "n", "cavitation", "snapping", "false joint labels a minute"]
    alarms = [[*head, f"of these p >= {real['confident']:g}"]]
    for row in real["negatives"]:
        if row["kind"] == "all":
            keys = ("minutes", "events", "cavitation", "snapping", "joint_per_minute", "confident_per_minute")
            alarms.append([f"{row['recordings']} recordings", *(str(row[key]) for key in keys)])
    return (
        "**Real recordings**, none used for training, but all known while generator and features were chosen.\n"
        "The cavitations are too few for a rate.\n\n"
        f"{markdown_table(cracks)}\n\n{markdown_table(alarms)}\n"
    )


def _totals(figures: Mapping[str, Any]) -> list[str]:
    return [str(figures["events"]), figure(figures["balanced_accuracy"]), figure(figures["ece"])]
