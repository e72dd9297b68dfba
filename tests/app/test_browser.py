"""The app in a real browser with a fake microphone, up to a trained model."""

import csv
import re
import subprocess
import sys
from contextlib import contextmanager
from urllib.parse import urlsplit

import browser
import pytest
import recordings
import soundfile as sf
from browser import click, complaints, one, press, requests, until

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
pytestmark = browser.MARKS
HOSTILE = "<img src=x onerror=alert(1)> & =1.wav"
SUBJECT = "<script>alert(2)</script>"
SOUNDS = ["cavitation", "snapping", "other"] * 4
ENTER, TAB = "\ue007", "\ue004"
LONG_S = 300  # for training and evaluation, also on a busy machine


@contextmanager
def app(folder, *options):
    """Run the app on a folder; yield the address of its page."""
    command = [sys.executable, "-m", "popclass", "app", str(folder), "--no-browser", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as child:
        try:
            yield child.stdout.readline().strip()
        finally:
            child.terminate()


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    """A browser whose microphone plays a recording of sounds again and again."""
    place = tmp_path_factory.mktemp("browser")
    wave = recordings.write(place / "microphone.wav", SOUNDS, seconds=4.0)
    microphone = (
        *("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"),
        f"--use-file-for-fake-audio-capture={wave}",
    )
    with browser.browser(place / "profile", place, *microphone) as started:
        yield started


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project of three recordings of two persons, all classified, and the address of its page."""
    place = tmp_path_factory.mktemp("project")
    names = [HOSTILE, "b.wav", "c.wav"]
    for seed, name in enumerate(names):
        recordings.write(place / "recordings" / name, SOUNDS, seed=seed, seconds=4.0)
    with (place / "recordings.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [("file", "subject", "site"), *((f"recordings/{name}", SUBJECT, "hip") for name in names[:2])]
        )
    with app(place) as address:
        yield place, address


@pytest.fixture
def page(driver, project):
    """The page of the project, without labels."""
    folder, address = project
    driver.get("about:blank")
    if (folder / "labels.csv").is_dir():
        (folder / "labels.csv").rmdir()
    (folder / "labels.csv").unlink(missing_ok=True)
    open_tab(driver, address, "results")
    until(driver, "return document.querySelectorAll('.found-counts i').length >= 3")
    complaints(driver)
    return driver


def open_tab(driver, address, name):
    driver.get("about:blank")
    driver.get(f"{address}#{name}")
    until(driver, "return document.documentElement.dataset.ready")


def go(driver, name):
    driver.switch_to.default_content()
    driver.execute_script("location.hash = '#' + arguments[0]", name)


def text(driver, name):
    return driver.execute_script("return document.getElementById(arguments[0]).textContent", name)


def enter(driver, frame):
    """Go into a frame once its page is ready."""
    driver.switch_to.default_content()
    until(driver, f"return !document.getElementById('{frame}').hidden")
    driver.switch_to.frame(frame)
    until(driver, "return document.documentElement.dataset.ready")


def saved(driver):
    until(driver, "return document.getElementById('saved').textContent.startsWith('Saved')")


def rows(folder, name="labels.csv"):
    return list(csv.DictReader((folder / name).open(encoding="utf-8", newline="")))


def test_empty_project_to_model(driver, tmp_path):
    """Record twice, look, label, train and keep the model, all on the page."""
    with app(tmp_path / "mine") as address:
        open_tab(driver, address, "")
        for log in (complaints, requests):
            log(driver)
        for subject in ("anna", "ben"):
            record(driver, subject)
        go(driver, "results")
        until(driver, "return document.querySelectorAll('.found-counts i').length >= 2")
        assert len(list((tmp_path / "mine" / "recordings").iterdir())) == 2
        go(driver, "label")
        enter(driver, "label-frame")
        number = int(one(driver, "#title").text.split()[0])
        for at in range(number):
            press(driver, "cso"[at % 3])
            if one(driver, "#similar").is_displayed():
                press(driver, "a")
        saved(driver)
        assert len(rows(tmp_path / "mine")) >= number
        go(driver, "train")
        until(driver, "return !document.getElementById('train-button').disabled")
        click(driver, "#train-button")
        until(driver, "return !document.getElementById('candidate').hidden", LONG_S)
        assert "Trained on" in text(driver, "candidate-text")
        one(driver, "#keep-name").send_keys("mine", ENTER)
        until(driver, "return document.getElementById('model').value === 'mine'")
        assert (tmp_path / "mine" / "models" / "mine.onnx").exists()
        assert complaints(driver) == []
        assert all(url.startswith(address) for url in requests(driver))
        driver.get("about:blank")


def test_empty_project(driver, tmp_path):
    """Each part of an empty project says what to do, and the queue opens once there are sounds."""
    with app(tmp_path / "empty") as address:
        open_tab(driver, address, "results")
        assert text(driver, "totals") == "There are no sounds yet. Record or add a recording first."
        assert not one(driver, "#list").is_displayed()
        go(driver, "map")
        until(driver, "return document.getElementById('map-text').textContent.startsWith('There are no sounds yet')")
        assert not one(driver, "#map").is_displayed()
        go(driver, "train")
        until(driver, "return !document.getElementById('tab-train').hidden")
        shown = [each.text for each in driver.find_elements("css selector", "#exports a") if each.is_displayed()]
        assert shown == ["model"]
        go(driver, "label")
        until(driver, "return document.getElementById('label-text').textContent.startsWith('There are no sounds yet')")
        recordings.write(tmp_path / "empty" / "recordings" / "a.wav", SOUNDS, seconds=4.0)
        enter(driver, "label-frame")
        driver.get("about:blank")


def record(driver, subject):
    """Record three seconds of a person with the microphone."""
    go(driver, "record")
    one(driver, "#subject").clear()
    one(driver, "#subject").send_keys(subject)
    click(driver, "#record-button")
    until(driver, "return document.getElementById('record-button').textContent.includes('Stop')")
    until(driver, "return document.getElementById('elapsed').textContent >= '0:04'")
    assert "recorded as it is" in text(driver, "settings")
    until(driver, "return document.querySelectorAll('#so-far-list li').length")
    click(driver, "#record-button")
    until(driver, "return document.getElementById('recorded').textContent.startsWith('Recorded')")


def test_names_are_text(page):
    """No name of a recording or a person is read as HTML."""
    names = page.execute_script("return [...document.querySelectorAll('.item .name')].map((each) => each.textContent)")
    assert HOSTILE in names
    assert any(SUBJECT in each.text for each in page.find_elements("css selector", ".details"))
    assert page.execute_script("return document.querySelectorAll('main img').length") == 0
    assert complaints(page) == []


def test_uploads_and_refusals(page, project, tmp_path):
    folder, _ = project
    good = recordings.write(tmp_path / "new one.wav", SOUNDS, seed=8, seconds=4.0)
    bad = tmp_path / "notes.txt"
    bad.write_text("no sound")
    go(page, "record")
    one(page, "#files").send_keys(f"{good}\n{bad}")
    until(page, "return document.getElementById('upload-done').textContent")
    assert (folder / "recordings" / "new one.wav").read_bytes() == good.read_bytes()
    go(page, "results")
    shown = "return [...document.querySelectorAll('.item')].find((row) => row.textContent.includes('new one'))"
    until(page, f"{shown}?.querySelector('.found-counts i')")


def test_folder_of_recordings(page, project, tmp_path):
    """Of a folder, only recordings are sent, and each keeps its place."""
    folder, _ = project
    recordings.write(tmp_path / "day" / "inside" / "deep.wav", SOUNDS, seed=9, seconds=4.0)
    recordings.write(tmp_path / "day" / ".trash" / "old.wav", SOUNDS, seed=9, seconds=4.0)
    go(page, "record")
    one(page, "#folder").send_keys(str(tmp_path / "day"))
    until(page, "return document.getElementById('upload-done').textContent")
    assert "1 recording added; 1 other file of the folder left out" in text(page, "upload-done")
    assert (folder / "recordings" / "day" / "inside" / "deep.wav").exists()
    assert not one(page, "#refused").is_displayed()


def test_sound_processing_is_reported(page):
    """If the browser keeps a filter on, the page says which one."""
    settings = "{ noiseSuppression: true, autoGainControl: false, echoCancellation: false }"
    page.execute_script(f"MediaStreamTrack.prototype.getSettings = () => ({settings})")
    go(page, "record")
    click(page, "#record-button")
    until(page, "return document.getElementById('elapsed').textContent >= '0:01'")
    assert "keeps noise suppression on" in text(page, "settings")
    assert "emergency" in one(page, "#settings").get_attribute("class")
    click(page, "#record-button")
    until(page, "return document.getElementById('recorded').textContent.startsWith('Recorded')")


def test_uploads_after_refusal(page, tmp_path):
    """What was refused before does not count against what is added now."""
    go(page, "record")
    bad = tmp_path / "notes.txt"
    bad.write_text("no sound")
    done = "return document.getElementById('upload-done').textContent"
    one(page, "#files").send_keys(str(bad))
    assert until(page, done).startswith("0 recordings added")
    good = recordings.write(tmp_path / "later.wav", SOUNDS, seed=9, seconds=4.0)
    one(page, "#files").send_keys(str(good))
    until(page, done + ".startsWith('1 recording added')")


def test_correction_in_report(page, project):
    """A label that is given in the report is in the table and on the page when it is opened again."""
    folder, _ = project
    page.execute_script("location.hash = '#results=' + encodeURIComponent(arguments[0])", HOSTILE)
    enter(page, "report-frame")
    press(page, "2")
    saved(page)
    (row,) = rows(folder)
    assert row["file"].endswith(HOSTILE)
    page.switch_to.default_content()
    page.refresh()
    enter(page, "report-frame")
    assert "1 checked" in text(page, "changes")
    press(page, "x")
    saved(page)
    press(page, "z")
    until(page, "return document.getElementById('changes').textContent.includes('1 checked')")
    saved(page)
    assert [each["label"] for each in rows(folder)] == [row["label"]]


def test_label_not_saved(page, project):
    """A label that cannot be saved is announced and sent again; undo removes it from the table."""
    folder, _ = project
    go(page, "label")
    enter(page, "label-frame")
    (folder / "labels.csv").mkdir()
    press(page, "s")
    until(page, "return document.getElementById('saved').textContent.startsWith('Not saved')")
    (folder / "labels.csv").rmdir()
    saved(page)
    assert [row["label"] for row in rows(folder)] == ["snapping"]
    press(page, "z")
    until(page, "return document.getElementById('progress').textContent.includes('0 labels in all')")
    saved(page)
    assert [row for row in rows(folder) if row["label"]] == []


def test_label_refused(page, project):
    """Labels of a deleted recording, kept by an earlier page, are announced and do not hold up the others."""
    folder, address = project
    page.get(f"{address}label")
    until(page, "return document.documentElement.dataset.ready")
    page.execute_script("""
        const data = JSON.parse(document.getElementById("data").textContent);
        const rows = ["gone.wav", "b.wav", "c.wav", "gone.wav"].map((name, at) => [name, at + 1, at + 1.1, "other"]);
        localStorage.setItem("popclass:unsaved:" + data.place + data.save.replace(/^[^?]*/, ""), JSON.stringify(rows));
    """)
    page.refresh()
    until(page, "return document.getElementById('saved')?.textContent.includes('2 labels were refused')")
    assert "'gone.wav' is no recording of this project" in text(page, "saved")
    assert [(row["file"], row["label"]) for row in rows(folder)] == [
        ("recordings/b.wav", "other"),
        ("recordings/c.wav", "other"),
    ]
    page.refresh()  # what was refused is told once
    until(page, "return document.documentElement.dataset.ready")
    assert not one(page, "#saved").is_displayed()


def test_label_after_restart(driver, tmp_path):
    """The page of an app that has ended does not put its labels into the storage of the next one again and again."""
    recordings.write(tmp_path / "p" / "recordings" / "a.wav", SOUNDS, seconds=4.0)
    stored = (
        "return Object.entries(localStorage).filter(([key, text]) => key.includes('unsaved') && text !== '[]').length"
    )
    with app(tmp_path / "p") as address:
        port = urlsplit(address).port
        open_tab(driver, address, "results")
        until(driver, "return document.querySelectorAll('.found-counts i').length")
        driver.get(f"{address}label")
        until(driver, "return document.documentElement.dataset.ready")
    press(driver, "s")
    until(driver, "return document.getElementById('saved').textContent.includes('does not answer')")
    assert driver.execute_script(stored) == 1
    with app(tmp_path / "p", "--port", str(port)):
        until(driver, "return document.getElementById('saved').textContent.includes('not allowed')")
        driver.execute_script("localStorage.clear()")
        press(driver, "o")
        until(driver, "return document.getElementById('saved').textContent.includes('not allowed')")
        assert driver.execute_script(stored) == 0
        assert "Trying again" not in text(driver, "saved")
        driver.execute_script("window.onbeforeunload = null")
        driver.get("about:blank")


def test_evaluation_report(page, project):
    """The report of an evaluation is shown with its pictures, and no name in it is HTML."""
    go(page, "map")
    until(page, "return document.getElementById('map').dataset.drawn")
    press(page, "v", "s", ENTER)
    saved(page)
    go(page, "train")
    until(page, "return !document.getElementById('evaluate-button').disabled")
    click(page, "#evaluate-button")
    until(page, "return !document.getElementById('evaluation').hidden", LONG_S)
    click(page, "#evaluation-show")
    until(page, "return document.querySelector('#evaluation-report img')?.naturalWidth")
    assert one(page, "#evaluation-report h2").text == "Evaluation"
    assert SUBJECT in text(page, "evaluation-report")
    assert [each for each in complaints(page) if "evaluation" not in each] == []


def test_recording_survives_pause(page, project):
    """What the microphone hears while the server does not answer is sent later, in order."""
    folder, _ = project
    go(page, "record")
    before = set((folder / "recordings").iterdir())
    click(page, "#record-button")
    until(page, "return document.getElementById('elapsed').textContent >= '0:02'")
    page.execute_script("window.real = window.fetch; window.fetch = () => Promise.reject(new TypeError('down'))")
    until(page, "return document.getElementById('recorded').textContent.includes('not saved yet')")
    until(page, "return document.getElementById('elapsed').textContent >= '0:05'")
    page.execute_script("window.fetch = window.real")
    click(page, "#record-button")
    until(page, "return document.getElementById('recorded').textContent.startsWith('Recorded')")
    (new,) = set((folder / "recordings").iterdir()) - before
    assert sf.info(new).duration > 5
    assert f"as {new.name}" in text(page, "recorded")


def test_map_of_new_recording(page, project):
    """An open map takes in what was added, though its row in the results comes first."""
    folder, _ = project
    go(page, "map")
    drawn = "return Number(document.getElementById('map').dataset.drawn)"
    number = until(page, drawn)
    recordings.write(folder / "recordings" / "newest.wav", SOUNDS, seed=21, seconds=4.0)
    until(page, f"{drawn} > {number}")
    (folder / "recordings" / "newest.wav").unlink()
    until(page, f"{drawn} === {number}")


def test_map_selection_follows_its_sound(page, project):
    """The sound that was selected gets the label, though the map was read again with another order."""
    folder, _ = project
    go(page, "map")
    until(page, "return Number(document.getElementById('map').dataset.drawn)")
    press(page, "p")
    point = "return document.getElementById('map-point').textContent"
    name, minutes, seconds = re.match(r"(.+) at (\d+):([\d.]+)", until(page, point)).groups()
    other = next(each for each in ("b.wav", "c.wav") if each != name)
    (folder / "recordings" / other).rename(folder / "recordings" / "0 first.wav")
    until(page, f"{point} === ''")
    press(page, "u")
    saved(page)
    (row,) = rows(folder)
    assert (row["file"], row["label"]) == (f"recordings/{name}", "unsure")
    assert abs(float(row["start_s"]) - int(minutes) * 60 - float(seconds)) < 0.001
    (folder / "recordings" / "0 first.wav").rename(folder / "recordings" / other)


def test_queue_of_new_sounds(page, project):
    """Label opens again with the sounds that were added since."""
    folder, _ = project
    go(page, "label")
    enter(page, "label-frame")
    page.execute_script("document.body.dataset.old = 'yes'")
    go(page, "results")
    recordings.write(folder / "recordings" / "last.wav", SOUNDS, seed=41, seconds=4.0)
    shown = "return [...document.querySelectorAll('.item')].find((row) => row.textContent.includes('last.wav'))"
    until(page, f"{shown}?.querySelector('.found-counts i')")
    until(page, "return document.getElementById('work').classList.contains('idle')")
    go(page, "label")
    enter(page, "label-frame")
    assert page.execute_script("return document.body.dataset.old") is None
    page.switch_to.default_content()
    (folder / "recordings" / "last.wav").unlink()
    until(
        page,
        "return fetch('api/map').then((answer) => answer.json()).then((map) => !map.recordings.includes('last.wav'))",
    )


def test_map_group(page, project):
    """All sounds in view get a label after a question, and lose it by undo; by keys alone."""
    folder, _ = project
    go(page, "map")
    number = until(page, "return Number(document.getElementById('map').dataset.drawn)")
    press(page, "v", "o")
    assert f"Label {number} sounds as other?" in text(page, "map-question")
    press(page, ENTER)
    saved(page)
    assert [row["label"] for row in rows(folder)] == ["other"] * number
    assert all(float(row["end_s"]) > float(row["start_s"]) for row in rows(folder))
    press(page, "z")
    saved(page)
    until(page, "return document.getElementById('map-undo').disabled")
    assert [row for row in rows(folder) if row["label"]] == []


def test_observers_apart(page, project):
    folder, address = project
    go(page, "map")
    until(page, "return document.getElementById('map').dataset.drawn")
    press(page, "v", "s", ENTER)
    saved(page)
    before = (folder / "labels.csv").read_bytes()
    page.get("about:blank")
    page.get(f"{address}?observer=ben#map")
    until(page, "return document.getElementById('map').dataset.drawn")
    press(page, "v", "o", ENTER)
    saved(page)
    assert (folder / "labels.csv").read_bytes() == before
    assert {row["label"] for row in rows(folder, "labels-ben.csv")} == {"other"}


def test_observer_name_is_mended(page):
    """A name as people write it becomes one that a file can have."""
    page.execute_script("document.getElementById('name-observer').showModal()")
    one(page, "#observer-name").send_keys("Änne B", ENTER)
    until(page, "return new URLSearchParams(location.search).get('observer') === 'anne-b'")


MANY = """
const real = window.fetch;
const list = (number, value) => Array.from({ length: number }, (_, at) => value(at));
const change = {
  "api/state": (state) => {
    const [first] = state.recordings;
    return { ...state, recordings: list(1000, (at) => ({ ...first, name: "many " + at })) };
  },
  "api/map": () => ({
    recordings: list(1000, (at) => "many " + at), subjects: list(1000, () => null), labels: ["cavitation", "other"],
    recording: list(20000, (at) => at % 1000), event: list(20000, (at) => 1 + Math.floor(at / 1000)),
    start: list(20000, (at) => at), end: list(20000, (at) => at + 0.1), label: list(20000, (at) => at % 2),
    mine: list(20000, () => -1), x: list(20000, Math.sin), y: list(20000, (at) => Math.cos(at * at)),
  }),
};
window.fetch = async (address, options) => {
  const answer = await real(address, options);
  const [, changed] = Object.entries(change).find(([start]) => String(address).startsWith(start)) || [];
  return changed ? new Response(JSON.stringify(changed(await answer.json())), { status: answer.status }) : answer;
};
"""


def test_many_recordings_and_events(page, project):
    """A thousand recordings are a few rows at a time; 20,000 sounds are drawn in less than a tenth of a second."""
    _, address = project
    added = page.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": MANY})
    try:
        open_tab(page, address, "results")
        until(page, "return document.querySelector('.item')")
        assert page.execute_script("return document.querySelectorAll('.item').length") < 60
        page.execute_script("document.getElementById('list').scrollTop = 1e9")
        until(page, "return [...document.querySelectorAll('.item .name')].some((e) => e.textContent === 'many 999')")
        assert page.execute_script("return document.querySelectorAll('.item').length") < 60
        go(page, "map")
        until(page, "return document.getElementById('map').dataset.drawn === '20000'")
        times = []
        for _ in range(5):
            page.execute_script("delete document.getElementById('map').dataset.ms")
            press(page, "+")
            times.append(int(until(page, "return document.getElementById('map').dataset.ms")))
        assert min(times) < 100
    finally:
        page.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("name", ["record", "results", "label", "map", "train"])
def test_no_horizontal_scrolling(page, name, width):
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    go(page, name)
    until(page, f"return !document.getElementById('tab-{name}').hidden")
    assert page.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_tabs_by_keyboard(page):
    """Links lead to all parts, every control has a name and the focus is visible."""
    page.execute_script("document.querySelector('#tabs a').focus()")
    press(page, ENTER)
    until(page, "return !document.getElementById('tab-record').hidden")
    press(page, TAB)
    focused = "return getComputedStyle(document.activeElement).outlineStyle"
    assert page.execute_script(focused) != "none"
    unnamed = """
    return [...document.querySelectorAll("button, select, input:not([hidden]), a, [role=meter], progress, iframe")]
      .filter((each) => !each.textContent.trim() && !each.getAttribute("aria-label") && !each.title)
      .filter((each) => !each.labels?.length)
      .map((each) => each.id)
    """
    assert page.execute_script(unnamed) == []
