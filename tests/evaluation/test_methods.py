"""Skeleton of a methods section."""

import re
from copy import deepcopy

import pytest

import popclass
from popclass.evaluation.methods import methods

KINDS = ["cavitation", "snapping", "other"]


@pytest.fixture(scope="module")
def scores(tmp_path_factory, model, labelled):
    folder = labelled(tmp_path_factory.mktemp("methods"), [KINDS, KINDS])
    return popclass.evaluate(folder, model=model, second=folder, prevalence={"cavitation": 0.25}).scores


def test_methods_facts_and_gaps(scores):
    text = methods(scores)
    assert scores["model"]["sha256"] in text
    assert scores["inputs"]["recordings_sha256"] in text
    assert "match up to 50 ms apart" in text
    assert "2 recordings of 2 participants" in text
    assert "| labelled sounds | 6 (2 cavitation, 2 other, 2 snapping) |" in text
    assert "A second observer labelled 2 of the recordings." in text
    assert "prevalence of 0.25" in text
    assert text.count("**[TO FILL IN: ") > 15
    assert not re.search(r"\{\{|\{%|\bNone\b|<", text)
    assert max(map(len, re.findall("\n{3,}", text)), default=0) == 0


def test_methods_blinding_is_a_gap(scores):
    section = methods(scores).split("## Blinding")[1].split("## ")[0]
    assert section.count("**[TO FILL IN: ") == 2


@pytest.mark.parametrize(("known", "line"), [([], "None of these recordings was used"), (["0.wav"], "trained on 1 of")])
def test_methods_training(scores, known, line):
    changed = deepcopy(scores)
    changed["recordings"]["trained_on"] = known
    assert line in methods(changed)


def test_methods_without_second_observer(scores):
    text = methods({**scores, "observers": None, "partial": True, "subgroups": []})
    assert "--second" in text
    assert "labelled in part" in text
    assert "no subgroups" in text


def test_methods_names_on_one_line(scores):
    changed = {**scores, "model": {**scores["model"], "name": "a\n# b"}}
    assert "\n# b" not in methods(changed)
