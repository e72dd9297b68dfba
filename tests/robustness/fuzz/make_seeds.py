"""Seeds for fuzzing, written by `python -m tests.robustness.fuzz.make_seeds`; existing ones are replaced.

Small real files of every kind: outputs of popclass, labels as Audacity, Raven and spreadsheets write them, a third of
a second of two clicks in every container, headers of recorders, and a model with made-up numbers. Other versions of
libsndfile and FFmpeg may write other bytes.
"""

from __future__ import annotations

import io
import json
import shutil
import struct
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from popclass.batch.lines import to_line
from popclass.features import FrontEnd
from popclass.features.definitions import COEFFICIENTS, NAMES
from popclass.info import RecordingInfo
from popclass.model import file as modelfile
from popclass.model.calibration import Calibration
from popclass.model.novelty import Novelty
from popclass.results import Event
from popclass.streaming import session
from popclass.utils.arrays import pack
from popclass.utils.files import Stamp

HERE = Path(__file__).parent
DATA = HERE.parent / "data"
RATE = 16_000
BEGAN = datetime(2026, 11, 24, 9, tzinfo=UTC)


def main() -> None:
    """All of them."""
    for target, seeds in {
        "labels": labels(),
        "tracks": tracks(),
        "manifest": manifests(),
        "corrected": tracks(),
        "events": events(),
        "journal": journals(),
        "model": models(),
        "session": sessions(),
        "clock": clocks(),
        "headers": headers(),
        "audio": audio(),
    }.items():
        folder = HERE / "seeds" / target
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, data in seeds.items():
            (folder / name).write_bytes(data)


def labels() -> dict[str, bytes]:
    """Tables of labels."""
    rows = "a.wav,0.5,0.52,cavitation,P07,hip,2026-11-22T10:15:00+01:00\na.wav,1,,snapping,,,\nb.flac,,,,P07,,\n"
    return {
        "times.csv": f"file,start_s,end_s,label,subject,site,recorded_at\n{rows}".encode(),
        "whole.csv": b'\xef\xbb\xbffile,start_s,label\r\na.wav,,cavitation\r\n"sub/c.wav",,other\r\n',
        "renamed.csv": b"file,onset,label,note\na.wav,0.5,crack,x\n",
        "semicolons.csv": b"file;start_s;label\na.wav;0,5;crack\n",
        "written.csv": (DATA / "labels" / "written.csv").read_bytes(),
    }


def tracks() -> dict[str, bytes]:
    """Label tracks and selection tables, as different programs write them."""
    paths = [*(DATA / "formats").glob("audacity_*.txt"), *(DATA / "formats").glob("raven_*.txt")]
    paths += (DATA / "labels").glob("*.txt")
    head = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tBegin File\tFile Offset (s)\tLabel\n"
    own = {
        "point.txt": b"1.5\tcavitation 0.93\n",
        "utf16.txt": "0,5\t0,6\tsnapping\r\n".encode("utf-16"),
        "commas.txt": b"Selection,Begin Time (s),End Time (s)\n1,0.5,0.6\n",
        "offset.txt": f"{head}1\tWaveform 1\t1\t10.5\t10.6\ta.wav\t0.5\tsnapping\n".encode(),
    }
    return {path.name: path.read_bytes() for path in paths} | own


def manifests() -> dict[str, bytes]:
    """Manifests."""
    head = "file,subject,site,cavities,recorded_at,symptoms\n"
    return {
        "full.csv": (head + "a.wav,P07,hip,2,2026-11-22T10:15:00+01:00,pain; swelling\nsub/c.wav,,,,,\n").encode(),
        "short.csv": b"file,subject\na.wav,P1\nb.flac,P1\n",
        "old.csv": b"file,recorded_at\na.wav,1969-12-31 23:59\n",
    }


def events() -> dict[str, bytes]:
    """Events tables."""
    return {path.name: path.read_bytes() for path in (DATA / "formats").glob("csv_*.csv")}


