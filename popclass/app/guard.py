"""Guard of the local server: who may send requests, and headers that limit what a browser does with the answers.

Only this computer and only the page itself may: the server listens on 127.0.0.1, every address begins with a secret
token, `Host` must be that of this server, which defeats DNS rebinding, and a request that changes something must have
its `Origin`, which no page of another site can send. The content policy allows nothing from outside.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from popclass.app.messages import refusal
from popclass.app.pages import POLICY

HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
}

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def make_token() -> str:
    """Return a new secret for the address of the app."""
    return secrets.token_urlsafe(24)


class Guard:
    """Refuses every request that does not come from the page of this server.

    Parameters
    ----------
    app : ASGI application
    token : str
    port : int
    """

    def __init__(self, app: Any, token: str, port: int) -> None:
        self._app, self._token = app, token.encode()
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or answer 403."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                more = {**HEADERS, "Content-Security-Policy": POLICY}
                added = [(name.lower().encode(), value.encode()) for name, value in more.items()]
                message["headers"] = [*message["headers"], *(each for each in added if each[0] not in present)]
            await send(message)

        app: Any = self._app
        if scope["type"] != "http" or not self._allowed(scope):
            app = refusal("this address is not allowed: open the one that popclass app printed", 403)
        await app(scope, receive, with_headers)

    def _allowed(self, scope: Scope) -> bool:
        before, _, path = scope["path"].partition("/")
        first = path.partition("/")[0].encode("utf-8", "surrogatepass")
        if before or not hmac.compare_digest(first, self._token):
            return False
        headers: dict[bytes, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.lower(), []).append(value.decode("latin-1"))
        hosts, origins = headers.get(b"host", []), headers.get(b"origin", [])
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return False
        if not origins:
            return scope["method"] in ("GET", "HEAD")
        return origins == [f"http://{hosts[0]}"]
