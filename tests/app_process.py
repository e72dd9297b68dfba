"""The app as a program of its own, and requests to it."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

STARTED_S, ANSWER_S = 60, 120  # generous: other tests run beside it


@dataclass
class App:
    """A running app."""

    process: subprocess.Popen
    address: str

    @property
    def port(self) -> int:
        return int(self.address.split(":")[2].split("/")[0])

    @property
    def token(self) -> str:
        return self.address.rstrip("/").rpartition("/")[2]

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Send a request as a browser would; a header `None` is left out. Header names have `_` for `-`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_S)
        host = f"127.0.0.1:{self.port}"
        sent: dict[str, Any] = {"Host": host} | ({} if method == "GET" else {"Origin": f"http://{host}"})
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        place = path if path.startswith("/") else f"/{self.token}/{path}"
        connection.putrequest(method, place, skip_host=True, skip_accept_encoding=True)
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {name: value for name, value in sent.items() if value is not None}
        if data is not None and "Content-Length" not in sent:
            sent["Content-Length"] = str(len(data))
        for name, value in sent.items():
            connection.putheader(name, value)
        connection.endheaders(data)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON of an answer."""
        status, _, content = self.request("GET", f"{path}?{urlencode(query)}" if query else path)
        assert status == 200, content
        return json.loads(content)

    def post(self, path: str, body: Any = None, **query: Any) -> Any:
        """Return the JSON of an answer, or the status and error of a refused request."""
        status, _, content = self.request("POST", f"{path}?{urlencode(query)}" if query else path, body)
        return json.loads(content) if status < 300 else (status, json.loads(content)["error"])

    def events(self, recording: str) -> list[dict[str, Any]]:
        """Return the events of a recording as the map has them; `mine` is the label given by hand, None without one."""
        found = self.get("api/map")
        names = [*found["labels"], None]
        columns = zip(
            *(found[key] for key in ("recording", "event", "start", "end", "label", "mine")),
            strict=True,
        )
        return [
            {"event": event, "start_s": start, "end_s": end, "label": names[label], "mine": names[mine]}
            for at, event, start, end, label, mine in columns
            if found["recordings"][at] == recording
        ]

    def label_data(self) -> dict[str, Any]:
        """Return the data of the page of sounds to label."""
        content = self.request("GET", "label")[2].decode()
        return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', content, re.DOTALL)[1])

    def until(self, holds: Any, what: str, *, observer: str = "") -> dict[str, Any]:
        """Wait for a state, and return it."""
        ends = time.monotonic() + ANSWER_S
        while time.monotonic() < ends:
            state = self.get("api/state", observer=observer)
            if holds(state):
                return state
            time.sleep(0.1)
        raise AssertionError(f"{what} did not happen: {state}")

    def classified(self, count: int) -> dict[str, Any]:
        """Wait until so many recordings are classified."""

        def holds(state: dict[str, Any]) -> bool:
            done = [each for each in state["recordings"] if each["status"] in ("ok", "failed") and not each["waiting"]]
            return len(done) == count and state["work"]["kind"] is None

        return self.until(holds, f"the classification of {count}")


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[App]:
    """Start the app of a project, and end it."""
    command = [sys.executable, "-m", "popclass", "app", str(folder), "--no-browser", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL) as process:
        try:
            address = process.stdout.readline().strip()
            app = App(process, address)
            ends = time.monotonic() + STARTED_S
            while True:
                try:
                    app.get("api/state")
                    break
                except OSError:
                    assert time.monotonic() < ends, "the server does not answer"
                    time.sleep(0.05)
            yield app
        finally:
            process.kill()