def journals() -> dict[str, bytes]:
    """Lines of a journal, without its head."""
    from popclass.results import Analysis

    chances = np.array([[0.9, 0.08, 0.02], [0.25, 0.5, 0.25]])
    found = tuple(
        Event(at, at + 5, at + 200, RATE, 1, 20.5, -6.25, number, number) for number, at in ((1, 480), (2, 9000))
    )
    processed = Analysis(
        RecordingInfo(
            "a.wav", sample_rate=RATE, channels=1, duration_s=1.0, recorded_at=BEGAN, warnings=("DC offset",)
        ),
        events=found,
        acoustic=chances,
        contextual=chances,
        novelty=np.array([0.5, 1.0]),
    )
    line = to_line("a.wav", processed, Stamp(32_044, 1_763_000_000_000_000_000), (32_044, 123_456))
    known = json.dumps({"manifest": {"a.wav": ["P07", "hip", 2, BEGAN.isoformat()]}}, separators=(",", ":"))
    silent = Analysis(
        RecordingInfo("b.wav", sample_rate=RATE, channels=1, duration_s=1.0, recorded_at=None, warnings=()),
        events=(),
        acoustic=chances[:0],
        contextual=chances[:0],
        novelty=np.zeros(0),
    )
    none = to_line("b.wav", silent, Stamp(1, 1), (1, 1))
    return {
        "two.jsonl": (line + none).encode(),
        "known.jsonl": f"{known}\n{none}".encode(),
        "cut.jsonl": line[:90].encode(),
    }


def models() -> dict[str, bytes]:
    """A small model whole, and its JSON with the graph left to the target."""
    info = _info()
    whole = modelfile.join(_graph(), info)
    plain = json.dumps(info, sort_keys=True, separators=(",", ":"))
    return {"small.onnx": whole, "small.json": plain.encode()}


def _info() -> dict[str, Any]:
    window, bands, names = 64, 2, list(NAMES[:3])
    rng = np.random.default_rng(0)
    front = FrontEnd(
        24_000, window, 32, rng.random((bands, window // 2 + 1)), rng.random((COEFFICIENTS, bands)), tuple(names)
    )
    reference = rng.normal(size=(3, 3))
    novelty = Novelty(np.zeros(3), np.eye(3), reference, 2, np.array([0.5, 9.0]), np.array([0.0, 1.0]))
    return {
        "schema_version": modelfile.SCHEMA_VERSION,
        "created_by": "popclass",
        "classes": ["cavitation", "other"],
        "features": names,
        "frontend": front.to_json(),
        "classifier": {"kind": "logistic"},
        "calibration": Calibration.identity(2).to_json(),
        "thresholds": {"min_probability": {"cavitation": 0.5, "other": 0.5}, "novelty": 0.99},
        "novelty": novelty.to_json(),
        "context": _context(),
        "training": {},
        "versions": {},
        "scores": {},
    }


def _context() -> dict[str, Any]:
    from popclass.context.features import context_names
    from popclass.context.similarity import Similarity

    names = context_names(("cavitation", "other"))
    shapes = {"linear": (len(names), 2), "inner": (len(names), 1), "sound": (2, 1), "bias": (1,), "outer": (1, 2)}
    return {
        "columns": [0, 2],
        "mean": pack(np.zeros(2)),
        "spread": pack(np.ones(2)),
        "likeness": Similarity().to_json(),
        "names": list(names),
        "weighing": {name: pack(np.full(shape, 0.125)) for name, shape in shapes.items()},
    }


def _graph() -> bytes:
    """Softmax of a linear map of three features."""
    from onnx import TensorProto, helper

    weights = helper.make_tensor("W", TensorProto.FLOAT, [3, 2], [0.5, -0.5, 0.25, -0.25, 0.125, -0.125])
    nodes = [
        helper.make_node("MatMul", ["X", "W"], ["s"]),
        helper.make_node("Softmax", ["s"], ["probabilities"], axis=1),
    ]
    entry = helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, 3])
    leave = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])
    graph = helper.make_graph(nodes, "small", [entry], [leave], [weights])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return bytes(made.SerializeToString())


def sessions() -> dict[str, bytes]:
    """A session with two candidates of cavitation, and one without."""
    belongs = {"model": "small", "classes": ["cavitation", "other"], "subject": None, "site": "mcp"}
    history = session.History(
        np.array([1.5, 80.25]), np.array([3, 4]), np.array([[0.9, 0.1], [0.75, 0.25]]), np.array([0.5, 0.125]), -7.5
    )
    out = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, kept in (("two.json", history), ("none.json", session.History.empty(2))):
            session.save(Path(folder, name), belongs, kept, BEGAN, BEGAN + timedelta(seconds=90))
            out[name] = Path(folder, name).read_bytes()
    return out


