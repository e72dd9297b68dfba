"""The local server of the app: routes, and who may use them.

Only this computer and only the page itself may: the server listens on 127.0.0.1, every address begins with a secret
token, `Host` must be that of this server, which defeats DNS rebinding, and a request that changes something must have
its `Origin`, which no page of another site can send. The content policy allows nothing from outside.

Requests run in threads, beside the background work (`popclass.app.jobs`); bodies are read in blocks.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from popclass.app import pages, training, uploads
from popclass.app.jobs import BusyError, Jobs
from popclass.app.manifest import METADATA
from popclass.app.project import Project
from popclass.app.state import State
from popclass.errors import PopclassError, UsageError
from popclass.utils.text import one_line

MOST_TAKES, IDLE_S = 8, 30  # takes at once; one that got nothing for so long makes room for another
MOST_JSON = 8 << 20  # bytes
TICK_S = 0.25  # between looks at what has changed
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
                more = {**HEADERS, "Content-Security-Policy": pages.POLICY}
                added = [(name.lower().encode(), value.encode()) for name, value in more.items()]
                message["headers"] = [*message["headers"], *(each for each in added if each[0] not in present)]
            await send(message)

        app: Any = self._app
        if scope["type"] != "http" or not self._allowed(scope):
            app = _error("this address is not allowed: open the one that popclass app printed", 403)
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


def make_app(project: Project, jobs: Jobs, token: str, port: int) -> Guard:
    """Return the application of a project.

    Parameters
    ----------
    project : Project
    jobs : Jobs
        Not started yet: it runs while the server does.
    token : str
        First part of every path.
    port : int
        That the server listens on.
    """
    server = _Server(project, jobs)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        jobs.start()
        yield
        jobs.stop()

    app = Starlette(routes=[Mount(f"/{token}", routes=server.routes())], lifespan=lifespan)
    for kind in (PopclassError, OSError, HTTPException, ClientDisconnect, Exception):
        app.add_exception_handler(kind, _on_error)
    return Guard(app, token, port)


class _Server:
    """The routes of a project."""

    def __init__(self, project: Project, jobs: Jobs) -> None:
        self._project, self._jobs = project, jobs
        self._state = State(project, jobs)
        self._takes: dict[str, uploads.Take] = {}
        self._finishing = asyncio.Lock()

    def routes(self) -> list[Route]:
        """Return all routes below the token."""
        gets: dict[str, Callable[..., Any]] = {
            "/": self._page,
            "/label": self._label_page,
            "/report": self._report,
            "/static/{name}": self._static,
            "/api/state": self._read_state,
            "/api/changes": self._changes,
            "/api/clip": self._clip,
            "/api/map": self._map,
            "/evaluation/{name}": self._evaluation_file,
            "/export/{kind}": self._export,
        }
        posts: dict[str, Callable[..., Any]] = {
            "/api/recordings": self._upload,
            "/api/recordings/metadata": self._metadata,
            "/api/takes": self._begin_take,
            "/api/takes/{id}": self._add_to_take,
            "/api/takes/{id}/end": self._end_take,
            "/api/labels": self._save_labels,
            "/api/train": self._train,
            "/api/train/keep": self._keep,
            "/api/train/discard": self._discard,
            "/api/model": self._use_model,
            "/api/evaluate": self._evaluate,
        }
        return [
            *(Route(path, action, methods=["GET"]) for path, action in gets.items()),
            *(Route(path, action, methods=["POST"]) for path, action in posts.items()),
        ]

    # --- pages

    async def _page(self, _: Request) -> Response:
        return HTMLResponse(await run_in_threadpool(self._state.page))

    async def _static(self, request: Request) -> Response:
        found = pages.static(request.path_params["name"])
        return _error("there is no such file", 404) if found is None else Response(found[0], media_type=found[1])

    async def _label_page(self, request: Request) -> Response:
        page = await run_in_threadpool(self._state.label_page, _observer(request), _count(request))
        return HTMLResponse(page, headers=_OWN_POLICY)

    async def _report(self, request: Request) -> Response:
        page = await run_in_threadpool(self._state.report, _recording(request), _observer(request))
        return HTMLResponse(page, headers=_OWN_POLICY)

    # --- reading

    async def _read_state(self, request: Request) -> Response:
        state = await run_in_threadpool(self._state.read, _observer(request))
        return _Json({**state, "takes": sorted(self._takes)})

    async def _changes(self, request: Request) -> Response:
        return StreamingResponse(self._stream(request), media_type="text/event-stream")

    async def _stream(self, request: Request) -> AsyncIterator[str]:
        version, takes = -1, dict.fromkeys(self._takes, -1)
        while not self._jobs.stopped and not await request.is_disconnected():
            if version != self._jobs.version:
                version = self._jobs.version
                yield f"data: {json.dumps({'version': version, 'work': self._state.work()})}\n\n"
            for id, take in [*self._takes.items()]:
                if takes.get(id) != take.revision:
                    takes[id] = take.revision
                    yield f"data: {json.dumps({'take': id, 'events': take.shown()})}\n\n"
            await asyncio.sleep(TICK_S)

    async def _clip(self, request: Request) -> Response:
        event = _number(request, "event")
        clip = await run_in_threadpool(self._state.sounds().clip, _recording(request), event)
        return Response(clip.data, media_type=clip.mime, headers={"X-Clip-Start": f"{clip.start_s:.6f}"})

    async def _map(self, request: Request) -> Response:
        return _Json(await run_in_threadpool(self._state.map, _observer(request)))

    async def _evaluation_file(self, request: Request) -> Response:
        return await run_in_threadpool(self._state.evaluation_file, request.path_params["name"])

    async def _export(self, request: Request) -> Response:
        project, kind = self._project, request.path_params["kind"]
        labels = project.labels_path(_observer(request))
        export = partial(training.export, project.folder, kind, labels=labels, model=self._jobs.model_file())
        found = await run_in_threadpool(export)
        return Response(found.data, media_type=found.mime, headers=_attachment(found.name))

    # --- changing

    async def _upload(self, request: Request) -> Response:
        wanted = request.query_params.get("name", "")
        changes: dict[str, Any] = {
            name: request.query_params[name] for name in METADATA if name in request.query_params
        }
        if "symptoms" in changes:
            changes["symptoms"] = [each for each in changes["symptoms"].split(",") if each.strip()]
        length = request.headers.get("content-length", "")
        if length.isdigit() and int(length) > uploads.MOST_BYTES:
            raise uploads.TooLargeError(f"{one_line(wanted)[:80]} is larger than {uploads.MOST_BYTES >> 30} GiB")
        name = await uploads.receive(self._project, wanted, changes, request.stream())
        self._jobs.classify()
        return _Json({"name": name})

    async def _metadata(self, request: Request) -> Response:
        content = await _json(request)
        names = content.pop("names", [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise UsageError("names must be a list of recordings")
        await run_in_threadpool(self._project.describe, names, content)
        self._jobs.classify()
        return _Json({})

    async def _begin_take(self, request: Request) -> Response:
        content = await _json(request)
        rate = content.pop("sample_rate", None)
        content.pop("settings", None)
        await self._make_room()
        take = await run_in_threadpool(uploads.Take, self._project, rate, content, uploads.now())
        self._takes[take.id] = take
        return _Json({"id": take.id})

    async def _make_room(self) -> None:
        """Finish the take that has been idle longest, if there are as many as may be; none is lost."""
        if len(self._takes) < MOST_TAKES:
            return
        oldest = min(self._takes.values(), key=lambda take: take.used)
        if time.monotonic() - oldest.used < IDLE_S:
            raise BusyError(f"{MOST_TAKES} takes are being recorded; stop one of them first")
        await self._finish(oldest)

    async def _finish(self, take: uploads.Take) -> str | None:
        async with self._finishing:  # two windows may end one take
            if take.id not in self._takes:
                raise UsageError(uploads.ENDED)
            await run_in_threadpool(take.end)
            name = await run_in_threadpool(uploads.finish, self._project, take.id)
            del self._takes[take.id]
        self._jobs.classify()
        return name

    async def _add_to_take(self, request: Request) -> Response:
        take = self._take(request)
        samples = await _body(request, uploads.MOST_BLOCK)
        return _Json({"frames": await run_in_threadpool(take.add, _number(request, "at"), samples)})

    async def _end_take(self, request: Request) -> Response:
        return _Json({"name": await self._finish(self._take(request))})

    def _take(self, request: Request) -> uploads.Take:
        take = self._takes.get(request.path_params["id"])
        if take is None:
            raise UsageError(uploads.ENDED)
        return take

    async def _save_labels(self, request: Request) -> Response:
        rows = (await _json(request)).get("rows")
        observer = _observer(request)
        counts = await run_in_threadpool(self._state.save_labels, rows, observer)
        self._jobs.changed()
        return _Json({"saved": len(rows or []), "labels": counts})

    async def _train(self, request: Request) -> Response:
        content = await _json(request)
        self._jobs.train(_text(content, "observer"), _text(content, "target") or "balanced")
        return _Json({}, 202)

    async def _keep(self, request: Request) -> Response:
        name = _text(await _json(request), "name")
        await run_in_threadpool(training.keep, self._project.folder, name)
        self._project.use_model(name)
        self._jobs.classify()
        return _Json({"model": name})

    async def _discard(self, _: Request) -> Response:
        await run_in_threadpool(training.discard, self._project.folder)
        self._jobs.changed()
        return _Json({})

    async def _use_model(self, request: Request) -> Response:
        self._project.use_model(_text(await _json(request), "model"))
        self._jobs.classify()
        return _Json({})

    async def _evaluate(self, request: Request) -> Response:
        content = await _json(request)
        second = content.get("second")
        self._jobs.evaluate(_text(content, "observer"), None if second is None else _text(content, "second"))
        return _Json({}, 202)


_OWN_POLICY = {"Content-Security-Policy": "frame-ancestors 'self'"}  # such a page states its own, stricter one
# a refusal is shown in the frame where a page was asked for
_ERROR_POLICY = {"Content-Security-Policy": "default-src 'none'; frame-ancestors 'self'"}


def _on_error(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException):
        return _error(f"{request.method} of this address is not possible: {error.detail}", error.status_code)
    if isinstance(error, ClientDisconnect):
        return _error("the request was aborted", 400)
    if isinstance(error, uploads.TooLargeError):
        return _error(str(error), 413)
    if isinstance(error, BusyError):
        return _error(str(error), 409)
    if isinstance(error, PopclassError):
        return _error(str(error), 400)
    if isinstance(error, OSError):
        return _error(error.strerror or str(error), 500)
    return _error(f"a bug in popclass, please report it: {type(error).__name__}", 500)  # the terminal shows the rest


class _Json(JSONResponse):
    """JSON in ASCII, since names of files need not be UTF-8."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


