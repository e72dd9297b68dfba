"""Requests that the server cannot read, and the form of its refusals."""

import json

import pytest


def test_json_too_large(app):
    status, error = app.post("api/labels", b'{"rows": "' + b"x" * (9 << 20) + b'"}')
    assert (status, "larger" in error) == (413, True)


@pytest.mark.parametrize("query", ["n=0", "n=501", "n=-1", "n=x", "observer=../x"])
def test_label_page_wrong_query(app, query):
    assert app.request("GET", f"label?{query}")[0] == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "api/nothing"), ("PUT", "api/state"), ("GET", "/wrong"), ("GET", "evaluation/sub"), ("GET", "export/x")],
)
def test_refusals_are_lines_with_headers(app, folder, method, path):
    (folder / "evaluation" / "sub").mkdir(parents=True, exist_ok=True)
    status, headers, content = app.request(method, path)
    assert 400 <= status < 500
    assert list(json.loads(content)) == ["error"]
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["x-content-type-options"] == "nosniff"


def test_refusal_in_frame(app):
    """The page shows in a frame of its own why there is nothing to show."""
    status, headers, _ = app.request("GET", "report?recording=nothing.wav")
    policy = "default-src 'none'; frame-ancestors 'self'"
    assert (status, headers["content-security-policy"]) == (400, policy)
