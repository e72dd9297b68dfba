"""Model card: purpose, data, scores and limits of a model in Markdown.

It is written from the JSON of the model alone. Every score comes with its number of events.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from popclass.errors import ModelError
from popclass.metrics import tables
from popclass.metrics.tables import markdown_table
from popclass.model.limitations import limits, reason_against
from popclass.model.model import Model
from popclass.training.cross_validation import EVENTS_FOR_TEMPERATURE
from popclass.training.thresholds import NOVELTY, SHOWN_QUANTILES
from popclass.utils.text import one_line

_CALIBRATIONS = {
    "corrected": "That of the base model, inside the graph, followed by the correction.",
    "identity": f"None: it needs {EVENTS_FOR_TEMPERATURE} or more held-out events with some of each class. The "
    "probabilities are those of the classifier, for classes that are equally frequent.",
    "temperature": "Temperature scaling on {events} held-out events (Guo et al. 2017).",
    "temperature and bias": "Temperature and a bias of each class, on {events} held-out events (Alexandari 2020).",
    "dirichlet": "Dirichlet calibration on {events} held-out events (Kull et al. 2019), shrunk towards temperature "
    "scaling.",
}
_COUNTS = {
    "recordings": "recordings",
    "subjects": "known subjects",
    "unreadable": "recordings that could not be read",
    "labels_without_event": "labels without a detected event",
    "labels_overridden": "labels whose event another label took",
    "events_left_out": "events ignored because they have no label",
    "uncovered_other": "events outside of all labels, labelled `other`",
    "uncovered_left_out": "events outside of all labels, ignored",
}
_USE = (
    "- Intended: detecting, sorting, counting and comparing short sounds of a moving body, with review by a person, in "
    "recordings like the training data.\n"
    "- Out of scope: diagnosis or any decision about health, counts without review, other classes, sites or sensors."
)

OF_SESSIONS = "Intervals: 95%, bootstrap over sessions."


def card(
    model: Model,
    *,
    title: str | None = None,
    real: Mapping[str, Any] | None = None,
    codecs: Mapping[str, Any] | None = None,
) -> str:
    """Return the card of a model.

    Parameters
    ----------
    model : Model
    title : str, optional
        Heading (default: the name of the model's file).
    real : mapping, optional
        Scores on real recordings, as `experiments/real.py` measures them; shown if they are of this model.
    codecs : mapping, optional
        Labels of encoded recordings, as `benchmarks/codecs.py` counts them; shown if they are of this model.

    Raises
    ------
    ModelError
        If the JSON of the model lacks what a card needs.
    """
    try:
        name = Path(model.name).stem if title is None else title
        parts = [f"# {name}", _summary(model)]
        for head, paragraphs in _sections(model, real, codecs):
            parts += [f"## {head}", *paragraphs]
        return "\n\n".join(parts) + "\n"
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        reason = one_line(repr(error))[:200]
        raise ModelError(f"{model.name}: its JSON lacks what a model card needs ({reason}); train it again") from None


def _sections(
    model: Model, real: Mapping[str, Any] | None, codecs: Mapping[str, Any] | None
) -> Iterator[tuple[str, Iterable[str]]]:
    info = model.info
    yield "Use", [_USE]
    yield "Training data", _data(model)
    yield "Classifier and features", _classifier(model)
    yield "Scores on held-out groups", _scores(info["scores"])
    if "left_out" in info["scores"]:
        yield "Scores on settings left out", _left_out(info["scores"]["left_out"])
    if kinds := info["scores"].get("kinds_left_out"):
        yield "Sounds of kinds left out", _kinds(kinds)
    if real and real["model_sha256"] == model.sha256:
        yield "Real recordings", _real(real)
    if codecs and codecs["model_sha256"] == model.sha256:
        yield "Codecs", _codecs(codecs)
    corrected, stored = info["classifier"]["kind"] == "corrected", info["calibration"]
    yield "Calibration", [_CALIBRATIONS["corrected" if corrected else stored["method"]].format(events=stored["events"])]
    yield "Uncertain and novel sounds", _uncertain(model)
    yield "Limits", ["\n".join(f"- {limit}" for limit in limits(model))]
    yield "Reproduction", _origin(model)


def _summary(model: Model) -> str:
    names = ", ".join(f"`{name}`" for name in model.classes)
    warning = "" if (reason := reason_against(model)) is None else f"**{reason}** "
    return warning + (
        f"Classifies short sounds of a moving body: {names}. A {model.info['classifier']['kind']} classifier on "
        f"{len(model.features)} features of each sound, made by {model.info['created_by']}; "
        f"{len(model.to_bytes()) / 1e6:.2f} MB."
    )


def _data(model: Model) -> Iterator[str]:
    training = model.info["training"]
    missed = training.get("labels_without_event_by_class")
    rows = [["class", "events", "groups", "labels without a detected event"]]
    for name in model.classes:
        counts = [*(training["classes"][name][key] for key in ("events", "groups"))]
        counts.append("-" if missed is None else missed.get(name, 0))
        rows.append([name, *map(str, counts)])
    yield markdown_table(rows)
    if totals := [[text, str(training[key])] for key, text in _COUNTS.items() if key in training]:
        yield markdown_table([["in all", "number"], *totals])
    if "base" in training:
        yield _base(training["base"])
    if training["remarks"]:
        yield "\n".join(f"- {remark}" for remark in training["remarks"])


def _base(base: Mapping[str, Any]) -> str:
    training = base["training"]
    counts = ", ".join(f"{found['events']} `{name}`" for name, found in training["classes"].items())
    source = "generated sounds" if training.get("source") == "generated" else "labelled recordings"
    text = f"Adapted from a base model, SHA-256 `{base['sha256']}`, trained on {source}: {counts}."
    return f"{text} {_base(training['base'])}" if "base" in training else text


def _classifier(model: Model) -> Iterator[str]:
    stored = model.info["classifier"]
    yield f"{stored['kind']}: {', '.join(f'{key} {value}' for key, value in stored['settings'].items())}."
    features = ", ".join(f"`{name}`" for name in model.features)
    yield f"Features in order (described in `docs/features.md`): {features}."


def _scores(scores: Mapping[str, Any]) -> Iterator[str]:
    yield tables.describe(scores, markdown_table).rstrip()
    yield "No group is on both sides of a fold. Thresholds come from these events. ECE: expected calibration error."
    if curve := scores.get("risk_coverage"):
        yield "Share of wrong labels if only the most confident ones are given, by the sound alone:"
        yield markdown_table(tables.risk_rows(curve))


def _left_out(left_out: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "Each value of each generator setting was once left out of all training; `all` are the events of all values."
    rows = [["left out", "n", "joint events", "balanced accuracy", "log loss", "ECE"]]
    for row in left_out:
        counts = [f"{row['setting']}: {row['value']}", str(row["events"]), str(row["joint_events"])]
        spans = row.get("intervals", {})
        totals = [tables.with_interval(row[key], spans.get(key)) for key in ("balanced_accuracy", "log_loss")]
        rows.append([*counts, *totals, tables.figure(row["ece"])])
    yield markdown_table(rows)
    yield OF_SESSIONS
    yield "Novelty of those sounds for a model without their setting (0.5 for an ordinary sound):"
    yield _novelty_table([(f"{row['setting']} left out", row) for row in left_out if row["value"] == "all"])


def _kinds(kinds: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield (
        "Half of the families of `other` were left out of training, other ones in each fold. Share of the sounds of "
        "these whose most likely class is one of a joint, and the joint labels that context adds and removes:"
    )
    rows = [["family", "n", "by sound", "with novelty", "with context", "added", "removed"]]
    for row in kinds:
        spans = row.get("intervals", {})
        shares = [tables.with_interval(row[stage], spans.get(stage)) for stage in ("sound", "novelty", "context")]
        rows.append([row["kind"], str(row["events"]), *shares, str(row["added"]), str(row["removed"])])
    yield markdown_table(rows)
    yield OF_SESSIONS


def _real(real: Mapping[str, Any]) -> Iterator[str]:
    labels = ("cavitation", "snapping", "other", "uncertain")
    yield "Counts on recordings of real cracks (onsets read off the waveform, not annotated by a panel):"
    cracks = [
        [row["recording"], *map(str, [row["cracks"], row["found"], *(row["called"][label] for label in labels)])]
        for row in real["cracks"]
    ]
    yield markdown_table([["recordings of cracks", "cracks", "detected", *labels], *cracks])
    yield "Recordings without any joint, where every cavitation or snapping is a false alarm:"
    keys = ("recordings", "minutes", "events", "cavitation", "snapping", "uncertain")
    head = ["recordings without a joint", *keys, "joint labels a minute", f"with p of {real['confident']:g} or more"]
    negatives = [
        [
            *(str(row[key]) for key in ("kind", *keys)),
            tables.with_interval(row["joint_per_minute"], row.get("interval")),
            str(row["confident_per_minute"]),
        ]
        for row in real["negatives"]
    ]
    yield markdown_table([head, *negatives])
    yield "Intervals: 95%, bootstrap over recordings; none with fewer than five, or where no or every draw has a label."
    yield f"Novelty, the share of training events closer to the training data (no joint label from {NOVELTY:g} on):"
    yield _novelty_table([(row["sounds"], row) for row in real["novelty"]])
    yield (
        "None was used in training. But the generator, the features, the share of `other` in training and the share of "
        "kinds that are left out were chosen with these recordings in view, the share of `other` so that at most one "
        "joint label a minute is false: others may score worse."
    )


def _codecs(codecs: Mapping[str, Any]) -> Iterator[str]:
    names = list(codecs["recordings"][0]["cavitation"])
    rows = [
        [row["recording"], str(row["cracks"]), *(str(row["cavitation"][name]) for name in names)]
        for row in codecs["recordings"]
    ]
    yield "Real cracks that are labelled `cavitation` when their recording has been encoded:"
    yield markdown_table([["recordings of cracks", "cracks", *names], *rows])


def _novelty_table(rows: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    table = [["novelty of", "n", *(f"{share:.0%}" for share in SHOWN_QUANTILES), "novel"]]
    for name, row in rows:
        found = row["novelty"]
        quantiles = [f"{value:.2f}" for value in found["quantiles"]]
        table.append([name, str(row["events"]), *quantiles, f"{found['novel']:.1%}"])
    return markdown_table(table)


def _uncertain(model: Model) -> Iterator[str]:
    novelty, named = model.thresholds.novelty, zip(model.classes, model.thresholds.min_probability, strict=True)
    bounds = ", ".join(f"`{name}` {bound:.2f}" for name, bound in named if bound > 0)
    yield (
        f"An event is `uncertain` below the minimum probability of its class ({bounds}), or where a joint class is the "
        f"most likely and novelty is {novelty:g} or more."
    )
    yield "Novelty is the share of held-out training events that were closer to the training data."
    if costs := model.info["novelty"].get("costs"):
        lost = ", ".join(f"`{name}` {cost:.2f}" for name, cost in zip(model.classes, costs, strict=True) if cost)
        yield f"Log-odds that a class loses from novelty 0 to 1, learnt from kinds left out: {lost or 'none'}."
    if band := model.info["scores"].get("joint_labels", {}).get("band"):
        right = "" if band["right"] is None else f", the most likely class was right for {band['right']:.1%}"
        yield f"A joint class from {band['from']:.2f} to {band['to']:.2f} is not a label: n = {band['events']}{right}."


def _origin(model: Model) -> Iterator[str]:
    training, versions = model.info["training"], model.info["versions"]
    lines = [
        f"file: SHA-256 `{model.sha256}`",
        f"classifier asked for: {model.info['classifier']['asked_for']}, folds {training['folds']}, "
        f"seed {training['seed']}",
        "libraries: " + ", ".join(f"{name} {version}" for name, version in versions.items()),
    ]
    if "rebuild" in training:
        lines.append(f"command: `{training['rebuild']}`")
    if "sha256" in training:
        lines.append("the SHA-256 of every training recording is in the model's JSON (`training.sha256`)")
    yield "\n".join(f"- {line}" for line in lines)
    yield "The same data, settings and libraries on one machine give the same bytes."
