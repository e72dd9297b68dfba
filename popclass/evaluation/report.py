"""The scores of an evaluation for people: a short text, and a report in Markdown with its figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from popclass.evaluation.classification import READINGS
from popclass.metrics.tables import figure, markdown_table, table
from popclass.utils.text import one_line

Rows = list[list[str]]
Scores = Mapping[str, Any]

# The keys are stored names of scores.json.
_MEANING = {
    "sound": "sound alone",
    "company": "with context",
    "timing": "with timing",
    "both": "with both (popclass's labels)",
}

MOST_LIKELY = (
    "These scores take the most likely class for the answer, even where the label is 'uncertain': balanced accuracy "
    "can be perfect and a fifth of the labels uncertain."
)


def text(scores: Scores) -> str:
    """Return a summary: recordings, detection, end-to-end scores, and the four readings."""
    parts = [_heard(scores), warning(scores["recordings"]), _brackets(scores), _detection_line(scores["detection"])]
    if scores["detection"]["scored"] and scores["detection"]["classes"]:
        parts.append(table(detection_rows(scores["detection"])))
    parts += [_elsewhere(scores)]
    if scores["labels"]:
        parts += [_end_to_end(scores), table(end_rows(scores)), _false_calls(scores), table(answer_rows(scores))]
    parts.append(_classified(scores))
    if scores["classification"]["events"]:
        parts += [MOST_LIKELY, table(reading_rows(scores))]
    return "\n\n".join(part for part in parts if part) + "\n"


def markdown(scores: Scores, figures: Sequence[str], errors: Sequence[tuple[str, str]]) -> str:
    """Return the report.

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
    yield _heard(scores)
    yield from filter(None, [warning(scores["recordings"])])
    yield f"{_brackets(scores)} `-`: not defined."
    yield "## Detection"
    yield _detection_line(detection)
    if detection["scored"] and detection["classes"]:
        yield markdown_table(detection_rows(detection))
    yield from filter(None, [_elsewhere(scores)])
    if scores["labels"]:
        yield "## From recording to answer"
        yield _end_to_end(scores)
        yield markdown_table(end_rows(scores))
        yield from filter(None, [_false_calls(scores)])
        yield markdown_table(answer_rows(scores))
    yield "## Classification"
    yield _classified(scores)
    if classification["events"]:
        yield MOST_LIKELY
        yield markdown_table(reading_rows(scores))
        yield from _of_each_class(scores)
    for name, key in (("subject", "subjects"), ("site", "sites")):
        if classification[key]:
            yield f"## By {name}"
            yield markdown_table(part_rows(name, classification[key]))
    if figures:
        yield "## Figures"
        yield "Each lies beside this report as PDF, too."
        yield from (f"![{name.removesuffix('.png').replace('_', ' ')}]({name})" for name in figures)
    if errors:
        yield "## Worst errors"
        yield "Those to whose true class the least probability was given."
        yield from (f"![{caption}]({name})" for name, caption in errors)
    if notes := [*scores["recordings"]["failed"], *scores["notes"]]:
        yield "## Notes"
        yield "\n".join(f"- {one_line(note)}" for note in notes)
    yield "## What was evaluated"
    yield markdown_table(input_rows(scores))


def _of_each_class(scores: Scores) -> Iterator[str]:
    readings = scores["classification"]["readings"]
    for name in ("sound", "both"):
        yield f"Of each class, {_MEANING[name]}, the most likely class taken for the answer:"
        rows = [["class", "n", "precision", "recall", "F1", "ROC AUC", "average precision"]]
        for one in readings[name]["classes"]:
            cells = [spanned(one[key], one["intervals"][key]) for key in ("precision", "recall", "f1")]
            cells += [figure(one[key]) for key in ("roc_auc", "average_precision")]
            rows.append([one["class"], str(one["events"]), *cells])
        yield markdown_table(rows)


def reading_rows(scores: Scores) -> Rows:
    """Return a header and a row for each reading."""
    keys = ("balanced_accuracy", "log_loss", "brier", "ece")
    rows = [["", "balanced accuracy", "log loss", "Brier", "ECE", "uncertain"]]
    for name in READINGS:
        one = scores["classification"]["readings"][name]
        rows.append(
            [_MEANING[name], *(spanned(one[key], one["intervals"][key]) for key in keys), share(one["uncertain"])]
        )
    return rows


def detection_rows(detection: Scores) -> Rows:
    """Return a header, a row for each label and one for all."""
    rows = [["label", "n", "recall"]]
    rows += [[c["class"], str(c["labelled"]), spanned(c["recall"], c["interval"])] for c in detection["classes"]]
    return [*rows, ["all", str(detection["labelled"]), spanned(detection["recall"], detection["intervals"]["recall"])]]


def end_rows(scores: Scores) -> Rows:
    """Return a header and a row for each class: sensitivity and predictive value from recording to label."""
    rows = [["class", "labelled", "sensitivity", "called", "positive predictive value"]]
    for one in scores["end_to_end"]["classes"]:
        found, trusted = (
            spanned(one[key], one["intervals"][key]) for key in ("sensitivity", "positive_predictive_value")
        )
        rows.append([one["class"], str(one["labelled"]), found, str(one["called"]), trusted])
    return rows


def answer_rows(scores: Scores) -> Rows:
    """Return a header and a row for each label: counts of assigned labels and of missed sounds."""
    answers = scores["end_to_end"]["table"]
    rows = [["true \\ label", *answers["columns"], "missed"]]
    rows += [[row["truth"], *map(str, row["given"]), str(row["missed"])] for row in answers["rows"]]
    if answers["unlabelled"] is not None:
        rows.append(["(unlabelled)", *map(str, answers["unlabelled"]), "-"])
    return rows


