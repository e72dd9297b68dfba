"""Uploads: files that reach a project through the browser, in blocks."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Mapping
from typing import IO, Any
from uuid import uuid4

from starlette.concurrency import run_in_threadpool

from popclass.app.completion import ABOUT, PART, complete
from popclass.app.manifest import cells_of
from popclass.app.project import Project
from popclass.errors import UsageError
from popclass.utils.files import lock, system_errors, write_synced
from popclass.utils.text import one_line

MOST_BYTES = 2 << 30  # of a file


class TooLargeError(UsageError):
    """A file or a take is longer than it may be."""


async def receive(project: Project, name: str, metadata: Mapping[str, Any], body: AsyncIterator[bytes]) -> str:
    """Write an uploaded file into the project, block by block, and return the name of the recording.

    `metadata` is as for `Project.describe`.

    Raises
    ------
    UsageError
        If the name is not allowed; `TooLargeError` beyond 2 GiB.
    OutputError
        If it cannot be written.
    """
    await run_in_threadpool(_check, project, name, metadata)
    own = f"upload-{uuid4().hex}"
    part, about = (project.takes_dir / f"{own}{suffix}" for suffix in (PART, ABOUT))
    size = 0
    try:
        with system_errors(part):
            part.parent.mkdir(exist_ok=True)
        with system_errors(part), part.open("wb") as file:
            lock(file)
            async for block in body:
                size += len(block)
                if size > MOST_BYTES:
                    raise TooLargeError(
                        f"{one_line(name)[:80]} is larger than {MOST_BYTES >> 30} GiB; cut it into parts"
                    )
                file.write(block)
            await run_in_threadpool(_sync, file)
            text = json.dumps({"name": name, "metadata": dict(metadata)})
            await run_in_threadpool(write_synced, about, text)  # the file is whole
        return await run_in_threadpool(complete, project, own)
    finally:
        part.unlink(missing_ok=True)
        about.unlink(missing_ok=True)


def _check(project: Project, name: str, metadata: Mapping[str, Any]) -> None:
    """Refuse what cannot be kept before anything is written."""
    project.new_path(name)
    if metadata:
        cells_of(metadata)
        project.follow_manifest()  # a broken table


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
