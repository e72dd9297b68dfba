"""The page of suggestions in a real browser, up to training on the labels that it saves."""

import csv

import browser
import pytest
import recordings
from browser import click, complaints, downloaded, one, open_page, press, requests, until

from popclass.cli import main
from popclass.labels import read_labels
from popclass.model.model import Model

pytestmark = browser.MARKS
HOSTILE = "<b>x\n.wav"
NAMES = ("=1+1.wav", HOSTILE, "c.wav")
SOUNDS = ["cavitation", "snapping", "snapping", "other", "snapping"]
SUBJECT = "</script><script>alert(1)</script>"
LEFT, RIGHT = "\ue012", "\ue014"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Recordings in the folder of the page, with an earlier label of c.wav."""
    place = tmp_path_factory.mktemp("suggest")
    recordings.make_model(place / "small.onnx")
    for seed, name in enumerate(NAMES):
        recordings.write(place / "in" / name, SOUNDS, seed=seed, seconds=2.0)
    rows = [("file", "start_s", "label", "subject"), ("in/c.wav", "0.2", "unsure", SUBJECT)]
    with (place / "earlier.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    arguments = ["suggest", place / "in", "-o", place / "page.html", "-n", 8, "--model", place / "small.onnx"]
    assert main([str(each) for each in (*arguments, "--labels", place / "earlier.csv")]) == 0
    return place


@pytest.fixture(scope="module")
def driver(folder, tmp_path_factory):
    with browser.browser(tmp_path_factory.mktemp("profile"), folder) as started:
        yield started


@pytest.fixture
def page(driver, folder):
    """The page, opened with empty storage."""
    open_page(driver, folder / "page.html")
    driver.execute_script("localStorage.clear()")
    open_page(driver, folder / "page.html")
    return driver


def title(page):
    return one(page, "#sound-title").text


def counts(page):
    cells = page.find_elements("css selector", "#counts dd")
    return {cell.get_attribute("data-count"): int(cell.text) for cell in cells}


def label_all(page, keys):
    """Press a label key for each sound, and apply none or all of its similar sounds in turn."""
    for at in range(8):
        press(page, keys[at % len(keys)])
        if one(page, "#similar").is_displayed():
            press(page, "a" if at % 2 else RIGHT)


def save(page, folder):
    target = folder / "page.labels.csv"
    target.unlink(missing_ok=True)
    press(page, "d")
    downloaded(page, target)
    return target


def test_page_no_errors_no_requests(driver, folder):
    for log in (complaints, requests):  # what was logged before goes
        log(driver)
    open_page(driver, folder / "page.html")
    until(driver, "return document.getElementById('closeup').dataset.drawn")
    assert complaints(driver) == []
    assert requests(driver) == [(folder / "page.html").as_uri()]
    assert driver.execute_script("return document.querySelectorAll('#sound b, img').length") == 0
    assert driver.execute_script("return document.scripts.length") == 2


def test_label_save_train(page, folder):
    """Labels set by keys, each in its own recording, are all used by training."""
    assert counts(page)["unsure"] == 1
    label_all(page, "cso")
    assert "All sounds are labelled" in one(page, "#message").text
    table = save(page, folder)
    labels = read_labels(table)
    rows = [row.label for each in labels.recordings for row in each.rows]
    assert sorted(rows) == sorted(name for name, number in counts(page).items() for _ in range(number))
    assert {each.path.name for each in labels.recordings} == set(NAMES)
    assert {each.subject for each in labels.recordings if each.path.name == "c.wav"} == {SUBJECT}
    assert "\n=" not in table.read_text()
    arguments = ["train", table, "--partial", "--base", folder / "small.onnx", "-o", folder / "mine.onnx", "--force"]
    assert main([str(each) for each in arguments]) == 0
    training = Model.load(folder / "mine.onnx").info["training"]
    assert training["labels_without_event"] == training["labels_overridden"] == 0
    assert sum(each["events"] for each in training["classes"].values()) == len(rows) - rows.count("unsure")
    assert complaints(page) == []


def test_similar_offered(page):
    """Only chosen similar sounds get the label, and one undo takes it from all of them."""
    for _ in range(8):
        press(page, "s")
        if one(page, "#similar").is_displayed():
            break
    boxes = page.find_elements("css selector", "#similar-list input")
    assert one(page, "#similar-title").text.startswith(f"{len(boxes)} similar sound")
    before = counts(page)["snapping"]
    boxes[0].click()
    assert one(page, "#apply").text.startswith(f"Label {len(boxes) - 1} as snapping")
    if len(boxes) > 1:
        press(page, "a")
        assert counts(page)["snapping"] == before + len(boxes) - 1
        press(page, "z")
    assert counts(page)["snapping"] == before


def test_play_similar(page):
    for _ in range(8):
        press(page, "s")
        if one(page, "#similar").is_displayed():
            break
    page.execute_script("document.documentElement.removeAttribute('data-played')")
    click(page, "#play-similar")
    assert until(page, "return document.documentElement.dataset.played")


def test_back_skip_undo(page):
    assert title(page) == "Sound 1 of 8"
    press(page, RIGHT, RIGHT)
    assert title(page) == "Sound 3 of 8"
    press(page, LEFT)
    assert title(page) == "Sound 2 of 8"
    press(page, "u")
    assert title(page) == "Sound 3 of 8"
    assert counts(page)["unsure"] == 2
    press(page, "z")
    assert title(page) == "Sound 2 of 8"
    assert counts(page)["unsure"] == 1
    press(page, LEFT, LEFT)
    assert one(page, "#message").text == "This is the first sound."


def test_space_after_click(page):
    """The space key plays the next sound; it does not press the button of the label again."""
    click(page, "[data-label=unsure]")
    assert counts(page)["unsure"] == 2
    press(page, " ")
    assert counts(page)["unsure"] == 2
    until(page, "return document.documentElement.dataset.played")


def test_labels_survive_reload(page, folder):
    press(page, "u", "u")
    page.refresh()
    until(page, "return document.documentElement.dataset.ready")
    assert counts(page)["unsure"] == 3
    assert title(page) == "Sound 3 of 8"


def test_load_saved(page, folder):
    press(page, "u", "u")
    table = save(page, folder)
    page.execute_script("localStorage.clear()")
    open_page(page, folder / "page.html")
    assert counts(page)["unsure"] == 1
    one(page, "#load").send_keys(str(table))
    until(page, "return document.getElementById('message').textContent.includes('loaded')")
    assert one(page, "#message").text == "3 labels loaded, 2 of them of sounds on this page."
    assert counts(page)["unsure"] == 3
    press(page, "z")
    assert counts(page)["unsure"] == 1


def test_load_wrong_file(page, folder):
    (folder / "wrong.csv").write_text("a,b\n1,2\n")
    one(page, "#load").send_keys(str(folder / "wrong.csv"))
    until(page, "return document.getElementById('message').textContent")
    assert one(page, "#message").text == "wrong.csv: has no column file."


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_fits(page, width, scheme):
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    press(page, "c")
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_controls_named(page):
    """Every control has a name for screen readers, and label buttons show their keys."""
    script = (
        "return [...document.querySelectorAll('button, input')].filter(each => each.offsetParent && "
        "!(each.textContent.trim() || each.ariaLabel || (each.labels && each.labels.length))).length"
    )
    assert page.execute_script(script) == 0
    keys = page.find_elements("css selector", "#label-buttons kbd")
    assert [key.text for key in keys] == ["c", "s", "o", "u"]
