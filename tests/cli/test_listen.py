"""Command `popclass listen`."""

import json
import os
import select
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import recordings
import soundfile as sf

from popclass.cli import main
from popclass.formats.table import joints_needed
from popclass.model.model import Model
from popclass.pipeline import classify

RATE = recordings.RATE
COMMAND = [sys.executable, "-m", "popclass", "listen"]


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("recording") / "hip.wav"
    return recordings.write(path, ["cavitation", "snapping", "other"] * 2, seed=3, seconds=2.5)


def listen(*arguments, stdin):
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        stdin=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def last_revisions(text):
    rows = [json.loads(line) for line in text.splitlines()]
    return {row["event"]: row for row in rows if row["label"] is not None}


def test_listen_latency(recording):
    """Samples arrive as from a microphone; the bound is loose because the test depends on the clock."""
    samples = sf.read(recording, dtype="int16")[0]
    command = [*COMMAND, "-", "--rate", str(RATE), "--encoding", "s16le", "--format", "jsonl"]
    late = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        os.set_blocking(child.stdout.fileno(), False)
        child.stdin.write(np.zeros(4800, "<i2").tobytes())
        child.stdin.flush()
        time.sleep(1.5)  # the process starts
        began, text = time.monotonic(), b""
        for at in range(0, len(samples), 960):
            child.stdin.write(samples[at : at + 960].tobytes())
            child.stdin.flush()
            time.sleep(max(began + (at + 960) / RATE - time.monotonic(), 0))
            new = child.stdout.read() or b""
            for line in new.splitlines():
                row = json.loads(line)
                if row["revision"] == 0:
                    late.append(time.monotonic() - began - (row["end_s"] - 0.1))
            text += new
        os.set_blocking(child.stdout.fileno(), True)
        child.stdin.close()
        text += child.stdout.read()
        assert child.wait(timeout=30) == 0
    assert len(late) >= 3
    assert np.median(late) < 0.6
    assert len(last_revisions(text.decode())) >= 6


def test_listen_last_revisions_match_classify(recording):
    with recording.open("rb") as stream:
        done = listen("-", "--format", "jsonl", "--site", "mcp", stdin=stream)
    assert done.returncode == 0
    last = last_revisions(done.stdout)
    whole = classify(recording, site="mcp").events
    assert [last[number]["label"] for number in sorted(last)] == [event.label for event in whole]
    assert [last[number]["start_s"] for number in sorted(last)] == pytest.approx([event.start_s for event in whole])
    assert done.stderr == f"listened for 2.5 s: {counts_and_joints(classify(recording, site='mcp'))}\n"


def counts_and_joints(result):
    counts = ", ".join(f"{number} {label}" for label, number in sorted(result.counts().items()) if number)
    joints = joints_needed(result.cavities_needed, result.session)
    return f"{counts}; {joints}" if result.counts().get("cavitation") else counts


@pytest.mark.parametrize("options", [{"site": "mcp"}, {"site": "neck", "count_by": "pop"}, {"refractory": 3.0}])
def test_listen_joints_as_classify(options, tmp_path):
    model = recordings.make_model(tmp_path / "m.onnx")
    bursts = [recordings.samples(["cavitation"] * number, seed=number, seconds=2.5) for number in (2, 1, 3)]
    sf.write(tmp_path / "pops.wav", np.concatenate(bursts), RATE)
    given = [text for name, value in options.items() for text in (f"--{name.replace('_', '-')}", value)]
    if "refractory" in options:
        given = ["--refractory", "3s"]
    with (tmp_path / "pops.wav").open("rb") as stream:
        done = listen("-", "--model", model, *given, stdin=stream)
    whole = classify(tmp_path / "pops.wav", model=model, **options)
    assert whole.cavities_needed >= 2
    assert done.stderr == f"listened for 7.5 s: {counts_and_joints(whole)}\n"


def test_listen_table(recording):
    with recording.open("rb") as stream:
        done = listen("-", stdin=stream)
    lines = done.stdout.splitlines()
    assert lines[0].split()[:4] == ["event", "rev", "start_s", "label"]
    assert len([line for line in lines[1:] if line.split()[1] == "0"]) == len(classify(recording).events)


