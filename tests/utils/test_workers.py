"""Tests of popclass.utils.workers."""

import multiprocessing
import os
import platform
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

PAGES = """
import resource, sys
import numpy as np
from popclass.utils.workers import keep_freed_memory

if sys.argv[1] == "keep":
    keep_freed_memory()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    arrays = [np.ones(1 << 17) for _ in range(3)]
    del arrays
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
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


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators have other rules")
def test_keep_freed_memory_pages():
    pages = [
        int(subprocess.run([sys.executable, "-c", PAGES, kept], capture_output=True, check=True).stdout)
        for kept in ("no", "keep")
    ]
    assert pages[1] < pages[0] / 2
