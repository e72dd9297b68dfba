"""Start and end of the app: the project is opened, the server runs until it is interrupted."""

from __future__ import annotations

import os
import socket
import sys
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from popclass.app.guard import make_token
from popclass.app.jobs import Jobs
from popclass.app.project import Project
from popclass.app.server import make_app
from popclass.errors import UsageError

HOST = "127.0.0.1"
MOST_CONNECTIONS = 100  # some systems allow 256 open files
REQUEST_S = 20  # for the head of a request
END_S = 2  # for requests that are being answered when the app ends


def serve(folder: Path, *, port: int = 0, browser: bool = True, opened: Callable[[str], None]) -> None:
    """Serve a project until Ctrl-C or SIGTERM.

    Parameters
    ----------
    folder : Path
        Made if it does not exist.
    port : int
        0 for any that is free.
    browser : bool
        Whether to open the page in a browser, if there is a display.
    opened : callable
        Called with the address once it can be opened.

    Raises
    ------
    UsageError
        If the port is in use.
    OutputError
        If the project cannot be made, or is open in another app.
    """
    with _listening(port) as listening, Project(folder) as project:
        own, token = listening.getsockname()[1], make_token()
        address = f"http://{HOST}:{own}/{token}/"
        jobs = Jobs(project)
        config = uvicorn.Config(
            make_app(project, jobs, token, own),
            log_level="error",
            access_log=False,
            server_header=False,
            http=_Protocol,
            ws="none",
            timeout_graceful_shutdown=END_S,
        )
        opened(address)
        if browser and _has_display():
            Thread(target=webbrowser.open, args=(address,), daemon=True).start()  # it may wait for the browser
        with suppress(KeyboardInterrupt):  # how it ends
            _Server(config, jobs).run(sockets=[listening])


class _Server(uvicorn.Server):
    """Ends the streams of open pages as soon as a signal arrives, instead of waiting for them."""

    def __init__(self, config: uvicorn.Config, jobs: Jobs) -> None:
        super().__init__(config)
        self._jobs = jobs

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._jobs.stop()
        super().handle_exit(sig, frame)


class _Protocol(H11Protocol):
    """HTTP with bounds on connections: on their number, and on the time without a whole request."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._waits()
        if len(self.connections) > MOST_CONNECTIONS:  # the newest may be the user's
            idle = (each for each in self.connections if isinstance(each, _Protocol) and each.is_idle())
            min(idle, key=lambda each: each.deadline.when(), default=self).transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.deadline.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        self.deadline.cancel()
        self._waits()
        super().on_response_complete()

    def is_idle(self) -> bool:
        return self.cycle is None or bool(self.cycle.response_complete)

    def _waits(self) -> None:
        self.deadline = self.loop.call_later(REQUEST_S, self._close_if_idle)

    def _close_if_idle(self) -> None:
        if self.is_idle():
            self.transport.close()


def _listening(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if os.name != "nt":  # there it would allow two servers on a port
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen()  # so that a browser that is faster than the server waits
    except OSError as error:
        listening.close()
        raise UsageError(f"port {port} cannot be used ({error.strerror}): leave --port out, or name another") from None
    return listening


def _has_display() -> bool:
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
