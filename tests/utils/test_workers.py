"""Promises of popclass.utils.workers: workers start from a server that has imported all, with one thread each."""

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest

from popclass.utils.workers import PRELOADED, one_a_core, one_blas_thread

SCRIPT = """
import os, sys
from concurrent.futures import ProcessPoolExecutor
from popclass.utils.workers import PRELOADED, context, start_server

def seen():
    return os.getppid(), [name in sys.modules for name in PRELOADED], os.environ["OPENBLAS_NUM_THREADS"]

if __name__ == "__main__":
    start_server()
    heavy = [name for name in ("numpy", "onnxruntime", "soxr") if name in sys.modules]
    start_server()
    with ProcessPoolExecutor(1, mp_context=context()) as pool:
        parent, loaded, threads = pool.submit(seen).result()
    print(parent != os.getpid(), all(loaded), threads, heavy, os.environ.get("OPENBLAS_NUM_THREADS"))
"""


@pytest.mark.skipif(
    "forkserver" not in multiprocessing.get_all_start_methods(), reason="this system has no server of processes"
)
def test_a_server_started_early_serves_the_workers_and_costs_its_starter_no_imports(tmp_path: Path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=60, check=False, env=environment
    )
    assert done.stdout == "True True 1 [] None\n", done.stderr
    assert "popclass.batch.pool" in PRELOADED


def test_the_environment_is_as_before_afterwards(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with one_blas_thread():
        assert os.environ["OMP_NUM_THREADS"] == os.environ["MKL_NUM_THREADS"] == "1"
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ


def test_there_is_a_core_for_at_least_one_process():
    assert 1 <= one_a_core() <= (os.cpu_count() or 1)
