"""Tests of popclass.model.file."""

import json
import os
import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_files import information, refused, resealed, softmax_graph

from popclass.errors import ModelError
from popclass.model import file as modelfile
from popclass.model.model import Model


@pytest.fixture(scope="module")
def graph() -> bytes:
    return softmax_graph()


@pytest.fixture(scope="module")
def model(graph) -> Model:
    return Model(graph, information())


def test_to_bytes_is_onnx(model):
    import onnx
    import onnxruntime

    data = model.to_bytes()
    onnx.checker.check_model(onnx.load_from_string(data))
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    assert json.loads(session.get_modelmeta().custom_metadata_map["popclass"]) == model.info


@pytest.mark.robustness
def test_split_changed_byte(model):
    data = model.to_bytes()
    for position in range(len(data)):
        for bit in (1, 32, 128):
            changed = bytearray(data)
            changed[position] ^= bit
            refused(bytes(changed))


@pytest.mark.robustness
@settings(max_examples=200, deadline=None)
@given(cut=st.integers(0, 10_000), tail=st.binary(max_size=80))
def test_split_cut_or_tail(cut, tail):
    data = modelfile.join(b"\x08\x08" * 50, {"schema_version": 1})
    changed = data[: cut % len(data)] + tail
    if changed != data:
        refused(changed)


def test_split_pickle(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "exploded",))

    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert "pickle" in refused(pickle.dumps(Bomb(), protocol))
    assert not (tmp_path / "exploded").exists()


def test_split_other_files(graph):
    assert "not a popclass model" in refused(graph)
    assert "not a popclass model" in refused(b"RIFF a recording")
    for start in (b"PK\x03\x04", b"\x1f\x8b", b"BZh", b"\xfd7zXZ"):
        assert "archive" in refused(start + b" unpacked it would be endless")
    assert "empty" in refused(b"")


def test_split_newer_schema(graph):
    assert "update popclass" in refused(resealed(graph, information(schema_version=modelfile.SCHEMA_VERSION + 1)))
    assert "schema" in refused(resealed(graph, information(schema_version="1")))


def test_split_wrong_length_in_seal(graph):
    data = resealed(graph, information())
    start = len(data) - 64 - 9
    for length in (b"00000000", b"00000005", b"ffffffff"):
        lie = data[:start] + length + b":"
        assert "JSON" in refused(lie + modelfile._digest(lie))


def test_load_missing_folder_too_large(tmp_path, monkeypatch):
    with pytest.raises(ModelError, match="no such model file"):
        Model.load(tmp_path / "none.onnx")
    with pytest.raises(ModelError, match="folder"):
        Model.load(tmp_path)
    monkeypatch.setattr(modelfile, "LARGEST_FILE", 1000)
    (tmp_path / "large.onnx").write_bytes(b"x" * 1001)
    with pytest.raises(ModelError, match="larger than"):
        Model.load(tmp_path / "large.onnx")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_load_pipe_device_link(tmp_path):
    os.mkfifo(tmp_path / "pipe.onnx")
    (tmp_path / "device.onnx").symlink_to("/dev/zero")
    for name in ("pipe.onnx", "device.onnx"):
        with pytest.raises(ModelError, match="neither a file nor a link"):
            Model.load(tmp_path / name)
    Model(softmax_graph(), information()).save(tmp_path / "m.onnx")
    (tmp_path / "link.onnx").symlink_to(tmp_path / "m.onnx")
    assert Model.load(tmp_path / "link.onnx").sha256 == Model.load(tmp_path / "m.onnx").sha256
