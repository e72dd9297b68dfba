"""Requests that the guard of the server refuses, and the headers of every answer."""

import socket

import pytest


@pytest.mark.parametrize("path", ["/", "/wrong/", "/wrong/api/state", "//", "/.", "/%2e%2e/"])
def test_without_token(app, path):
    assert app.request("GET", path)[0] == 403


def test_token_with_more(app):
    assert app.request("GET", f"/{app.token}x/api/state")[0] == 403
    assert app.request("GET", f"/{app.token[:-1]}/api/state")[0] == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "0.0.0.0:{port}", None]
)
def test_other_host(app, host):
    """A name that another site points at this computer does not help it."""
    assert app.request("GET", "api/state", Host=host and host.format(port=app.port))[0] in (400, 403)


def test_localhost(app):
    assert app.request("GET", "api/state", Host=f"localhost:{app.port}")[0] == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1:{port}", "http://127.0.0.1:1", None]
)
def test_other_origin(app, origin):
    own = origin and origin.format(port=app.port)
    assert app.request("POST", "api/labels", {"rows": []}, Origin=own)[0] == 403


def test_other_origin_reading(app):
    assert app.request("GET", "api/state", Origin="http://evil.example")[0] == 403


def test_loopback_only(app):
    """No other address of this computer reaches the server."""
    own = socket.gethostbyname(socket.gethostname())
    if own == "127.0.0.1":
        pytest.skip("this computer has no other address")
    with socket.socket() as other, pytest.raises(ConnectionRefusedError):
        other.connect((own, app.port))


def test_policy(app):
    headers = app.request("GET", ".")[1]
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_method(app, method):
    assert app.request(method, "api/state")[0] in (403, 405)


@pytest.mark.parametrize("target", ["*", "foo", "?x", "http://127.0.0.1/x", "x/{token}/api/state"])
def test_odd_target(app, target):
    """A target that is not a path is refused like a wrong token, not answered with an error of the server."""
    status, headers, content = raw(app, f"GET {target.format(token=app.token)} HTTP/1.1\r\nHost: 127.0.0.1:{app.port}")
    assert status == 403
    assert b"x-frame-options" in headers.lower()
    assert content.startswith(b'{"error"')


def raw(app, head):
    with socket.create_connection(("127.0.0.1", app.port), timeout=30) as connection:
        connection.sendall(f"{head}\r\nConnection: close\r\n\r\n".encode())
        received = b""
        while block := connection.recv(65536):
            received += block
    headers, _, content = received.partition(b"\r\n\r\n")
    return int(headers.split()[1]), headers, content