def test_listen_ctrl_c(tmp_path):
    path = recordings.write(tmp_path / "long.wav", [*recordings.KINDS * 3][:8], seed=3, seconds=2.9)
    with subprocess.Popen(
        [*COMMAND, "-", "--format", "jsonl"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        child.stdin.write(path.read_bytes()[:-1000])  # its end never comes
        child.stdin.flush()
        lines, latest = "", 0.0
        while latest < 2.2:  # the last sound begins at 2.3 s
            line = child.stdout.readline().decode()
            latest = json.loads(line)["start_s"] or latest
            lines += line
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=30)
    assert child.returncode == 0
    assert len(last_revisions(lines)) >= 6
    assert b"listened for 2." in err
    assert b"Traceback" not in err


def test_listen_closed_pipe(recording):
    with recording.open("rb") as stream:
        command = [*COMMAND, "-", "--format", "jsonl"]
        with subprocess.Popen(command, stdin=stream, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
            child.stdout.close()
            err = child.stderr.read()
            assert child.wait(timeout=30) == 0
    assert b"Traceback" not in err


@pytest.mark.slow
def test_listen_save_and_session(recording, tmp_path):
    for _ in range(2):
        with recording.open("rb") as stream:
            done = listen(
                *("-", "--site", "mcp", "--subject", "P1", "--save", tmp_path / "saved"),
                *("--session", tmp_path / "clock.json", "--count-by", "pop"),
                stdin=stream,
            )
        assert done.returncode == 0, done.stderr
        time.sleep(2.6)  # the first session lasted 2.5 s of sound, and the second must not begin before its end
    assert (tmp_path / "saved" / "labels.csv").read_text().count("P1,mcp") >= 2
    session = json.loads((tmp_path / "clock.json").read_text())
    assert session["subject"] == "P1"
    assert session["count_by"] == "pop"
    assert session["classes"] == list(Model.default().classes)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["-", "--encoding", "s16le"], "--rate is missing"),
        (["-", "--rate", "48000"], "--encoding is missing"),
        (["-", "--rate", "100", "--encoding", "u8"], "8000<=x<=192000"),
        (
            ["-", "--rate", "44.1k", "--encoding", "u8"],
            "'44.1k' is not a valid whole number from 8000 to 192000",
        ),
        (["-", "--rate", "48000", "--encoding", "S16_LE"], "did you mean s16le?"),
        (["-", "--rate", "48000", "--encoding", "FLOAT_LE"], "did you mean f32le?"),
        (["-", "--rate", "48000", "--encoding", "S24_LE"], "four bytes a sample: use S24_3LE in arecord"),
        (["--encoding", "u8"], "belongs to raw samples"),
        (
            ["nowhere/hip.wav"],
            "is a recording, not a device: use popclass classify nowhere/hip.wav, or popclass listen -",
        ),
        (["hip.m4a"], "is a recording, not a device: use popclass classify hip.m4a"),
        ([__file__], "is a recording, not a device"),
        (["-", "--site", "tail"], "site 'tail' is unknown"),
        (["-", "--session", "/nowhere/clock.json"], "there is no folder"),
    ],
)
def test_listen_refused(arguments, problem, capsys):
    assert main(["listen", *arguments]) == 2
    err = capsys.readouterr().err
    assert problem in err
    assert err.count("\n") == 1


def test_listen_not_audio(tmp_path):
    (tmp_path / "text").write_text("this is not a recording")
    with (tmp_path / "text").open("rb") as stream:
        done = listen("-", stdin=stream)
    assert done.returncode == 2
    assert "is not WAV" in done.stderr
    assert "Traceback" not in done.stderr


RAW = ("-", "--rate", RATE, "--encoding")


@pytest.mark.parametrize(
    ("arguments", "sent", "problem"),
    [
        (["-"], lambda wav: b"", "no sound arrived: did the program before the pipe fail?"),
        ([*RAW, "s16le"], lambda wav: b"", "no sound arrived: did the program before the pipe fail?"),
        (["-"], lambda wav: wav[:44], "no sound arrived"),
        ([*RAW, "s16le"], lambda wav: wav, "begins with the header of a WAV file"),
        ([*RAW, "f32le"], lambda wav: wav[44:], "is --encoding f32le right?"),
        ([*RAW, "f64le"], lambda wav: wav[44:], "is --encoding f64le right?"),
    ],
)
def test_listen_unusable_samples(recording, tmp_path, arguments, sent, problem):
    """The output is one error message, without table header, summary or numpy warnings."""
    (tmp_path / "sent").write_bytes(sent(recording.read_bytes()))
    with (tmp_path / "sent").open("rb") as stream:
        done = listen(*arguments, stdin=stream)
    assert done.returncode == 2
    assert problem in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_listen_doubtful_encoding(recording, tmp_path):
    (tmp_path / "sent").write_bytes(recording.read_bytes()[44:])
    with (tmp_path / "sent").open("rb") as stream:
        done = listen(*RAW, "s24le", stdin=stream)
    assert "is --encoding s24le right?" in done.stderr
    with (tmp_path / "sent").open("rb") as stream:
        done = listen(*RAW, "s16le", stdin=stream)
    assert "is --encoding" not in done.stderr


def test_listen_session_of_other_subject(recording, tmp_path):
    for subject, code in (("P1", 0), ("P2", 2)):
        with recording.open("rb") as stream:
            done = listen("-", "--subject", subject, "--session", tmp_path / "clock.json", stdin=stream)
        assert done.returncode == code
    assert done.stdout == ""


def test_listen_imports(recording):
    script = (
        "import sys; from popclass.cli import main; code = main(sys.argv[1:]);"
        "assert not {'sounddevice', 'rich', 'sklearn', 'scipy', 'librosa'} & set(sys.modules); sys.exit(code)"
    )
    with recording.open("rb") as stream:
        done = subprocess.run(
            [sys.executable, "-c", script, "listen", "-"], stdin=stream, capture_output=True, timeout=60, check=False
        )
    assert done.returncode == 0, done.stderr


def test_listen_terminal(recording):
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    child = subprocess.Popen([*COMMAND, "-", "--site", "mcp"], stdin=subprocess.PIPE, stdout=theirs, stderr=theirs)
    os.close(theirs)
    child.stdin.write(recording.read_bytes()[:-1000])  # its end never comes
    child.stdin.flush()
    output, interrupted = b"", False
    try:
        while select.select([ours], [], [], 60)[0] and (data := os.read(ours, 65536)):
            output += data
            if not interrupted and b"floor" in output and b"snapping" in output:
                child.send_signal(signal.SIGINT)
                interrupted = True
    except OSError:  # raised by Linux once the other side has closed
        pass
    os.close(ours)
    child.stdin.close()
    assert interrupted, output.decode(errors="replace")
    assert child.wait(timeout=30) == 0
    text = output.decode(errors="replace")
    assert "level" in text
    assert "a crack" in text or "could crack again" in text
    assert "listened for" in text.splitlines()[-1]
    assert "Traceback" not in text
