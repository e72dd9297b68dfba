"""Fake source and runner of a live session."""

import json

import numpy as np
import recordings

from popclass.streaming.output import EventLines, QueuedOutput
from popclass.streaming.runner import Runner

RATE = recordings.RATE


class FakeSource:
    """Source of the given messages; arrays in blocks of 10 ms."""

    name = "fake"

    def __init__(self, *messages, end=None):
        self._messages, self._end = messages, end

    def messages(self):
        for message in self._messages:
            if isinstance(message, np.ndarray):
                yield from np.array_split(message, max(len(message) // 480, 1))
            else:
                yield message
        if self._end is not None:
            raise self._end


def run(source, sinks, model, **more):
    notices = []
    runner = Runner(source, {"model": model, "site": "mcp"}, sinks, notices.append, **more)
    runner.run()
    return runner, notices


def run_to_json(source, model, **more):
    text = []
    output = QueuedOutput(text.append, lambda line: text.append(line) or True)
    runner, notices = run(source, [EventLines(output, source.name, as_json=True)], model, **more)
    output.close()
    return [json.loads(line) for line in text], runner, notices
