"""Tests of README.md and docs/: commands, output, examples, links and tables."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import popclass

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "docs" / "generate"))

import refresh  # noqa: E402

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
MODULES = sorted(module.name for module in pkgutil.walk_packages(popclass.__path__, "popclass."))
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def by_name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def console_page(page: Path) -> object:
    """Return a test parameter; the page that trains and evaluates is slow."""
    marks = pytest.mark.slow if "popclass train" in page.read_text("utf-8").partition("```console example")[2] else ()
    return pytest.param(page, marks=marks, id=by_name(page))


@pytest.mark.parametrize("page", [console_page(page) for page in refresh.pages()])
def test_console_output_current(page: Path) -> None:
    """Words are equal; numbers may differ by rounding between machines."""
    shown = refresh.without_examples(page.read_text("utf-8")).splitlines()
    real = refresh.without_examples(refresh.refreshed(page)).splitlines()
    wrong = [(old, new) for old, new in zip(shown, real, strict=False) if not similar(old, new)]
    assert not wrong, f"{by_name(page)} is out of date (python docs/generate/refresh.py): {wrong[:3]}"
    assert len(shown) == len(real), f"{by_name(page)} is out of date: run python docs/generate/refresh.py"


def similar(shown: str, real: str) -> bool:
    """Return whether words are equal and numbers differ by at most two in the last decimal."""
    if _words(shown) != _words(real):
        return False
    pairs = zip(_NUMBER.findall(shown), _NUMBER.findall(real), strict=True)
    return all(abs(float(a) - float(b)) <= 2.001 * 10.0 ** -len(a.partition(".")[2]) for a, b in pairs)


def _words(line: str) -> list[str]:
    return _NUMBER.sub("0", line).split()


@pytest.mark.parametrize(
    ("shown", "real", "same"),
    [
        ("2 events: 1 other  0.53", "2 events: 1 other   0.52", True),
        ("0:03.019  other  0.84", "0:03.019  snapping  0.84", False),
        ("0:03.019  other  0.84", "0:03.019  other  0.80", False),
        ("no events", "no events at all", False),
    ],
)
def test_similar_rounding(shown: str, real: str, same: bool) -> None:
    assert similar(shown, real) is same


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str) -> None:
    if name == "popclass.__main__":
        return
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_python_examples(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("samples", "models"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    failed, _ = doctest.testfile(
        str(page), module_relative=False, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    )
    assert failed == 0


@pytest.mark.parametrize("page", [*PAGES, ROOT / "samples" / "README.md"], ids=by_name)
def test_links(page: Path) -> None:
    for target in _LINK.findall(page.read_text("utf-8")):
        if target.startswith(("http://", "https://")):
            continue
        path, _, part = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        assert place.exists(), f"{target}: there is no {path}"
        if part:
            assert part in _anchors(place), f"{target}: {path or page.name} has no such heading"


def _anchors(page: Path) -> set[str]:
    headings = _HEADING.findall(page.read_text("utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_readme_setup_command() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    setup = re.search(
        r"^python3 -m venv .venv && \. .venv/bin/activate && pip install '\.\[train\]' && (popclass .*)$",
        readme,
        re.MULTILINE,
    )
    assert setup is not None
    assert setup[1] == refresh.commands(ROOT / "README.md")[0]


def test_readme_length() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert len(readme.splitlines()) <= 150
    assert len(readme.split()) < 900


def test_reference_commands_complete() -> None:
    from popclass.cli import commands

    shown = refresh.commands(ROOT / "docs" / "reference-commands.md")
    wanted = {"popclass --help", *(f"popclass {name} --help" for name in commands.commands if name != "model")}
    assert wanted | {"popclass model show --help", "popclass model verify --help"} <= set(shown)


def test_reference_columns_and_errors_complete() -> None:
    from popclass import errors
    from popclass.formats.csv_io import burst_columns, recording_columns
    from popclass.formats.tracks import RAVEN_COLUMNS
    from popclass.schema import event_columns

    text = (ROOT / "docs" / "reference-formats.md").read_text("utf-8")
    missing = [
        name for name in {*event_columns(()), *burst_columns(()), *recording_columns(())} if f"`{name}`" not in text
    ]
    assert not missing
    assert not [name for name in RAVEN_COLUMNS if name not in text]
    python = (ROOT / "docs" / "reference-python.md").read_text("utf-8")
    assert not [name for name in popclass.__all__ if f"popclass.{name}" not in python]
    assert not [name for name in vars(errors) if name.endswith("Error") and f"`{name}`" not in python]


def test_reference_sites_table(monkeypatch: pytest.MonkeyPatch) -> None:
    from popclass.timing.sites import describe

    monkeypatch.setenv("POPCLASS_SITES", "")
    text = (ROOT / "docs" / "reference-formats.md").read_text("utf-8")
    for row in describe():
        cells = [f"`{row['site']}`", row["cavities"], row["refractory"], row["documented"], row["note"], row["source"]]
        assert f"| {' | '.join(cells)} |" in text


def test_make_help() -> None:
    text = (ROOT / "Makefile").read_text("utf-8")
    targets = re.findall(r"^([a-z]+):", text, re.MULTILINE)
    assert {"check", "test", "bench", "docs", "model", "samples"} <= set(targets)
    assert all(re.search(rf"^{target}:.*## \S", text, re.MULTILINE) for target in targets)


def test_refresh_unknown_option() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "generate" / "refresh.py", "--no"], capture_output=True, check=False
    )
    assert done.returncode == 2
