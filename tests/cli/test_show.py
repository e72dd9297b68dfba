"""Commands `popclass model show`, `popclass model verify` and `popclass sites`."""

import os
from pathlib import Path

import pytest
from cli_runner import assert_refused, process


def test_model_show_older_model(run, model, tmp_path):
    from popclass.model.model import Model

    old = Model.load(model)
    scores = {k: v for k, v in old.info["scores"].items() if k not in ("joint_labels", "nested", "risk_coverage")}
    scores["held_out"] = {k: v for k, v in scores["held_out"].items() if k != "intervals"}
    Model(old.graph, {**old.info, "scores": scores}).save(tmp_path / "old.onnx")
    code, out, err = run("model", "show", tmp_path / "old.onnx")
    assert (code, err) == (0, [])
    assert "balanced accuracy" in out


def test_model_show_and_verify(run, model, labelled, tmp_path):
    import hashlib

    digest = hashlib.sha256(Path(model).read_bytes()).hexdigest()
    code, out, err = run("model", "verify", model)
    assert (code, err) == (0, [])
    assert [line.split(":")[0] for line in out.splitlines()[1:5]] == [
        *("checksum", "graph", "front end, calibration and novelty", "trial run"),
    ]
    assert out.splitlines()[0] == f"{model}: fine"
    assert out.splitlines()[-1] == f"sha256 {digest}"
    code, out, err = run("model", "show", model)
    assert (code, err) == (0, [])
    for word in (digest, "cavitation", "3 folds", "min probability"):
        assert word in out
    for section in ("Use", "Training data", "Calibration", "Limits", "baseline"):
        assert section in out
    assert "\x1b" not in out, "no escape codes in a pipe"
    data = bytearray(Path(model).read_bytes())
    data[1000] ^= 1
    (tmp_path / "damaged.onnx").write_bytes(data)
    assert_refused(run("model", "verify", tmp_path / "damaged.onnx"), "damaged")
    assert_refused(run("model", "show", tmp_path / "missing.onnx"), "no such model file")
    from popclass.model.model import Model

    bare = Model.load(model)
    Model(bare.graph, {**bare.info, "scores": {}}).save(tmp_path / "bare.onnx")
    assert_refused(run("model", "show", tmp_path / "bare.onnx"), "card")
    assert_refused(run("train", labelled, "--base", tmp_path / "bare.onnx", "-o", tmp_path / "new.onnx"), "card")


@pytest.mark.parametrize("columns", [80, 120])
def test_sites_width(columns):
    done = process("sites", env={**os.environ, "COLUMNS": str(columns), "POPCLASS_SITES": ""})
    assert max(map(len, done.stdout.splitlines())) <= columns
    assert {"unverified", "shoulder", "20min"} <= set(done.stdout.split())


def test_sites(run):
    from popclass.timing.sites import SITES

    code, out, err = run("sites")
    assert (code, err) == (0, [])
    assert [line.split()[0] for line in out.splitlines()[2:] if not line.startswith(" ")] == list(SITES)


def test_model_alone(run):
    code, out, err = run("model")
    assert (code, err) == (0, [])
    assert "verify" in out


@pytest.mark.parametrize("command", ["show", "verify"])
@pytest.mark.parametrize("named", [[], ["default"]])
def test_model_default(run, command, named):
    from popclass.model.model import Model

    code, out, _ = run("model", command, *named)
    assert code == 0
    assert Model.default().sha256 in out
