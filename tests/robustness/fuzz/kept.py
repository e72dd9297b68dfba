"""Fuzz targets for files that popclass keeps: the journal of a batch, the session of a listener, the model.

Session and model carry a checksum, which a fuzzer would never guess. So each input is tried as it is, and once more
with the checksum that fits it: what is behind the seal must stand by itself, too.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from popclass.batch.journal import NAME, VERSION, Journal
from popclass.batch.lines import Entry, seal
from popclass.batch.manifest import notices
from popclass.errors import ModelError, OutputError, UsageError
from popclass.label_rules import LabelRules
from popclass.model import file as modelfile
from popclass.model.model import Model
from popclass.pipeline import classify
from popclass.results import Event
from popclass.streaming import session
from popclass.streaming.tracker import EventTracker

from .invariants import Refused, attempt, check, check_line, twice, workplace

SEEDS = Path(__file__).parent / "seeds"
MADE_BY = {"popclass": "0", "model": "0", "folder": "/recordings", "--site": None}
HEAD = json.dumps({"journal": VERSION, **MADE_BY}, separators=(",", ":")).encode() + b"\n"
BEGINS = datetime(2026, 11, 24, 10, tzinfo=UTC)


def journal(data: bytes) -> None:
    """A damaged line counts as not written, and what counts can be gone on with."""
    folder = workplace("journal")
    for content in (data, HEAD + data, HEAD + b"".join(map(_rewritten, data.splitlines()))):
        (folder / NAME).write_bytes(content)
        entries = attempt(lambda: _read_journal(folder), OutputError)
        if isinstance(entries, Refused):
            check(not content.startswith(HEAD), f"a journal of this batch is refused: {entries.message}")
            continue
        check(_read_journal(folder).keys() == entries.keys(), "the journal reads differently the second time")
        for name, entry in entries.items():
            analysis = entry.analysis
            check(analysis.info.name == name, "a line of another recording")
            check(len(analysis.events) == len(analysis.acoustic) == len(analysis.novelty), "columns that do not fit")


def _rewritten(line: bytes) -> bytes:
    """The same line with the checksum that fits it."""
    try:
        content = json.loads(line)
        content.pop("crc", None)
        return seal(content).encode()
    except (ValueError, AttributeError, RecursionError, TypeError):
        return line + b"\n"


def _read_journal(folder: Path) -> dict[str, Entry]:
    with Journal(folder, MADE_BY, classes=3) as journal:
        for line in notices(["a.wav"], "m.csv", {}, journal.manifest):
            check_line(line)
        return dict(journal.entries)


def sessions(data: bytes) -> None:
    """A session is understood or refused, and what is understood can be listened on with and kept again."""
    path = workplace("session") / "session.json"
    for content in (data, _resealed(data)):
        path.write_bytes(content)
        belongs = {
            "model": "small",
            "classes": ["cavitation", "other"],
            "subject": None,
            "site": "mcp",
            "count_by": "burst",
            "class_frequencies": "model",
        }
        history = twice(lambda belongs=belongs: session.load(path, belongs, BEGINS), UsageError)
        if isinstance(history, Refused):
            continue
        with np.errstate(all="raise"):
            rules = LabelRules.of(small_model(), capacity=1, min_probability=0.5)
            tracker = EventTracker(small_model(), 48_000, rules, history)
            tracker.add([Event(480, 485, 600, 48_000, 1, 20.0, -20.0)], np.zeros((1, 3)))
            (event,) = list(tracker.update(48_000, last=True))
        check(event.event == 1 and bool(event.label), f"an event without an answer: {event}")
        check(0 <= tracker.wait_s(1.0) <= 1200.0, f"a rest of {tracker.wait_s(1.0)} s")
        session.save(path, belongs, tracker.history(), BEGINS, BEGINS + timedelta(seconds=1))
        session.load(path, belongs, BEGINS + timedelta(seconds=1))


def _resealed(data: bytes) -> bytes:
    """The same session with the checksum that fits it."""
    try:
        content = json.loads(data)
        content.pop("sha256", None)
        content["sha256"] = session._digest(content)
        return json.dumps(content).encode()
    except (ValueError, AttributeError, RecursionError, TypeError):
        return data


def model(data: bytes) -> None:
    """A model is understood or refused; one that can be verified can classify, and comes back from its own bytes."""
    twice(lambda: Model.from_bytes(data).sha256, ModelError)
    if data[:1] == b"{":
        graph, _ = _small()
        file = _sealed(graph, data)
    else:
        file = _sealed(data[: len(data) // 2], data[len(data) // 2 :])
    found = attempt(lambda: Model.from_bytes(file), ModelError)
    if isinstance(found, Refused):
        return
    again = Model.from_bytes(found.to_bytes())
    check(again.to_bytes() == found.to_bytes(), "a model that does not come back")
    if isinstance(attempt(found.verify, ModelError), Refused):
        return
    chances = found.probabilities(np.zeros((1, len(found.features))))
    check(bool(np.isclose(chances.sum(), 1)) and bool((chances >= 0).all()), f"no probabilities: {chances}")
    result = attempt(lambda: classify(_clicks(), model=found, sample_rate=48_000, site="mcp"), ModelError)
    for event in () if isinstance(result, Refused) else result.events:
        check(event.label in (*found.classes, "uncertain"), f"a label of no class: {event.label!r}")
        check(event.p_label is not None and 0 <= event.p_label <= 1, f"a probability of {event.p_label}")
        check(event.novelty is not None and 0 <= event.novelty <= 1, f"a novelty of {event.novelty}")


def _sealed(graph: bytes, text: bytes) -> bytes:
    """A model file around a graph and the text of a JSON, both as they are."""
    body = graph + modelfile._entry(b"popclass", text)
    blank = modelfile._entry(b"popclass.seal", b"%08x:" % len(text) + b"0" * 64)
    body += blank[:-64]
    return body + modelfile._digest(body)


@cache
def _small() -> tuple[bytes, dict[str, Any]]:
    return modelfile.split((SEEDS / "model" / "small.onnx").read_bytes(), "small")


@cache
def small_model() -> Model:
    """A model of two classes and three features; its numbers mean nothing."""
    graph, info = _small()
    return Model(graph, info, name="small")


@cache
def _clicks() -> Any:
    """A second of faint noise with two clicks."""
    samples = np.random.default_rng(0).normal(0, 0.001, 48_000)
    for at in (12_000, 30_000):
        samples[at : at + 100] += 0.5 * np.exp(-np.arange(100) / 20)
    return samples.astype(np.float32)
