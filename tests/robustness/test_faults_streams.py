"""Faults of standard streams, terminals and locales.

Outcomes are those of the table "Faults" in docs/reference-commands.md.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import recordings

from popclass.cli import main
from popclass.cli.console import open_closed_streams
from popclass.utils.text import visible

pytestmark = pytest.mark.skipif(os.name == "nt", reason="streams and limits of POSIX")

CLOSED = "Bad file descriptor"


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recordings.write(tmp_path_factory.mktemp("take") / "take.wav", ["cavitation", "snapping"])


def shell(command: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which `popclass` is this one."""
    line = command.replace("popclass ", f"'{sys.executable}' -m popclass ")
    variables = {**os.environ, **env}
    return subprocess.run(
        ["sh", "-c", line], capture_output=True, text=True, timeout=120, check=False, env=variables, errors="replace"
    )


def one_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Exit code 2 and a line that holds the words."""
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("popclass: ")
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize("arguments", ["classify {} --format csv", "sites", "--help"])
def test_stdout_closed(take: Path, arguments: str) -> None:
    one_line(shell(f"popclass {arguments.format(take)} >&-"), CLOSED.lower() if arguments == "--help" else CLOSED)


def test_stdout_closed_unused(take: Path, tmp_path: Path) -> None:
    target = tmp_path / "events.csv"
    done = shell(f"popclass classify {take} -o {target} <&- >&- 2>&-")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    whole = shell(f"popclass classify {take} --format csv")
    assert target.read_text() == whole.stdout, "no number of a closed stream went to the result"


def test_stdin_closed() -> None:
    one_line(shell("popclass classify - <&-"), "-: is a device, not a recording")
    one_line(shell("popclass listen - --format jsonl <&-"), "-: cannot be read", "bad file descriptor")


def test_stderr_closed_or_full(tmp_path: Path) -> None:
    missing = tmp_path / "missing.wav"
    for stream in ("2>&-", "2>/dev/full"):
        done = shell(f"popclass classify {missing} {stream}")
        assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
@pytest.mark.parametrize("arguments", ["classify {}", "features {}", "--version", "sites", "listen - <{}"])
def test_stdout_full(take: Path, arguments: str) -> None:
    words = shell(f"popclass {arguments.format(take)} >/dev/full")
    one_line(words, "pace left on device")


@pytest.mark.parametrize("arguments", ["sites", "model show models/default.onnx"])
def test_stdout_reader_stops(arguments: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    done = shell(f"{{ popclass {arguments}; echo $? >&2; }} | head -n 1")
    assert (done.stderr, done.stdout.count("\n")) == ("0\n", 1)


def test_exit_code_unread_error(tmp_path: Path) -> None:
    done = shell(f"exec 3>&1; {{ popclass classify {tmp_path / 'missing.wav'} 2>&1; echo $? >&3; }} | true")
    assert (done.stdout, done.stderr) == ("2\n", "")


def test_closed_streams_replaced(tmp_path: Path) -> None:
    code = (
        "import os, sys\nfor number in (0, 1):\n    os.close(number)\nsys.stdin = sys.stdout = None\n"
        "from popclass.cli.console import open_closed_streams\nopen_closed_streams()\n"
        "assert open(os.devnull).fileno() > 2\nfor use in (lambda: sys.stdin.read(), lambda: os.write(1, b'x')):\n"
        "    try: use()\n    except OSError as error: print(error.errno, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr.split() == ["9", "9"]
    before = sys.stdout
    open_closed_streams()  # with all three there, nothing happens
    assert sys.stdout is before


@pytest.mark.parametrize("columns", ["0", "1", "x", "²"])
def test_terminal_widths(columns: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert main(["sites"]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    if columns != "1":
        assert "mcp" in out


def test_dumb_terminal(take: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for term in ("dumb", "", "unheard-of"):
        seen = Terminal()
        with monkeypatch.context() as patch:
            patch.setenv("TERM", term)
            patch.setattr(sys, "stdout", seen)
            assert main(["classify", str(take)]) == 0
        assert term != "dumb" or "\x1b" not in seen.getvalue()
        assert "2 events" in seen.getvalue()


# Locales


def test_names_any_locale(take: Path, tmp_path: Path) -> None:
    folder = tmp_path / "Rücken"
    folder.mkdir()
    shutil.copy(take, folder / "жест.wav")
    old = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = "popclass batch '{}' -o '{}' --quiet"
    assert shell(command.format(folder, tmp_path / "c"), **old).returncode == 0
    assert shell(command.format(folder, tmp_path / "utf8"), PYTHONUTF8="1").returncode == 0
    for name in ("events.csv", "bursts.csv", "recordings.csv"):
        assert (tmp_path / "c" / name).read_bytes() == (tmp_path / "utf8" / name).read_bytes()
    assert "жест.wav" in (tmp_path / "c" / "events.csv").read_text(encoding="utf-8")


def test_names_undecodable() -> None:
    assert visible("caf\udcc3\udca9 \udce9\udcff \ud800") == "café \\xe9\\xff \\ud800"


@pytest.fixture
def german(tmp_path: Path) -> str:
    """A folder with a locale that writes decimals with a comma."""
    tool = shutil.which("localedef")
    if tool is None:
        pytest.skip("no tool to make a locale with")
    made = subprocess.run(
        [tool, "-i", "de_DE", "-f", "UTF-8", tmp_path / "de_DE.UTF-8"], capture_output=True, check=False
    )
    if not (tmp_path / "de_DE.UTF-8").exists():
        pytest.skip(f"no German locale: {made.stderr!r}")
    return str(tmp_path)


def test_decimal_comma_locale(take: Path, german: str, tmp_path: Path) -> None:
    """Even where the program around it switched everything to that locale."""
    code = (
        "import locale, sys\nlocale.setlocale(locale.LC_ALL, '{}')\nprint(locale.str(0.5), file=sys.stderr)\n"
        "from popclass.cli import main\n"
        f"page = {str(tmp_path)!r} + '/{{}}/page.html'\n"
        f"sys.exit(main(['classify', {str(take)!r}, '--format', 'csv', '--report', page]))"
    )
    outs, pages = [], []
    for name, half in (("C", "0.5"), ("de_DE.UTF-8", "0,5")):
        (tmp_path / name).mkdir(exist_ok=True)  # the locale has a folder of its name
        done = subprocess.run(
            [sys.executable, "-c", code.format(name, name)],
            env={**os.environ, "LOCPATH": german},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (done.returncode, done.stderr.split()[0]) == (0, half), done.stderr
        outs.append(done.stdout)
        pages.append((tmp_path / name / "page.html").read_bytes())
    assert outs[0] == outs[1]
    assert pages[0] == pages[1]
