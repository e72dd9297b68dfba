"""Routes of the local server of the app; `popclass.app.guard` decides who may use them.

Requests run in threads, beside the background work (`popclass.app.jobs`); bodies are read in blocks.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from popclass.app import completion, pages, takes, training, uploads
from popclass.app.export import export
from popclass.app.guard import Guard
from popclass.app.jobs import BusyError, Jobs
from popclass.app.manifest import METADATA
from popclass.app.messages import (
    Json,
    attachment,
    count_of,
    number_of,
    observer_of,
    on_error,
    read_body,
    read_json,
    recording_of,
    refusal,
    text_of,
)
from popclass.app.project import Project
from popclass.app.state import State
from popclass.errors import PopclassError, UsageError
from popclass.utils.text import one_line

MOST_TAKES, IDLE_S = 8, 30  # takes at once; one that got nothing for so long makes room for another
TICK_S = 0.25  # between looks at what has changed
_OWN_POLICY = {"Content-Security-Policy": "frame-ancestors 'self'"}  # such a page states its own, stricter one


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
        app.add_exception_handler(kind, on_error)
    return Guard(app, token, port)


class _Server:
    """The routes of a project."""

    def __init__(self, project: Project, jobs: Jobs) -> None:
        self._project, self._jobs = project, jobs
        self._state = State(project, jobs)
        self._takes: dict[str, takes.Take] = {}
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
        return refusal("there is no such file", 404) if found is None else Response(found[0], media_type=found[1])

    async def _label_page(self, request: Request) -> Response:
        page = await run_in_threadpool(self._state.label_page, observer_of(request), count_of(request))
        return HTMLResponse(page, headers=_OWN_POLICY)

    async def _report(self, request: Request) -> Response:
        page = await run_in_threadpool(self._state.report, recording_of(request), observer_of(request))
        return HTMLResponse(page, headers=_OWN_POLICY)

    # --- reading

    async def _read_state(self, request: Request) -> Response:
        state = await run_in_threadpool(self._state.read, observer_of(request))
        return Json({**state, "takes": sorted(self._takes)})

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
        event = number_of(request, "event")
        clip = await run_in_threadpool(self._state.sounds().clip, recording_of(request), event)
        return Response(clip.data, media_type=clip.mime, headers={"X-Clip-Start": f"{clip.start_s:.6f}"})

    async def _map(self, request: Request) -> Response:
        return Json(await run_in_threadpool(self._state.map, observer_of(request)))

    async def _evaluation_file(self, request: Request) -> Response:
        return await run_in_threadpool(self._state.evaluation_file, request.path_params["name"])

    async def _export(self, request: Request) -> Response:
        project, kind = self._project, request.path_params["kind"]
        labels = await run_in_threadpool(project.described_labels, observer_of(request))
        sounds, model = self._jobs.found.sounds, project.models.file_in_use
        found = await run_in_threadpool(export, project.folder, kind, sounds, labels=labels, model=model)
        return Response(found.data, media_type=found.mime, headers=attachment(found.name))

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
        return Json({"name": name})

    async def _metadata(self, request: Request) -> Response:
        content = await read_json(request)
        names = content.pop("names", [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise UsageError("names must be a list of recordings")
        await run_in_threadpool(self._project.describe, names, content)
        self._jobs.classify()
        return Json({})

    async def _begin_take(self, request: Request) -> Response:
        content = await read_json(request)
        rate = content.pop("sample_rate", None)
        await self._make_room()
        take = await run_in_threadpool(takes.Take, self._project, rate, content, takes.now())
        self._takes[take.id] = take
        return Json({"id": take.id})

    async def _make_room(self) -> None:
        """Finish the take that has been idle longest, if there are as many as may be; none is lost."""
        if len(self._takes) < MOST_TAKES:
            return
        oldest = min(self._takes.values(), key=lambda take: take.used)
        if time.monotonic() - oldest.used < IDLE_S:
            raise BusyError(f"{MOST_TAKES} takes are being recorded; stop one of them first")
        await self._finish(oldest)

    async def _finish(self, take: takes.Take) -> str | None:
        async with self._finishing:  # two windows may end one take
            if take.id not in self._takes:
                raise UsageError(takes.ENDED)
            del self._takes[take.id]
            try:
                await run_in_threadpool(take.end)
                name = await run_in_threadpool(completion.finish, self._project, take.id)
            except Exception:
                self._jobs.recover(take.id)
                raise
        self._jobs.classify()
        return name

    async def _add_to_take(self, request: Request) -> Response:
        take = self._take(request)
        samples = await read_body(request, takes.MOST_BLOCK)
        return Json({"frames": await run_in_threadpool(take.add, number_of(request, "at"), samples)})

    async def _end_take(self, request: Request) -> Response:
        return Json({"name": await self._finish(self._take(request))})

    def _take(self, request: Request) -> takes.Take:
        take = self._takes.get(request.path_params["id"])
        if take is None:
            raise UsageError(takes.ENDED)
        return take

    async def _save_labels(self, request: Request) -> Response:
        rows = (await read_json(request)).get("rows")
        observer = observer_of(request)
        try:
            counts = await run_in_threadpool(self._state.save_labels, rows, observer)
        except UsageError as error:  # these rows can never be saved; a broken table or a full disk can be mended
            return refusal(str(error), 400, final=True)
        self._jobs.changed()
        return Json({"saved": len(rows or []), "labels": counts})

    async def _train(self, request: Request) -> Response:
        content = await read_json(request)
        self._jobs.train(text_of(content, "observer"), text_of(content, "target") or "balanced")
        return Json({}, 202)

    async def _keep(self, request: Request) -> Response:
        content = await read_json(request)
        name, shown = text_of(content, "name"), text_of(content, "sha256") or None
        await run_in_threadpool(training.keep, self._project.folder, name, shown)
        self._project.models.use(name)
        self._jobs.classify()
        return Json({"model": name})

    async def _discard(self, request: Request) -> Response:
        shown = text_of(await read_json(request), "sha256") or None
        await run_in_threadpool(training.discard, self._project.folder, shown)
        self._jobs.changed()
        return Json({})

    async def _use_model(self, request: Request) -> Response:
        self._project.models.use(text_of(await read_json(request), "model"))
        self._jobs.classify()
        return Json({})

    async def _evaluate(self, request: Request) -> Response:
        content = await read_json(request)
        second = content.get("second")
        self._jobs.evaluate(text_of(content, "observer"), None if second is None else text_of(content, "second"))
        return Json({}, 202)
