"""Fixtures for tests of the command line."""

import pytest
import recordings

from popclass.cli import main


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    return str(recordings.make_model(tmp_path_factory.mktemp("model") / "small.onnx"))


@pytest.fixture
def recording(tmp_path):
    return str(recordings.write(tmp_path / "hip.wav", ["cavitation", "snapping"]))


@pytest.fixture
def run(capfd):
    """Run the command line; exit code, standard output, lines of standard error."""

    def runner(*argv):
        code = main([str(part) for part in argv])
        out, err = capfd.readouterr()
        return code, out, err.splitlines()

    return runner


@pytest.fixture
def labelled(tmp_path):
    for kind in recordings.KINDS:
        for index in range(6):
            recordings.write(tmp_path / "labelled" / kind / f"{index}.wav", [kind], seed=index)
    return tmp_path / "labelled"
