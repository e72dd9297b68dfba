"""Fixtures shared by several test files: real recordings and an encoder."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

Encoder = Callable[..., Path]

# A shell's background job ignores Ctrl-C, and so would every process that a test starts and then interrupts.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _beside_checkout(name: str, variable: str) -> Path:
    """Return a folder of files that are not in the repository, or skip the test."""
    folder = Path(os.environ.get(variable, Path(__file__).resolve().parents[2] / "shared" / name))
    if not folder.is_dir():
        pytest.skip(f"no such folder: {folder} ({variable})")
    return folder


@pytest.fixture(scope="session")
def realdata() -> Path:
    """Folder of real recordings: POPCLASS_REALDATA or ../shared/realdata beside the checkout; skips without it."""
    return _beside_checkout("realdata", "POPCLASS_REALDATA")


@pytest.fixture(scope="session")
def cases() -> Path:
    """Folder of files that once failed: POPCLASS_CASES or ../shared/cases beside the checkout; skips without it."""
    return _beside_checkout("cases", "POPCLASS_CASES")


@pytest.fixture(scope="session")
def encode() -> Encoder:
    """`encode(path, codec, samples, sample_rate)`: write float samples (n,) or (n, channels) with PyAV."""
    return _encode


def _encode(
    path: Path,
    codec: str,
    samples: np.ndarray,
    sample_rate: int,
    *,
    options: Mapping[str, str] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    av = pytest.importorskip("av")
    planar = np.atleast_2d(samples.T).astype(np.float32)
    layout = {1: "mono", 2: "stereo"}[len(planar)]
    with av.open(str(path), "w", options=dict(options or {})) as container:
        container.metadata.update(metadata or {})
        stream = container.add_stream(codec, rate=sample_rate, layout=layout)
        for start in range(0, planar.shape[1], 1024):
            piece = np.ascontiguousarray(planar[:, start : start + 1024])
            frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout=layout)
            frame.sample_rate, frame.pts = sample_rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
