"""The page of `evidence.py`: what was expected and whether it was met, tables, two figures, and what follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evidence_figures import TITLES, curves, price_name, sensitivity, value

from popclass.evaluation.figures import save_figure
from popclass.metrics.tables import markdown_table

PAGE, CURVES, SENSITIVITY = "timing.md", "timing-classifiers.png", "timing-assumptions.png"
HALF = 0.5
ROUNDING = 1e-9

Scores = Mapping[str, Mapping[str, Any]]


def write_page(results: Mapping[str, Any], sessions: int, seed: int, folder: Path) -> None:
    """Write the page and its figures into a folder."""
    save_figure(curves(results), folder / CURVES)
    save_figure(sensitivity(results), folder / SENSITIVITY)
    (folder / PAGE).write_text(text(results, sessions, seed), "utf-8")


def text(results: Mapping[str, Any], sessions: int, seed: int) -> str:
    """The whole page."""
    n = results["n"]
    return TEXT.format(
        sessions=sessions,
        seed=seed,
        **{key: f"{n[key]:,}" for key in ("recordings", "cavitation", "snapping", "other", "unnamed")},
        verdicts="\n".join(f"- {line}" for line in verdicts(results)),
        balanced=classifier_table(results, "balanced", "{:.3f}"),
        swaps=classifier_table(results, "swaps", "{:.1f}"),
        removed=removed_table(results),
        sensitivity=sensitivity_table(results),
        loss=loss_table(results),
        sites=site_table(results),
        parts=pair_table(results["parts"], "part"),
        clocks=clock_table(results),
        worlds=pair_table(results["worlds"], "world"),
        curves_file=CURVES,
        sensitivity_file=SENSITIVITY,
    )


# --- what was expected ------------------------------------------------------------------------------------------------


def verdicts(results: Mapping[str, Any]) -> list[str]:
    """Each expectation, and whether it was met, with the cases in which it was not."""
    parts, clocks = dict(results["parts"]), dict(results["clocks"])
    named = dict(results["classifiers"]) | {
        f"{name}, {world}": scores for name, own in results["worlds"] for world, scores in own.items()
    }
    halves = {name: _removed(scores) >= HALF for name, scores in named.items() if scores["sound"]["wrong"]}
    untimed = {name: not worse(part["no recording time"]) for name, part in parts.items()}
    single = {name: same(part["one sound heard, no time"]) for name, part in parts.items()}
    recur = {name: not company_loses(part["cavitations in several thrusts"]) for name, part in parts.items()}
    clock = {
        f"{name}, {which}": scores["both"]["wrong"] <= scores["company"]["wrong"]
        for name, own in clocks.items()
        for which, scores in own.items()
        if which not in ("right", "none")
    }
    return [
        said(
            "Timing and company together remove at least half of the swaps of the sound alone, in either world, too",
            halves,
        ),
        said("Where recordings carry no time, nothing gets worse: neither swaps, nor accuracy, nor log loss", untimed),
        said("A recording in which one sound is heard, without a time, keeps the probabilities of its sound", single),
        said("Where cavitations recur in other joints, company calls no more of them snapping than the sound", recur),
        said("With a wrong clock, both together swap no more than company without timing", clock),
    ]


def said(expected: str, cases: Mapping[str, bool]) -> str:
    """The expectation with **met** or **not met**."""
    failed = [name for name, fine in cases.items() if not fine]
    where = f" ({'; '.join(failed)})" if failed else ""
    return f"{expected}: **{'not met' if failed else 'met'}**{where}."


def worse(scores: Scores) -> bool:
    """Whether both together do worse than the sound alone in any figure."""
    sound, both = scores["sound"], scores["both"]
    more = any(value(both[name]) > value(sound[name]) for name in ("swaps", "log_loss"))
    return more or value(both["balanced"]) < value(sound["balanced"])


def same(scores: Scores) -> bool:
    """Whether both together say what the sound alone says."""
    pairs = [(scores["both"][name], scores["sound"][name]) for name in ("balanced", "swaps", "log_loss")]
    return all(abs(value(one) - value(other)) < ROUNDING for one, other in pairs)


def company_loses(scores: Scores) -> bool:
    """Whether company makes more cavitations snaps than the sound alone."""
    return value(scores["company"]["lost"]) > value(scores["sound"]["lost"])


def _removed(scores: Scores) -> float:
    return value(scores["both"]["removed"])


# --- tables -----------------------------------------------------------------------------------------------------------


def cell(figure: tuple[float, ...] | None, form: str) -> str:
    """A figure with its interval."""
    if figure is None:
        return "-"
    value, low, high = figure
    return form.format(value) if low is None else f"{form} ({form} to {form})".format(value, low, high)


def bare(figure: tuple[float, ...] | None, form: str) -> str:
    """A figure without its interval."""
    return "-" if figure is None else form.format(figure[0])


def classifier_table(results: Mapping[str, Any], figure: str, form: str) -> str:
    """One figure of each classifier under each reading."""
    rows = [["classifier", *TITLES.values()]]
    for name, scores in results["classifiers"]:
        rows.append([name, *(cell(scores[reading][figure], form) for reading in TITLES)])
    return markdown_table(rows)


def removed_table(results: Mapping[str, Any]) -> str:
    """How many swaps there are, and what share of them goes."""
    rows = [["classifier", "joint sounds", "swaps, sound alone", *(f"gone, {TITLES[r]}" for r in list(TITLES)[1:])]]
    for name, scores in results["classifiers"]:
        gone = (cell(scores[reading]["removed"], "{:.2f}") for reading in list(TITLES)[1:])
        rows.append([name, str(scores["sound"]["n"]), str(scores["sound"]["wrong"]), *gone])
    return markdown_table(rows)


def sensitivity_table(results: Mapping[str, Any]) -> str:
    """Swaps and balanced accuracy with both, for each assumption."""
    names = [name for name, _ in results["periods"]]
    rows = [["assumed", *(f"{name}: swaps; balanced accuracy" for name in names)]]
    labels = [f"{m} min" for m in results["minutes"]] + [f"price {price_name(p)}" for p in results["price"]]
    columns = [
        [*periods, *prices] for (_, periods), (_, prices) in zip(results["periods"], results["prices"], strict=True)
    ]
    for label, *each in zip(labels, *columns, strict=True):
        rows.append(
            [label, *(f"{bare(s['both']['swaps'], '{:.2f}')}; {bare(s['both']['balanced'], '{:.3f}')}" for s in each)]
        )
    return markdown_table(rows)


def pair_table(results: Sequence[tuple[str, Mapping[str, Scores]]], what: str) -> str:
    """Swaps and balanced accuracy of the sound alone and with both, for each classifier and part."""
    rows = [[what, "classifier", "joint sounds", "swaps: sound, company, both", "balanced accuracy: the same"]]
    for part in results[0][1]:
        for name, own in results:
            scores, three = own[part], ("sound", "company", "both")
            swaps = " → ".join(bare(scores[reading]["swaps"], "{:.1f}") for reading in three)
            accuracy = " → ".join(bare(scores[reading]["balanced"], "{:.3f}") for reading in three)
            rows.append([part, name, str(scores["sound"]["n"]), swaps, accuracy])
    return markdown_table(rows)


def loss_table(results: Mapping[str, Any]) -> str:
    """Log loss of each classifier under each reading."""
    rows = [["classifier", *TITLES.values()]]
    for name, scores in results["classifiers"]:
        rows.append([name, *(bare(scores[reading]["log_loss"], "{:.4f}") for reading in TITLES)])
    return markdown_table(rows)


def site_table(results: Mapping[str, Any]) -> str:
    """Precision and recall of cavitation under each reading, by how many cavities a site has."""
    rows = [["sites", "classifier", *TITLES.values()]]
    for part, name in ((part, name) for part in SITES for name, _ in results["parts"]):
        scores = dict(results["parts"])[name][part]
        both = ((bare(scores[r]["precision"], "{:.2f}"), bare(scores[r]["recall"], "{:.2f}")) for r in TITLES)
        rows.append([part.removeprefix("sites of "), name, *(f"{precision}; {recall}" for precision, recall in both)])
    return markdown_table(rows)


def clock_table(results: Mapping[str, Any]) -> str:
    """Swaps and balanced accuracy for each clock."""
    rows = [["starting times", "classifier", "swaps: + timing", "swaps: + both", "balanced accuracy: + both"]]
    clocks = dict(results["clocks"])
    for name, own in clocks.items():
        weighed = own["right"]
        rows.append(
            [
                "timing not weighed",
                name,
                *(bare(weighed[r]["swaps"], "{:.2f}") for r in ("sound", "company")),
                bare(weighed["company"]["balanced"], "{:.3f}"),
            ]
        )
        for which, scores in own.items():
            rows.append(
                [
                    which,
                    name,
                    *(bare(scores[r]["swaps"], "{:.2f}") for r in ("timing", "both")),
                    bare(scores["both"]["balanced"], "{:.3f}"),
                ]
            )
    return markdown_table(rows)


SITES = ("sites of one joint cavity", "sites of ten cavities or more")

TEXT = """# What timing and company are worth

