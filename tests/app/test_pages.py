"""The page of a project and the files that it loads."""

import json
import re
from html.parser import HTMLParser
from importlib import resources

import pytest
import recordings

from popclass.app import pages
from popclass.model.model import Model
from popclass.pipeline import classify
from popclass.report import write_report
from popclass.report.page import Saving

HOSTILE = '</script><script>alert(1)</script>"'
DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)


class Elements(HTMLParser):
    """Elements of a page: tags and attributes."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def page():
    return pages.app_page(HOSTILE, f"/home/{HOSTILE}", "place")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return Model.load(recordings.make_model(tmp_path_factory.mktemp("model") / "small.onnx"))


def test_app_page_escapes(page):
    assert HOSTILE not in page
    assert "&lt;/script&gt;" in page


def test_app_page_keeps_policy(page):
    """The policy allows no script or style within the page, and none is there."""
    assert "default-src 'none'" in pages.POLICY
    assert "unsafe" not in pages.POLICY
    found = Elements(page).found
    assert [each for each in found if each[0] == "style" or "style" in each[1]] == []
    assert [name for _, attributes in found for name in attributes if name.startswith("on")] == []
    scripts = [
        attributes for tag, attributes in found if tag == "script" and attributes.get("type") != "application/json"
    ]
    assert scripts == [{"src": "static/app.js"}]


def test_app_page_loads_nothing_from_outside(page):
    addresses = [attributes.get(name) for _, attributes in Elements(page).found for name in ("src", "href")]
    assert [each for each in addresses if each and "//" in each] == []


def test_app_page_labels_and_ids(page):
    """Every id is there once, every control has a name."""
    found = Elements(page).found
    ids = [attributes["id"] for _, attributes in found if "id" in attributes]
    assert len(ids) == len(set(ids))
    described = [attributes.get("aria-labelledby") for _, attributes in found]
    assert {each for each in described if each} <= set(ids)


def test_static_known_names():
    for name, kind in [
        ("app.js", "text/javascript"),
        ("recorder-worklet.js", "text/javascript"),
        ("app.css", "text/css"),
    ]:
        text, media_type = pages.static(name)
        assert text
        assert media_type.startswith(kind)


@pytest.mark.parametrize("name", ["app.html", "../pages.py", "common.js", "", "APP.JS", "app.js/"])
def test_static_other_names(name):
    assert pages.static(name) is None


def test_static_holds_every_file():
    """No file of the templates is forgotten."""
    script, _ = pages.static("app.js")
    style, _ = pages.static("app.css")
    for each in resources.files("popclass.app").joinpath("templates").iterdir():
        if each.name not in ("app.html", "recorder-worklet.js"):
            assert each.read_text("utf-8") in script + style


def test_scripts_write_no_html():
    """Texts get into the page as text only."""
    for name in ("app.js", "recorder-worklet.js"):
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", pages.static(name)[0]
        )


def label_data():
    return {
        "classes": ["cavitation", "other"],
        "keys": {},
        "suggested": 0,
        "recordings": [{"name": HOSTILE}],
        "sounds": [],
        "rows": [],
        "more": [],
        "labels": "labels.csv",
        "place": "place",
        "key": "key",
    }


def test_label_page_saves(model):
    text = pages.label_page(label_data(), "api/labels?observer=ben", model)
    data = json.loads(DATA.search(text)[1])
    assert data["save"] == "api/labels?observer=ben"
    assert data["recordings"] == [{"name": HOSTILE}]
    assert HOSTILE not in text
    assert "connect-src &#39;self&#39;" in text


def test_report_with_server(model, tmp_path):
    """Only a report with a server may send requests, and it holds the labels that the server has."""
    recording = recordings.write(tmp_path / "a.wav")
    result = classify(recording, model=model)
    for saving in (None, Saving("api/labels", ["a.wav"], [[(0.2, None, "snapping")]])):
        write_report([result], tmp_path / "page.html", model=model, saving=saving)
        text = (tmp_path / "page.html").read_text("utf-8")
        data = json.loads(DATA.search(text)[1])
        assert ("connect-src" in text) == ("save" in data) == (saving is not None)
    assert data["recordings"][0]["file"] == "a.wav"
    assert data["recordings"][0]["saved"] == [[0.2, None, "snapping"]]