def input_rows(scores: Scores) -> Rows:
    """Return a header and a row for each input of the evaluation."""
    about, model = scores["inputs"], scores["model"]
    rows = [["", ""], ["popclass", scores["popclass"]], ["command", f"`{about['command']}`"]]
    rows += [["model", f"{model['name']}, SHA-256 `{model['sha256']}`"]]
    files = f"{about['labelled']}, {about['label_files']} label files"
    if about["label_files_sha256"]:
        files += f", SHA-256 `{about['label_files_sha256']}`"
    rows += [
        ["labels", files],
        ["recordings", f"{scores['recordings']['heard']}, SHA-256 `{about['recordings_sha256']}`"],
    ]
    drawn = about["options"]["intervals"]
    rows += [["intervals", f"{drawn['level']:.0%}, {drawn['draws']} draws"]]
    rows += [["versions", ", ".join(f"{name} {version}" for name, version in about["versions"].items())]]
    return [[cell.replace("|", "\\|") for cell in row] for row in rows]


def part_rows(what: str, parts: Sequence[Scores]) -> Rows:
    """Return a header and a row for each subject or site."""
    rows = [[what, "n", "accuracy", "balanced accuracy", "log loss", "Brier", "ECE", "uncertain"]]
    keys = ("accuracy", "balanced_accuracy", "log_loss", "brier", "ece")
    for one in parts:
        name = one_line(one["name"]).replace("|", "\\|")
        rows.append([name, str(one["events"]), *(figure(one[key]) for key in keys), share(one["uncertain"])])
    return rows


def spanned(value: float | None, interval: Sequence[float] | None) -> str:
    """Return a figure and its interval.

    Examples
    --------
    >>> spanned(0.5, [0.25, 0.75]), spanned(None, None)
    ('0.500 (0.250-0.750)', '-')
    """
    return figure(value) if interval is None else f"{figure(value)} ({figure(interval[0])}-{figure(interval[1])})"


def share(value: float | None) -> str:
    """Return a share in per cent, `-` where there is none."""
    return "-" if value is None else f"{value:.1%}"


def _heard(scores: Scores) -> str:
    about = scores["recordings"]
    counts = ", ".join(f"{count} {name}" for name, count in scores["labels"].items()) or "no labelled sound"
    subjects = f" of {about['subjects']} subjects" if about["subjects"] > 1 else ""
    said = f"{about['heard']} recordings{subjects}, {about['minutes']:.1f} minutes: {counts}."
    if about["clips_without_event"]:
        said += f" In {about['clips_without_event']} clips no event was detected."
    if about["failed"]:
        said += f" {len(about['failed'])} recordings failed and are ignored."
    return said


def _brackets(scores: Scores) -> str:
    drawn = scores["inputs"]["options"]["intervals"]
    return (
        f"In brackets: {drawn['level']:.0%} intervals by bootstrap over whole groups; none where fewer than "
        f"{drawn['fewest_groups']} groups stand behind a figure, or all draws agree."
    )


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
        line += f" Onset error: median {error['median']:.2f} ms, 95 % {error['p95']:.2f} ms"
        line += f" (of {error['n']} labels that name an onset)."
    return line


def _elsewhere(scores: Scores) -> str:
    found = scores["elsewhere"]
    if not found["events"]:
        return ""
    called = ", ".join(f"{count} {name}" for name, count in found["called"].items() if count)
    return (
        f"Events without a label, in {found['minutes']:.1f} minutes labelled completely: {found['events']} ({called})."
    )


def _end_to_end(scores: Scores) -> str:
    rest = "what has no label counts as 'other'"
    if scores["end_to_end"]["table"]["unlabelled"] is None:
        rest = "what has no label is not counted, since it may be anything"
    over = scores["end_to_end"]["intervals_over"]
    return (
        f"From recording to answer, {rest}; intervals over {over}s. Sensitivity: found and given the class, of all "
        "labelled. Positive predictive value: of the class, of all that were given it."
    )


def _false_calls(scores: Scores) -> str:
    false = scores["end_to_end"]["false_joint_calls"]
    if false["per_minute"] is None:
        return ""
    return (
        f"False joint calls, where no joint sound is labelled: {false['count']} in {false['minutes']:.1f} minutes, "
        f"{false['per_minute']:.2f} a minute."
    )


def _classified(scores: Scores) -> str:
    one, labelled = scores["classification"], sum(scores["labels"].values())
    said = f"Classification of {one['events']} of {labelled} labelled sounds"
    missing = [f"{one['not_found']} were not found"] if one["not_found"] else []
    if one["found_without_class"]:
        left = ", ".join(f"{count} {name}" for name, count in one["found_without_class"].items())
        missing.append(
            f"{sum(one['found_without_class'].values())} were found, but the model has no such class: {left}"
        )
    if missing:
        said += f" ({'; '.join(missing)})"
    return f"{said}; intervals over {one['intervals_over']}s."


def warning(about: Mapping[str, Any]) -> str:
    """Return a warning if the model was trained on some of these recordings, else an empty string.

    Examples
    --------
    >>> warning({"heard": 5, "trained_on": ["a.wav", "b.wav"]})
    'Warning: the model was trained on 2 of these 5 recordings; the figures are too good.'
    """
    count = len(about["trained_on"] or ())
    if not count:
        return ""
    return f"Warning: the model was trained on {count} of these {about['heard']} recordings; the figures are too good."
