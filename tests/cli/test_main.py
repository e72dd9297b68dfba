"""Command line: help, start-up and exit codes."""

import subprocess
import sys
from pathlib import Path

import pytest
from cli_runner import assert_refused, process

from popclass.cli import classify as classify_command
from popclass.cli import main
from popclass.cli import train as train_command

COMMANDS = (
    ["classify"],
    ["train"],
    ["evaluate"],
    ["batch"],
    ["clips"],
    ["features"],
    ["model"],
    ["model", "show"],
    ["sites"],
    ["synth"],
    ["listen"],
    ["suggest"],
)


HEAVY = ("numpy", "scipy", "soundfile", "onnxruntime", "rich", "sklearn", "librosa", "pandas", "matplotlib", "mir_eval")


@pytest.mark.parametrize("command", [[], *COMMANDS], ids=" ".join)
def test_help_examples(run, command):
    code, out, err = run(*command, "--help")
    assert (code, err) == (0, [])
    assert "Usage: popclass" in out
    assert "popclass" in out.split("Example")[-1] or command in (["model"], ["sites"])


@pytest.mark.parametrize("command", [[], *COMMANDS], ids=" ".join)
def test_help_fits_80_columns(run, command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = run(*command, "--help")
    assert max(map(len, out.splitlines())) <= 80
    assert not [line for line in out.splitlines() if line.endswith("...") and "Usage" not in line], "nothing is cut"


def test_help_imports():
    code = (
        "import sys\nfrom popclass.cli import main\n"
        f"for command in {[[], *COMMANDS]!r}: main([*command, '--help'])\n"
        f"print('loaded', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    assert process(code=code).stdout.splitlines()[-1] == "loaded []"


def test_main_no_command(run):
    code, out, err = run()
    assert (code, out) == (2, "")
    assert err[0].startswith("Usage: popclass")


def test_main_version():
    done = process("--version")
    assert (done.returncode, done.stdout) == (0, "popclass 0.1.0\n")


def test_constants_match_library():
    from popclass import formats
    from popclass.synthesis import session
    from popclass.training import classifiers

    assert set(classify_command.FORMATS) == set(formats.FORMATS)
    assert list(train_command.CLASSIFIERS) == ["auto", *classifiers.KINDS]
    assert train_command.MOST_SESSIONS == session.MOST_SESSIONS


def test_main_closed_pipe(recording, model):
    command = [sys.executable, "-m", "popclass", "classify", recording, "--model", model]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        child.stdout.close()
        err = child.stderr.read()
        assert (child.wait(60), err) == (0, b"")


def test_main_interrupted(run, recording, model, tmp_path, monkeypatch):
    def interrupt(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("popclass.extraction.extract_events", interrupt)
    code, out, err = run("classify", recording, "--model", model, "-o", tmp_path / "out.csv")
    assert (code, out, err) == (130, "", ["popclass: interrupted"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hip.wav"]


def test_main_bug(recording, model, monkeypatch):
    def broken(*_args, **_kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr("popclass.extraction.extract_events", broken)
    with pytest.raises(ZeroDivisionError):
        main(["classify", recording, "--model", model])


def test_main_path_as_command(tmp_path, capfd):
    for name, hint in (("hip.flac", "classify hip.flac"), (str(tmp_path), f"batch {tmp_path} -o results/")):
        assert main([name]) == 2
        assert capfd.readouterr().err == f"popclass: {name} is not a command; try popclass {hint}\n"
    assert main(["clasify"]) == 2
    assert "No such command" in capfd.readouterr().err.replace("no such", "No such")


@pytest.mark.parametrize("option", ["-V", "-v", "--verison", "--model", "-x"])
def test_main_unknown_option_alone(run, option):
    assert_refused(run(option), f"no such option '{option}'", "see popclass --help")


def test_main_recorded_at_bounds(tmp_path, capfd):
    assert main(["classify", "a.wav", "--recorded-at", "1800-01-01T00:00"]) == 2
    assert "lies before 1900; check the year" in capfd.readouterr().err
    assert main(["classify", "a.wav", "--recorded-at", "9000-01-01T00:00"]) == 2
    assert "warning: --recorded-at 9000-01-01T00:00:00 lies in the future" in capfd.readouterr().err


@pytest.mark.parametrize(("command", "option"), [("classify", "--report"), ("batch", "-o"), ("train", "--folds")])
def test_main_option_without_value(run, command, option):
    assert_refused(run(command, "x", option), "requires an argument", f"see popclass {command} --help")


@pytest.mark.parametrize("name", ["left hip.wav", "Hüfte links  3.wav"])
def test_main_spaces_without_quotes(run, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    name = " ".join(name.split())
    Path(name).touch()
    Path("other.wav").touch()
    assert_refused(run("classify", "other.wav", *name.split()), name, "put the name in quotes")


@pytest.mark.parametrize(
    "arguments",
    [
        ["batch", "rec", "-o", "events.csv"],
        ["clips", "results", "-o", "clips.zip"],
        ["evaluate", "labels.csv", "-o", "scores.JSON"],
        ["listen", "-", "--save", "kept.wav"],
    ],
    ids=lambda value: value[0],
)
def test_main_file_for_folder(run, arguments):
    assert_refused(run(*arguments), arguments[-1], "name a folder")