One crack and one snap can sound alike; when they come, and what comes with them, differs more. This page measures how
many errors the timing (the refractory period) and the company of a sound remove. It is written, with its figures, by
`python benchmarks/evidence.py`.

**Simulated** are the people and their sounds: {sessions} [generated sessions](synthesis.md) (seed {seed}), which the
default model has not met, with {recordings} recordings in which popclass hears {cavitation} cavitations, {snapping}
snaps and {other} other sounds ({unnamed} echoes and rubs, which have no class, are company only). In them a joint
cavity rests 15 to 30 minutes, and up to 6 % of its pops leave it free at once; most snaps repeat but some come once or
irregularly, and taps, clocks and clicks repeat as well. How often each of this happens is assumed. So the figures say
what the evidence is worth in such a world, not how often real joints behave so.

**Simulated** are also classifiers of the sound with any error rate, calibrated by construction: scores of the classes
with Gaussian noise, and the posterior by Bayes' rule. Half of the noise variance is common to the sounds of one kind
in one recording, since a tendon that sounds like a crack does so every time. Their error rate is the mean of the error
rates of the three classes.

**Real code** is everything else: detection, features, the default model, its context stage and the refractory rule,
through the functions that `popclass classify` calls. Readings: the sound alone; with timing; with company; with both.
The answer is the most likely class; `uncertain` is left out of account. A **swap** is a cavitation called snapping or
the reverse. Intervals are 95 %, sessions drawn with replacement.

