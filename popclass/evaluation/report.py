"""The scores of an evaluation for people: a short text, and a report in Markdown with its figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from popclass.evaluation.classification import READINGS
from popclass.evaluation.end_to_end import RATIOS
from popclass.evaluation.study_report import (
    benefit_parts,
    calibration_parts,
    comparison_parts,
    count_parts,
    observer_parts,
    prevalence_parts,
    ranged,
    subgroup_parts,
)
from popclass.metrics.tables import figure, markdown_table, table, with_interval
from popclass.utils.text import counted, one_line

Rows = list[list[str]]
Scores = Mapping[str, Any]
Sections = Iterator[tuple[str, list[Any]]]  # headings, each with paragraphs and tables; empty ones are not shown

MOST_LIKELY = (
    "These scores take the class that the model would name for the answer, even where the label is 'uncertain': "
    "balanced accuracy can be perfect and a fifth of the labels uncertain. 'With both' is the basis of popclass's "
    "labels."
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
        lines += [heading] if any(parts) else []
        lines += [part if isinstance(part, str) else markdown_table(part) for part in parts if part]
    return "\n\n".join(lines) + "\n"


def _summary(scores: Scores) -> Sections:
    yield "# Evaluation", [_recordings(scores), *_warnings(scores), _brackets(scores)]
    yield "## Detection", _detection(scores)
    if scores["labels"] or scores["end_to_end"]["false_joint_calls"]["per_minute"] is not None:
        yield "## From recording to answer", _answers(scores["end_to_end"])
    yield "## Classification", _classification(scores)
    yield "## Counts", count_parts(scores["counts"])
    yield "## Observers", observer_parts(scores["observers"])
    yield "## Two models", comparison_parts(scores["comparison"], scores["model"])


def _details(scores: Scores, figures: Sequence[str], errors: Mapping[str, str]) -> Sections:
    classification = scores["classification"]
    ranked: list[Any] = []
    for name in ("sound", "both") if classification["events"] else ():
        ranked.append(f"Of each class, {READINGS[name]}, the class that the model would name taken for the answer:")
        ranked.append(_ranked_rows(classification["readings"][name]["classes"]))
    yield "## Classification of each class", ranked
    yield "## Calibration", calibration_parts(scores["calibration"])
    yield "## Net benefit", benefit_parts(scores["net_benefit"])
    for part in scores["subgroups"]:
        yield f"## Subgroups by {one_line(part['column'])}", subgroup_parts(part)
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


def _recordings(scores: Scores) -> str:
    info = scores["recordings"]
    subjects = f" of {info['subjects']} subjects" if info["subjects"] > 1 else ""
    counts = listed(scores["labels"]) or "no labelled sound"
    line = f"{counted(info['heard'], 'recording')}{subjects}, {info['minutes']:.1f} minutes: {counts}."
    if info["clips_without_event"]:
        line += f" In {counted(info['clips_without_event'], 'clip')} no event was detected."
    if info["failed"]:
        line += f" {counted(len(info['failed']), 'recording')} failed and ignored."
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


def _warnings(scores: Scores) -> list[str]:
    unknown, labelled = scores["unknown_labels"], sum(scores["labels"].values())
    found = [warning(scores["recordings"])]
    if unknown:
        share = f"{sum(unknown.values())} of {counted(labelled, 'labelled sound')}"
        found.append(
            f"Warning: the model has no class for {share} ({listed(unknown)}); a joint label for one of them counts as "
            "wrong. Check the spelling."
        )
    return found


def _brackets(scores: Scores) -> str:
    drawn = scores["inputs"]["options"]["intervals"]
    return (
        f"In brackets: {drawn['level']:.0%} intervals by bootstrap over whole groups; none where a figure is based on "
        f"fewer than {drawn['fewest_groups']} groups, or all draws agree. `-`: not defined."
    )


def _detection(scores: Scores) -> list[Any]:
    found, others = scores["detection"], scores["elsewhere"]
    without = f"Events without a label, in {others['minutes']:.1f} minutes labelled completely: {others['events']} "
    unlabelled = [f"{without}({listed(others['called'])})."] if others["events"] else []
    if not found["scored"]:
        return [f"Detection is not scored: {found['reason']}.", *unlabelled]
    precision, recall, f = _spanned(found, ("precision", "recall", "f"))
    if found["precision_undefined"]:
        precision = f"not defined ({found['precision_undefined']})"
    line = (
        f"Detection, onsets within {1e3 * found['window_s']:g} ms: {found['matched']} of {found['labelled']} labelled "
        f"sounds found, {counted(found['detected'], 'event')}. Precision {precision}, recall {recall}, F {f}."
    )
    error = found["onset_error_ms"]
    if error["n"]:
        line += f" Onset error: median {error['median']:.2f} ms, 95 % {error['p95']:.2f} ms"
        line += f" (of {error['n']} labels that name an onset)."
    rows = [[one["class"], one["labelled"], with_interval(one["recall"], one["interval"])] for one in found["classes"]]
    recalls = [_rows(("label", "n", "recall"), *rows, ("all", found["labelled"], recall))] if rows else []
    return [line, *recalls, *unlabelled]


def _answers(answers: Scores) -> list[Any]:
    given, false = answers["table"], answers["false_joint_calls"]
    known = given["unlabelled"] is not None
    rest = "counts as 'other'" if known else "is not counted, since it may be anything"
    explained = (
        f"From recording to answer, what has no label {rest}; intervals over {answers['intervals_over']}s. "
        "Sensitivity: found and given the class, of all labelled. Specificity: not given it, of all others. Positive "
        "predictive value: of the class, of all that were given it."
    )
    classes = [["class", "labelled", "sensitivity", "specificity", "called", "positive predictive value"]]
    for one in answers["classes"]:
        found, spared, right = _spanned(one, RATIOS)
        classes.append([one["class"], one["labelled"], found, spared, one["called"], right])
    calls = ""
    if false["per_minute"] is not None:
        rate = ranged(false["per_minute"], false["interval"])
        calls = f"{false['count']} in {false['minutes']:.1f} minutes, {rate} a minute."
        calls = f"False joint calls, where no joint sound is labelled: {calls}"
    labels = [["true \\ label", *given["columns"], "missed"]]
    labels += [[row["truth"], *row["given"], row["missed"]] for row in given["rows"]]
    labels += [["(unlabelled)", *given["unlabelled"], "-"]] if known else []
    return [explained, _rows(*classes), *prevalence_parts(answers), calls, _rows(*labels)]


def _classification(scores: Scores) -> list[Any]:
    one, foreign = scores["classification"], scores["classification"]["found_without_class"]
    missing = [f"{one['not_found']} not found"] if one["not_found"] else []
    if foreign:
        missing.append(f"{sum(foreign.values())} without a class in the model: {listed(foreign)}")
    found = f"Classification of {one['events']} of {sum(scores['labels'].values())} labelled sounds"
    found += f" ({'; '.join(missing)})" if missing else ""
    found += f"; intervals over {one['intervals_over']}s."
    if not one["events"]:
        return [found]
    rows = [["", "balanced accuracy", "log loss", "Brier", "ECE", "uncertain"]]
    for name, reading in one["readings"].items():
        scored = _spanned(reading, ("balanced_accuracy", "log_loss", "brier", "ece"))
        rows.append([READINGS[name], *scored, _percent(reading["uncertain"])])
    return [found, MOST_LIKELY, rows]


def _ranked_rows(classes: Sequence[Scores]) -> Rows:
    rows = [["class", "n", "precision", "recall", "F1", "ROC AUC", "average precision"]]
    for one in classes:
        ranked = (figure(one[key]) for key in ("roc_auc", "average_precision"))
        rows.append([one["class"], str(one["events"]), *_spanned(one, ("precision", "recall", "f1")), *ranked])
    return rows


def _part_rows(what: str, parts: Sequence[Scores]) -> Rows:
    rows = [[what, "n", "accuracy", "balanced accuracy", "log loss", "Brier", "ECE", "uncertain"]]
    for one in parts:
        scored = (figure(one[key]) for key in ("accuracy", "balanced_accuracy", "log_loss", "brier", "ece"))
        rows.append([_cell(one_line(one["name"])), str(one["events"]), *scored, _percent(one["uncertain"])])
    return rows


def _input_rows(scores: Scores) -> Rows:
    info, model = scores["inputs"], scores["model"]
    drawn, second, compared = info["options"]["intervals"], info["second"], scores["comparison"]
    rows = {
        "": "",
        "popclass": scores["popclass"],
        "command": f"`{info['command']}`",
        "model": _model(model),
        **({"compared with": _model(compared["model"])} if compared else {}),
        "labels": _label_files(info),
        **({"second observer": _label_files(second)} if second else {}),
        "recordings": f"{scores['recordings']['heard']}, SHA-256 `{info['recordings_sha256']}`",
        "intervals": f"{drawn['level']:.0%}, {drawn['draws']} draws",
        "versions": ", ".join(f"{name} {version}" for name, version in info["versions"].items()),
    }
    return [[name, _cell(value)] for name, value in rows.items()]


def _model(model: Scores) -> str:
    return f"{one_line(model['name'])}, SHA-256 `{model['sha256']}`"


def _label_files(info: Scores) -> str:
    digest = info["label_files_sha256"]
    files = counted(info["label_files"], "label file")
    return f"{info['labelled']}, {files}" + (f", SHA-256 `{digest}`" if digest else "")


def _rows(*rows: Sequence[Any]) -> Rows:
    return [[str(cell) for cell in row] for row in rows]


def _cell(value: str) -> str:
    return value.replace("|", "\\|")


def _spanned(scores: Scores, keys: Sequence[str]) -> list[str]:
    return [with_interval(scores[key], scores["intervals"][key]) for key in keys]


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def listed(counts: Mapping[str, int]) -> str:
    """Return the numbers that are not 0 with their names, as a text."""
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)