def clocks() -> dict[str, bytes]:
    """Names and metadata that say when a recording began."""
    texts = ["20261122_101500.wav", "2026-11-22T10-15-00Z", "2026-11-22 at 3.15.00 PM", "261122-101500.WAV"]
    texts += ["6745A0F4.WAV", "Recorded at 19:17:00.250 08/08/2019 (UTC-2)", "2026-11-22T10:15:00.5+0130"]
    fields = {"DATE": "2026-11-22", "TIME": "10:15:00"}
    ixml = "".join(f"<BWF_ORIGINATION_{name}> {text} </BWF_ORIGINATION_{name}>" for name, text in fields.items())
    ixml += "<BWF_TIME_REFERENCE_LOW>12</BWF_TIME_REFERENCE_LOW><BWF_TIME_REFERENCE_HIGH>0</BWF_TIME_REFERENCE_HIGH>"
    return {f"{index}.txt": text.encode() for index, text in enumerate([*texts, ixml])} | {"bext.bin": _bext()}


def _bext() -> bytes:
    return bytes(320) + b"2026-11-2210:15:00" + struct.pack("<Q", 36_900 * 48_000 + 12)


def _clicks() -> np.ndarray:
    """0.32 s of noise with two clicks."""
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 0.002, RATE * 8 // 25)
    for at in (1600, 3600):
        samples[at : at + 60] += 0.4 * np.exp(-np.arange(60) / 12) * rng.choice([-1, 1], 60)
    return samples.astype(np.float32)


def _written(kind: str, subtype: str, samples: np.ndarray | None = None) -> bytes:
    import soundfile as sf

    file = io.BytesIO()
    sf.write(file, _clicks() if samples is None else samples, RATE, format=kind, subtype=subtype)
    return file.getvalue()


def _encoded(suffix: str, codec: str, rate: int) -> bytes:
    import av

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"take{suffix}")
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=rate, layout="mono")
            samples = np.interp(np.arange(0, 0.32, 1 / rate), np.arange(5120) / RATE, _clicks()).astype(np.float32)
            for start in range(0, len(samples), 960):
                frame = av.AudioFrame.from_ndarray(samples[None, start : start + 960], format="fltp", layout="mono")
                frame.sample_rate, frame.pts = rate, start
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path.read_bytes()


def _sounds() -> dict[str, bytes]:
    """The clicks in every container, by suffix."""
    loud = _written("WAV", "PCM_16")
    return {
        ".wav": loud,
        ".flac": _written("FLAC", "PCM_16"),
        ".ogg": _written("OGG", "VORBIS"),
        ".mp3": _written("MP3", "MPEG_LAYER_III"),
        ".aiff": _written("AIFF", "PCM_24"),
        ".caf": _written("CAF", "ALAC_16"),
        ".m4a": _encoded(".m4a", "aac", 16_000),
        ".webm": _encoded(".webm", "libopus", 48_000),
        ".w64": _written("W64", "FLOAT"),
        ".au": _written("AU", "ULAW"),
        "": _written("WAV", "IMA_ADPCM"),
    }


def headers() -> dict[str, bytes]:
    """The first two kilobytes of each kind of file, and a WAV with the metadata of a recorder."""
    short = {f"head{suffix or '.adpcm'}": data[:2048] for suffix, data in _sounds().items()}
    wav = _written("WAV", "PCM_16", _clicks()[:200])
    ixml = clocks()["7.txt"]
    tail = b"bext" + struct.pack("<I", 346) + _bext() + b"iXML" + struct.pack("<I", len(ixml)) + ixml
    short["recorder.wav"] = wav + tail
    short["rf64.wav"] = _written("RF64", "PCM_24", _clicks()[:200])
    return short


def audio() -> dict[str, bytes]:
    """Each kind of file behind the byte that picks its suffix, whole; every other one goes to PyAV, too."""
    from tests.robustness.fuzz.sounds import SUFFIXES

    whole = _sounds()
    out = {}
    for index, suffix in enumerate(SUFFIXES):
        data = whole.get(suffix, whole[".wav"])
        out[f"plain{suffix or '.none'}"] = bytes([index]) + data
        out[f"pyav{suffix or '.none'}"] = bytes([132 + index]) + data  # 132 is a multiple of the number of suffixes
    return out


if __name__ == "__main__":
    main()
