"""Model and labelled recordings of the tests of evaluation."""

import pytest
import recordings

from popclass.model.model import Model


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    return Model.load(recordings.make_model(tmp_path_factory.mktemp("model") / "small.onnx"))


@pytest.fixture(scope="session")
def labelled():
    """Function that writes recordings of given kinds, each of a subject of its own, with a table of their sounds."""

    def write(folder, truths, *, rename=lambda kind: kind):
        rows = ["file,start_s,end_s,label,subject,site"]
        for number, kinds in enumerate(truths):
            recordings.write(folder / f"{number}.wav", kinds, seed=100 + number, seconds=1.4)
            for at, kind in zip((0.2, 0.5, 0.8), kinds, strict=False):
                rows.append(f"{number}.wav,{at},{at + 0.005:.3f},{rename(kind)},P{number},mcp")
            if not kinds:
                rows.append(f"{number}.wav,,,,P{number},mcp")
        (folder / "labels.csv").write_text("\n".join(rows) + "\n")
        return folder

    return write
