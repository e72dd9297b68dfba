"""Real output for the commands shown in README.md and docs/.

    python docs/generate/refresh.py           rewrite the pages
    python docs/generate/refresh.py --check   list the pages that are out of date

A fenced block ```console holds commands, each on a line that begins with `$ `, followed by its standard output and
standard error. The commands of a page run in order in a scratch folder with `samples` and `models` of the checkout;
each must end with exit code 0. ```console example marks output that may differ on another machine (training with
other library versions). Blocks ```sh are never run. Between `<!-- figures -->` and `<!-- end -->` are the scores of the
default model (`figures.py`).
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import figures

ROOT = Path(__file__).resolve().parents[2]
PROMPT = "$ "
_FIGURES = re.compile(r"(?<=<!-- figures -->\n).*?(?=<!-- end -->)", re.DOTALL)
_BLOCK = re.compile(r"^```console( example)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def pages() -> list[Path]:
    """Return README.md and the pages of docs/ that show commands."""
    return [page for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))] if _BLOCK.search(_text(page))]


def refreshed(page: Path) -> str:
    """Return a page with the current output of its commands."""
    with tempfile.TemporaryDirectory() as scratch:
        for name in ("samples", "models"):
            (Path(scratch) / name).symlink_to(ROOT / name)
        text = _replace(_text(page), lambda block: "".join(_outputs(block, scratch)))
    return _FIGURES.sub(lambda _: figures.text(), text) if _FIGURES.search(text) else text


def without_examples(text: str) -> str:
    """Return a page without the output that may differ on another machine."""
    return _BLOCK.sub(lambda block: "".join(_commands(block[2])) if block[1] else block[0], text)


def commands(page: Path) -> list[str]:
    """Return the commands of a page, in order."""
    return [command for block in _BLOCK.finditer(_text(page)) for command in _commands(block[2])]


def _replace(text: str, content: Callable[[str], str]) -> str:
    return _BLOCK.sub(lambda block: f"```console{block[1] or ''}\n{content(block[2])}```", text)


def _commands(block: str) -> list[str]:
    return [line.removeprefix(PROMPT) for line in block.splitlines() if line.startswith(PROMPT)]


def _outputs(block: str, folder: str) -> Iterator[str]:
    for command in _commands(block):
        yield PROMPT + command + "\n"
        yield from (line.rstrip() + "\n" for line in run(command, folder).splitlines())


def run(command: str, folder: str) -> str:
    """Run a command in `folder` with the popclass of this Python and return its output."""
    python = shlex.quote(sys.executable)
    functions = f'popclass() {{ {python} -m popclass "$@"; }}; python() {{ {python} "$@"; }}; '
    # 100 columns whatever the terminal, and none of the user's own settings
    quiet = {"COLUMNS": "100", "POPCLASS_SITES": "", "NO_COLOR": "1", "TERM": "dumb", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        ["bash", "-c", functions + command],
        cwd=folder,
        env={**os.environ, **quiet},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{command}: exit code {done.returncode}\n{done.stdout}")
    return done.stdout


def _text(page: Path) -> str:
    return page.read_text("utf-8")


def main(argv: list[str]) -> int:
    """Rewrite the pages, or with --check list those that would change."""
    if argv not in ([], ["--check"]):
        sys.stderr.write(f"{__doc__}\n")
        return 2
    changed = 0
    for page in pages():
        text = refreshed(page)
        if text != _text(page):
            changed += 1
            print(f"{page.relative_to(ROOT)}: {'out of date' if argv else 'rewritten'}")
            if not argv:
                page.write_text(text, "utf-8")
    return 1 if argv and changed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
