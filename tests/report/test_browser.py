"""Report pages in a real browser.

Debian's chromium and chromium-driver are used; the tests are skipped if they are missing.
"""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import browser
import pytest
import recordings
from browser import click, complaints, downloaded, one, open_page, press, requests, until

from popclass.cli import main
from popclass.model.model import Model
from popclass.pipeline import classify
from popclass.report import clips, write_report

pytestmark = browser.MARKS
HOSTILE = '<img src=x onerror=alert(1)> & "take".wav'
SUBJECT = "<script>alert(2)</script>"
SOUNDS = ["cavitation", "snapping", "other", "cavitation"]
SHADES = """
const canvas = document.getElementById(arguments[0]);
const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
const seen = new Set();
for (let at = 0; at < pixels.length; at += 4) seen.add(pixels[at] + "," + pixels[at + 3]);
return seen.size;
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four recordings, one with a name that is HTML, a model, and the report of them all."""
    place = tmp_path_factory.mktemp("report")
    recordings.make_model(place / "small.onnx")
    names = [HOSTILE, "b.wav", "c.wav", "d.wav"]
    paths = [recordings.write(place / name, SOUNDS, seed=i, seconds=2.0) for i, name in enumerate(names)]
    arguments = ["--model", place / "small.onnx", "--subject", SUBJECT, "--site", "hip", "-o", place / "events.csv"]
    page = ["--report", place / "page.html", "--symptom", "pain", "--symptom", "numbness"]
    assert main([str(part) for part in ["classify", *paths, *arguments, *page]]) == 0
    return place


