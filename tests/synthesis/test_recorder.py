"""Recorder: levels, labels and faults."""

from __future__ import annotations

import numpy as np
import pytest
from clicks import clicks

from popclass.schema import CAVITATION, OTHER
from popclass.synthesis import Label, recorder


def test_quantize() -> None:
    signal = np.array([-3.0, -1.0, -0.4, 0.0, 0.3, 1.0, 7.0], dtype=np.float32)
    out = recorder.quantize(signal, 12)
    assert np.max(np.abs(out)) <= 1.0
    assert out[-1] == 2047 / 2048
    assert np.all(out * 2048 == np.round(out * 2048))
    assert np.all(np.abs(out - np.clip(signal, -1.0, 1.0)) <= 1 / 2048)


def test_fault_only_where_it_is() -> None:
    signal = clicks()
    for kind in ("samples", "dropout", "stuck"):
        broken = signal.copy()
        stop = recorder.fault(broken, 1000, kind, np.full(50, 0.5))
        assert stop == 1050
        assert np.array_equal(broken[:1000], signal[:1000])
        assert np.array_equal(broken[1050:], signal[1050:])
        assert not np.array_equal(broken[1000:1050], signal[1000:1050])


def test_fault_at_end() -> None:
    signal = np.ones(100, dtype=np.float32)
    assert recorder.fault(signal, 90, "dropout", np.ones(50)) == 100
    assert np.all(signal[90:] == 0.0)


def test_extent_after_release() -> None:
    rate = 48000
    rub, slip = np.full(4800, 0.2), np.exp(-np.arange(2000) / 200.0)
    start, end = recorder.extent(np.concatenate([rub, slip]), 4800, rate)
    assert start == 4800
    assert end - start == pytest.approx(200 * np.log(10.0), abs=2)


def test_merge_close_labels() -> None:
    rows = recorder.merge(
        [
            Label(1.0030, 1.02, CAVITATION, "pop", 30.0, 2),
            Label(1.0, 1.01, CAVITATION, "pop", 20.0, 1),
            Label(1.0081, 1.03, OTHER, "tap", 9.0),
        ]
    )
    assert [(row.start_s, row.label) for row in rows] == [(1.0, CAVITATION), (1.0081, OTHER)]
    assert rows[0].end_s == 1.0081
    assert rows[0].cavity == 2


def test_merge_empty() -> None:
    assert recorder.merge([]) == ()


def test_loudness() -> None:
    sharp = np.concatenate([np.full(480, 0.5), np.full(4800, 0.1)])
    assert recorder.loudness(sharp, 48000) == pytest.approx(0.5)
    swell = np.concatenate([np.full(480, 0.001), np.full(4800, 0.8)])
    assert recorder.loudness(swell, 48000) == pytest.approx(0.2)
