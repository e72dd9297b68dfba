"""Model card: purpose, data, scores and limits of a model in Markdown.

It is written from the JSON of the model alone. Every score comes with its number of events.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from popclass.errors import ModelError
from popclass.metrics import tables
from popclass.metrics.tables import markdown_table
from popclass.model.limitations import limits
from popclass.model.model import Model
from popclass.training.novelty import SHOWN_QUANTILES
from popclass.training.thresholds import NOVELTY
from popclass.utils.text import counted, one_line

_CALIBRATIONS = {
    "identity": "None: it needs {least} or more held-out events with some of each class. The probabilities are those "
    "of the classifier, for classes that are equally frequent.",
    "temperature": "Temperature scaling on {events} held-out events (Guo et al. 2017).",
    "dirichlet": "Dirichlet calibration on {events} held-out events (Kull et al. 2019), shrunk towards temperature "
    "scaling.",
}
_USE = """\
- Intended: detecting and sorting short sounds of a moving body in recordings like the training data; counting them; \
review by a person; comparing recordings made in the same way.
- Out of scope: diagnosis, or any decision about a person's health; counting without review where a wrong count \
matters; classes, sites or sensors that are not in the training data."""


def card(model: Model, *, title: str | None = None, real: Mapping[str, Any] | None = None) -> str:
    """Return the card of a model.

    Parameters
    ----------
    model : Model
    title : str, optional
        Heading (default: the name of the model's file).
    real : mapping, optional
        Scores on real recordings, as `experiments/real.py` measures them; shown if they are of this model.

    Raises
    ------
    ModelError
        If the JSON of the model lacks what a card needs.
    """
    try:
        sections = [f"## {head}\n\n{text}" for head, text in _sections(model, real)]
        name = Path(model.name).stem if title is None else title
        return "\n\n".join([f"# {name}", _summary(model), *sections]) + "\n"
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        reason = one_line(repr(error))[:200]
        raise ModelError(f"{model.name}: its JSON lacks what a model card needs ({reason}); train it again") from None


