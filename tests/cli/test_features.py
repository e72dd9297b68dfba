"""Command `popclass features`."""

import numpy as np


def test_features(run, recording, model, monkeypatch):
    from popclass import extract_features
    from popclass.model.model import Model

    monkeypatch.setattr(Model, "default", classmethod(lambda cls: Model.load(model)))
    code, out, err = run("features", recording)
    assert (code, err) == (0, [])
    head, *rows = [line.split(",") for line in out.splitlines()]
    X, names = extract_features(recording)
    assert head == ["recording", "event", "start_s", *names]
    assert np.array_equal(np.array([row[3:] for row in rows], float), X)
    assert [row[:2] for row in rows] == [[recording, "1"], [recording, "2"]]
