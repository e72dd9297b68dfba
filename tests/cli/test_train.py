"""Commands `popclass train` and `popclass synth`."""

import pytest
import recordings
from cli_runner import assert_refused


@pytest.mark.slow
def test_train_model_and_card(run, labelled, recording, tmp_path):
    target = tmp_path / "mine.onnx"
    code, out, err = run("train", labelled, "-o", target, "--classifier", "logistic", "--folds", "2")
    assert code == 0
    assert "2 folds by recording" in out
    assert "balanced accuracy" in out
    assert err[-1] == f"wrote {target} and {tmp_path / 'mine.md'}"
    assert (tmp_path / "mine.md").read_text().startswith("# mine\n")
    assert run("classify", recording, "--model", target)[0] == 0
    before = target.read_bytes()
    assert_refused(run("train", labelled, "-o", target), "exists already", "--force")
    assert target.read_bytes() == before
    code, _, _ = run("train", labelled, "-o", target, "--base", target, "--classifier", "logistic", "--force")
    assert code == 0


def test_train_label_tracks_private_names(run, tmp_path):
    paths = tmp_path / "paths"
    for index in range(4):
        recordings.write(paths / f"jane{index}.wav", ["cavitation", "snapping"], seed=index)
        listed = run("classify", paths / f"jane{index}.wav", "--format", "csv")[1].splitlines()[1:]
        starts = [line.split(",")[3] for line in listed]
        assert len(starts) == 2
        tracks = [f"{start}\t{start}\t{kind}\n" for start, kind in zip(starts, ("cavitation", "snapping"), strict=True)]
        (paths / f"jane{index}.txt").write_text("".join(tracks))
    (paths / "jane3.txt").unlink()
    target = tmp_path / "m.onnx"
    code, _, err = run("train", paths, "-o", target, "--classifier", "logistic")
    assert code == 0
    brief = "1 recording without a label track ignored"
    assert [line for line in err if brief in line] == [f"note: {brief}: jane3.wav"]
    assert brief in (tmp_path / "m.md").read_text()
    assert b"jane" not in target.read_bytes()


def test_train_unreadable_recording(run, labelled, tmp_path):
    (labelled / "other" / "broken.wav").write_text("this is no audio")
    target = tmp_path / "m.onnx"
    code, _, err = run("train", labelled, "-o", target, "--classifier", "logistic", "--folds", "2")
    assert code == 1
    assert "| recordings that could not be read | 1 |" in target.with_suffix(".md").read_text()
    assert any("1 recording skipped because not readable" in line for line in err)


def test_train_own_class(run, labelled, tmp_path):
    (labelled / "snapping").rename(labelled / "slapping")
    options = ("train", labelled, "-o", tmp_path / "m.onnx", "--classifier", "logistic", "--folds", "2")
    assert_refused(run(*options), "did you mean 'snapping'", "--own-class slapping")
    assert run(*options, "--own-class", "slapping")[0] == 0


def test_train_refused(run, labelled, tmp_path):
    assert_refused(run("train", labelled, "-o", "model.pkl"), ".onnx")
    assert_refused(run("train", labelled, "-o", "-"), ".onnx")
    assert_refused(run("train", labelled, "-o", tmp_path / "no" / "m.onnx"), "no folder")
    assert_refused(run("train", labelled, "--folds", "1"), "--folds", "x>=2")
    assert_refused(run("train", labelled, "--seed", "-1"), "--seed", "0<=x")
    assert_refused(run("train", labelled, "--classifier", "deep"), "auto", "forest")
    assert_refused(run("train", tmp_path / "nowhere", "-o", tmp_path / "m.onnx"), "no such folder")
    for kind in ("snapping", "other"):
        for path in (labelled / kind).iterdir():
            path.unlink()
    assert_refused(run("train", labelled, "-o", tmp_path / "m.onnx"), "at least two", "only 'cavitation'")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labelled"]


def test_train_interrupted(run, labelled, tmp_path, monkeypatch):
    from popclass import training

    train = training.train

    def interrupted(*args, progress, **options):
        def stop(what, done, total):
            if what == "cross-validation":
                raise KeyboardInterrupt

        return train(*args, progress=stop, **options)

    monkeypatch.setattr(training, "train", interrupted)
    code, _, _ = run("train", labelled, "-o", tmp_path / "m.onnx", "--classifier", "logistic", "--folds", "2")
    assert code == 130
    assert [path.name for path in tmp_path.iterdir()] == ["labelled"]


def test_synth(run, tmp_path):
    code, out, err = run("synth", tmp_path / "made", "--seed", "1")
    assert (code, out, err) == (0, "", [f"wrote 1 session into {tmp_path / 'made'}"])
    assert (tmp_path / "made" / "labels.csv").is_file()
    assert_refused(run("synth", tmp_path / "made"), "not empty")
    assert_refused(run("synth", tmp_path / "other", "--sessions", "0"), "--sessions", "1<=x")
