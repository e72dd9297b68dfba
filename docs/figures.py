"""The figures of the README, from what the default model and `models/real.json` say, as Markdown.

Scores on generated and on real recordings never share a table. `docs/refresh.py` writes the text into the README.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from popclass.metrics.tables import figure, markdown_table
from popclass.model.model import Model

MODELS = Path(__file__).resolve().parents[1] / "models"


def text() -> str:
    """Both sections; the second says where there is nothing to tell."""
    model = Model.load(MODELS / "default.onnx")
    path = MODELS / "real.json"
    real = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return generated(model) + "\n" + on_real(real if real.get("model_sha256") == model.sha256 else {})


def generated(model: Model) -> str:
    """Scores on generated sessions with settings that training had not seen."""
    scores = model.info["scores"]
    held = scores["held_out"]
    rows = [["left out of training", "n", "balanced accuracy", "ECE"]]
    rows.append(["a sensor in a room, sound alone", *_totals(held)])
    rows += [
        [f"a {row['setting']}, company weighed", *_totals(row)]
        for row in scores.get("left_out", [])
        if row["value"] == "all" and row["setting"] in ("sensor", "room", "device")
    ]
    return (
        "**Generated sessions**, of kinds left out of training. Chance is a balanced accuracy of 0.333; ECE is the\n"
        "mean distance between how sure and how often right. The classes overlap on purpose.\n\n"
        f"{markdown_table(rows)}\n"
    )


def on_real(real: Mapping[str, Any]) -> str:
    """Counts on real recordings, none of them used in training."""
    if not real:
        return "**Real recordings**: not measured for this model.\n"
    cracks = [
        ["real cracks", "n", "found", "called cavitation", "snapping", "other", "uncertain", "other joint labels"]
    ]
    for row in real["cracks"]:
        called = [str(row["called"][label]) for label in ("cavitation", "snapping", "other", "uncertain")]
        rest = row["other_events"]
        elsewhere = f"{rest['cavitation'] + rest['snapping']} of {sum(rest.values())} sounds"
        cracks.append([f"`{row['recording']}`", str(row["cracks"]), str(row["found"]), *called, elsewhere])
    head = ["nothing of a joint in it", "minutes", "n", "cavitation", "snapping", "false joint labels a minute"]
    alarms = [[*head, f"with p of {real['confident']:g} or more"]]
    for row in real["negatives"]:
        if row["kind"] == "all":
            keys = ("minutes", "events", "cavitation", "snapping", "joint_per_minute", "confident_per_minute")
            alarms.append([f"{row['recordings']} recordings", *(str(row[key]) for key in keys)])
    return (
        "**Real recordings**, none used in training, but all looked at while generator and features were chosen; n\n"
        "counts cracks or sounds. The cracks are too few for a rate, and no recording of real snapping is openly\n"
        "available.\n\n"
        f"{markdown_table(cracks)}\n\n{markdown_table(alarms)}\n"
    )


def _totals(figures: Mapping[str, Any]) -> list[str]:
    return [str(figures["events"]), figure(figures["balanced_accuracy"]), figure(figures["ece"])]
