"""Faults of the environment: no home, no temporary folder, little memory, unusual Python flags.

Outcomes are those of the table "Faults" in docs/reference-commands.md.
"""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import recordings

import popclass
from popclass.batch import classify_folder, worker
from popclass.cli import main
from popclass.cli.console import system_failure

pytestmark = pytest.mark.skipif(os.name == "nt", reason="limits of POSIX")

PACKAGE = Path(popclass.__file__).parent
COMMANDS = ("", "classify", "train", "batch", "evaluate", "features", "listen", "synth", "model", "model show", "sites")


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recordings.write(tmp_path_factory.mktemp("take") / "take.wav", ["cavitation", "snapping"])


@pytest.fixture(scope="module")
def whole(take: Path) -> str:
    done = process("-m", "popclass", "classify", take, "--format", "csv")
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def process(
    *arguments: object,
    limits: dict[int, int] | None = None,
    without: tuple[str, ...] = (),
    cwd: Path | None = None,
    **env: str,
) -> subprocess.CompletedProcess[str]:
    def limit() -> None:
        for what, most in (limits or {}).items():
            resource.setrlimit(what, (most, most))

    variables = {name: value for name, value in {**os.environ, **env}.items() if name not in without}
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=variables,
        preexec_fn=limit,
        cwd=cwd,
    )


def test_help_without_docstrings(capfd: pytest.CaptureFixture[str]) -> None:
    code = f"from popclass.cli import main\nfor command in {COMMANDS!r}:\n    main([*command.split(), '--help'])\n"
    stripped = process("-OO", "-c", code)
    assert stripped.stderr == ""
    for command in COMMANDS:
        assert main([*command.split(), "--help"]) == 0
    assert stripped.stdout == capfd.readouterr().out


@pytest.mark.parametrize("options", [("-OO",), ("-W", "error"), ("-I",)], ids=" ".join)
def test_python_flags(options: tuple[str, ...], take: Path, whole: str) -> None:
    code = f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r}); from popclass.cli import main; sys.exit(main())"
    done = process(*options, "-c", code, "classify", take, "--format", "csv")
    assert (done.returncode, done.stderr, done.stdout) == (0, "", whole)


