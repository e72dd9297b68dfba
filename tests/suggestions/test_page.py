"""Page of suggestions."""

import re

import recordings

from popclass.app.pages import app_page
from popclass.cli import main


def footer(html):
    (text,) = re.findall(r"<footer.*?</footer>", html, re.DOTALL)
    return " ".join(text.split())


def test_footer_kind_of_page(tmp_path):
    """The texts of the footer are on reports, pages of suggestions and the page of the app."""
    path = recordings.write(tmp_path / "in" / "a.wav", ["snapping", "other"])
    page, report = tmp_path / "page.html", tmp_path / "report.html"
    assert main(["suggest", str(path.parent), "-o", str(page)]) == 0
    assert main(["classify", str(path), "--report", str(report)]) == 0
    own, of_report = (footer(each.read_text("utf-8")) for each in (page, report))
    assert all("before you share a page" in text for text in (own, of_report))
    for text in (own, of_report, footer(app_page("P1", "/data", "place"))):
        assert "not a diagnosis" in text
        assert not re.search(r"\breports?\b|page of a recording", text, re.IGNORECASE)