## What was expected

{verdicts}

An expectation counts as met by the figures below, not by their intervals.

## Classifiers

![Balanced accuracy and swaps over the error rate]({curves_file})

Balanced accuracy over three classes:

{balanced}

Swaps of 100 joint sounds:

{swaps}

Share of the swaps of the sound alone that are gone (below 0: more of them):

{removed}

Log loss over all sounds, which also counts how sure the answers are:

{loss}

The context stage was learnt with the default model's own answers, not with those of the simulated classifiers.

## The assumed period and its price

![Swaps over the assumed period and the price]({sensitivity_file})

Swaps of 100 joint sounds, and balanced accuracy, with timing and company; the periods at the default price, the prices
at 20 min:

{sensitivity}

## Parts

Swaps of 100 joint sounds of the part. The first four parts are sessions that hold such sounds (the first two without
the recordings in which snaps do otherwise); the last is recordings in which one sound is heard; those without a time,
subject or site are all recordings with that much less known.

{parts}

What is called cavitation: precision (share of it that is) and recall (share of the cavitations so called), by the joint
cavities of the site:

{sites}

## A wrong clock

Starting times shifted at random (normal, with the standard deviation stated), given to the recordings of a session in
another order, or missing.

{clocks}

## Two worlds

The first is the circle to be wary of: if only snaps repeat, repetition proves snapping. In the second it proves less.

{worlds}

## What follows

- Record the whole movement, several times over, not one sound: company is most of what can be gained, and a clip with
  one sound has none.
- Give site, subject and starting time where they are known. The refractory period says most where a site has one
  joint cavity: what is called cavitation there is more often one, and a few true ones are missed for it. Where a site
  has ten cavities or more, they are seldom all taken, and timing can say little.
- Timing alone removes few swaps; it is no substitute for company.
- Where the period is not known to a few minutes, leave the default: the figures above hardly move with it.
- A starting time that is wrong does little harm here, so give the one there is.
"""