def _error(text: str, status: int) -> Response:
    return _Json({"error": one_line(text)}, status, _ERROR_POLICY)


def _attachment(name: str) -> dict[str, str]:
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}


async def _body(request: Request, most: int) -> bytes:
    body = bytearray()
    async for block in request.stream():
        body += block
        if len(body) > most:
            raise uploads.TooLargeError(f"the request is larger than {most >> 20} MiB")
    return bytes(body)


async def _json(request: Request) -> dict[str, Any]:
    body = await _body(request, MOST_JSON)
    try:
        content = json.loads(body or b"{}")
        json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogateescape")  # what no file name can hold
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise UsageError("the request must be a JSON object")
    return content


def _text(content: dict[str, Any], key: str) -> str:
    value = content.get(key) or ""
    if not isinstance(value, str):
        raise UsageError(f"{key} must be a text")
    return value


def _observer(request: Request) -> str:
    return request.query_params.get("observer", "")


def _recording(request: Request) -> str:
    return request.query_params.get("recording", "")


def _count(request: Request) -> int:
    return _number(request, "n") if "n" in request.query_params else 20


def _number(request: Request, key: str) -> int:
    text = request.query_params.get(key, "")
    if not text.isdecimal() or len(text) > 15:
        raise UsageError(f"{key} must be a whole number from 0 on")
    return int(text)
