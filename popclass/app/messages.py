"""Content of requests and answers of the server: JSON, parameters of an address, and errors."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from popclass.app.jobs import BusyError
from popclass.app.uploads import TooLargeError
from popclass.errors import PopclassError, UsageError
from popclass.utils.text import one_line

MOST_JSON = 8 << 20  # bytes
FEW = 20  # sounds to label, where the address states no number
# a refusal is shown in the frame where a page was asked for
_ERROR_POLICY = {"Content-Security-Policy": "default-src 'none'; frame-ancestors 'self'"}


class Json(JSONResponse):
    """JSON in ASCII, since names of files need not be UTF-8."""

    def render(self, content: Any) -> bytes:
        """Return the bytes of the content."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


def refusal(text: str, status: int, **more: Any) -> Response:
    """Return an answer with an error in one line, and with more values for a script."""
    return Json({"error": one_line(text), **more}, status, _ERROR_POLICY)


def on_error(request: Request, error: Exception) -> Response:
    """Return the answer to a request that ended with an exception."""
    if isinstance(error, HTTPException):
        return refusal(f"{request.method} of this address is not possible: {error.detail}", error.status_code)
    if isinstance(error, ClientDisconnect):
        return refusal("the request was aborted", 400)
    if isinstance(error, TooLargeError):
        return refusal(str(error), 413)
    if isinstance(error, BusyError):
        return refusal(str(error), 409)
    if isinstance(error, PopclassError):
        return refusal(str(error), 400)
    if isinstance(error, OSError):
        return refusal(error.strerror or str(error), 500)
    return refusal(f"a bug in popclass, please report it: {type(error).__name__}", 500)  # the terminal shows the rest


def attachment(name: str) -> dict[str, str]:
    """Return the headers of a file to download."""
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}


async def read_body(request: Request, most: int) -> bytes:
    """Return the body of a request; raise TooLargeError if it has more bytes than allowed."""
    body = bytearray()
    async for block in request.stream():
        body += block
        if len(body) > most:
            raise TooLargeError(f"the request is larger than {most >> 20} MiB")
    return bytes(body)


async def read_json(request: Request) -> dict[str, Any]:
    """Return the JSON object in the body of a request, empty without a body; raise UsageError for anything else."""
    body = await read_body(request, MOST_JSON)
    try:
        content = json.loads(body or b"{}")
        json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogateescape")  # what no file name can hold
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise UsageError("the request must be a JSON object")
    return content


def text_of(content: dict[str, Any], key: str) -> str:
    """Return a text of a JSON object, empty if it is missing; raise UsageError if it is something else."""
    value = content.get(key) or ""
    if not isinstance(value, str):
        raise UsageError(f"{key} must be a text")
    return value


def observer_of(request: Request) -> str:
    """Return the observer in an address, by default the one without a name."""
    return request.query_params.get("observer", "")


def recording_of(request: Request) -> str:
    """Return the name of the recording in an address."""
    return request.query_params.get("recording", "")


def count_of(request: Request) -> int:
    """Return the number of sounds that an address asks for, by default `FEW`; raise UsageError as `number_of`."""
    return number_of(request, "n") if "n" in request.query_params else FEW


def number_of(request: Request, key: str) -> int:
    """Return a number in an address; raise UsageError if it is missing or not a whole number."""
    text = request.query_params.get(key, "")
    if not text.isdecimal() or len(text) > 15:
        raise UsageError(f"{key} must be a whole number from 0 on")
    return int(text)
