"""The model card: what a model is, knows and does not know, in Markdown, from nothing but its own JSON.

It is short enough to be read before the model is used. Every figure stands with the number of events behind it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from popclass.errors import ModelError
from popclass.metrics.scores import (
    about_rows,
    candidate_rows,
    class_rows,
    confusion_rows,
    figure,
    headline,
    interval_note,
    reliability_rows,
    risk_rows,
    split_into,
    total_rows,
)
from popclass.model.limitations import limits
from popclass.model.model import Model
from popclass.training.novelty import SHOWN_QUANTILES
from popclass.training.thresholds import NOVELTY
from popclass.utils.text import counted, one_line

_PARAGRAPHS = {
    "identity": "None: {least} or more held-out events, some of each class, are needed; the probabilities are as the "
    "classifier gives them, every class taken to be as frequent as the others.",
    "temperature": "Temperature scaling on {events} held-out events (Guo et al. 2017).",
    "dirichlet": "Dirichlet calibration on {events} held-out events (Kull et al. 2019), pulled towards temperature "
    "scaling.",
}
_USE = (
    "Intended: finding and sorting the short sounds of a moving body in recordings like those it was trained on, for "
    "counting, for review by a person, for comparing recordings made alike.",
    "Out of scope: diagnosis, or any decision about a person's health; counting without review where a wrong count "
    "matters; classes, sites or sensors that the training data did not have.",
)
_TOTALS = (("balanced accuracy", "balanced_accuracy"), ("log loss", "log_loss"), ("ECE", "ece"))


def card(model: Model, *, title: str | None = None, real: Mapping[str, Any] | None = None) -> str:
    """The card of a model.

    Parameters
    ----------
    model : Model
    title : str, optional
        Its heading; by default the name of the model's file.
    real : mapping, optional
        Scores on real recordings, as `benchmarks/real.py` measures them; they are shown if they are this model's.
    """
    info = model.info
    sections = [
        f"# {title if title is not None else Path(model.name).stem}",
        _summary(model),
        "## Use\n\n" + "\n".join(f"- {use}" for use in _USE),
        "## Training data\n\n" + _data(model),
        "## Classifier and features\n\n" + _classifier(model),
        "## Scores on held-out groups\n\n" + _scores(info["scores"]),
        *(["## Scores on settings left out\n\n" + _left_out(info["scores"])] if "left_out" in info["scores"] else []),
        *(["## Real recordings\n\n" + _real(real)] if real and real["model_sha256"] == model.sha256 else []),
        "## Calibration\n\n" + _calibration(info),
        "## Uncertain and new sounds\n\n" + _uncertain(model),
        "## Limits\n\n" + "\n".join(f"- {limit}" for limit in limits(model)),
        "## Making it again\n\n" + _origin(model),
    ]
    return "\n\n".join(sections) + "\n"


def told(model: Model) -> str:
    """The card of a model from a stranger.

    Raises
    ------
    ModelError
        If its JSON does not tell what a card needs.
    """
    try:
        return card(model)
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        reason = one_line(repr(error))[:200]
        raise ModelError(f"{model.name}: its JSON does not tell what a card needs ({reason}); make it anew") from None


def _summary(model: Model) -> str:
    kind = model.info["classifier"]["kind"]
    names = ", ".join(f"`{name}`" for name in model.classes)
    return (
        f"Tells short sounds of a moving body apart: {names}. A {kind} classifier on {len(model.features)} features of "
        f"each sound, made by {model.info['created_by']}; {len(model.to_bytes()) / 1e6:.2f} MB."
    )


def _data(model: Model) -> str:
    training = model.info["training"]
    counts = [(name, training["classes"][name]) for name in model.classes]
    rows = [["class", "events", "groups"], *([name, str(n["events"]), str(n["groups"])] for name, n in counts)]
    parts = [markdown_table(rows)]
    if "recordings" in training:
        known = training["subjects"]
        people = counted(known, "known subject") if known else "subjects unknown"
        parts.append(
            f"{counted(training['recordings'], 'recording')}, {people}. Labels in which nothing was heard: "
            f"{training['labels_without_event']}; events left out because no label says what they are: "
            f"{training['events_left_out']}."
        )
    if "uncovered_other" in training:
        by_class = [f"`{name}` {count}" for name, count in training["labels_without_event_by_class"].items()]
        parts.append(
            f"Sounds that no label covers: {training['uncovered_other']} taken for `other`, "
            f"{training['uncovered_left_out']} left out."
            + (f" Labels in which nothing was heard, by class: {', '.join(by_class)}." if by_class else "")
        )
    if training.get("labels_overridden"):
        parts.append(f"Labels whose sound another label took: {training['labels_overridden']}.")
    if training.get("unreadable"):
        parts.append(f"{counted(training['unreadable'], 'recording')} could not be read and taught it nothing.")
    if "base" in training:
        parts.append(_base(training["base"]))
    if training["remarks"]:
        parts.append("\n".join(f"- {remark}" for remark in training["remarks"]))
    return "\n\n".join(parts)


def _base(base: Mapping[str, Any]) -> str:
    training = base["training"]
    counts = ", ".join(f"{found['events']} `{name}`" for name, found in training["classes"].items())
    source = "generated sounds" if training.get("source") == "generated" else "labelled recordings"
    text = f"Adapted from a base model, SHA-256 `{base['sha256']}`, trained on {source}: {counts}."
    return f"{text} {_base(training['base'])}" if "base" in training else text


def _scores(scores: Mapping[str, Any]) -> str:
    held = scores["held_out"]
    apart = "; no group is on both sides of a fold" if scores["folds"] else ""
    intro = (
        f"{split_into(scores)}, {counted(scores['groups'], 'group')}, n = {counted(held['events'], 'event')}{apart}. "
        "ECE: expected calibration error over ten bins of the largest probability."
    )
    parts = ["By the sound alone:", intro, markdown_table(candidate_rows(scores["candidates"])), *about_rows(scores)]
    parts += [headline(scores), *_figures(held)]
    if curve := scores.get("risk_coverage"):
        parts += ["Answering only where it is surest (risk and coverage):", markdown_table(risk_rows(curve))]
    if scores.get("with_company") is not None:
        figures = scores["with_company"]
        parts += ["With the company an event keeps:", *_figures(figures), markdown_table(reliability_rows(figures))]
    return "\n\n".join(parts)


def _figures(figures: Mapping[str, Any]) -> list[str]:
    parts = [markdown_table(rows) for rows in (total_rows(figures), class_rows(figures), confusion_rows(figures))]
    return [*parts, interval_note(figures["intervals"])] if "intervals" in figures else parts


def _classifier(model: Model) -> str:
    stored = model.info["classifier"]
    settings = ", ".join(f"{key} {value}" for key, value in stored["settings"].items())
    return (
        f"{stored['kind']}: {settings}.\n\nFeatures, in this order (`docs/features.md` says what they are): "
        f"{', '.join(f'`{name}`' for name in model.features)}."
    )


def _left_out(scores: Mapping[str, Any]) -> str:
    head = ["left out", "n", "joint events", *(name for name, _ in _TOTALS)]
    rows = [
        [f"{row['setting']}: {row['value']}", str(row["events"]), str(row["joint_events"])]
        + [figure(row[key]) for _, key in _TOTALS]
        for row in scores["left_out"]
    ]
    novelty = [
        (f"{row['setting']} left out", row["events"], row["novelty"])
        for row in scores["left_out"]
        if row["value"] == "all"
    ]
    return "\n\n".join(
        [
            "Each value of each setting of the generator was left out of training once, company included; "
            "`all` are the events of a setting's values together, each scored while its value was left out.",
            markdown_table([head, *rows]),
            "How new those sounds are to a model that has not met their setting (an ordinary sound has 0.5):",
            _novelty_table(novelty),
        ]
    )


def _real(real: Mapping[str, Any]) -> str:
    cracks = [["cracks", "cracks in it", "found", "cavitation", "snapping", "other", "uncertain"]]
    for row in real["cracks"]:
        called = [str(row["called"][label]) for label in cracks[0][3:]]
        cracks.append([row["recording"], str(row["cracks"]), str(row["found"]), *called])
    keys = (
        *("recordings", "minutes", "events", "cavitation", "snapping", "uncertain"),
        *("joint_per_minute", "confident_per_minute"),
    )
    head = ["no joint in it", *keys[:6], "joint labels a minute", f"with p of {real['confident']:g} or more"]
    rows = [[row["kind"], *(str(row[key]) for key in keys)] for row in real["negatives"]]
    return "\n\n".join(
        [
            "Recordings of real cracks, as counts (onsets read off the waveform by eye, not annotated by a panel):",
            markdown_table(cracks),
            "Recordings without any joint: every cavitation or snapping here is a false alarm.",
            markdown_table([head, *rows]),
            "How new the sounds are (share of held-out training events that lay closer to the training data; "
            f"from {NOVELTY:g} on an event is `uncertain`):",
            _novelty_table([(row["sounds"], row["events"], row["novelty"]) for row in real["novelty"]]),
            "None of these recordings was used in training; they were looked at while the generator, the features and "
            "the measures of company were chosen, so another set may do worse.",
        ]
    )


def _novelty_table(rows: Sequence[tuple[str, int, Mapping[str, Any]]]) -> str:
    """Rows of name, number of events, and what `popclass.training.novelty.distribution` gave."""
    head = ["novelty of", "n", *(f"{share:.0%}" for share in SHOWN_QUANTILES), "novel"]
    cells = [
        [name, str(events), *(f"{value:.2f}" for value in found["quantiles"]), f"{found['novel']:.1%}"]
        for name, events, found in rows
    ]
    return markdown_table([head, *cells])


def _calibration(info: Mapping[str, Any]) -> str:
    from popclass.training.calibration import EVENTS_FOR_TEMPERATURE

    stored = info["calibration"]
    if info["classifier"]["kind"] == "corrected":
        return "The base's own, inside the graph, with the correction after it."
    said = _PARAGRAPHS[stored["method"]].format(events=stored["events"], least=EVENTS_FOR_TEMPERATURE)
    table = markdown_table(reliability_rows(info["scores"]["held_out"]))
    return f"{said}\n\nHow sure and how often right, of held-out events, by the sound alone:\n\n{table}"


def _uncertain(model: Model) -> str:
    scores, limits = model.info["scores"], model.thresholds
    named = zip(model.classes, limits.min_probability, strict=True)
    bounds = ", ".join(f"`{name}` {bound:.2f}" for name, bound in named if bound > 0)
    text = (
        f"An event is `uncertain` where the most likely class does not reach its least probability ({bounds}), or its "
        f"novelty is {limits.novelty:g} or more: the share of held-out training events that lay closer to the training "
        "data."
    )
    if scores["uncertain_joint"] is None:
        return text
    reached = scores.get("joint_labels")
    if reached is not None:
        text += (
            f" {reached['wanted']:.0%} of the joint labels should be right; held out, {reached['precision']:.1%} of "
            f"{reached['labels']} were, on the events that the bound was set on."
        )
        text += _band(reached.get("band"))
    return f"{text} Held out, {scores['uncertain_joint']:.1%} of joint events and {scores['uncertain']:.1%} of all are."


def _band(band: Mapping[str, Any] | None) -> str:
    if band is None:
        return ""
    if not band["events"]:
        return f" No joint label lay in the uncertain band, {band['from']:.2f} to {band['to']:.2f}."
    return (
        f" The uncertain band is {band['from']:.2f} to {band['to']:.2f}: n = {band['events']}, of which the likeliest "
        f"class was right for {band['right']:.1%}."
    )


def _origin(model: Model) -> str:
    training, versions = model.info["training"], model.info["versions"]
    lines = [
        f"- file: SHA-256 `{model.sha256}`",
        f"- classifier asked for: {model.info['classifier']['asked_for']}, folds {training['folds']}, "
        f"seed {training['seed']}",
        "- libraries: " + ", ".join(f"{name} {version}" for name, version in versions.items()),
    ]
    if "rebuild" in training:
        lines.append(f"- command: `{training['rebuild']}`")
    if "sha256" in training:
        lines.append("- the SHA-256 of every training recording is in the model's JSON (`training.sha256`)")
    return "\n".join(lines) + "\n\nThe same data, settings and libraries on one machine give the same bytes."


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of text as a Markdown table; the first row is the head."""
    rule = ["---", *["---:"] * (len(rows[0]) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [rows[0], rule, *rows[1:]])
