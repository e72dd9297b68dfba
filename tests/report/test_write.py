"""Report files: content, security policy, batch reports and errors."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import recordings

from popclass.cli import main
from popclass.errors import AudioError, UsageError
from popclass.model.limitations import brief_limits
from popclass.model.model import Model
from popclass.pipeline import classify
from popclass.report import write_report
from popclass.report.guidance import all_symptoms, guidance
from popclass.report.page import SCRIPTS
from popclass.report.write import labels_name, page_name, relative
from popclass.suggestions.page import SCRIPTS as SUGGEST_SCRIPTS

TEMPLATES = Path(sys.modules["popclass.report"].__path__[0]) / "templates"
Run = Callable[..., tuple[int, str, list[str]]]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(recordings.make_model(tmp_path_factory.mktemp("model") / "small.onnx"))


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return recordings.write(tmp_path / "hip.wav", ["cavitation", "snapping"])


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    def runner(*argv: object) -> tuple[int, str, list[str]]:
        code = main([str(part) for part in argv])
        out, err = capfd.readouterr()
        return code, out, err.splitlines()

    return runner


class _Parts(HTMLParser):
    """The policy, and the texts of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.policy, self.texts, self._tag = "", list[tuple[str, str]](), ""
        self.addresses, self.links = list[str](), list[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        known = dict(attributes)
        kind = known.get("type")
        self._tag = tag if kind is None or tag == "style" else kind
        if known.get("http-equiv") == "Content-Security-Policy":
            self.policy = known["content"] or ""
        for name in ("src", "href", "action"):
            if value := known.get(name):
                (self.links if tag == "a" else self.addresses).append(value)

    def handle_data(self, data: str) -> None:
        if self._tag in ("script", "style", "application/json") and data.strip():
            self.texts.append((self._tag, data))

    def handle_endtag(self, tag: str) -> None:
        self._tag = ""


def data_of(page: Path) -> dict[str, Any]:
    (text,) = [text for tag, text in _Parts(page.read_text("utf-8")).texts if tag == "application/json"]
    return dict(json.loads(text))


def refused(result: tuple[int, str, list[str]], *words: str) -> None:
    code, out, lines = result
    assert (code, out, len(lines)) == (2, "", 1), result
    assert all(word in lines[0] for word in words), lines


def test_page_security_policy(run: Run, recording: Path, model: str) -> None:
    page = recording.with_name("page.html")
    assert run("classify", recording, "--model", model, "--report", page)[0] == 0
    parts = _Parts(page.read_text("utf-8"))
    for tag, text in parts.texts:
        allowed = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert tag == "application/json" or f"{tag}-src 'sha256-{allowed}'" in parts.policy
    assert parts.policy.startswith("default-src 'none'; ")
    assert "http" not in parts.policy
    assert "unsafe" not in parts.policy
    assert all(address.startswith(("#", "data:")) for address in parts.addresses)
    papers = {source.url for symptom in all_symptoms() for source in symptom.sources}
    papers |= {source.url for passage in guidance([None])["meaning"] for source in passage.sources}
    assert {link for link in parts.links if not link.startswith("#")} == papers


def test_page_data(recording: Path, model: str) -> None:
    chosen = Model.load(model)
    result = classify(recording, model=chosen, site="hip", subject="P1")
    page = recording.with_name("page.html")
    write_report([result], page, model=chosen)
    (known,) = data_of(page)["recordings"]
    assert known["file"] == "hip.wav"
    assert [(e["n"], e["label"], e["start"]) for e in known["events"]] == [
        (e.event, e.label, pytest.approx(e.start_s, abs=1e-6)) for e in result.events
    ]
    assert all(event["clip"].startswith("data:audio/flac;base64,") for event in known["events"])
    assert data_of(page)["graded"] == bool(chosen.novelty_costs)
    (session,) = data_of(page)["sessions"]
    assert (session["site"], session["cavities"], session["recordings"][0]["place"]) == ("hip", 1, 0)


def test_page_deterministic(run: Run, recording: Path, model: str) -> None:
    page, seen = recording.with_name("a.html"), set[bytes]()
    for _ in range(2):
        assert run("classify", recording, "--model", model, "--report", page, "--symptom", "pain")[0] == 0
        seen.add(page.read_bytes())
    assert len(seen) == 1


def test_page_symptoms(run: Run, recording: Path, model: str) -> None:
    page = recording.with_name("page.html")
    run("classify", recording, "--model", model, "--report", page)
    text = page.read_text("utf-8")
    assert 'id="harmless"' in text
    # the site is unknown: it may be the back, and its urgent signs come first
    assert text.index("symptoms in both legs") < text.index("a back or joint that gives way")
    assert 'class="flag ' not in text.split("<main>")[1].split("<noscript>")[0]
    for short, marked in (("gives way", True), ("locks", True), ("swelling", False), ("symptoms in both legs", False)):
        line = next(line for line in text.split("<li>") if short in line.split("</li>")[0])
        assert ("(general advice)" in line.split("</li>")[0]) == marked
    run("classify", recording, "--model", model, "--report", page, "--symptom", "pain", "--symptom", "bladder-or-bowel")
    text = page.read_text("utf-8")
    assert 'id="harmless"' not in text
    assert text.index('class="flag emergency"') < text.index('class="flag soon"') < text.index('id="recording"')
    for always in ("not a diagnosis", "contains the sound of the events"):
        assert always in text


def test_page_no_events(run: Run, tmp_path: Path, model: str) -> None:
    quiet, page = recordings.write(tmp_path / "quiet.wav", []), tmp_path / "page.html"
    assert run("classify", quiet, "--model", model, "--report", page)[0] == 0
    assert data_of(page)["recordings"][0]["events"] == []
    assert "sound of the events" not in page.read_text("utf-8")
    assert "sound of its events" not in page.read_text("utf-8")


def test_page_failed_recording(run: Run, recording: Path, model: str) -> None:
    bad, page = recording.with_name("bad.wav"), recording.with_name("page.htm")
    bad.write_bytes(b"no audio")
    code, _, lines = run("classify", recording, bad, "--model", model, "--report", page)
    assert code == 1
    text = page.read_text("utf-8")
    assert "1 of 2 recordings could not be used" in text
    (reason,) = [line.removeprefix("popclass: ") for line in lines if "bad.wav" in line]
    assert reason in html.unescape(text)
    run("classify", recording, "--model", model, "--report", page)
    assert "could not be used" not in page.read_text("utf-8")


def test_page_limitations(run: Run, recording: Path, model: str) -> None:
    page = recording.with_name("page.html")
    assert run("classify", recording, "--report", page, "--site", "knee")[0] == 0
    head = html.unescape(page.read_text("utf-8")).split("<main>")[0]
    for sentence in (*brief_limits(Model.default()), "No audible cavitation is documented there".lower()):
        assert sentence in head
    assert "trained on generated sounds only" in head
    assert run("classify", recording, "--report", page, "--site", "mcp", "--model", model)[0] == 0
    head = html.unescape(page.read_text("utf-8")).split("<main>")[0]
    assert "generated sounds" not in head
    assert "no audible cavitation" not in head
    assert "as frequent as in the training data" in head


def test_labels_name() -> None:
    """Names are unique per page, and browsers keep them."""
    assert labels_name("out/back.html") == "back.labels.csv"
    assert labels_name(page_name("day/b.wav")) == page_name("day/b.wav").removesuffix(".html") + ".labels.csv"
    assert labels_name("-.html") == labels_name("-") == "labels.csv"
    assert re.fullmatch(r"[\w.-]{1,100}", labels_name("x" * 200 + "<?>.html"))


def test_report_standard_input(
    run: Run, recording: Path, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.html"
    with recording.open("rb") as stream:
        monkeypatch.setattr(sys, "stdin", type("Stdin", (), {"buffer": stream})())
        assert run("classify", "-", "--model", model, "--report", page)[0] == 0
    (known,) = data_of(page)["recordings"]
    assert (known["name"], known["file"], len(known["events"])) == ("standard input", None, 2)
    assert "<title>standard input - popclass</title>" in page.read_text("utf-8")


def test_report_invalid_options(run: Run, recording: Path, model: str, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    refused(run("classify", recording, "--symptom", "pain"), "--report")
    refused(
        run("classify", recording, "--report", page, "--symptom", "panic"), "--symptom 'panic'", "allowed are", "pain"
    )
    refused(run("classify", recording, "--report", recording), "is a recording")
    refused(
        run("classify", recording, "--report", page, "-o", page, "--format", "table"), "both the report and the table"
    )
    refused(run("classify", recording, "--report", tmp_path / "no" / "page.html"), "no folder")
    for name in ("page.pdf", "page", "page.html.txt"):
        refused(run("classify", recording, "--report", tmp_path / name), name, "end its name in .html or .htm")
        assert not (tmp_path / name).exists()
    assert not page.exists()


def test_write_report_changed_recording(recording: Path, model: str) -> None:
    chosen = Model.load(model)
    result = classify(recording, model=chosen)
    recordings.write(recording, ["other", "other"], seed=5)
    with pytest.raises(AudioError, match=r"has changed since it was classified"):
        write_report([result], recording.with_name("page.html"), model=chosen)
    with pytest.raises(UsageError, match="at least one recording"):
        write_report([], recording.with_name("page.html"), model=chosen)


def test_batch_report_pages(run: Run, tmp_path: Path, model: str) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    for name, kinds in {"a.wav": ["cavitation"], "day/b.wav": ["snapping"], "quiet.wav": []}.items():
        recordings.write(folder / name, kinds)
    (folder / "bad.wav").write_bytes(b"no audio")
    rows = ["file,subject,site,side,recorded_at,symptoms"]
    rows += ["a.wav,P1,hip,left,2026-01-01T10:00:00+01:00,numbness; both legs"]
    rows += ["day/b.wav,P1,hip,left,2026-01-01T10:05:00+01:00,"]
    (folder / "m.csv").write_text("\n".join(rows))
    command = ["batch", folder, "-o", out, "--model", model, "--manifest", folder / "m.csv", "--report", "--quiet"]
    assert run(*command)[0] == 1
    index = (out / "report.html").read_text("utf-8")
    names = [page_name("a.wav"), page_name("day/b.wav")]
    assert sorted(path.name for path in (out / "pages").iterdir()) == sorted(names)
    assert all(f'href="pages/{name}"' in index for name in names)
    assert index.index('class="flag emergency"') < index.index('class="flag at-once"')
    assert "generated sounds" not in index
    assert "no audible cavitation is documented there" in index
    assert "quiet.wav" in index
    assert "failed: " in index
    data = data_of(out / "pages" / names[0])
    (session,) = data["sessions"]
    assert [(recording["name"], recording["place"]) for recording in session["recordings"]] == [
        ("a.wav", 0),
        ("day/b.wav", None),
    ]
    assert (session["side"], session["began"]) == ("left", "2026-01-01 10:00:00+01:00 (2026-01-01 09:00:00 UTC)")
    assert data["recordings"][0]["file"] == "../../in/a.wav"
    before = {path: path.read_bytes() for path in out.rglob("*.html")}
    run(*command)
    assert {path: path.read_bytes() for path in out.rglob("*.html")} == before


def test_batch_report_warnings(run: Run, tmp_path: Path, model: str) -> None:
    """Includes recordings without a page: failed or without events."""
    folder, out = tmp_path / "in", tmp_path / "out"
    for name, kinds in {"a.wav": ["cavitation"], "quiet.wav": [], "well.wav": ["other"]}.items():
        recordings.write(folder / name, kinds)
    (folder / "bad.wav").write_bytes(b"no audio")
    rows = ["a.wav,P1,lumbar,both legs", "quiet.wav,P2,lumbar,both legs; fever", "bad.wav,<P3>,wrist,both legs"]
    (folder / "m.csv").write_text("\n".join(["file,subject,site,symptoms", *rows, "well.wav,P4,hip,"]))
    command = ["batch", folder, "-o", out, "--model", model, "--manifest", folder / "m.csv", "--report", "--quiet"]
    assert run(*command)[0] == 1
    index = (out / "report.html").read_text("utf-8")
    flag = index.split('class="flag emergency"')[1].split('class="flag soon"')[0]
    row = {name: index.split(f">{name}<")[-1].split("</tr>")[0] for name in ("a.wav", "well.wav")}
    anchors = {name: re.search(rf'<tr id="(r\d)"><td>{name}', index) for name in ("quiet.wav", "bad.wav")}
    for subject, name in {"P1": "a.wav", "P2": "quiet.wav", "&lt;P3&gt;": "bad.wav"}.items():
        anchor = anchors.get(name)
        address = f"pages/{page_name(name)}" if anchor is None else f"#{anchor[1]}"
        assert f'Subject {subject}: <a href="{address}">{name}</a>' in " ".join(flag.split()), name
        if anchor is not None:
            row[name] = index[anchor.start() :].split("</tr>")[0]
        assert "Emergency: symptoms in both legs" in row[name]
    assert "Soon: fever" in row["quiet.wav"]
    assert "symptom " not in row["well.wav"]
    assert "P4" not in index.split("</header>")[1].split("<table")[0]
    assert "a sign of back or neck" in flag


def test_batch_report_unknown_symptom(run: Run, tmp_path: Path, model: str) -> None:
    recordings.write(tmp_path / "in" / "a.wav")
    (tmp_path / "m.csv").write_text("file,symptoms\nin/a.wav,it aches\n")
    command = ["batch", tmp_path / "in", "-o", tmp_path / "out", "--model", model, "--manifest", tmp_path / "m.csv"]
    for more in (["--report"], []):
        refused(run(*command, *more), "m.csv, row 2", "symptom 'it aches' is unknown")
        assert not (tmp_path / "out").exists()


def test_page_name_safe_and_unique() -> None:
    names = [page_name(name) for name in ("a/b.wav", "a-b.wav", "ü.wav", "x" * 300, "../../etc", "caf\udce9.wav")]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9._-]{1,90}", name) and not name.startswith(".") for name in names)


def test_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert relative("folder/a.wav", "a.html") == "folder/a.wav"
    assert relative(tmp_path / "a.wav", tmp_path / "pages" / "a.html") == "../a.wav"
    assert relative("a.wav", "-") == "a.wav"


def test_scripts_complete_and_safe() -> None:
    assert {*SCRIPTS, *SUGGEST_SCRIPTS, "index.js"} == {path.name for path in TEMPLATES.glob("*.js")}
    for path in TEMPLATES.iterdir():
        text = path.read_text("utf-8")
        assert "\r" not in text
        assert path.suffix == ".html" or "</" not in text, path.name
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text), path.name


def test_page_data_escaped(recording: Path, model: str) -> None:
    chosen, page = Model.load(model), recording.with_name("page.html")
    chosen.name = "</title>"
    result = classify(recording, model=chosen)
    renamed = replace(result, info=replace(result.info, name="</script><script>alert(1)</script>"))
    write_report([renamed], page, model=chosen, paths=[recording])
    text = page.read_text("utf-8")
    assert text.count("</script>") == 2
    assert text.count("</title>") == 1
    assert "<script>alert" not in text
