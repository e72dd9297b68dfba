"""Keys that label an event."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from popclass.report.keys import TAKEN, UNSURE_KEY, label_keys


@pytest.mark.parametrize(
    ("classes", "keys"),
    [
        (("cavitation", "other", "snapping"), {"cavitation": "c", "other": "o", "snapping": "s"}),
        (("fricative", "other", "velcro"), {"other": "o", "fricative": "r", "velcro": "c"}),
        (("Über", "Öl"), {"Über": "b", "Öl": "c"}),
    ],
)
def test_label_keys(classes, keys):
    assert label_keys(classes) == {"unsure": "u", **keys}


def test_label_keys_many():
    keys = label_keys([f"class {number}" for number in range(40)])
    assert len(set(keys.values())) == len(keys) == 26 - len(TAKEN)


@pytest.mark.parametrize(
    ("package", "name"),
    [("popclass.report", "main.js"), ("popclass.report", "suggest.js"), ("popclass.app", "map.js")],
)
def test_taken(package, name):
    """No key of a page is one of a label."""
    script = resources.files(package).joinpath("templates", name).read_text("utf-8")
    keys = re.findall(r'^ *(?:\.\.\..*)?\[\[?(?:ofLetter\()?((?:"[^"]+",? ?)+)', script, re.MULTILINE)
    letters = {key for names in keys for key in re.findall(r'"([a-z])"', names)}
    letters |= set(re.findall(r'ofLetter\("([a-z])"\)', script))
    assert len(letters) >= 4
    assert not letters & {UNSURE_KEY, *label_keys(("cavitation", "snapping", "other")).values()}
    assert letters <= set(TAKEN)