@pytest.fixture(scope="module")
def driver(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One browser for all tests, downloading into the folder of the page."""
    with browser.browser(tmp_path_factory.mktemp("profile"), folder) as started:
        yield started


@pytest.fixture
def page(driver: Any, folder: Path) -> Any:
    """The report, opened with empty storage."""
    open_page(driver, folder / "page.html")
    driver.execute_script("localStorage.clear()")
    open_page(driver, folder / "page.html")
    return driver


def show_all(driver: Any) -> None:
    """Show the events labelled other as well."""
    if one(driver, "#hidden").is_displayed():
        click(driver, "#show-all")


def column(driver: Any, number: int) -> list[str]:
    script = (
        "return [...document.querySelectorAll('#rows tr')].map(row => row.children[arguments[0]].textContent.trim())"
    )
    return list(driver.execute_script(script, number))


def found(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "events.csv").open(encoding="utf-8")))


def events_of(folder: Path, name: str) -> list[dict[str, str]]:
    return [row for row in found(folder) if row["recording"].endswith(name)]


def download(driver: Any, folder: Path) -> list[dict[str, str]]:
    """The rows of a fresh download."""
    target = folder / "page.labels.csv"
    target.unlink(missing_ok=True)
    click(driver, "#download")
    downloaded(driver, target)
    return list(csv.DictReader(target.open(encoding="utf-8", newline="")))


def test_page_no_errors_no_requests(driver: Any, folder: Path) -> None:
    for log in (complaints, requests):  # what was logged before goes
        log(driver)
    open_page(driver, folder / "page.html")
    until(driver, "return document.getElementById('closeup').dataset.drawn")
    assert complaints(driver) == []
    assert requests(driver) == [(folder / "page.html").as_uri()]


def test_page_draws_all_events(page: Any, folder: Path) -> None:
    names = [HOSTILE, "b.wav", "c.wav", "d.wav"]
    show_all(page)
    for place, name in enumerate(names):
        number = len(events_of(folder, name))
        assert number >= len(SOUNDS)
        assert len(column(page, 0)) == number
        until(page, f"return document.getElementById('wave').dataset.drawn === '{number}'")
        if place < len(names) - 1:
            press(page, "]")
    marks = "return document.querySelectorAll('#timelines svg text.event').length"
    assert page.execute_script(marks) == len(found(folder))
    for canvas in ("strip", "wave", "spectrum"):
        assert page.execute_script(SHADES, canvas) > 5, canvas


def test_page_escapes_names(page: Any, folder: Path) -> None:
    assert page.execute_script("return document.querySelectorAll('img, b, i:not(.mark)').length") == 0
    assert page.execute_script("return document.scripts.length") == 2
    assert HOSTILE in one(page, "#recording-title").text
    assert SUBJECT in one(page, "#timelines figcaption").text
    assert complaints(page) == []


def test_page_escapes_labels(driver: Any, folder: Path) -> None:
    model = Model.load(folder / "small.onnx")
    result = classify(folder / "b.wav", model=model)
    label = "<img src=x onerror=alert(3)>"
    events = (result.events[0].gain(label=label, timing_reason="</script><b>"), *result.events[1:])
    model.name = "<b>m</b>"
    write_report([replace(result, events=events)], folder / "label.html", model=model)
    open_page(driver, folder / "label.html")
    assert column(driver, 2)[0].endswith(label)
    assert driver.execute_script("return document.querySelectorAll('img, b').length") == 0
    assert complaints(driver) == []


def test_detail_without_clip(driver: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model.load(folder / "small.onnx")
    result = classify(folder / "b.wav", model=model)
    monkeypatch.setattr(clips, "SIZE_LIMIT", 0)
    monkeypatch.setattr(clips, "SIZE_LIMIT_PER_S", 0)
    write_report(
        [replace(result, info=replace(result.info, name="-"))],
        folder / "silent.html",
        model=model,
        paths=[folder / "b.wav"],
    )
    complaints(driver)
    open_page(driver, folder / "silent.html")
    assert "size limit" in one(driver, "#sound").text
    assert not one(driver, "#play").is_enabled()
    assert not one(driver, "#evidence-title").is_displayed()
    assert not one(driver, "#download").is_enabled()
    press(driver, "p", "d", "z")
    assert complaints(driver) == []


def test_play_to_end(page: Any) -> None:
    press(page, "p")
    assert until(page, "return document.documentElement.dataset.played") == "1"
    click(page, "#rows tr:nth-child(2)")
    click(page, "#play")
    until(page, "return document.documentElement.dataset.played === '2'")
    assert complaints(page) == []


def test_table_sort(page: Any) -> None:
    heads = page.find_elements("css selector", "#head button")
    for number in range(len(heads)):
        click(page, f"#head th:nth-child({number + 1}) button")
        up = column(page, number)
        click(page, f"#head th:nth-child({number + 1}) button")
        down = column(page, number)
        assert sorted(up) == sorted(down)
        assert one(page, f"#head th:nth-child({number + 1})").get_attribute("aria-sort") in ("ascending", "descending")
    click(page, "#head th:nth-child(4) button")
    probabilities = [float(text) for text in column(page, 3)]
    assert probabilities == sorted(probabilities)
    click(page, "#head th:nth-child(4) button")
    assert [float(text) for text in column(page, 3)] == sorted(probabilities, reverse=True)


def test_relabel_key_click_reload(page: Any, folder: Path) -> None:
    press(page, "2")
    assert column(page, 2)[0].endswith("snapping")
    click(page, "#rows tr:nth-child(2)")
    click(page, "[data-label=other]")
    assert column(page, 2)[1].endswith("other")
    press(page, "x")  # the focus is on a button; keys work all the same
    page.refresh()
    until(page, "return document.documentElement.dataset.ready")
    assert column(page, 2)[0].endswith("snapping")
    assert column(page, 7)[:2] == ["✓", "✓"]
    assert page.execute_script("return document.querySelectorAll('#rows tr.removed').length") == 1
    click(page, "#forget")
    assert column(page, 7)[:2] == ["", ""]
    press(page, "z")
    assert column(page, 7)[:2] == ["✓", "✓"]


def test_relabel_unsure(page: Any, folder: Path) -> None:
    """An unsure event is in the download, and is no joint event."""
    press(page, "u")
    assert column(page, 2)[0].endswith("unsure")
    assert "1 unsure" in one(page, "#corrected").text
    assert next(row["label"] for row in download(page, folder) if row["file"] == HOSTILE) == "unsure"
    press(page, "z")
    assert not column(page, 2)[0].endswith("unsure")


def test_relabel_keys(page: Any) -> None:
    """Letters and digits, as on the page of suggested sounds."""
    for key, label in (("s", "snapping"), ("C", "cavitation"), ("o", "other"), ("1", "cavitation"), ("4", "unsure")):
        press(page, key)
        assert column(page, 2)[0].endswith(label)
    shown = page.execute_script("return [...document.querySelectorAll('#label-buttons kbd')].map((e) => e.textContent)")
    assert shown == ["c", "s", "o", "u"]


def test_add_and_remove_events(page: Any, folder: Path) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    number = len(events_of(folder, HOSTILE))
    show_all(page)
    press(page, ".", "n")
    assert len(column(page, 0)) == number + 1
    page.execute_script("document.getElementById('wave').scrollIntoView({block: 'center'})")
    ActionChains(page).move_to_element_with_offset(one(page, "#wave"), 300, 0).double_click().perform()
    assert column(page, 0).count("+") == 2
    press(page, "3")
    rows = [row for row in download(page, folder) if row["file"] == HOSTILE]
    assert [row["label"] for row in rows if row["end_s"] == ""] == ["other"]  # the other one has no label yet
    press(page, "x")
    assert column(page, 0).count("+") == 1
    press(page, "z", "z", "z", "z")
    assert column(page, 0).count("+") == 0


def test_add_event_unlabelled(page: Any) -> None:
    press(page, ".", "n")
    place = column(page, 0).index("+")
    assert column(page, 2)[place].endswith("uncertain")
    assert column(page, 7)[place] == ""
    assert "Choose a label (1 cavitation, 2 snapping, 3 other)" in one(page, "#message").text
    press(page, "1")
    assert column(page, 2)[place].endswith("cavitation")
    assert column(page, 7)[place] == "✓"
    assert not one(page, "#message").is_displayed()


def test_add_event_near_existing(page: Any, folder: Path) -> None:
    """The cursor is at the selected event."""
    number = len(events_of(folder, HOSTILE))
    show_all(page)
    press(page, "n")
    assert len(column(page, 0)) == number
    assert "Event 1 is 0 ms from the cursor" in one(page, "#message").text
    press(page, "x", "n")
    assert "Restore it" in one(page, "#message").text
    press(page, "j")
    assert not one(page, "#message").is_displayed()
    assert len(column(page, 0)) == number


def test_counts_found_and_corrected(page: Any, folder: Path) -> None:
    total, here = one(page, "#total").text, one(page, "#summary").text
    assert "found" not in total + here
    press(page, "x", "j", "2", ".", "n", "1")
    assert one(page, "#summary").text == f"As found: {here}"
    events = len(events_of(folder, HOSTILE))
    labels = column(page, 2)[1:]
    counts = {name: sum(label.endswith(name) for label in labels) for name in ("snapping", "cavitation")}
    text = one(page, "#corrected").text
    assert text.startswith(f"As corrected: {events} events: ")
    assert all(f"{count} {name}" in text for name, count in counts.items())
    assert one(page, "#total").text.startswith(f"As found: {total}. As corrected: {len(found(folder))} events: ")
    click(page, "#forget")
    assert (one(page, "#total").text, one(page, "#summary").text) == (total, here)
    assert not one(page, "#corrected").is_displayed()


def test_download_all_removed(page: Any, folder: Path) -> None:
    show_all(page)
    for _ in events_of(folder, HOSTILE):
        press(page, "x", "j")
    rows = [row for row in download(page, folder) if row["file"] == HOSTILE]
    assert [(row["start_s"], row["end_s"], row["label"]) for row in rows] == [("", "", "")]


def test_download_trains(page: Any, folder: Path) -> None:
    press(page, "2")
    rows = download(page, folder)
    certain = [row for row in found(folder) if row["label"] != "uncertain"]
    assert len(rows) >= len(certain)
    first = next(row for row in rows if row["file"] == HOSTILE)
    assert (first["label"], first["subject"], first["site"]) == ("snapping", SUBJECT, "hip")
    assert first["start_s"] == events_of(folder, HOSTILE)[0]["start_s"]
    command = ["train", str(folder / "page.labels.csv"), "-o", str(folder / "mine.onnx"), "--force"]
    assert main([*command, "--classifier", "logistic", "--folds", "2", "--partial"]) == 0
    assert set(Model.load(folder / "mine.onnx").classes) == {row["label"] for row in rows} | {"other"}


def test_download_only_checked(page: Any, folder: Path) -> None:
    press(page, "1", "j", "2")
    click(page, "#only-checked")
    assert [row["label"] for row in download(page, folder)] == ["cavitation", "snapping"]
    assert "--partial" in one(page, "#advice").text


def test_download_without_labels(driver: Any, folder: Path, tmp_path: Path) -> None:
    """`train` rejects a table without rows; the sections use the whole width."""
    recordings.write(tmp_path / "quiet.wav", [])
    arguments = ["classify", tmp_path / "quiet.wav", "--model", folder / "small.onnx", "--report", tmp_path / "q.html"]
    assert main([str(part) for part in arguments]) == 0
    open_page(driver, tmp_path / "q.html")
    assert not one(driver, "#download").is_enabled()
    assert "nothing to download yet" in one(driver, "#advice").text
    assert not one(driver, "#detail").is_displayed()
    widths = {one(driver, f"#{name}").size["width"] for name in ("recording", "events", "correct", "sessions")}
    assert len(widths) == 1
    press(driver, ".", "n")
    assert one(driver, "#detail").is_displayed()
    assert not one(driver, "#download").is_enabled()
    press(driver, "2")
    assert one(driver, "#download").is_enabled()


def test_zoom_and_scroll_limits(page: Any) -> None:
    whole = one(page, "#position").text
    press(page, "e")
    until(page, f"return !document.getElementById('position').textContent.startsWith({json.dumps(whole)})")
    for _ in range(12):
        press(page, "+")
    press(page, *["\ue012"] * 5)  # arrow left, beyond the beginning
    press(page, "f")
    until(page, f"return document.getElementById('position').textContent.startsWith({json.dumps(whole)})")
    assert complaints(page) == []


def test_timeline_bars_follow_corrections(page: Any, folder: Path) -> None:
    bars = "return document.querySelectorAll('#timelines svg .refractory').length"
    cavitations = sum(row["label"] == "cavitation" for row in found(folder))
    assert cavitations > 0
    assert page.execute_script(bars) == cavitations
    assert column(page, 2)[0].endswith("cavitation")
    press(page, "2")
    assert page.execute_script(bars) == cavitations - 1


def test_keyboard_only(page: Any, folder: Path) -> None:
    """Tab reaches the picture and every button with a visible focus; arrows move between events."""
    stops = []
    for _ in range(40):
        press(page, "\ue004")
        stop = page.execute_script(
            "const at = document.activeElement; const look = getComputedStyle(at); "
            "return [at.id || at.tagName, look.outlineStyle, parseFloat(look.outlineWidth)]"
        )
        stops.append(stop)
    assert {"choose", "zoom-in", "add", "help", "wave", "play", "remove", "download"} <= {stop[0] for stop in stops}
    assert all(style != "none" and width >= 2 for name, style, width in stops if name != "BODY")
    press(page, "\ue015")
    assert page.execute_script("return document.activeElement.dataset.id") == "2"
    press(page, " ")
    assert until(page, "return document.documentElement.dataset.played") == "2"


def test_help_dialog(page: Any) -> None:
    press(page, "?")
    assert one(page, "#keys").is_displayed()
    assert "add an event" in one(page, "#key-list").text
    press(page, "\ue00c")
    assert not one(page, "#keys").is_displayed()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1400])
def test_layout_no_overflow(driver: Any, folder: Path, scheme: str, width: int) -> None:
    """The page does not scroll sideways at phone width, and label colours differ."""
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        open_page(driver, folder / "page.html")
        assert driver.execute_script("return document.documentElement.scrollWidth") <= width
        colours = "return [...document.querySelectorAll('#filters .mark')].map(mark => mark.style.color)"
        assert len(set(driver.execute_script(colours))) == len(recordings.KINDS) + 1
    finally:
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@contextmanager
def wide(driver: Any, width: int) -> Iterator[None]:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        yield
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


BOXES = """
return [...document.querySelectorAll(arguments[0])].map(cell => {
  const box = cell.getBoundingClientRect();
  return [cell.textContent.trim(), box.left, box.right, box.top, box.bottom];
});
"""

TEXT_ENDS = """
const frame = document.querySelector("#events").getBoundingClientRect().right;
return [...document.querySelectorAll(arguments[0])].map((each) => {
  const range = document.createRange();
  range.selectNodeContents(each);
  return [range.getBoundingClientRect().right, frame];
});
"""


def test_layout_phone_columns(driver: Any, folder: Path) -> None:
    """Cells do not overlap or exceed the width."""
    with wide(driver, 400):
        open_page(driver, folder / "page.html")
        cells = driver.execute_script(BOXES, "#rows tr:first-child td")
        heads = driver.execute_script(BOXES, "#head th")
        for right, edge in driver.execute_script(TEXT_ENDS, "#head th button"):
            assert right <= edge - 8, "a head keeps its distance from the edge"
    assert len(cells) == len(heads) == 8
    for boxes in (heads, cells):
        assert all(0 <= left < right <= 400 for _, left, right, _, _ in boxes)
        for first, second in itertools.combinations(boxes, 2):
            apart = first[2] <= second[1] + 1 or second[2] <= first[1] + 1
            assert apart or first[4] <= second[3] + 1 or second[4] <= first[3] + 1, (first, second)
    assert min(box[3] for box in cells[4:7]) >= max(box[4] for box in (*cells[:4], cells[7])) - 1


def test_layout_short_table(driver: Any, folder: Path) -> None:
    bottoms = "return ['sessions', 'detail'].map(id => document.getElementById(id).getBoundingClientRect().bottom)"
    with wide(driver, 1400):
        open_page(driver, folder / "page.html")
        left, right = driver.execute_script(bottoms)
    assert right - left < 150


def test_page_without_scripts(driver: Any, folder: Path) -> None:
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        driver.get((folder / "page.html").as_uri())
        shown = [each for each in driver.find_elements("css selector", "button, canvas, table") if each.is_displayed()]
        text = one(driver, "main").text
        sections = [each.text for each in driver.find_elements("css selector", "section") if each.is_displayed()]
    finally:
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert shown == []
    assert all(sections)
    assert "need JavaScript" in text
    for name in (HOSTILE, "b.wav"):
        assert name in text
        assert f"{len(events_of(folder, name))} events: " in text


def test_level_texts(page: Any, folder: Path) -> None:
    assert "Of everything in view, the loudest sample is at -" in one(page, "#level").text
    peak = float(events_of(folder, HOSTILE)[0]["peak_dbfs"])
    assert f"this event's own loudest sample is at {peak:.1f} dBFS" in one(page, "#sound").text


def test_evidence_note(page: Any) -> None:
    note = " ".join(one(page, "#evidence-note").text.split())
    assert note.startswith("Each line shows how many times higher (+) or lower (−) the odds of the")
    assert "than if that property had its mean value in the training data" in note


def test_batch_labels_train(driver: Any, folder: Path, tmp_path: Path) -> None:
    """Downloads have unique names, and one command reads all."""
    audio, out = tmp_path / "in", tmp_path / "out"
    for number in range(3):
        recordings.write(audio / f"r{number}.wav", SOUNDS, seed=number, seconds=2.0)
    arguments = ["batch", audio, "-o", out, "--model", folder / "small.onnx", "--report", "--quiet"]
    assert main([str(part) for part in arguments]) == 0
    pages = sorted((out / "pages").glob("*.html"))
    where = {"behavior": "allow", "downloadPath": str(out / "pages")}
    driver.execute_cdp_cmd("Browser.setDownloadBehavior", where)
    try:
        for each in pages:
            open_page(driver, each)
            press(driver, "2", "j", "3", "j", "1")
            press(driver, "d")
            downloaded(driver, each.with_name(each.name.removesuffix(".html") + ".labels.csv"))
    finally:
        driver.execute_cdp_cmd("Browser.setDownloadBehavior", {**where, "downloadPath": str(folder)})
    tables = sorted(path.name for path in (out / "pages").glob("*.csv"))
    assert tables == [page.name.removesuffix(".html") + ".labels.csv" for page in pages]
    command = ["train", out / "pages", "-o", tmp_path / "mine.onnx", "--classifier", "logistic", "--folds", "2"]
    assert main([str(part) for part in (*command, "--partial")]) == 0
    assert Model.load(tmp_path / "mine.onnx").info["training"]["recordings"] == 3


@pytest.mark.parametrize("width", [400, 1400])
def test_index_layout(driver: Any, folder: Path, tmp_path: Path, width: int) -> None:
    for name in ("a.wav", "day/a_name_that_is_much_longer_than_the_first_one_and_has_no_blank.wav"):
        recordings.write(tmp_path / "in" / name, ["cavitation"])
    arguments = [
        "batch",
        tmp_path / "in",
        "-o",
        tmp_path / "out",
        "--model",
        folder / "small.onnx",
        "--report",
        "--quiet",
    ]
    assert main([str(part) for part in arguments]) == 0
    with wide(driver, width):
        driver.get((tmp_path / "out" / "report.html").as_uri())
        rows = [driver.execute_script(BOXES, f"section:nth-of-type({place}) tbody td") for place in (1, 2)]
        heads = driver.execute_script(BOXES, ".list th .head")
        assert driver.execute_script("return document.documentElement.scrollWidth") <= width
    assert [round(box[1]) for box in rows[0]] == [round(box[1]) for box in rows[1]]
    assert all(box[2] > box[1] and box[4] > box[3] and box[0] for row in rows for box in row)
    if width > 1000:
        assert len({round(box[4] - box[3]) for box in heads}) == 1


def test_index_links(driver: Any, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    recordings.write(tmp_path / "in" / "50% <i>.wav", ["cavitation"])
    recordings.write(tmp_path / "in" / "quiet.wav", [])
    out = tmp_path / "out"
    arguments = ["batch", tmp_path / "in", "-o", out, "--model", folder / "small.onnx", "--report", "--quiet"]
    assert main([str(part) for part in arguments]) == 0
    complaints(driver)
    driver.get((out / "report.html").as_uri())
    links = driver.find_elements("css selector", "td a")
    assert [link.text for link in links] == ["50% <i>.wav"]
    links[0].click()
    until(driver, "return document.documentElement.dataset.ready")
    assert len(column(driver, 0)) >= 1
    one(driver, ".eyebrow a").click()
    assert driver.current_url == (out / "report.html").as_uri()
    assert complaints(driver) == []


TOTALS = """
return {
  sorted: [...document.querySelectorAll("#totals th")]
    .flatMap((cell, at) => (cell.ariaSort ? [[at, cell.ariaSort]] : [])),
  focus: document.activeElement.textContent,
  cells: [...document.querySelectorAll("#totals tbody tr")].map(row => row.cells[arguments[0]].textContent),
};
"""


@pytest.fixture
def study(folder: Path, tmp_path: Path) -> Path:
    """The index of a batch of four subjects and both sides."""
    lines = ["file,subject,site,side"]
    for at, subject in enumerate(["P10", "P2", "", "P1", "P2"]):
        recordings.write(tmp_path / "in" / f"{at}.wav", SOUNDS[:at], seed=at, seconds=2.0)
        lines.append(f"{at}.wav,{subject},knee,{('left', 'right')[at % 2]}")
    (tmp_path / "in" / "m.csv").write_text("\n".join(lines))
    command = ["batch", tmp_path / "in", "-o", tmp_path / "out", "--manifest", tmp_path / "in" / "m.csv"]
    assert main([str(part) for part in (*command, "--model", folder / "small.onnx", "--report", "--quiet")]) == 0
    return tmp_path / "out" / "report.html"


def test_index_sorting(driver: Any, study: Path) -> None:
    """By keyboard, each column in both orders; unknown values stay last, and the sum is no row."""
    complaints(driver)
    driver.get(study.as_uri())
    heads = driver.find_elements("css selector", "#totals thead button")
    assert driver.execute_script(TOTALS, 0)["sorted"] == [[0, "ascending"]]
    for key, order in (("\ue007", "descending"), (" ", "ascending")):
        heads[0].send_keys(key)
        found = driver.execute_script(TOTALS, 0)
        assert (found["sorted"], found["focus"]) == ([[0, order]], "Subject")
        known = ["P1", "P2", "P2", "P10"]
        assert found["cells"] == [*(known if order == "ascending" else known[::-1]), "unknown"]
    for place, head in enumerate(heads[3:], start=3):
        head.click()
        rising = driver.execute_script(TOTALS, place)
        head.click()
        falling = driver.execute_script(TOTALS, place)
        numbers = [float(text.removesuffix(" s")) for text in rising["cells"]]
        assert numbers == sorted(numbers)
        assert [float(text.removesuffix(" s")) for text in falling["cells"]] == sorted(numbers, reverse=True)
        assert (rising["sorted"], falling["sorted"]) == ([[place, "ascending"]], [[place, "descending"]])
    assert complaints(driver) == []


@pytest.mark.parametrize("width", [400, 1400])
def test_index_totals_layout(driver: Any, study: Path, width: int) -> None:
    """The page is not wider than the window, the table scrolls in its own frame, and bars have the widths of counts."""
    with wide(driver, width):
        driver.get(study.as_uri())
        assert driver.execute_script("return document.documentElement.scrollWidth") <= width
        boxes = driver.execute_script(
            "return [...document.querySelectorAll('.bars li')].map(bar => ["
            "bar.getBoundingClientRect().right, bar.querySelector('svg').getBoundingClientRect().width, "
            "[...bar.querySelectorAll('rect')].reduce((sum, part) => sum + part.getBoundingClientRect().width, 0)])"
        )
        frame, table = driver.execute_script(
            "const table = document.getElementById('totals');"
            "return [table.parentElement.clientWidth, table.scrollWidth]"
        )
    assert len(boxes) == 4
    assert all(right <= width for right, *_ in boxes)
    assert max(drawn / whole for _, whole, drawn in boxes) == pytest.approx(1, abs=0.02)
    assert table <= frame or width == 400


@pytest.fixture
def mixed(driver: Any, folder: Path) -> Any:
    """A page of two recordings: other, novel, other, cavitation; other, cavitation, snapping, uncertain."""
    model = Model.load(folder / "small.onnx")
    labels = ["other", "uncertain", "other", "cavitation"], ["other", "cavitation", "snapping", "uncertain"]
    results = []
    for name, wanted in zip(("b.wav", "c.wav"), labels, strict=True):
        result = classify(folder / name, model=model)
        events = [
            each.gain(label=label, p_label=0.4, novelty=0.5) for each, label in zip(result.events, wanted, strict=False)
        ]
        if name == "b.wav":
            events[1] = events[1].gain(p_label=1.0, novelty=0.995)
        info = replace(result.info, warnings=("DC offset", name))
        results.append(replace(result, info=info, events=tuple(events)))
    write_report(results, folder / "mixed.html", model=model, paths=[folder / "b.wav", folder / "c.wav"])
    open_page(driver, folder / "mixed.html")
    driver.execute_script("localStorage.clear()")
    open_page(driver, folder / "mixed.html")
    return driver


NUMBERS = """
const written = [];
const known = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
  if (/^[0-9]$/.test(text)) written.push([this.fillStyle, this.globalAlpha]);
  known.call(this, text, ...rest);
};
const wave = document.getElementById("wave");
wave.style.width = arguments[0] + "px";
const context = wave.getContext("2d");
context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
const ink = context.fillStyle;
document.getElementById("show-all").click();
return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done([ink, written]))));
"""


@pytest.mark.parametrize("width", [40, 60, 80])
def test_number_of_marks_neutral(mixed: Any, width: int) -> None:
    """A number stands for marks of several labels, so that it has the colour of none."""
    ink, written = mixed.execute_script(NUMBERS, width)
    assert written
    assert all(each == [ink, 1] for each in written)


def test_page_opens_at_joint_event(mixed: Any) -> None:
    assert one(mixed, "#detail-title").text.startswith("Event 4 at")
    assert column(mixed, 0) == ["2", "4"]
    assert one(mixed, "#hidden").text == "2 events are not shown: other. Show all"


def test_filter_labels(mixed: Any) -> None:
    texts = [each.text for each in mixed.find_elements("css selector", "#filters button")]
    assert [text.split()[1:] for text in texts] == [
        ["cavitation", "1"],
        ["snapping", "0"],
        ["other", "2"],
        ["uncertain", "1"],
    ]
    until(mixed, "return document.getElementById('wave').dataset.drawn === '2'")
    click(mixed, "[data-filter=other]")
    assert column(mixed, 0) == ["1", "2", "3", "4"]
    assert not one(mixed, "#hidden").is_displayed()
    until(mixed, "return document.getElementById('wave').dataset.drawn === '4'")
    for label in ("other", "uncertain", "cavitation"):
        click(mixed, f"[data-filter={label}]")
    assert column(mixed, 0) == ["4"], "the selected event stays"
    click(mixed, "#show-all")
    assert column(mixed, 0) == ["1", "2", "3", "4"]


def test_filter_keeps_corrected(mixed: Any) -> None:
    press(mixed, "3", "k")
    assert column(mixed, 0) == ["2", "4"]
    assert column(mixed, 2)[1].endswith("other")


def test_next_joint_event(mixed: Any) -> None:
    titles = []
    for step in ("g", "g", "g", "G", "G"):
        press(mixed, step)
        titles.append((one(mixed, "#recording-title").text[-5:], one(mixed, "#detail-title").text.split(" at ")[0]))
    assert titles == [
        *[("c.wav", "Event 2"), ("c.wav", "Event 3"), ("c.wav", "Event 3")],
        *[("c.wav", "Event 2"), ("b.wav", "Event 4")],
    ]
    press(mixed, "G")
    assert one(mixed, "#message").text == "There is no earlier joint event."
    click(mixed, "#next-joint")
    assert one(mixed, "#detail-title").text.startswith("Event 2 at")
    assert complaints(mixed) == []


def test_unlike_training_data(mixed: Any) -> None:
    row = column(mixed, 0).index("2")
    assert (column(mixed, 3)[row], column(mixed, 4)[row]) == ("", "unlike the training data")
    press(mixed, "k")
    assert "Uncertain, since the sound is unlike the training data." in one(mixed, "#decision").text


def test_repeated_warnings_once(mixed: Any) -> None:
    text = one(mixed, "#repeated").text
    assert text.startswith("2 recordings (")
    assert text.endswith("c.wav): DC offset")
    assert one(mixed, "#warnings").text == "b.wav"


@pytest.mark.parametrize(("count_by", "bars"), [("burst", 1), ("pop", 3)])
def test_timeline_bars_count_by(driver: Any, folder: Path, count_by: str, bars: int) -> None:
    model = Model.load(folder / "small.onnx")
    result = classify(folder / "b.wav", model=model, site="neck", count_by=count_by)
    events = [each.gain(label="cavitation", burst=1) for each in result.events[:3]]
    events += [each.gain(label="other") for each in result.events[3:]]
    write_report([replace(result, events=tuple(events))], folder / "bars.html", model=model, paths=[folder / "b.wav"])
    open_page(driver, folder / "bars.html")
    assert len(driver.find_elements("css selector", "#timelines svg .refractory")) == bars
    text = one(driver, "#timelines figcaption").text
    joints = "1 joint must have popped" if bars == 1 else "3 joints must have popped, if each pop is one joint cavity"
    assert text.endswith(f"at least {joints}.")


@pytest.mark.parametrize("width", [400, 1400])
def test_layout_long_note(mixed: Any, width: int) -> None:
    with wide(mixed, width):
        show_all(mixed)
        cells = mixed.execute_script(BOXES, "#rows tr[data-id='2'] td")
        frame = mixed.execute_script(BOXES, ".scroller")[0]
    assert max(right for _, _, right, _, _ in cells) <= frame[2] + 1
    note, novelty = cells[4], cells[5]
    assert note[0] == "unlike the training data"
    assert note[2] <= novelty[1] + 1
