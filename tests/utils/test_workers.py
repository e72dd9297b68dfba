"""Tests of popclass.utils.workers."""

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest

from popclass.utils.workers import available_cores, one_blas_thread

SCRIPT = """
import os, sys
from concurrent.futures import ProcessPoolExecutor
from popclass.utils.workers import LIBRARIES, start_server

PRELOAD = "popclass.batch.worker"

def seen():
    expected = ("popclass.utils.forkserver", PRELOAD, *LIBRARIES)
    return os.getppid(), [name in sys.modules for name in expected], os.environ["OPENBLAS_NUM_THREADS"]

if __name__ == "__main__":
    start_server(PRELOAD)
    heavy = [name for name in ("numpy", "onnxruntime", "soxr") if name in sys.modules]
    with ProcessPoolExecutor(1, mp_context=start_server(PRELOAD)) as pool:
        parent, loaded, threads = pool.submit(seen).result()
    print(parent != os.getpid(), all(loaded), threads, heavy, os.environ.get("OPENBLAS_NUM_THREADS"))
"""


@pytest.mark.skipif(
    "forkserver" not in multiprocessing.get_all_start_methods(), reason="this system has no fork server"
)
def test_start_server_preload(tmp_path: Path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=60, check=False, env=environment
    )
    assert done.stdout == "True True 1 [] None\n", done.stderr


def test_one_blas_thread_environment(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with one_blas_thread():
        assert os.environ["OMP_NUM_THREADS"] == os.environ["MKL_NUM_THREADS"] == "1"
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ


def test_available_cores_range():
    assert 1 <= available_cores() <= (os.cpu_count() or 1)
