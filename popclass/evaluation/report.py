"""The scores of an evaluation for people: a short text, and a report in Markdown with its figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from popclass.evaluation.classification import READINGS
from popclass.evaluation.overlap import warning
from popclass.formats.text import one_line
from popclass.training.card import markdown_table
from popclass.training.scores import figure, table

Rows = list[list[str]]
Scores = Mapping[str, Any]

_MEANING = {
    "sound": "sound alone",
    "company": "with company",
    "timing": "with timing",
    "both": "with both (what `label` says)",
}


def text(scores: Scores) -> str:
    """What was heard, detection, the four readings, and what each class was called."""
    parts = [_heard(scores), warning(scores["recordings"]), _detection_line(scores["detection"])]
    if scores["detection"]["scored"] and scores["detection"]["classes"]:
        parts.append(table(detection_rows(scores["detection"])))
    parts.append(_classified(scores))
    if scores["classification"]["events"]:
        parts += [table(reading_rows(scores)).replace("`", ""), table(label_rows(scores))]
    return "\n\n".join(part for part in [*parts, _elsewhere(scores)] if part) + "\n"


def markdown(scores: Scores, figures: Sequence[str], errors: Sequence[tuple[str, str]]) -> str:
    """The report.

    Parameters
    ----------
    scores : mapping
        `Evaluation.scores`.
    figures : sequence of str
        File names of the figures, relative to the report.
    errors : sequence of (str, str)
        File name and caption of each error that is shown.
    """
    return "\n\n".join(_sections(scores, figures, errors)) + "\n"


def _sections(scores: Scores, figures: Sequence[str], errors: Sequence[tuple[str, str]]) -> Iterator[str]:
    detection, classification = scores["detection"], scores["classification"]
    yield "# Evaluation"
    yield f"popclass {scores['popclass']}, model `{scores['model']['sha256']}`. {_heard(scores)}"
    yield from filter(None, [warning(scores["recordings"])])
    yield "In brackets: 95 % intervals by bootstrap over whole groups. `-`: not defined, or too few groups to tell."
    yield "## Detection"
    yield _detection_line(detection)
    if detection["scored"] and detection["classes"]:
        yield markdown_table(detection_rows(detection))
    yield from filter(None, [_elsewhere(scores)])
    yield "## Classification"
    yield _classified(scores)
    if classification["events"]:
        yield markdown_table(reading_rows(scores))
        yield from _of_each_class(scores)
        yield "What each class was called:"
        yield markdown_table(label_rows(scores))
    for name, key in (("subject", "subjects"), ("site", "sites")):
        if classification[key]:
            yield f"## By {name}"
            yield markdown_table(part_rows(name, classification[key]))
    if figures:
        yield "## Figures"
        yield from (f"![{name.removesuffix('.png').replace('_', ' ')}]({name})" for name in figures)
    if errors:
        yield "## Worst errors"
        yield "Those to whose true class the least probability was given."
        yield from (f"![{caption}]({name})" for name, caption in errors)
    if notes := [*scores["recordings"]["failed"], *scores["notes"]]:
        yield "## Notes"
        yield "\n".join(f"- {one_line(note)}" for note in notes)


def _of_each_class(scores: Scores) -> Iterator[str]:
    readings = scores["classification"]["readings"]
    for name in ("sound", "both"):
        yield f"Of each class, {_MEANING[name]}, the most likely class taken for the answer:"
        rows = [["class", "n", "precision", "recall", "F1"]]
        for one in readings[name]["classes"]:
            cells = [spanned(one[key], one["intervals"][key]) for key in ("precision", "recall", "f1")]
            rows.append([one["class"], str(one["events"]), *cells])
        yield markdown_table(rows)


def reading_rows(scores: Scores) -> Rows:
    """A head, and a row for each reading."""
    keys = ("balanced_accuracy", "log_loss", "brier", "ece")
    rows = [["", "balanced accuracy", "log loss", "Brier", "ECE", "uncertain"]]
    for name in READINGS:
        one = scores["classification"]["readings"][name]
        rows.append(
            [_MEANING[name], *(spanned(one[key], one["intervals"][key]) for key in keys), share(one["uncertain"])]
        )
    return rows


def detection_rows(detection: Scores) -> Rows:
    """A head, and a row for each label and for all of them."""
    rows = [["label", "n", "recall"]]
    rows += [[c["class"], str(c["labelled"]), spanned(c["recall"], c["interval"])] for c in detection["classes"]]
    return [*rows, ["all", str(detection["labelled"]), spanned(detection["recall"], detection["intervals"]["recall"])]]


def label_rows(scores: Scores) -> Rows:
    """A head, and a row for each true class: how many of its events were given which label."""
    counts = scores["classification"]["labels"]
    names = list(next(iter(counts.values())))
    return [["true \\ label", *names], *([truth, *(str(row[name]) for name in names)] for truth, row in counts.items())]


def part_rows(what: str, parts: Sequence[Scores]) -> Rows:
    """A head, and a row for each subject or site."""
    rows = [[what, "n", "accuracy", "balanced accuracy", "log loss", "Brier", "ECE", "uncertain"]]
    keys = ("accuracy", "balanced_accuracy", "log_loss", "brier", "ece")
    for one in parts:
        name = one_line(one["name"]).replace("|", "\\|")
        rows.append([name, str(one["events"]), *(figure(one[key]) for key in keys), share(one["uncertain"])])
    return rows


def spanned(value: float | None, interval: Sequence[float] | None) -> str:
    """A figure and its interval.

    Examples
    --------
    >>> spanned(0.5, [0.25, 0.75]), spanned(None, None)
    ('0.500 (0.250-0.750)', '-')
    """
    return figure(value) if interval is None else f"{figure(value)} ({figure(interval[0])}-{figure(interval[1])})"


def share(value: float | None) -> str:
    """A share in per cent; `-` where there is none."""
    return "-" if value is None else f"{value:.1%}"


def _heard(scores: Scores) -> str:
    about = scores["recordings"]
    counts = ", ".join(f"{count} {name}" for name, count in scores["labels"].items()) or "no labelled sound"
    subjects = f" of {about['subjects']} subjects" if about["subjects"] > 1 else ""
    said = f"{about['heard']} recordings{subjects}, {about['minutes']:.1f} minutes: {counts}."
    if about["clips_without_event"]:
        said += f" In {about['clips_without_event']} clips nothing is heard."
    if about["failed"]:
        said += f" {len(about['failed'])} recordings failed and are left out."
    return said


def _detection_line(detection: Scores) -> str:
    if not detection["scored"]:
        return f"Detection is not scored: {detection['reason']}."
    spans = detection["intervals"]
    precision = spanned(detection["precision"], spans["precision"])
    if detection["precision_undefined"]:
        precision = f"not defined ({detection['precision_undefined']})"
    line = (
        f"Detection, onsets within {1e3 * detection['window_s']:g} ms: {detection['matched']} of "
        f"{detection['labelled']} labelled sounds found, {detection['detected']} events. Precision {precision}, "
        f"recall {spanned(detection['recall'], spans['recall'])}, F {spanned(detection['f'], spans['f'])}."
    )
    error = detection["onset_error_ms"]
    if error["n"]:
        line += f" Onset error: median {error['median']:.2f} ms, 95 % {error['p95']:.2f} ms (n = {error['n']})."
    return line


def _elsewhere(scores: Scores) -> str:
    found = scores["elsewhere"]
    if not found["events"]:
        return ""
    called = ", ".join(f"{count} {name}" for name, count in found["called"].items() if count)
    return (
        f"Events without a label, in {found['minutes']:.1f} minutes labelled completely: {found['events']} ({called})."
    )


def _classified(scores: Scores) -> str:
    one = scores["classification"]
    said = (
        f"Classification of {one['events']} labelled sounds that were found; intervals over {one['intervals_over']}s."
    )
    if scores["unknown_labels"]:
        left = ", ".join(f"{count} {name}" for name, count in scores["unknown_labels"].items())
        said += f" Left out, since the model has no such class: {left}."
    return said
