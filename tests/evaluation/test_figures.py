"""Figures of an evaluation."""

from pathlib import Path

import numpy as np
import pytest
import recordings
from matplotlib.backends.backend_agg import FigureCanvasAgg

from popclass.evaluation.figures import confusion, picture, reliability, risk_coverage, save_figure, wilson
from popclass.evaluation.matching import Case
from popclass.labels import LabelledRecording
from popclass.metrics.scores import risk_coverage as curve_of
from popclass.metrics.scores import score
from popclass.results import Event

CLASSES = ("cavitation", "other")


def reading(y, probabilities):
    return {**score(y, probabilities, CLASSES), "risk_coverage": curve_of(y, probabilities)}


def readings(seed=0, n=60):
    """Four readings, of which `company` and `both` answer alike."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    one, two, three = (rng.dirichlet(np.ones(2), n) for _ in range(3))
    tables = {"sound": one, "company": two, "timing": three, "both": two}
    return {name: reading(y, table) for name, table in tables.items()}


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def legend_is_clear(figure):
    """Whether the legend lies within the figure and covers none of the axes."""
    FigureCanvasAgg(figure).draw()
    box = figure.legends[0].get_window_extent()
    inside = figure.bbox.x0 <= box.x0 <= box.x1 <= figure.bbox.x1 and figure.bbox.y0 <= box.y0
    return inside and not any(box.overlaps(axes.get_window_extent()) for axes in figure.axes)


def test_figures_coinciding_curves():
    assert legend(risk_coverage(readings())) == [
        "sound alone",
        "with context",
        "with timing",
        "with both (same curve as with context)",
    ]


def test_figures_no_errors():
    y = np.array([0, 1, 0, 1])
    perfect = dict.fromkeys(("sound", "company", "timing", "both"), reading(y, np.eye(2)[y]))
    assert texts(risk_coverage(perfect)) == ["no wrong answer in 4 events"]
    assert "no wrong answer" not in " ".join(texts(risk_coverage(readings())))


def test_figures_legends():
    made = readings()
    for shown in (made, dict.fromkeys(made, made["both"])):
        assert legend_is_clear(reliability(shown))
        assert legend_is_clear(risk_coverage(shown))


def test_figures_reliability_counts():
    made = readings()
    figure = reliability(made)
    counts = [str(b["events"]) for name in ("sound", "both") for b in made[name]["reliability"]]
    assert texts(figure) == counts
    upper = figure.axes[0]
    areas = [size for dots in upper.collections if hasattr(dots, "get_sizes") for size in dots.get_sizes()]
    assert len(set(areas)) > 1
    assert len(upper.containers) == 2, "error bars of both readings"


def test_wilson_single_event():
    low, high = wilson(1, 1)
    assert low < 0.25
    assert high == 1.0
    assert wilson(50, 100)[0] == pytest.approx(0.404, abs=0.001)


def test_figures_confusion_missed():
    answers = {
        "columns": ["cavitation", "other", "uncertain"],
        "rows": [{"truth": "cavitation", "given": [3, 1, 0], "missed": 4}],
        "unlabelled": [2, 6, 0],
    }
    axes = confusion(answers).axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == [*answers["columns"], "missed"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["cavitation\n(n = 8)", "(unlabelled)\n(n = 8)"]
    assert texts(confusion(answers))[3] == "4\n50%"
    assert texts(confusion(answers))[-1] == "-"
    assert len(confusion({**answers, "unlabelled": None}).axes[0].get_yticklabels()) == 1


@pytest.mark.parametrize("rate", [8_000, 48_000])
def test_figures_error_two_scales(tmp_path, rate):
    path = recordings.write(tmp_path / "a.wav", ["cavitation"])
    if rate != recordings.RATE:
        import soundfile as sf

        sf.write(path, recordings.samples(["cavitation"])[:: recordings.RATE // rate], rate)
    at = round(0.2 * rate)
    event = Event(at, at, at + 10, rate, channel=1, snr_db=20.0, peak_dbfs=-6.0, label="other")
    probabilities = dict.fromkeys(("sound", "both"), np.array([0.3, 0.7]))
    case = Case(LabelledRecording(Path(path), "a.wav"), "cavitation", None, event, probabilities)
    figure = picture(case, event, CLASSES)
    wave, near, spectrum, scale = figure.axes
    assert figure.get_suptitle().splitlines()[0] == "Labelled cavitation; most likely other; popclass label other"
    assert np.ptp(wave.get_xlim()) == pytest.approx(0.5)
    assert np.ptp(near.get_xlim()) == pytest.approx(30)
    assert np.ptp(near.lines[0].get_xdata()) > 29
    assert spectrum.get_yscale() == "log"
    assert spectrum.get_ylim() == (50, min(rate / 2, 20_000))
    assert scale.get_ylabel() == "dB below the loudest"


def test_figures_same_bytes(tmp_path):
    for name in ("one", "two"):
        save_figure(risk_coverage(readings()), tmp_path / f"{name}.png")
    for suffix in (".png", ".pdf"):
        assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()
    assert b"CreationDate" not in (tmp_path / "one.pdf").read_bytes()
