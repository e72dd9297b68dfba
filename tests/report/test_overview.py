"""Envelope and spectrogram of recordings."""

from __future__ import annotations

import base64
import io
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from popclass.report import overview as module
from popclass.report.overview import ROWS, TILE, MergedColumns, OverviewBuilder

RATE = 48_000


def observed(samples: np.ndarray, block: int = 65_536) -> SimpleNamespace:
    samples = np.atleast_2d(np.asarray(samples, dtype=np.float32).T).T
    observer = OverviewBuilder(RATE, samples.shape[1])
    for start in range(0, len(samples), block):
        observer.feed(samples[start : start + block])
    found = observer.finish()
    return SimpleNamespace(
        envelope=np.frombuffer(base64.b64decode(found["envelope"]), dtype=np.int8).reshape(-1, 2),
        envelope_s=found["step"],
        peak=found["peak"],
        spectrogram=[base64.b64decode(image.removeprefix("data:image/png;base64,")) for image in found["images"]],
        spectrogram_s=found["imageStep"],
        edges_hz=np.geomspace(found["lowest"], found["highest"], ROWS + 1),
    )


def pop(seconds: float, at: float, hertz: float = 2000.0) -> np.ndarray:
    """Quiet noise with one pop of about 3 ms."""
    x = np.random.default_rng(1).normal(0, 1e-4, round(seconds * RATE))
    t = np.arange(480) / RATE
    x[round(at * RATE) :][:480] += 0.5 * np.exp(-t / 0.001) * np.sin(2 * np.pi * hertz * t)
    return x


def pixels(image: bytes) -> np.ndarray:
    """Opacity of each pixel, shape (rows, columns)."""
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(image)).convert("RGBA"))[..., 3]


def largest(samples: np.ndarray, width: int) -> np.ndarray:
    return samples.reshape(1, -1, width).max(axis=2)


@settings(max_examples=60)
@example(values=[0.0] * 6 + [-1.0], sizes=[1])  # the last column is complete when the columns merge
@given(values=st.lists(st.floats(-1, 1, width=32), max_size=70), sizes=st.lists(st.integers(1, 9), min_size=1))
def test_merged_columns(values: list[float], sizes: list[int]) -> None:
    merged = MergedColumns(largest, 1, width=1, limit=8)
    rest, turn = values, 0
    while rest:
        size = sizes[turn % len(sizes)]
        merged.feed(np.array([rest[:size]], dtype=np.float32))
        rest, turn = rest[size:], turn + 1
    found = merged.finish()[0].tolist()
    expected = [max(values[at : at + merged.width]) for at in range(0, len(values), merged.width)]
    assert found == pytest.approx(expected)
    assert len(expected) <= 9


def test_merged_columns_margin() -> None:
    """A column knows two samples on each side: silence before the signal, its last sample after it."""

    def around(samples: np.ndarray, width: int) -> np.ndarray:
        return np.lib.stride_tricks.sliding_window_view(samples, width + 4, axis=1)[:, ::width].sum(axis=2)

    merged = MergedColumns(around, 1, width=2, limit=8, margin=2)
    for value in (1, 2, 4, 8, 16, 32):
        merged.feed(np.array([[value]], dtype=np.float32))
    assert merged.finish().tolist() == [[15, 63, 60 + 64]]


def test_envelope_peak() -> None:
    x = pop(2.0, 1.2)
    seen = observed(x)
    assert seen.peak == pytest.approx(np.abs(x - x.mean()).max(), rel=1e-6)
    at = int(np.abs(seen.envelope).max(axis=1).argmax())
    assert at * seen.envelope_s == pytest.approx(1.2, abs=0.001)
    assert np.abs(seen.envelope).max() == 127


def test_overview_pop_time_and_frequency() -> None:
    seen = observed(pop(2.0, 1.2, 2000.0))
    shade = pixels(seen.spectrogram[0]).astype(float)
    column = int(shade.sum(axis=0).argmax())
    assert column * seen.spectrogram_s == pytest.approx(1.2, abs=0.012)
    row = len(shade) - 1 - int(shade[:, column].argmax())
    assert seen.edges_hz[row] / 1.5 < 2000 < seen.edges_hz[row + 1] * 1.5


@pytest.mark.parametrize("block", [311, 4096, 65_536])
def test_overview_block_size(block: int) -> None:
    x = pop(1.5, 0.4)
    ours, other = observed(x, block), observed(x, 1000)
    assert np.array_equal(ours.envelope, other.envelope)
    for a, b in zip(ours.spectrogram, other.spectrogram, strict=True):
        assert np.array_equal(pixels(a), pixels(b))


def test_overview_long_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ENVELOPE_COLUMNS", 512)
    monkeypatch.setattr(module, "SPECTROGRAM_COLUMNS", 256)
    seen = observed(pop(20.0, 13.7))
    assert len(seen.envelope) <= 513
    wide = sum(pixels(image).shape[1] for image in seen.spectrogram)
    assert wide <= 257
    assert wide * seen.spectrogram_s == pytest.approx(20.0, abs=2 * seen.spectrogram_s)
    assert int(np.abs(seen.envelope).max(axis=1).argmax()) * seen.envelope_s == pytest.approx(13.7, abs=seen.envelope_s)
    column = int(pixels(seen.spectrogram[0]).sum(axis=0, dtype=int).argmax())
    assert column * seen.spectrogram_s == pytest.approx(13.7, abs=2 * seen.spectrogram_s)


def test_spectrogram_tiles() -> None:
    seen = observed(pop(30.0, 3.0))
    widths = [pixels(image).shape[1] for image in seen.spectrogram]
    assert widths[:-1] == [TILE] * (len(widths) - 1)
    assert len(widths) == 2


@pytest.mark.parametrize("samples", [np.zeros((0, 1)), np.zeros((10, 1)), np.zeros((4800, 2))])
def test_overview_silence_and_short(samples: np.ndarray) -> None:
    seen = observed(samples)
    assert seen.peak == 0
    assert not seen.envelope.any()
    assert not any(pixels(image).any() for image in seen.spectrogram)


def test_envelope_louder_channel() -> None:
    x = pop(1.0, 0.5)
    seen = observed(np.stack([np.zeros_like(x), x], axis=1))
    assert seen.peak == pytest.approx(np.abs(x - x.mean()).max(), rel=1e-6)


@pytest.mark.parametrize("offsets", [(0.4,), (-0.3, 0.5)])
def test_envelope_offset(offsets: tuple[float, ...]) -> None:
    """Channels have different offsets."""
    x = pop(1.0, 0.5)
    plain, shifted = (observed(np.stack([x + add for add in adds], axis=1)) for adds in ([0.0] * len(offsets), offsets))
    assert shifted.peak == pytest.approx(plain.peak, rel=1e-4)
    assert np.abs(shifted.envelope.astype(int) - plain.envelope).max() <= 1
