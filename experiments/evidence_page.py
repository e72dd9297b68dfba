"""Page of `evidence.py`: expectations, tables and figures."""

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
    """Return the page."""
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
        subsets=pair_table(results["subsets"], "subset"),
        clocks=clock_table(results),
        scenarios=pair_table(results["scenarios"], "scenario"),
        curves_file=CURVES,
        sensitivity_file=SENSITIVITY,
    )


# --- expectations -----------------------------------------------------------------------------------------------------


def verdicts(results: Mapping[str, Any]) -> list[str]:
    """Return each expectation and whether it was met, with the cases in which it was not."""
    subsets, clocks = dict(results["subsets"]), dict(results["clocks"])
    named = dict(results["classifiers"]) | {
        f"{name}, {scenario}": scores for name, own in results["scenarios"] for scenario, scores in own.items()
    }
    halves = {name: _removed(scores) >= HALF for name, scores in named.items() if scores["sound"]["wrong"]}
    left = {name: value(scores["both"]["left"]) <= HALF for name, scores in named.items() if scores["sound"]["wrong"]}
    untimed = {name: not worse(part["no recording time"]) for name, part in subsets.items()}
    single = {name: same(part["one event, no time"]) for name, part in subsets.items()}
    recur = {name: not context_loses(part["cavitations in several thrusts"]) for name, part in subsets.items()}
    clock = {
        f"{name}, {which}": scores["both"]["wrong"] <= scores["context"]["wrong"]
        for name, own in clocks.items()
        for which, scores in own.items()
        if which not in ("right", "none")
    }
    return [
        outcome(
            "With timing and context there are at most half as many swaps as by sound alone, in both scenarios too",
            halves,
        ),
        outcome("Of the swaps that the sound alone makes, timing and context together leave at most half", left),
        outcome("Without start times nothing gets worse: neither swaps, nor accuracy, nor log loss", untimed),
        outcome("A recording with one event and no start time keeps its label by sound, but for its novelty", single),
        outcome(
            "Where cavitations recur in other joints, context labels no more of them snapping than the sound alone",
            recur,
        ),
        outcome("With wrong start times, both together swap no more than context without timing", clock),
    ]


def outcome(expected: str, cases: Mapping[str, bool]) -> str:
    """Return an expectation with **met** or **not met**."""
    failed = [name for name, fine in cases.items() if not fine]
    where = f" ({'; '.join(failed)})" if failed else ""
    return f"{expected}: **{'not met' if failed else 'met'}**{where}."


def worse(scores: Scores) -> bool:
    """Return whether both together score worse than the sound alone in any figure."""
    sound, both = scores["sound"], scores["both"]
    more = any(value(both[name]) > value(sound[name]) for name in ("swaps", "log_loss"))
    return more or value(both["balanced"]) < value(sound["balanced"])


def same(scores: Scores) -> bool:
    """Return whether both together score the same as the sound alone."""
    pairs = [(scores["both"][name], scores["sound"][name]) for name in ("balanced", "swaps", "log_loss")]
    return all(abs(value(one) - value(other)) < ROUNDING for one, other in pairs)


def context_loses(scores: Scores) -> bool:
    """Return whether context labels more cavitations snapping than the sound alone."""
    return value(scores["context"]["lost"]) > value(scores["sound"]["lost"])


def _removed(scores: Scores) -> float:
    return value(scores["both"]["removed"])


# --- tables -----------------------------------------------------------------------------------------------------------


def cell(figure: tuple[float, ...] | None, form: str) -> str:
    """Format a figure with its interval."""
    if figure is None:
        return "-"
    value, low, high = figure
    return form.format(value) if low is None else f"{form} ({form} to {form})".format(value, low, high)


def bare(figure: tuple[float, ...] | None, form: str) -> str:
    """Format a figure without its interval."""
    return "-" if figure is None else form.format(figure[0])


def classifier_table(results: Mapping[str, Any], figure: str, form: str) -> str:
    """Tabulate one figure of each classifier under each variant."""
    rows = [["classifier", *TITLES.values()]]
    for name, scores in results["classifiers"]:
        rows.append([name, *(cell(scores[variant][figure], form) for variant in TITLES)])
    return markdown_table(rows)


def removed_table(results: Mapping[str, Any]) -> str:
    """Tabulate the number of swaps, the share by which they become fewer, and the share of the first that is left."""
    head = [f"{figure}, {TITLES[r]}" for figure in ("removed", "left") for r in list(TITLES)[1:]]
    rows = [["classifier", "joint sounds", "swaps, sound alone", *head]]
    for name, scores in results["classifiers"]:
        figures = (cell(scores[r][each], "{:.2f}") for each in ("removed", "left") for r in list(TITLES)[1:])
        rows.append([name, str(scores["sound"]["n"]), str(scores["sound"]["wrong"]), *figures])
    return markdown_table(rows)


def sensitivity_table(results: Mapping[str, Any]) -> str:
    """Tabulate swaps and balanced accuracy with both, for each assumption."""
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
    """Tabulate swaps and balanced accuracy of each classifier and subset."""
    rows = [[what, "classifier", "joint sounds", "swaps: sound, context, both", "balanced accuracy: the same"]]
    for part in results[0][1]:
        for name, own in results:
            scores, three = own[part], ("sound", "context", "both")
            swaps = " → ".join(bare(scores[variant]["swaps"], "{:.1f}") for variant in three)
            accuracy = " → ".join(bare(scores[variant]["balanced"], "{:.3f}") for variant in three)
            rows.append([part, name, str(scores["sound"]["n"]), swaps, accuracy])
    return markdown_table(rows)


