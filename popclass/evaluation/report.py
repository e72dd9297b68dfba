"""The scores of an evaluation for people: a short text, and a report in Markdown with its figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from popclass.evaluation.classification import READINGS, TOTALS
from popclass.metrics.tables import figure, markdown_table, table
from popclass.utils.text import one_line

Rows = list[list[str]]
Scores = Mapping[str, Any]
Sections = Iterator[tuple[str, list[Any]]]

# The keys are stored names of scores.json.
_MEANING = {
    "sound": "sound alone",
    "company": "with context",
    "timing": "with timing",
    "both": "with both (popclass's labels)",
}
_HEADS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "log_loss": "log loss",
    "brier": "Brier",
    "ece": "ECE",
}

MOST_LIKELY = (
    "These scores take the most likely class for the answer, even where the label is 'uncertain': balanced accuracy "
    "can be perfect and a fifth of the labels uncertain."
)


def text(scores: Scores) -> str:
    """Return a summary: recordings, detection, end-to-end scores, and the four readings."""
    parts = [part for _, parts in _summary(scores) for part in parts if part]
    return "\n\n".join(part if isinstance(part, str) else table(part) for part in parts) + "\n"


def markdown(scores: Scores, figures: Sequence[str], errors: Mapping[str, str]) -> str:
    """Return the report.

    Parameters
    ----------
    scores : mapping
        `Evaluation.scores`.
    figures : sequence of str
        File names of the figures, relative to the report.
    errors : mapping of str to str
        Captions of the errors that are shown, by file name.
    """
    lines = []
    for heading, parts in (*_summary(scores), *_details(scores, figures, errors)):
        lines += [heading] if heading else []
        lines += [part if isinstance(part, str) else markdown_table(part) for part in parts if part]
    return "\n\n".join(lines) + "\n"


def _summary(scores: Scores) -> Sections:
    """Yield headings with paragraphs and tables of what is most important; empty ones are not shown."""
    detection, classification = scores["detection"], scores["classification"]
    yield "# Evaluation", [_recordings(scores), warning(scores["recordings"]), _brackets(scores)]
    found = _detection_rows(detection) if detection["scored"] and detection["classes"] else []
    yield "## Detection", [_detection(detection), found, _unlabelled(scores["elsewhere"])]
    if scores["labels"]:
        answers = scores["end_to_end"]
        parts = [_explain_answers(answers), _class_rows(answers), _false_calls(answers), _answer_rows(answers["table"])]
        yield "## From recording to answer", parts
    readings = [MOST_LIKELY, _reading_rows(classification)] if classification["events"] else []
    yield "## Classification", [_classified(scores), *readings]


def _details(scores: Scores, figures: Sequence[str], errors: Mapping[str, str]) -> Sections:
    classification = scores["classification"]
    for name in ("sound", "both") if classification["events"] else ():
        explained = f"Of each class, {_MEANING[name]}, the most likely class taken for the answer:"
        yield "", [explained, _ranked_rows(classification["readings"][name])]
    for name, parts in (("subject", classification["subjects"]), ("site", classification["sites"])):
        if parts:
            yield f"## By {name}", [_part_rows(name, parts)]
    if figures:
        shown = [f"![{name.removesuffix('.png').replace('_', ' ')}]({name})" for name in figures]
        yield "## Figures", ["Each lies beside this report as PDF, too.", *shown]
    if errors:
        shown = [f"![{caption}]({name})" for name, caption in errors.items()]
        yield "## Worst errors", ["Those whose true class got the least probability.", *shown]
    if notes := [*scores["recordings"]["failed"], *scores["notes"]]:
        yield "## Notes", ["\n".join(f"- {one_line(note)}" for note in notes)]
    yield "## What was evaluated", [_input_rows(scores)]


def _reading_rows(classification: Scores) -> Rows:
    rows = [["", *(_HEADS[key] for key in TOTALS[1:]), "uncertain"]]
    for name in READINGS:
        one = classification["readings"][name]
        rows.append([_MEANING[name], *_spanned(one, TOTALS[1:]), share(one["uncertain"])])
    return rows


def _ranked_rows(reading: Scores) -> Rows:
    rows = [["class", "n", "precision", "recall", "F1", "ROC AUC", "average precision"]]
    for one in reading["classes"]:
        ranked = (figure(one[key]) for key in ("roc_auc", "average_precision"))
        rows.append([one["class"], str(one["events"]), *_spanned(one, ("precision", "recall", "f1")), *ranked])
    return rows


def _detection_rows(detection: Scores) -> Rows:
    rows = [["label", "n", "recall"]]
    rows += [[c["class"], str(c["labelled"]), spanned(c["recall"], c["interval"])] for c in detection["classes"]]
    return [*rows, ["all", str(detection["labelled"]), *_spanned(detection, ("recall",))]]


def _class_rows(answers: Scores) -> Rows:
    rows = [["class", "labelled", "sensitivity", "called", "positive predictive value"]]
    for one in answers["classes"]:
        found, right = _spanned(one, ("sensitivity", "positive_predictive_value"))
        rows.append([one["class"], str(one["labelled"]), found, str(one["called"]), right])
    return rows


def _answer_rows(answers: Scores) -> Rows:
    rows = [["true \\ label", *answers["columns"], "missed"]]
    rows += [[row["truth"], *map(str, row["given"]), str(row["missed"])] for row in answers["rows"]]
    if answers["unlabelled"] is not None:
        rows.append(["(unlabelled)", *map(str, answers["unlabelled"]), "-"])
    return rows


def _part_rows(what: str, parts: Sequence[Scores]) -> Rows:
    rows = [[what, "n", *(_HEADS[key] for key in TOTALS), "uncertain"]]
    for one in parts:
        figures = (figure(one[key]) for key in TOTALS)
        rows.append([_cell(one_line(one["name"])), str(one["events"]), *figures, share(one["uncertain"])])
    return rows


def _input_rows(scores: Scores) -> Rows:
    info, model = scores["inputs"], scores["model"]
    labels, drawn = info["label_files_sha256"], info["options"]["intervals"]
    rows = {
        "": "",
        "popclass": scores["popclass"],
        "command": f"`{info['command']}`",
        "model": f"{model['name']}, SHA-256 `{model['sha256']}`",
        "labels": f"{info['labelled']}, {info['label_files']} label files"
        + (f", SHA-256 `{labels}`" if labels else ""),
        "recordings": f"{scores['recordings']['heard']}, SHA-256 `{info['recordings_sha256']}`",
        "intervals": f"{drawn['level']:.0%}, {drawn['draws']} draws",
        "versions": ", ".join(f"{name} {version}" for name, version in info["versions"].items()),
    }
    return [[name, _cell(value)] for name, value in rows.items()]


def _cell(value: str) -> str:
    return value.replace("|", "\\|")


def _spanned(scores: Scores, keys: Sequence[str]) -> list[str]:
    return [spanned(scores[key], scores["intervals"][key]) for key in keys]


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


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


def _recordings(scores: Scores) -> str:
    info = scores["recordings"]
    subjects = f" of {info['subjects']} subjects" if info["subjects"] > 1 else ""
    line = f"{info['heard']} recordings{subjects}, {info['minutes']:.1f} minutes: "
    line += f"{_listed(scores['labels']) or 'no labelled sound'}."
    if info["clips_without_event"]:
        line += f" In {info['clips_without_event']} clips no event was detected."
    if info["failed"]:
        line += f" {len(info['failed'])} recordings failed and are ignored."
    return line


def warning(recordings: Scores) -> str:
    """Return a warning if the model was trained on some of these recordings, else an empty string.

    Examples
    --------
    >>> warning({"heard": 5, "trained_on": ["a.wav", "b.wav"]})
    'Warning: the model was trained on 2 of these 5 recordings; the figures are too good.'
    """
    known, count = recordings["trained_on"], recordings["heard"]
    if not known:
        return ""
    return f"Warning: the model was trained on {len(known)} of these {count} recordings; the figures are too good."


def _brackets(scores: Scores) -> str:
    drawn = scores["inputs"]["options"]["intervals"]
    return (
        f"In brackets: {drawn['level']:.0%} intervals by bootstrap over whole groups; none where a figure is based on "
        f"fewer than {drawn['fewest_groups']} groups, or all draws agree. `-`: not defined."
    )


def _detection(detection: Scores) -> str:
    if not detection["scored"]:
        return f"Detection is not scored: {detection['reason']}."
    precision, recall, f = _spanned(detection, ("precision", "recall", "f"))
    if detection["precision_undefined"]:
        precision = f"not defined ({detection['precision_undefined']})"
    line = (
        f"Detection, onsets within {1e3 * detection['window_s']:g} ms: {detection['matched']} of "
        f"{detection['labelled']} labelled sounds found, {detection['detected']} events. Precision {precision}, "
        f"recall {recall}, F {f}."
    )
    error = detection["onset_error_ms"]
    if error["n"]:
        line += f" Onset error: median {error['median']:.2f} ms, 95 % {error['p95']:.2f} ms"
        line += f" (of {error['n']} labels that name an onset)."
    return line


def _unlabelled(events: Scores) -> str:
    if not events["events"]:
        return ""
    given = f"{events['events']} ({_listed(events['called'])})"
    return f"Events without a label, in {events['minutes']:.1f} minutes labelled completely: {given}."


def _explain_answers(answers: Scores) -> str:
    rest = "what has no label counts as 'other'"
    if answers["table"]["unlabelled"] is None:
        rest = "what has no label is not counted, since it may be anything"
    return (
        f"From recording to answer, {rest}; intervals over {answers['intervals_over']}s. Sensitivity: found and given "
        "the class, of all labelled. Positive predictive value: of the class, of all that were given it."
    )


def _false_calls(answers: Scores) -> str:
    false = answers["false_joint_calls"]
    if false["per_minute"] is None:
        return ""
    return (
        f"False joint calls, where no joint sound is labelled: {false['count']} in {false['minutes']:.1f} minutes, "
        f"{false['per_minute']:.2f} a minute."
    )


def _classified(scores: Scores) -> str:
    one, foreign = scores["classification"], scores["classification"]["found_without_class"]
    missing = [f"{one['not_found']} were not found"] if one["not_found"] else []
    if foreign:
        missing.append(f"{sum(foreign.values())} were found, but the model has no such class: {_listed(foreign)}")
    left = f" ({'; '.join(missing)})" if missing else ""
    labelled = sum(scores["labels"].values())
    found = f"Classification of {one['events']} of {labelled} labelled sounds{left}"
    return f"{found}; intervals over {one['intervals_over']}s."
