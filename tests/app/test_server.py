"""Requests to the server of the app."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event as Flag

import numpy as np
import pytest
import recordings
from app_process import App, running

from popclass.app.run import MOST_CONNECTIONS
from popclass.labels import read_labels
from popclass.model.model import Model

SOUNDS = ["cavitation", "snapping", "other", "cavitation"]


# --- refused requests


@pytest.mark.parametrize(
    "name", ["../secret.wav", "..%2Fsecret.wav", "/etc/hostname", "%2e%2e/secret.wav", "a%20b.wav/../../../secret.wav"]
)
@pytest.mark.parametrize("path", ["report?recording=", "api/clip?event=1&recording="])
def test_read_outside(app, path, name):
    status, _, content = app.request("GET", path + name)
    assert status in (400, 404)
    assert b"secret." not in content or b"no " in content


@pytest.mark.parametrize(
    "path", ["static/..%2Fapp.html", "static/../server.py", "evaluation/..%2Fapp.json", "evaluation/%2e%2e"]
)
def test_file_outside(app, path):
    assert app.request("GET", path)[0] in (400, 403, 404)


@pytest.mark.parametrize(
    "name", ["../x.wav", "/tmp/x.wav", "..\\x.wav", "a/../../x.wav", ".x.wav", "x.exe", "", "x\0.wav"]
)
def test_upload_outside(app, folder, name):
    before = sorted(folder.parent.rglob("*.wav"))
    status, error = app.post("api/recordings", b"x", name=name)
    assert (status, "recording" in error) == (400, True)
    assert sorted(folder.parent.rglob("*.wav")) == before


def test_upload_announced_too_large(app):
    status, _, content = app.request("POST", "api/recordings?name=x.wav", b"", Content_Length=str(3 << 30))
    assert (status, b"larger than 2 GiB" in content) == (413, True)


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"[]", b"{", b"[" * 100_000, b"\xff\xfe", b'{"rows": 1}', b'{"rows": [1]}'),
        b'{"rows": [["a b.wav", "x", 1, "other"]]}',
        b'{"rows": [["a b.wav", 1e999, 1, "other"]]}',
        b'{"rows": [["../secret.wav", 0, 0, "other"]]}',
    ],
)
def test_labels_wrong_body(app, body):
    status, error = app.post("api/labels", body)
    assert status == 400
    assert "\n" not in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    "row",
    [
        ["a b.wav", 10**400, 1, "other"],
        ["\ud800.wav", 1, 1, "other"],
        ["a b.wav", 1, 1, "x" * 61],
        ["x" * 300, 1, 1, "x"],
    ],
)
def test_labels_odd_values(app, row):
    assert app.post("api/labels", {"rows": [row]})[0] == 400


def test_label_beyond_end(app):
    """Training would refuse the whole table for it."""
    assert "lasts 2.000 s" in app.post("api/labels", {"rows": [["a b.wav", 2.5, 2.6, "other"]]})[1]


@pytest.mark.parametrize("symptoms", [5, [5], "pain"])
def test_metadata_wrong_symptoms(app, symptoms):
    assert app.post("api/recordings/metadata", {"names": ["a b.wav"], "symptoms": symptoms})[0] == 400


def test_idle_connections(app):
    """Those that send no request make room for one that does."""
    idle = [socket.create_connection(("127.0.0.1", app.port), timeout=30) for _ in range(MOST_CONNECTIONS + 50)]
    for each in idle:
        with suppress(OSError):
            each.sendall(b"GET /")
    assert app.request("GET", "api/state")[0] == 200
    idle[0].settimeout(30)
    with suppress(ConnectionResetError):
        assert idle[0].recv(1) == b""
    for each in idle:
        each.close()


def test_upload_aborted(app, folder):
    with socket.create_connection(("127.0.0.1", app.port)) as connection:
        own = f"127.0.0.1:{app.port}"
        head = f"POST /{app.token}/api/recordings?name=cut.wav HTTP/1.1\r\nHost: {own}\r\nOrigin: http://{own}\r\n"
        connection.sendall(f"{head}Content-Length: 9999\r\n\r\nabc".encode())
    ends = time.monotonic() + 30
    while list((folder / "takes").glob("*.part")) and time.monotonic() < ends:
        time.sleep(0.05)
    assert not list((folder / "takes").glob("*.part"))
    assert not (folder / "recordings" / "cut.wav").exists()


# --- answers


def test_state(app):
    state = app.get("api/state")
    found = {each["name"]: each for each in state["recordings"]}
    assert found["broken.wav"]["status"] == "failed"
    assert found["broken.wav"]["reason"]
    assert found["a b.wav"]["events"] == sum(found["a b.wav"]["counts"].values()) == len(SOUNDS)
    assert state["classes"] == ["cavitation", "snapping", "other"]
    assert state["errors"] == []


def test_events_and_clip(app):
    events = app.events("sub/c.flac")
    assert [round(each["start_s"], 1) for each in events] == [0.2, 0.5, 0.8, 1.1]
    status, headers, content = app.request("GET", "api/clip?recording=sub/c.flac&event=2")
    assert (status, headers["content-type"], content[:4]) == (200, "audio/flac", b"fLaC")
    assert 0 <= events[1]["start_s"] - float(headers["x-clip-start"]) < 1


def test_report(app):
    status, headers, content = app.request("GET", "report?recording=a%20b.wav")
    assert (status, headers["content-security-policy"]) == (200, "frame-ancestors 'self'")
    assert b"api/labels" in content


def test_map_names_every_sound(app):
    found = app.get("api/map")
    assert len(found["x"]) == len(found["y"]) == len(found["recording"]) == 2 * len(SOUNDS)


def test_label_of_nested_recording(app, folder):
    """A folder among the recordings may have any name: that of their own folder, too."""
    nested = recordings.write(folder / "recordings" / "recordings" / "a b.wav", SOUNDS, seed=3, seconds=4.0)
    app.classified(4)
    known = app.label_data()["recordings"]
    assert all(each["file"] == each["name"] for each in known)
    for name in ("a b.wav", "recordings/a b.wav"):
        assert app.post("api/labels", {"rows": [[name, 0.5, 0.6, "snapping"]]})["saved"] == 1
    found = read_labels(folder / "labels.csv").recordings
    assert [each.name for each in found] == ["recordings/a b.wav", "recordings/recordings/a b.wav"]
    for name in ("a b.wav", "recordings/a b.wav"):
        app.post("api/labels", {"rows": [[name, 0.5, None, ""]]})
    nested.unlink()
    app.classified(3)


def test_label_then_queue(app, folder):
    event = app.events("a b.wav")[0]
    assert app.post("api/labels", {"rows": [["a b.wav", event["start_s"], event["end_s"], "snapping"]]})["saved"] == 1
    [found] = read_labels(folder / "labels.csv").recordings
    assert (found.name, found.rows[0].label) == ("recordings/a b.wav", "snapping")
    assert app.events("a b.wav")[0]["mine"] == "snapping"
    queue = app.label_data()
    suggested = [(queue["recordings"][each["recording"]]["name"], each["start"]) for each in queue["sounds"]]
    assert ("a b.wav", event["start_s"]) not in suggested[: queue["suggested"]]
    app.post("api/labels", {"rows": [["a b.wav", event["start_s"], None, ""]]})
    assert app.events("a b.wav")[0]["mine"] is None


def test_metadata(app, folder):
    app.post("api/recordings/metadata", {"names": ["a b.wav"], "site": "hip", "side": "left", "subject": "P1"})
    state = app.until(lambda state: state["recordings"][0]["site"] == "hip", "the new site")
    assert state["recordings"][0]["side"] == "left"
    assert "recordings/a b.wav" in (folder / "recordings.csv").read_text()


def test_changes_stream(app):
    with socket.create_connection(("127.0.0.1", app.port), timeout=30) as connection:
        request = f"GET /{app.token}/api/changes HTTP/1.1\r\nHost: 127.0.0.1:{app.port}\r\n\r\n"
        connection.sendall(request.encode())
        received = b""
        while b'data: {"version"' not in received:
            received += connection.recv(4096) or pytest.fail("the stream ended")
    assert b"text/event-stream" in received


def test_take(app):
    samples = recordings.samples(SOUNDS, seed=5, seconds=2.0)
    take = app.post("api/takes", {"sample_rate": recordings.RATE, "site": "knee"})["id"]
    for at in range(0, len(samples), 48_000):
        app.post(f"api/takes/{take}", samples[at : at + 48_000].astype("<f4").tobytes(), at=at)
    name = app.post(f"api/takes/{take}/end")["name"]
    state = app.until(lambda state: any(each["name"] == name for each in state["recordings"]), "the take")
    assert next(each for each in state["recordings"] if each["name"] == name)["site"] == "knee"
    assert app.post(f"api/takes/{take}/end")[0] == 400


def test_file_put_by_hand(app, folder):
    recordings.write(folder / "recordings" / "late.wav", SOUNDS[:2])

    def holds(state):
        return any(each["name"] == "late.wav" and each["status"] == "ok" for each in state["recordings"])

    app.until(holds, "finding the file")


@pytest.mark.parametrize("kind", ["events.csv", "bursts.csv", "recordings.csv", "labels.csv", "events.jsonl", "model"])
def test_export(app, kind):
    app.post("api/labels", {"rows": [["a b.wav", 0.2, 0.25, "cavitation"]]})
    status, headers, content = app.request("GET", f"export/{kind}")
    assert (status, headers["content-disposition"].startswith("attachment")) == (200, True)
    assert content


def test_export_unknown(app):
    assert app.request("GET", "export/passwords")[0] == 400


# --- nothing is lost


def test_killed_and_back(tmp_path):
    """Labels, a take in the middle and metadata survive a kill at any moment."""
    place = tmp_path / "p"
    recordings.write(place / "recordings" / "a.wav", SOUNDS, seconds=2.0)
    with running(place) as app:
        app.classified(1)
        app.post("api/labels", {"rows": [["a.wav", 0.2, 0.25, "cavitation"]]})
        app.post("api/recordings/metadata", {"names": ["a.wav"], "subject": "P1"})
        take = app.post("api/takes", {"sample_rate": recordings.RATE})["id"]
        noise = np.random.default_rng(0).normal(0, 0.01, 48_000)
        app.post(f"api/takes/{take}", noise.astype("<f4").tobytes(), at=0)
        app.process.kill()
    with running(place) as app:
        state = app.classified(2)
        assert state["labels"] == {"cavitation": 1}
        assert state["recordings"][1]["subject"] == "P1"
        assert state["recordings"][0]["duration_s"] == 1.0


def test_parallel_labels(tmp_path):
    place = tmp_path / "p"
    recordings.write(place / "recordings" / "a.wav", SOUNDS, seconds=2.0)
    with running(place) as app, ThreadPoolExecutor(20) as pool:
        times = [at / 100 for at in range(50)]
        answers = list(pool.map(lambda at: app.post("api/labels", {"rows": [["a.wav", at, at, "other"]]}), times))
    assert [answer["saved"] for answer in answers] == [1] * 50
    assert [row.start_s for row in read_labels(place / "labels.csv").recordings[0].rows] == times


def test_recording_removed(tmp_path):
    """The others go on, its labels stay in the table, and count again when it is back."""
    place = tmp_path / "p"
    for name in ("a.wav", "b.wav"):
        recordings.write(place / "recordings" / name, SOUNDS, seconds=2.0)
    with running(place) as app:
        app.classified(2)
        app.post("api/recordings/metadata", {"names": ["a.wav", "b.wav"], "site": "hip"})
        app.post("api/labels", {"rows": [[name, 0.2, 0.25, "other"] for name in ("a.wav", "b.wav")]})
        (place / "recordings" / "a.wav").rename(tmp_path / "a.wav")
        state = app.classified(1)
        assert [each for each in state["errors"] if "recordings/a.wav" in each] == state["errors"] != []
        assert app.post("api/labels", {"rows": [["b.wav", 0.5, 0.55, "other"]]})["labels"] == {"other": 2}
        assert app.post("api/recordings/metadata", {"names": ["b.wav"], "side": "left"}) == {}
        assert app.request("GET", "export/events.jsonl")[0] == 200
        (tmp_path / "a.wav").rename(place / "recordings" / "a.wav")
        state = app.classified(2)
    assert (state["errors"], state["labels"]) == ([], {"other": 3})


def test_errors_go_away(tmp_path):
    """A manifest, a model and settings that were broken by hand are named until they are mended."""
    place = tmp_path / "p"
    recordings.write(place / "recordings" / "a.wav", SOUNDS, seconds=2.0)
    with running(place) as app:
        app.classified(1)
        for file, broken in (("recordings.csv", "x\n1\n"), ("app.json", "{")):
            (place / file).write_text(broken)
            app.until(lambda state, file=file: any(file in line for line in state["errors"]), f"an error of {file}")
            (place / file).unlink()
            app.until(lambda state: not state["errors"], f"the end of the error of {file}")


def test_ctrl_c_ends(tmp_path):
    with running(tmp_path / "p") as app:
        app.process.send_signal(signal.SIGINT)
        assert app.process.wait(timeout=60) == 0


def test_ctrl_c_with_open_page(tmp_path):
    """The stream of an open page neither delays the end nor leaves an error."""
    command = [sys.executable, "-m", "popclass", "app", str(tmp_path / "p"), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        app = App(process, process.stdout.readline().strip())
        with socket.create_connection(("127.0.0.1", app.port), timeout=30) as connection:
            request = f"GET /{app.token}/api/changes HTTP/1.1\r\nHost: 127.0.0.1:{app.port}\r\n\r\n"
            connection.sendall(request.encode())
            assert connection.recv(4096)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in said
    assert "ERROR" not in said


def test_second_app_of_a_project(tmp_path):
    with running(tmp_path / "p"):
        command = [sys.executable, "-m", "popclass", "app", str(tmp_path / "p"), "--no-browser"]
        second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 2
    assert second.stderr.count("\n") == 1
    assert "open in another popclass app" in second.stderr


def test_port_in_use(tmp_path, app):
    command = [sys.executable, "-m", "popclass", "app", str(tmp_path / "p"), "--no-browser", "--port", str(app.port)]
    second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (second.returncode, "cannot be used" in second.stderr) == (2, True)
    assert not (tmp_path / "p").exists()


def test_batch_at_the_same_time(tmp_path):
    """A batch that writes the results is waited for, and said."""
    place = tmp_path / "p"
    recordings.write(place / "recordings" / "a.wav", SOUNDS, seconds=2.0)
    batch = [sys.executable, "-m", "popclass", "batch", str(place / "recordings"), "-o", str(place / "results")]
    subprocess.run(batch, check=True, capture_output=True)
    holder = (
        "import fcntl, sys, time; file = open(sys.argv[1], 'ab'); fcntl.flock(file, fcntl.LOCK_EX); "
        "print('locked', flush=True); time.sleep(600)"
    )
    journal = place / "results" / "journal.jsonl"
    with subprocess.Popen([sys.executable, "-c", holder, str(journal)], stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        with running(place) as app:
            app.until(lambda state: any("in use" in line for line in state["errors"]), "the error")
            other.kill()
            assert app.classified(1)["errors"] == []


def test_batch_with_another_model(tmp_path):
    """Results that a command replaced with those of another model become those of the model in use again."""
    place, other = tmp_path / "p", tmp_path / "other.onnx"
    recordings.write(place / "recordings" / "a.wav", SOUNDS, seconds=2.0)
    model = Model.default()
    calibration = {**model.info["calibration"], "bias": [0.0, 3.0, 0.0]}
    Model(model.graph, {**model.info, "calibration": calibration}).save(other)
    with running(place) as app:
        app.classified(1)
        batch = [sys.executable, "-m", "popclass", "batch", str(place / "recordings"), "-o", str(place / "results")]
        subprocess.run([*batch, "--model", str(other)], check=True, capture_output=True)
        app.until(lambda _: app.request("GET", "export/events.jsonl")[0] == 200, "results of the model in use")


@pytest.mark.slow
def test_train_keep_discard(tmp_path):
    """From labels to a model in use, through a candidate."""
    place = tmp_path / "p"
    for seed in range(9):
        recordings.write(place / "recordings" / f"{seed}.wav", SOUNDS, seed=seed, seconds=2.0)
    with running(place) as app:
        app.classified(9)
        assert app.post("api/train", {"target": "balanced"}) == {}
        state = app.until(lambda state: state["errors"] and state["work"]["kind"] is None, "the refusal without labels")
        assert "label" in state["errors"][0]
        names = [each["name"] for each in state["recordings"]]
        rows = [
            [name, each["start_s"], each["end_s"], kind]
            for name in names
            for each, kind in zip(app.events(name), SOUNDS, strict=True)
        ]
        app.post("api/labels", {"rows": rows})
        app.post("api/train", {"target": "balanced"})
        state = app.until(lambda state: state["candidate"], "the candidate")
        assert state["candidate"]["labels"] == len(rows)
        assert state["model"] == "default"
        assert app.post("api/train/keep", {"name": "../x"})[0] == 400
        assert "another model" in app.post("api/train/keep", {"name": "mine", "sha256": "0"})[1]
        assert "another model" in app.post("api/train/discard", {"sha256": "0"})[1]
        sha256 = state["candidate"]["sha256"]
        assert app.post("api/train/keep", {"name": "mine", "sha256": sha256}) == {"model": "mine"}
        state = app.classified(9)
        assert (state["model"], state["candidate"], state["models"]) == ("mine", None, ["default", "mine"])
        assert app.post("api/model", {"model": "default"}) == {}
        assert app.post("api/model", {"model": "none"})[0] == 400


def test_starts_within_seconds(tmp_path):
    """A bound that a broken start would miss; benchmarks measure the time."""
    began = time.monotonic()
    with running(tmp_path / "p") as app:
        assert json.loads(app.request("GET", "api/state")[2])["recordings"] == []
    assert time.monotonic() - began < 60


def test_starts_before_recovering(tmp_path):
    """A page can be opened while the take of a killed app is being completed, which may take long."""
    takes, opened, in_time = tmp_path / "takes", Flag(), []
    takes.mkdir()
    (takes / "take-1.f32").write_bytes(bytes(4 * 48_000))
    recordings.write(tmp_path / "recordings" / "a.wav", SOUNDS, seconds=2.0)
    os.mkfifo(takes / "take-1.json")  # a reader waits for a writer

    def write():
        in_time.append(opened.wait(30))
        about = {"sample_rate": 48_000, "began": "2026-11-30T10:00:00+00:00", "metadata": {}}
        (takes / "take-1.json").write_text(json.dumps(about))

    with ThreadPoolExecutor(1) as pool:
        pool.submit(write)
        with running(tmp_path) as app:
            app.until(lambda state: [each["name"] for each in state["recordings"]] == ["a.wav"], "the page")
            opened.set()
            assert app.classified(2)["errors"] == []
    assert in_time == [True]


def test_take_file_removed(tmp_path):
    """The page is told so, and the take is not waited for."""
    with running(tmp_path) as app:
        take = app.post("api/takes", {"sample_rate": 48_000})["id"]
        (tmp_path / "takes" / f"{take}.f32").unlink()
        assert app.post(f"api/takes/{take}", bytes(400), at=0)[0] == 400
        assert "was removed" in app.post(f"api/takes/{take}/end")[1]
        assert app.get("api/state")["takes"] == []
        app.until(lambda _: not list((tmp_path / "takes").glob("take-*")), "removing what was sent with it")


def test_take_whose_end_fails(tmp_path):
    """The take is named, and is completed without another request once the table is mended."""
    with running(tmp_path) as app:
        take = app.post("api/takes", {"sample_rate": 48_000, "subject": "P1"})["id"]
        app.post(f"api/takes/{take}", bytes(4 * 48_000), at=0)
        (tmp_path / "labels.csv").write_text("x\n1\n")
        assert "labels.csv" in app.post(f"api/takes/{take}/end")[1]
        app.until(lambda state: any(take in line for line in state["errors"]), "the error")
        (tmp_path / "labels.csv").unlink()
        state = app.classified(1)
    assert (state["recordings"][0]["subject"], state["errors"], state["takes"]) == ("P1", [], [])


def test_moved_project(tmp_path):
    """A project that was moved is classified anew, since its journal names the folder."""
    recordings.write(tmp_path / "old" / "recordings" / "a.wav", SOUNDS, seconds=2.0)
    with running(tmp_path / "old") as started:
        before = started.classified(1)["recordings"]
    (tmp_path / "old").rename(tmp_path / "new")
    with running(tmp_path / "new") as started:
        state = started.classified(1)
    assert state["errors"] == []
    assert state["recordings"] == before


def test_damaged_models(tmp_path):
    """The page still opens, and tells which file is damaged."""
    recordings.write(tmp_path / "recordings" / "a.wav", SOUNDS, seconds=2.0)
    (tmp_path / "models").mkdir()
    for name in ("candidate", "mine"):
        (tmp_path / "models" / f"{name}.onnx").write_bytes(b"junk")
    (tmp_path / "app.json").write_text('{"model": "mine"}')
    with running(tmp_path) as started:
        state = started.until(lambda state: len(state["errors"]) == 2, "both errors")
    assert state["candidate"] is None
    assert {"candidate.onnx" in each for each in state["errors"]} == {True, False}
    assert "cavitation" in state["classes"]