def loss_table(results: Mapping[str, Any]) -> str:
    """Tabulate the log loss of each classifier under each variant."""
    rows = [["classifier", *TITLES.values()]]
    for name, scores in results["classifiers"]:
        rows.append([name, *(bare(scores[variant]["log_loss"], "{:.4f}") for variant in TITLES)])
    return markdown_table(rows)


def site_table(results: Mapping[str, Any]) -> str:
    """Tabulate precision and recall of cavitation by the cavities of the site."""
    rows = [["sites", "classifier", *TITLES.values()]]
    for part, name in ((part, name) for part in SITES for name, _ in results["subsets"]):
        scores = dict(results["subsets"])[name][part]
        both = ((bare(scores[r]["precision"], "{:.2f}"), bare(scores[r]["recall"], "{:.2f}")) for r in TITLES)
        rows.append([part.removeprefix("sites of "), name, *(f"{precision}; {recall}" for precision, recall in both)])
    return markdown_table(rows)


def clock_table(results: Mapping[str, Any]) -> str:
    """Tabulate swaps and balanced accuracy for each set of start times."""
    rows = [["start times", "classifier", "swaps: + timing", "swaps: + both", "balanced accuracy: + both"]]
    clocks = dict(results["clocks"])
    for name, own in clocks.items():
        weighed = own["right"]
        rows.append(
            [
                "timing not used",
                name,
                *(bare(weighed[r]["swaps"], "{:.2f}") for r in ("sound", "context")),
                bare(weighed["context"]["balanced"], "{:.3f}"),
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

TEXT = """# What timing and context are worth

One cavitation and one snap can sound alike. Their timing and the sounds near them differ more. This study measures how
many errors are removed by timing (the refractory period) and by context (the neighbouring events). Page and figures
are written by `python experiments/evidence.py`.

**Simulated**: {sessions} [generated sessions](../synthesis.md) (seed {seed}) that the default model was not trained on.
In their {recordings} recordings popclass detects {cavitation} cavitations, {snapping} snaps and {other} other sounds;
{unnamed} echoes and rubs have no class and serve as context only. A joint cavity is refractory for 15 to 30 minutes,
and up to 31 % of its pops leave it free at once. Most snaps repeat, some come once or irregularly; taps, clocks and
clicks repeat as well. These frequencies are assumed, so the figures hold for sessions like these, not for real joints.

**Simulated** as well: acoustic classifiers with a chosen error rate (mean over the three classes), calibrated by
construction. Each class score gets Gaussian noise, and Bayes' rule gives the posterior. Half of the noise variance is
shared by the sounds of one kind in one recording, since a tendon that sounds like a cavitation does so every time.

**Real code**: detection, features, default model, context stage and refractory rule, through the functions that
`popclass classify` calls. Four variants: the sound alone; with timing; with context; with both. The answer is the most
likely class; `uncertain` is ignored. A **swap** is a cavitation labelled snapping or the reverse. Intervals are 95 %,
by bootstrap over sessions.

## Expectations

{verdicts}

Met means met by the point estimates below, not by their intervals.

## Classifiers

![Balanced accuracy and swaps over the error rate]({curves_file})

Balanced accuracy over three classes:

{balanced}

Swaps per 100 joint sounds:

{swaps}

Share by which there are fewer swaps than by sound alone (removed; negative: more), and share of the swaps by sound
alone that still are swaps (left). They differ since context also raises sounds that the classifier called `other`, some
of them to the wrong joint class:

{removed}

Log loss over all events, which also scores the confidence of the answers:

{loss}

The context stage was trained with the probabilities of the default model, not with those of the simulated classifiers.

## Assumed period and price

![Swaps over the assumed period and the price]({sensitivity_file})

Swaps per 100 joint sounds and balanced accuracy, with timing and context. Periods at the default price, prices at 20
min:

{sensitivity}

## Subsets

Swaps per 100 joint sounds of the subset. The first four rows are sessions that contain such sounds (the first two
without the recordings in which snaps do otherwise). Rows without time, subject or site are all recordings with that
metadata removed. The last row is recordings with one detected event.

{subsets}

Precision and recall of the label `cavitation`, by the number of joint cavities of the site:

{sites}

## Wrong start times

Start times shifted at random (normal distribution, standard deviation as stated), permuted among the recordings of a
session, or missing.

{clocks}

## Two scenarios

The first scenario is circular: if only snaps repeat, repetition proves snapping. In the second it proves less.

{scenarios}

## Consequences

- Record the whole movement, several times. Context is most of what can be gained, and a clip with one sound has none.
- State site, subject and start time where they are known. The refractory period helps most at a site with one joint
  cavity: precision of `cavitation` rises there, and a few true ones are missed. A site with ten cavities or more rarely
  has all of them refractory, so timing helps little.
- Timing alone removes few swaps; it does not replace context.
- Where the period is not known to a few minutes, keep the default: the figures hardly depend on it.
- A wrong start time does little harm here, so state the one there is.
"""
