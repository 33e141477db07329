"""Requests with curl and nothing else, and when the text came out of it."""

import json
import os
import selectors
import subprocess
import sys
import time
from dataclasses import dataclass, field

from probe.load import Side


@dataclass
class Heard:
    """What one curl has given: its answer, and when each delta of it was there (`time.monotonic()`)."""

    answer: bytes = b""
    texts_at: list[float] = field(default_factory=list)

    def take(self, data: bytes) -> None:
        """Add what has come just now."""
        now = time.monotonic()
        self.answer += data
        self.texts_at += [now] * (self.answer.count(b"event: delta\n") - len(self.texts_at))

    @property
    def request_id(self) -> str:
        """The answer's own name."""
        start = self.answer.partition(b"\ndata: ")[2].partition(b"\n")[0]
        return str(json.loads(start)["request_id"])


def ask(side: Side, body: bytes, count: int, at_a_time: int) -> list[Heard]:
    """Make so many requests, so many of them at a time; what came of them, in the order in which they ended."""
    assert side.credentials is not None  # the server that is measured takes signed requests
    quoted = {
        "url": side.target.url,
        "user": f"{side.credentials.access_key_id}:{side.credentials.secret_access_key}",
        "aws-sigv4": f"aws:amz:{side.target.region}:lambda",
        "data": body.decode(),
    }
    config = "".join(f"{name} = {json.dumps(value)}\n" for name, value in quoted.items()).encode()
    done: list[Heard] = []
    with selectors.DefaultSelector() as selector:
        for _ in range(min(count, at_a_time)):
            _start(config, selector)
        while len(done) < count:
            for key, _ in selector.select():
                curl, heard = key.data
                if data := os.read(key.fd, 65_536):
                    heard.take(data)
                    continue
                selector.unregister(key.fileobj)
                with curl:
                    pass  # it has closed its output, and ends
                if curl.returncode:
                    sys.exit(f"bench: curl ended with code {curl.returncode}")
                done.append(heard)
                if len(done) + len(selector.get_map()) < count:
                    _start(config, selector)
    return done


def _start(config: bytes, selector: selectors.BaseSelector) -> None:
    command = ["curl", "-q", "-sN", "-K", "-"]
    # In a process group of its own: Ctrl-C on the terminal would end curl, too, and look like a failed request.
    curl = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0)  # noqa: S603
    assert curl.stdin is not None
    assert curl.stdout is not None
    with curl.stdin as its_config:
        its_config.write(config)
    selector.register(curl.stdout, selectors.EVENT_READ, (curl, Heard()))
