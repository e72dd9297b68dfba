"""Files and takes of a project that arrive in blocks."""

import asyncio
from datetime import UTC, datetime

import recordings

from popclass.app.completion import recover, unfinished
from popclass.app.takes import Take
from popclass.app.uploads import receive

NOW = datetime(2026, 11, 30, 10, 15, 0, tzinfo=UTC)


async def blocks(data, size=1000):
    for at in range(0, len(data), size):
        yield data[at : at + size]


def send(project, name, data, metadata=None):
    return asyncio.run(receive(project, name, metadata or {}, blocks(data)))


def take_of(project, samples, size=4800):
    take = Take(project, recordings.RATE, {"site": "hip"}, NOW)
    for at in range(0, len(samples), size):
        take.add(at, samples[at : at + size].astype("<f4").tobytes())
    return take


def kill(take):
    """End a take as the system does if the program is killed."""
    take._file.close()


def remains(project):
    """Files in `takes/` beside the lock of the project."""
    return [path for path in project.takes_dir.iterdir() if path.name != ".lock"]


def recovered(project):
    """Complete what is unfinished; return the recordings."""
    return recover(project, unfinished(project))[0]
