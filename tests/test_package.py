"""The installed package: dependencies, default model, versions."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import os
import re
import sys
import tomllib
from pathlib import Path

import pytest

import popclass
from popclass.model.model import Model

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SCRIPTS = ("tests", "docs", "docs/generate", "benchmarks", "experiments", "samples")
DISTRIBUTIONS = {"sklearn": "scikit-learn", "PIL": "pillow"}


def imported(*folders: str) -> set[str]:
    """Third-party packages that Python files import, wherever in the file, by the names of their distributions."""
    found = set()
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
                names = [node.module]
            found |= {name.partition(".")[0] for name in names}
    return {DISTRIBUTIONS.get(name, name) for name in found - set(sys.stdlib_module_names) - {"popclass"}}


def declared(requirements: list[str]) -> set[str]:
    return {re.match(r"[\w-]+", line)[0].lower() for line in requirements}  # type: ignore[index]


def test_dependencies_declared() -> None:
    optional = {"pandas", "sounddevice"}  # imported where they are asked for; an error says what to install
    extras = {"pyarrow", "distributed"}  # imported where `--to parquet` or `--scheduler` asks for them
    assert extras <= declared(PROJECT["optional-dependencies"]["parquet"]) | {"distributed"}
    assert "dask[distributed]>=2025.1" in PROJECT["optional-dependencies"]["cluster"]
    further = declared([*PROJECT["optional-dependencies"]["train"], *PROJECT["optional-dependencies"]["app"]])
    assert imported("popclass") - optional - extras - further <= declared(PROJECT["dependencies"])


def test_dependencies_used() -> None:
    optional = PROJECT["optional-dependencies"]
    used = declared([*PROJECT["dependencies"], *optional["train"], *optional["app"]]) - {"popclass"}
    assert used <= imported("popclass")


def test_dependencies_dev_extra() -> None:
    optional = PROJECT["optional-dependencies"]
    known = declared([*PROJECT["dependencies"], *optional["train"], *optional["app"], *optional["dev"]])
    own = {path.stem for folder in SCRIPTS for path in (ROOT / folder).glob("*.py")}
    own |= {path.parent.name for path in (ROOT / "tests").rglob("__init__.py")}
    # distributions are named with hyphens, what is imported with underscores
    others = {name.replace("_", "-") for name in imported(*SCRIPTS) - own}
    fuzzing = declared(PROJECT["optional-dependencies"]["fuzz"])  # imported by `make fuzz` alone
    assert others - {name.replace("_", "-") for name in known} - {"benchmarks", "tests", "fuzz"} == fuzzing


def test_scripts_import_existing_names() -> None:
    """Scripts that no other test runs do not import what was moved or renamed."""
    paths = [path for folder in SCRIPTS for path in sorted((ROOT / folder).glob("*.py"))]
    nodes = [(path, node) for path in paths for node in ast.walk(ast.parse(path.read_text("utf-8")))]
    assert len(paths) > 40
    for path, node in nodes:
        if isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] == "popclass":
            module = importlib.import_module(str(node.module))
            for name in (each.name for each in node.names):
                module_too = hasattr(module, "__path__") and importlib.util.find_spec(f"{node.module}.{name}")
                assert hasattr(module, name) or module_too, f"{path.name}: {node.module} has no {name}"


def test_dependencies_reason() -> None:
    lines = (ROOT / "pyproject.toml").read_text("utf-8").partition("[tool.")[0].splitlines()
    needed = [line for line in lines if re.match(r'    "[\w-]+(\[[\w,]+\])?[<>="]', line)]
    assert len(needed) == len(PROJECT["dependencies"]) + sum(map(len, PROJECT["optional-dependencies"].values()))
    assert all("# " in line for line in needed)


def test_version() -> None:
    assert popclass.__version__ == PROJECT["version"] == importlib.metadata.version("popclass")


def test_default_model_verify() -> None:
    model = Model.default()
    model.verify()
    assert {"cavitation", "snapping", "other"} == set(model.classes)


def test_default_model_size_and_card() -> None:
    assert (ROOT / "models" / "default.onnx").stat().st_size <= 5_000_000
    assert Model.default().sha256 in (ROOT / "models" / "default.md").read_text("utf-8")


def test_lock_file_versions() -> None:
    lines = (ROOT / "models" / "requirements.lock").read_text("utf-8").splitlines()
    locked = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert Model.default().info["versions"].items() <= locked.items()
    for_people = {"matplotlib", "jinja2", "pillow"}  # evaluation and reports: no model is built with them
    needed = declared([*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["train"]])
    assert needed - for_people <= set(locked)


def test_samples_size() -> None:
    size = sum(path.stat().st_size for path in (ROOT / "samples").rglob("*") if path.is_file())
    assert size < 20_000_000


@pytest.mark.skipif(os.name == "nt", reason="Windows has no executable bit")
def test_ci_run_executable() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
