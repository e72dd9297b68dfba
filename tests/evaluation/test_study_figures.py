"""Figures of a study."""

from pathlib import Path

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from popclass.evaluation.counts import BURST, RECORDING, Count, Counted
from popclass.evaluation.study_figures import bland_altman, ceiling, decision_curves, study_figures
from popclass.labels import LabelledRecording
from popclass.results import Cavitations


def counted(*pairs, unit=RECORDING):
    return Counted(
        tuple(
            Count(unit, LabelledRecording(Path(str(i)), str(i)), true, Cavitations(expected, 0, 9), 0)
            for i, (true, expected) in enumerate(pairs)
        )
    )


def observers(*kappas):
    names = ("observer 1", "observer 2", "model")
    raters = [names[:2], (names[0], names[2]), names[1:]]
    return {
        "pairs": [
            {"raters": list(pair), "kappa": kappa, "icc": kappa, "intervals": {"kappa": span, "icc": None}}
            for pair, (kappa, span) in zip(raters, kappas, strict=True)
        ]
    }


def curve(*model, interval=None):
    return [
        {"threshold": 0.25 * (i + 1), "model": value, "all": 0.3 - 0.2 * i, "interval": interval}
        for i, value in enumerate(model)
    ]


def drawn(figure):
    FigureCanvasAgg(figure).draw()
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_bland_altman_limits_as_text():
    shown = drawn(bland_altman(counted((1, 1.5), (2, 2.0), (3, 4.0)), [(1, 1), (2, 3)]))
    assert shown[:3] == ["0.50", "-0.48", "1.48"]
    assert shown[3:] == ["0.50", "-0.89", "1.89"]


def test_bland_altman_panels():
    both = Counted((*counted((1, 1.0), (2, 3.0)).counts, *counted((1, 0.5), unit=BURST).counts))
    titles = [axes.get_title() for axes in bland_altman(both).axes]
    assert titles == ["2 recordings", "1 labelled bursts"]


def test_bland_altman_single_pair():
    assert drawn(bland_altman(counted((1, 1.5)))) == []


def test_ceiling_values():
    shown = drawn(ceiling(observers((0.5, [0.4, 0.6]), (0.7, None), (None, None))))
    assert shown == ["0.50 (0.40 to 0.60)", "0.70", "not defined", "0.50", "0.70", "not defined"]


def test_ceiling_negative_kappa():
    figure = ceiling(observers((-0.4, [-0.7, 0.1]), (0.2, None), (0.1, None)))
    drawn(figure)
    assert figure.axes[0].get_xlim()[0] < -0.7


def test_decision_curves_panels():
    curves = {"cavitation": curve(0.3, 0.2, interval=[0.1, 0.4]), "other": curve(0.1), "snapping": curve(0.2)}
    figure = decision_curves(curves)
    drawn(figure)
    assert [axes.get_title() for axes in figure.axes] == ["cavitation", "snapping"]
    low, high = figure.axes[0].get_ylim()
    assert low < 0 < 0.4 < high, "the whole interval is shown"
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["model", "95 % interval", "call all sounds", "call none"]


BOTH = ["bland_altman.png", "net_benefit.png"]


@pytest.mark.parametrize(
    ("scores", "counts", "names"),
    [
        ({"observers": None, "net_benefit": {"other": curve(0.1)}}, Counted(), []),
        ({"observers": None, "net_benefit": {"cavitation": curve(None)}}, counted((0, 0.0)), []),
        ({"observers": None, "net_benefit": {"cavitation": curve(0.1)}}, counted((1, 0.0)), BOTH),
    ],
)
def test_study_figures_something_to_show(scores, counts, names):
    assert list(study_figures(scores, counts, [])) == names
