"""One request, timed by its client; and what Lambda says of it in its log."""

import json
import re
import sys
import time
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

# A model that takes no time of its own, so that what is measured is the function's and the runtime's.
_BODY = json.dumps({"prompt": "[[sandbox: ttft=0 gap=0 chunks=20]] Hello"}).encode()
# The group that template.yaml gives the function, of a stack with the name that the sandbox takes for granted.
_LOG_GROUP = "/aws/lambda/firstbyte-streaming"
_PATIENCE_SECONDS = 60.0
_DURATION = re.compile(r"\tDuration: ([0-9.]+) ms\t")


class Client:
    """Makes requests to the function of one sandbox, each on a connection of its own."""

    def __init__(self, ready: dict[str, str]) -> None:
        self._url, self._region = ready["function_url"], ready["region"]
        self._keys = Credentials(ready["access_key_id"], ready["secret_access_key"])
        keys = {"aws_access_key_id": self._keys.access_key, "aws_secret_access_key": self._keys.secret_key}
        self._logs: Any = boto3.client("logs", self._region, endpoint_url=ready["aws_endpoint_url"], **keys)

    def sample(self) -> dict[str, float] | None:
        """The figures of one request in milliseconds; the help text says what they are. None for a 502.

        It comes back when the function has nothing more to do, so that the next request finds the machine at rest.
        """
        address = urlsplit(self._url).netloc
        headers = {"Accept": "text/event-stream", "Content-Type": "application/json", "Host": address}
        signed = AWSRequest("POST", self._url, headers, _BODY)
        SigV4Auth(self._keys, "lambda", self._region).add_auth(signed)
        connection = HTTPConnection(address, timeout=_PATIENCE_SECONDS)
        connection.connect()
        start = time.perf_counter()
        connection.request("POST", "/", _BODY, dict(signed.headers.items()))
        response = connection.getresponse()
        body = response.read1()
        first_byte = time.perf_counter()
        body += response.read()
        last_byte = time.perf_counter()
        connection.close()
        if response.status == 502:
            return None
        if b"event: end\n" not in body:
            sys.exit(f"bench: a response is not a whole answer: {response.status} {body.decode(errors='replace')}")
        return {
            "ttfb_ms": (first_byte - start) * 1000,
            "last_byte_ms": (last_byte - start) * 1000,
            "duration_ms": self._duration_ms(response.getheader("x-request-id")),
        }

    def _duration_ms(self, request_id: str | None) -> float:
        query = {"logGroupName": _LOG_GROUP, "filterPattern": f'"REPORT RequestId: {request_id}"'}
        limit = time.monotonic() + _PATIENCE_SECONDS
        while not (events := self._logs.filter_log_events(**query)["events"]):
            if time.monotonic() > limit:
                sys.exit(f"bench: the log has no REPORT line for request {request_id}")
            time.sleep(0.02)
        (text,) = _DURATION.findall(events[0]["message"])
        return float(text)