def _sections(model: Model, real: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    scores = model.info["scores"]
    yield "Use", _USE
    yield "Training data", "\n\n".join(_data(model))
    yield "Classifier and features", _classifier(model)
    yield "Scores on held-out groups", "\n\n".join(_scores(scores))
    if "left_out" in scores:
        yield "Scores on settings left out", _left_out(scores["left_out"])
    if real and real["model_sha256"] == model.sha256:
        yield "Real recordings", _real(real)
    yield "Calibration", _calibration(model.info)
    yield "Uncertain and novel sounds", " ".join(_uncertain(model))
    yield "Limits", "\n".join(f"- {limit}" for limit in limits(model))
    yield "Reproduction", _origin(model)


def _summary(model: Model) -> str:
    names = ", ".join(f"`{name}`" for name in model.classes)
    return (
        f"Classifies short sounds of a moving body: {names}. A {model.info['classifier']['kind']} classifier on "
        f"{len(model.features)} features of each sound, made by {model.info['created_by']}; "
        f"{len(model.to_bytes()) / 1e6:.2f} MB."
    )


def _data(model: Model) -> Iterator[str]:
    training = model.info["training"]
    counts = [(name, training["classes"][name]) for name in model.classes]
    yield markdown_table(
        [["class", "events", "groups"], *([name, str(n["events"]), str(n["groups"])] for name, n in counts)]
    )
    if "recordings" in training:
        known = training["subjects"]
        yield (
            f"{counted(training['recordings'], 'recording')}, "
            f"{counted(known, 'known subject') if known else 'subjects unknown'}. Labels without a detected event: "
            f"{training['labels_without_event']}; events ignored because they have no label: "
            f"{training['events_left_out']}."
        )
    if "uncovered_other" in training:
        by_class = ", ".join(f"`{name}` {count}" for name, count in training["labels_without_event_by_class"].items())
        yield (
            f"Events that no label covers: {training['uncovered_other']} labelled `other`, "
            f"{training['uncovered_left_out']} ignored."
            + (f" Labels without a detected event, by class: {by_class}." if by_class else "")
        )
    if training.get("labels_overridden"):
        yield f"Labels whose event another label took: {training['labels_overridden']}."
    if training.get("unreadable"):
        yield f"{counted(training['unreadable'], 'recording')} could not be read."
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


def _classifier(model: Model) -> str:
    stored = model.info["classifier"]
    settings = ", ".join(f"{key} {value}" for key, value in stored["settings"].items())
    return (
        f"{stored['kind']}: {settings}.\n\nFeatures in order (described in `docs/features.md`): "
        f"{', '.join(f'`{name}`' for name in model.features)}."
    )


def _scores(scores: Mapping[str, Any]) -> Iterator[str]:
    held_out = scores["held_out"]
    yield "By the sound alone:"
    yield (
        f"{tables.describe_folds(scores)}, {counted(scores['groups'], 'group')}, "
        f"n = {counted(held_out['events'], 'event')}"
        f"{'; no group is on both sides of a fold' if scores['folds'] else ''}. "
        "ECE: expected calibration error over ten bins of the largest probability."
    )
    yield markdown_table(tables.candidate_rows(scores["candidates"]))
    yield from tables.describe_candidates(scores)
    yield tables.describe_selection(scores)
    yield from _figures(held_out)
    if curve := scores.get("risk_coverage"):
        yield "Risk and coverage (share of wrong labels if only the most confident ones are given):"
        yield markdown_table(tables.risk_rows(curve))
    if (with_context := scores.get("with_company")) is not None:  # a stored name
        yield "With context (neighbouring events):"
        yield from _figures(with_context)
        yield markdown_table(tables.reliability_rows(with_context))


def _figures(figures: Mapping[str, Any]) -> Iterator[str]:
    for rows in (tables.total_rows(figures), tables.class_rows(figures), tables.confusion_rows(figures)):
        yield markdown_table(rows)
    if "intervals" in figures:
        yield tables.describe_intervals(figures["intervals"])


def _left_out(left_out: Sequence[Mapping[str, Any]]) -> str:
    rows = [["left out", "n", "joint events", "balanced accuracy", "log loss", "ECE"]]
    for row in left_out:
        counts = [f"{row['setting']}: {row['value']}", str(row["events"]), str(row["joint_events"])]
        rows.append([*counts, *(tables.figure(row[key]) for key in ("balanced_accuracy", "log_loss", "ece"))])
    novelty = [(f"{row['setting']} left out", row) for row in left_out if row["value"] == "all"]
    return (
        "Each value of each setting of the generator was left out of training once, for the context stage, too. `all` "
        "are the events of all values of a setting, each scored while its value was left out.\n\n"
        f"{markdown_table(rows)}\n\n"
        "Novelty of those sounds for a model without their setting (0.5 for an ordinary sound):\n\n"
        f"{_novelty_table(novelty)}"
    )


def _real(real: Mapping[str, Any]) -> str:
    labels = ("cavitation", "snapping", "other", "uncertain")
    cracks = [["recordings of cracks", "cracks", "detected", *labels]]
    for row in real["cracks"]:
        counts = [row["cracks"], row["found"], *(row["called"][label] for label in labels)]
        cracks.append([row["recording"], *map(str, counts)])
    keys = ("recordings", "minutes", "events", "cavitation", "snapping", "uncertain")
    head = ["recordings without a joint", *keys, "joint labels a minute", f"with p of {real['confident']:g} or more"]
    rows = [
        [row["kind"], *(str(row[key]) for key in (*keys, "joint_per_minute", "confident_per_minute"))]
        for row in real["negatives"]
    ]
    return (
        "Counts on recordings of real cracks (onsets read off the waveform, not annotated by a panel):\n\n"
        f"{markdown_table(cracks)}\n\n"
        "Recordings without any joint, where every cavitation or snapping is a false alarm:\n\n"
        f"{markdown_table([head, *rows])}\n\n"
        "Novelty (share of held-out training events that were closer to the training data; an event is `uncertain` "
        f"from {NOVELTY:g} on):\n\n"
        f"{_novelty_table([(row['sounds'], row) for row in real['novelty']])}\n\n"
        "None of these recordings was used in training. But the generator, the features and the context features were "
        "chosen with a view to them, so scores on other recordings may be worse."
    )


def _novelty_table(rows: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    table = [["novelty of", "n", *(f"{share:.0%}" for share in SHOWN_QUANTILES), "novel"]]
    for name, row in rows:
        found = row["novelty"]
        quantiles = [f"{value:.2f}" for value in found["quantiles"]]
        table.append([name, str(row["events"]), *quantiles, f"{found['novel']:.1%}"])
    return markdown_table(table)


def _calibration(info: Mapping[str, Any]) -> str:
    from popclass.training.calibration import EVENTS_FOR_TEMPERATURE

    stored = info["calibration"]
    if info["classifier"]["kind"] == "corrected":
        return "That of the base model, inside the graph, followed by the correction."
    method = _CALIBRATIONS[stored["method"]].format(events=stored["events"], least=EVENTS_FOR_TEMPERATURE)
    bins = markdown_table(tables.reliability_rows(info["scores"]["held_out"]))
    return f"{method}\n\nReliability on held-out events, by the sound alone:\n\n{bins}"


def _uncertain(model: Model) -> Iterator[str]:
    scores, thresholds = model.info["scores"], model.thresholds
    named = zip(model.classes, thresholds.min_probability, strict=True)
    bounds = ", ".join(f"`{name}` {bound:.2f}" for name, bound in named if bound > 0)
    yield (
        f"An event is `uncertain` if the most likely class is below its minimum probability ({bounds}), or if its "
        f"novelty is {thresholds.novelty:g} or more: the share of held-out training events that were closer to the "
        "training data."
    )
    if scores["uncertain_joint"] is None:
        return
    if (joint := scores.get("joint_labels")) is not None:
        yield (
            f"{joint['wanted']:.0%} of the joint labels should be right; held out, {joint['precision']:.1%} of "
            f"{joint['labels']} were, on the events that the minimum probability was chosen on."
        )
        if (band := joint.get("band")) is not None:
            span = f"{band['from']:.2f} to {band['to']:.2f}"
            yield (
                f"The uncertain band is {span}: n = {band['events']}, of which the most likely class was right for "
                f"{band['right']:.1%}."
                if band["events"]
                else f"No joint label was in the uncertain band, {span}."
            )
    yield f"Held out, {scores['uncertain_joint']:.1%} of joint events and {scores['uncertain']:.1%} of all are so."


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