def test_missing_home(take: Path, whole: str) -> None:
    """No HOME, and a user that the system does not know."""
    code = (
        "import pwd, sys\ndef unknown(*_): raise KeyError('no such user')\npwd.getpwuid = pwd.getpwnam = unknown\n"
        "from popclass.cli import main\nsys.exit(main() or main(['sites']))"
    )
    done = process("-c", code, "classify", take, "--format", "csv", without=("HOME", "XDG_CONFIG_HOME", "USER"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(whole)


def test_missing_tmpdir(
    take: Path, whole: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    done = process("-m", "popclass", "classify", take, "--format", "csv", TMPDIR="/nowhere")
    assert (done.returncode, done.stdout) == (0, whole)

    def none(*_args: object, **_options: object) -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")

    with take.open() as stream, monkeypatch.context() as patch:
        patch.setattr("tempfile.mkdtemp", none)
        patch.setattr(sys, "stdin", stream)
        code = main(["classify", "-"])
    assert code == 2
    said = capfd.readouterr().err
    assert said.startswith("popclass: -: cannot be copied into a temporary file (no usable temporary directory")
    assert said.count("\n") == 1


def test_removed_working_directory(take: Path, tmp_path: Path) -> None:
    code = "import os, sys\nos.rmdir(os.getcwd())\nfrom popclass.cli import main\nsys.exit(main())"
    for number, (arguments, expected) in enumerate(
        (
            (("classify", take), 0),
            (("classify", "take.wav"), 2),
            (("classify", take, "-o", "x.csv"), 2),
            (("batch", take.parent, "-o", "x", "--jobs", "2"), 2),
        )
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        done = process("-c", code, *arguments, cwd=folder)
        assert done.returncode == expected, done.stderr
        assert done.stderr.count("\n") == (expected == 2)
        assert not expected or "is gone; change to another one" in done.stderr


def test_few_open_files(take: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for index in range(8):
        shutil.copy(take, folder / f"{index}.wav")
    command = ("-m", "popclass", "batch", folder, "-o", tmp_path / "out", "--jobs")
    done = process(*command, "2", limits={resource.RLIMIT_NOFILE: 64})
    assert done.returncode == 0, done.stderr
    done = process(*command, "8", "--fresh", limits={resource.RLIMIT_NOFILE: 16})
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "too many open files; raise the limit of open files (ulimit -n)" in done.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a limit that only Linux keeps")
@pytest.mark.parametrize("megabytes", [60, 100, 150])  # with more, native libraries end the process themselves
def test_low_memory(megabytes: int, take: Path, tmp_path: Path) -> None:
    target = tmp_path / "events.csv"
    done = process("-m", "popclass", "classify", take, "-o", target, limits={resource.RLIMIT_AS: megabytes << 20})
    assert "Traceback" not in done.stderr
    if done.returncode == 2:
        assert done.stderr.splitlines()[-1].startswith("popclass: memory ran out; ")
    elif done.returncode:  # a native library that got no memory may end the process itself
        by_library = done.returncode == 1 and "OpenBLAS error" in done.stderr
        assert by_library or done.returncode in (-signal.SIGABRT, -signal.SIGSEGV), done.stderr
    if done.returncode:
        assert not list(tmp_path.iterdir())


def test_low_memory_batch_row(take: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extract_one = worker.extract_one

    def greedy(path: Path, *rest: object, name: str) -> object:
        if name == "b.wav":
            raise MemoryError
        return extract_one(path, *rest, name=name)  # type: ignore[arg-type]

    monkeypatch.setattr(worker, "extract_one", greedy)
    for name in ("a.wav", "b.wav"):
        (tmp_path / "in").mkdir(exist_ok=True)
        shutil.copy(take, tmp_path / "in" / name)
    failed = classify_folder(tmp_path / "in", tmp_path / "out").failed
    assert [(row.recording, row.reason[:15]) for row in failed] == [("b.wav", "memory ran out ")]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.EIO, "Input/output error", "a.wav"), "a.wav: input/output error"),
        (OSError(errno.EIO, "Input/output error", 7), "input/output error"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "disk quota exceeded; make room, or choose another disk"),
        (RuntimeError("Exception caught: std::bad_alloc"), "memory ran out"),
        (RuntimeError("can't start new thread"), "memory ran out"),
        (ImportError("no such symbol\nand much advice"), "a library cannot be loaded (no such symbol)"),
        (OSError("of a library, and no system's"), None),
        (KeyError("a bug"), None),
    ],
)
def test_refused_or_bug(error: Exception, line: str | None) -> None:
    said = system_failure(error)
    assert said == line if line is None or said is None else said.startswith(line)
    assert (said is None) == (line is None)


def test_refused_wrapped() -> None:
    def hidden() -> Exception:
        try:
            try:
                raise MemoryError
            finally:
                {}["cleaning up failed as well"]
        except KeyError as error:
            return error

    assert str(system_failure(hidden())).startswith("memory ran out")


def copied(folder: Path, pack: Callable[[Path], Path]) -> subprocess.CompletedProcess[str]:
    """Run a copy of the package from elsewhere."""
    shutil.copytree(PACKAGE, folder / "popclass", ignore=shutil.ignore_patterns("__pycache__"))
    models = PACKAGE.parent / "models"
    if models.is_dir():
        shutil.copytree(models, folder / "popclass" / "models", dirs_exist_ok=True)
    place = pack(folder)
    code = "import sys, popclass; print(popclass.__file__); from popclass.cli import main; sys.exit(main())"
    return process("-c", code, "sites", PYTHONPATH=str(place), PYTHONDONTWRITEBYTECODE="1", cwd=folder)


def test_read_only_and_zip(tmp_path: Path) -> None:
    def locked(folder: Path) -> Path:
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        return folder

    def zipped(folder: Path) -> Path:
        archive = shutil.make_archive(str(folder / "all"), "zip", folder, "popclass")
        shutil.rmtree(folder / "popclass")
        return Path(archive)

    for name, pack in (("locked", locked), ("zipped", zipped)):
        folder = tmp_path / name
        folder.mkdir()
        done = copied(folder, pack)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(str(folder))
        folder.chmod(0o755)
