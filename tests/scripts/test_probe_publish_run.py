"""`scripts/probe.sh --publish`: how the runs get to CloudWatch over the real curl, and what is said if they do not."""

import contextlib
import json
import os
import signal
import socket
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import boto3
import pytest
from moto.server import ThreadedMotoServer

from probe import cloudwatch, publication
from probe.credentials import Credentials
from probe.target import Target, parse_url
from probe_process import KEYS, PATIENCE_SECONDS, SECRET, Probe, shown_by
from probe_runs import a_run
from put_metric_data import Value, minute_of, values_of
from scripted_server import START, STREAM_HEAD, Hang, Reset, Script, ScriptedServer, answer, plain
from signatures import expected_signature, given_signature

TOKEN = "FwoGZXIvYXdz//token+=="
COMPLETED: Script = [(0.0, answer("a", "b"))]
THROTTLED: Script = [(0.0, plain(429, b'{"error": {"type": "throttled", "message": "m"}}', "application/json"))]
TAKEN = plain(200, b"<PutMetricDataResponse/>", "text/xml")


@dataclass
class Stack:
    """A function and a CloudWatch that do as they are told, and the options that lead to them."""

    function: ScriptedServer
    cloudwatch: ScriptedServer
    options: tuple[str, ...]


@contextlib.contextmanager
def stack(folder: Path, *function: Script, cloudwatch: Script = ((0.0, TAKEN),), **ready: str) -> Iterator[Stack]:
    with ScriptedServer(*function) as url, ScriptedServer(cloudwatch) as endpoint:
        yield Stack(url, endpoint, options(folder, url.url, endpoint.url, **ready))


def options(folder: Path, function_url: str, endpoint_url: str, **more: str) -> tuple[str, ...]:
    path = folder / "ready.json"
    keys = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": SECRET, "region": "eu-west-1"}
    urls = {"function_url": function_url, "aws_endpoint_url": endpoint_url.rstrip("/")}
    path.write_text(json.dumps({**urls, **keys, **more}))
    return ("--sandbox", "--ready-file", str(path))


FIGURES = {
    "ClientTimeToFirstByte": "ttfb_ms",
    "ClientTimeToFirstToken": "ttft_ms",
    "ClientMaxInterChunkLatency": "max_gap_ms",
    "ClientResponseDuration": "total_ms",
}


def expected_of(runs: Iterable[dict[str, Any]], service: str = "firstbyte", probe: str = "manual") -> Counter[Value]:
    """What should be published of these runs of a JSON document, in both dimension sets."""
    expected: Counter[Value] = Counter()
    for run in runs:
        minute = minute_of(datetime.fromisoformat(run["started_at"]))
        failed = run["outcome"] != "completed"
        values = [("ProbeFailures", "Count", float(failed))]
        if not failed:
            values += [(name, "Milliseconds", run[figure]) for name, figure in FIGURES.items()]
        for name, unit, value in values:
            for dimensions in ((("service", service),), (("service", service), ("probe", probe))):
                expected[name, unit, dimensions, minute, value] += 1
    return expected


def test_the_runs_are_published_as_they_are_reported(probe: Probe, tmp_path: Path) -> None:
    with stack(tmp_path, COMPLETED, THROTTLED, COMPLETED, session_token=TOKEN) as at:
        names = ("--service", "a stack", "--probe", "here & there")
        done = probe(*at.options, "--runs", "3", "--output", "json", "--publish", *names)
        (exchange,) = at.cloudwatch.exchanges
    assert done.returncode == 1, "the exit code is still that of the runs"
    assert done.stderr == "published 22 values to Firstbyte as service=a stack, probe=here & there\n"
    runs = json.loads(done.stdout)["runs"]
    assert values_of([exchange.body]) == expected_of(runs, "a stack", "here & there")
    assert f"Timestamp={quote_plus(runs[0]['started_at'])}".encode() in exchange.body
    assert exchange.request_line.startswith("POST / HTTP/")
    assert exchange.headers["content-type"] == "application/x-www-form-urlencoded; charset=utf-8"
    assert exchange.headers["x-amz-security-token"] == TOKEN
    assert "x-amz-security-token" in exchange.headers["authorization"]
    assert given_signature(exchange) == expected_signature(exchange, SECRET, "monitoring")
    assert given_signature(exchange) != expected_signature(exchange, SECRET, "lambda")


def test_the_warm_up_is_not_published(probe: Probe, tmp_path: Path) -> None:
    with stack(tmp_path, THROTTLED, COMPLETED) as at:
        done = probe(*at.options, "--warm-up", "1", "--runs", "2", "--output", "json", "--publish")
        sent = values_of(exchange.body for exchange in at.cloudwatch.exchanges)
    runs = json.loads(done.stdout)["runs"]
    assert [run["warm_up"] for run in runs] == [True, False, False]
    assert sent == expected_of(runs[1:])


def test_a_dry_run_shows_what_would_be_sent(probe: Probe, tmp_path: Path) -> None:
    with stack(tmp_path, COMPLETED, THROTTLED, COMPLETED, session_token=TOKEN) as at:
        done = probe(*at.options, "--runs", "3", "--output", "json", "--publish", "--dry-run", "--probe", "one & only")
        assert at.cloudwatch.exchanges == []
    assert done.returncode == 1, "the exit code is that of the runs"
    assert TOKEN not in done.stderr
    document = json.loads(done.stderr)
    assert values_of([publication.form(document)]) == expected_of(json.loads(done.stdout)["runs"], probe="one & only")


def test_cloudwatch_is_where_the_environment_says(probe: Probe) -> None:
    with ScriptedServer(COMPLETED) as function, ScriptedServer([(0.0, TAKEN)]) as endpoint:
        environment = {**probe.environment, "AWS_ENDPOINT_URL_CLOUDWATCH": endpoint.url}
        done = probe("--url", function.url, "--output", "json", "--publish", environment=environment)
    (exchange,) = endpoint.exchanges
    assert (done.returncode, done.stderr) == (
        0,
        "published 10 values to Firstbyte as service=firstbyte, probe=manual\n",
    )
    assert values_of([exchange.body]) == expected_of(json.loads(done.stdout)["runs"])
    assert given_signature(exchange) == expected_signature(exchange, SECRET, "monitoring", KEYS["AWS_REGION"])


def test_an_endpoint_that_cannot_be_used_is_told_before_the_first_run(probe: Probe) -> None:
    with ScriptedServer(COMPLETED) as function:
        environment = {**probe.environment, "AWS_ENDPOINT_URL": "http://localstack:4566"}
        done = probe("--url", function.url, "--publish", environment=environment)
        assert function.exchanges == []
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("probe: CloudWatch's endpoint: 'http://localstack:4566' would send")
        unpublished = probe("--url", function.url, environment=environment)
    assert (unpublished.returncode, unpublished.stderr) == (0, "")


def test_nothing_is_published_unasked(probe: Probe, tmp_path: Path) -> None:
    with stack(tmp_path, COMPLETED) as at:
        done = probe(*at.options)
        assert at.cloudwatch.exchanges == []
    assert (done.returncode, done.stderr) == (0, "")


def test_cloudwatch_has_them_afterwards(probe: Probe, tmp_path: Path) -> None:
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    try:
        endpoint = f"http://127.0.0.1:{server.get_host_and_port()[1]}"
        with ScriptedServer(COMPLETED, THROTTLED, COMPLETED) as function:
            arguments = options(tmp_path, function.url, endpoint)
            done = probe(*arguments, "--runs", "3", "--output", "json", "--publish")
        found = statistics_at(endpoint)
    finally:
        server.stop()
    runs = [run for run in json.loads(done.stdout)["runs"] if run["outcome"] == "completed"]
    # Asked for the smaller dimension set, moto counts the larger one in: only this one can be looked at.
    expected: dict[str, Any] = {"ProbeFailures": (3, 1, "Count")}
    for name, key in (
        ("ClientTimeToFirstByte", "ttfb_ms"),
        ("ClientTimeToFirstToken", "ttft_ms"),
        ("ClientMaxInterChunkLatency", "max_gap_ms"),
        ("ClientResponseDuration", "total_ms"),
    ):
        expected[name] = (2, pytest.approx(sum(run[key] for run in runs)), "Milliseconds")
    assert found == expected


def statistics_at(endpoint: str) -> dict[str, tuple[int, float, str]]:
    """How many values each metric of the namespace has by service and probe, their sum and unit."""
    client = boto3.client(
        "cloudwatch", "eu-west-1", endpoint_url=endpoint, aws_access_key_id="a", aws_secret_access_key="b"
    )
    now, found = datetime.now(UTC), {}
    dimensions = [{"Name": "service", "Value": "firstbyte"}, {"Name": "probe", "Value": "manual"}]
    for metric in client.list_metrics(Namespace="Firstbyte", Dimensions=dimensions)["Metrics"]:
        points = client.get_metric_statistics(
            **metric,
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(hours=1),
            Period=60,
            Statistics=["SampleCount", "Sum"],
        )["Datapoints"]
        count, total = (sum(point[statistic] for point in points) for statistic in ("SampleCount", "Sum"))
        found[metric["MetricName"]] = (int(count), total, points[0]["Unit"])
    return found


def error(code: str, message: str) -> bytes:
    element = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    return f"<ErrorResponse>{element}<RequestId>r</RequestId></ErrorResponse>".encode()


FAILURES: dict[str, tuple[Script, str]] = {
    "denied": (
        [(0.0, plain(403, error("AccessDenied", "you may not: &lt;cloudwatch:PutMetricData&gt;"), "text/xml"))],
        "HTTP 403: AccessDenied: you may not: <cloudwatch:PutMetricData>",
    ),
    "control characters": (
        [(0.0, plain(400, error("Bad\x1b[1m", "one\r\ntwo\x07"), "text/xml"))],
        "HTTP 400: Bad[1m: one two",
    ),
    "no error document": ([(0.0, plain(502, b"<html>sorry", "text/html"))], "HTTP 502: <html>sorry"),
    "nothing in it": ([(0.0, plain(500, b"", "text/xml"))], "HTTP 500: the response has no body"),
    "a redirect": ([(0.0, plain(302, b"", "text/xml"))], "HTTP 302: the response has no body"),
    "no response": ([], "Empty reply from server"),
    "cut": ([(0.0, TAKEN[:-3])], "transfer closed with 3 bytes remaining to read"),
    "reset": ([(0.1, Reset)], "Recv failure: Connection reset by peer"),
}


@pytest.mark.parametrize(("script", "words"), FAILURES.values(), ids=FAILURES)
def test_a_failure_is_said_and_costs_no_report(probe: Probe, tmp_path: Path, script: Script, words: str) -> None:
    with stack(tmp_path, COMPLETED, cloudwatch=script) as at:
        done = probe(*at.options, "--output", "json", "--publish")
    assert done.returncode == 5
    assert done.stderr == (
        "probe: not everything is published: 0 of 10 values are, "
        f"then request 1 of 1 to {at.cloudwatch.url[:-1]} failed: {words}\n"
    )
    assert json.loads(done.stdout)["runs"][0]["outcome"] == "completed"


def test_the_runs_failure_comes_before_that_of_the_publication(probe: Probe, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with ScriptedServer(THROTTLED) as function:
        done = probe(*options(tmp_path, function.url, f"http://127.0.0.1:{port}"), "--publish")
    assert done.returncode == 1
    assert "0 of 2 values are, then request 1 of 1 to " in done.stderr
    assert "Connection refused" in done.stderr or "Couldn't connect" in done.stderr


def test_keys_that_cloudwatch_does_not_take(probe: Probe, tmp_path: Path, sandbox: dict[str, str]) -> None:
    with ScriptedServer(COMPLETED) as function:
        arguments = options(tmp_path, function.url, sandbox["aws_endpoint_url"])
        done = probe(*arguments, "--output", "json", "--publish")
    assert done.returncode == 5
    assert " failed: HTTP 403: UnrecognizedClientException: " in done.stderr
    assert json.loads(done.stdout)["runs"][0]["outcome"] == "completed"


def test_the_report_does_not_wait_and_the_keys_do_not_show(probe: Probe, tmp_path: Path) -> None:
    release = threading.Event()
    with stack(tmp_path, COMPLETED, cloudwatch=[(release, TAKEN)], session_token=TOKEN) as at:
        process = probe.start(*at.options, "--runs", "2", "--output", "csv", "--publish")
        assert process.stdout is not None
        try:
            lines = [process.stdout.readline() for _ in range(3)]
            at.cloudwatch.wait_for_request(1)
            commands, environments = shown_by(process)
        finally:
            release.set()
            out, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert [line.count(b"completed") for line in lines] == [0, 1, 1]
    assert (process.returncode, out) == (0, b"")
    assert said == b"published 20 values to Firstbyte as service=firstbyte, probe=manual\n"
    assert len(environments) == 1
    for secret in (SECRET.encode(), TOKEN.encode()):
        assert secret not in commands
        assert secret not in environments[0]


@pytest.mark.parametrize(("finished", "count"), [(1, 10), (0, 0)])
def test_after_ctrl_c_the_finished_runs_are_published(probe: Probe, tmp_path: Path, finished: int, count: int) -> None:
    silent: Script = [(0.0, STREAM_HEAD + START), (0.0, Hang)]
    with stack(tmp_path, *[COMPLETED] * finished, silent) as at:
        process = probe.start(*at.options, "--runs", "3", "--publish")
        at.function.wait_for_request(finished + 1)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE_SECONDS)
        sent = values_of(exchange.body for exchange in at.cloudwatch.exchanges)
    assert process.returncode == 130
    assert said.decode() == f"published {count} values to Firstbyte as service=firstbyte, probe=manual\n"
    assert sent.total() == count


def sender(server: ScriptedServer) -> tuple[Target, Credentials, dict[str, str]]:
    return parse_url(server.url, "eu-west-1", {}), Credentials("AKID", SECRET, None), {"PATH": os.environ["PATH"]}


def test_the_largest_requests_are_signed_and_sent_one_after_the_other() -> None:
    runs = [a_run(started_at=f"2026-11-22T{number // 60:02}:{number % 60:02}:00Z") for number in range(300)]
    documents = publication.documents(runs, "%" * 1024, "%" * 1024)
    with ScriptedServer([(0.0, TAKEN)]) as server:
        assert cloudwatch.send(documents, *sender(server)) == 3000
    assert [exchange.body for exchange in server.exchanges] == [publication.form(document) for document in documents]
    assert max(len(exchange.body) for exchange in server.exchanges) > 500_000
    for exchange in server.exchanges:
        assert "expect" not in exchange.headers
        assert given_signature(exchange) == expected_signature(exchange, SECRET, "monitoring")


def test_nothing_is_sent_after_a_failure_and_what_was_sent_is_told() -> None:
    runs = [a_run(total_ms=float(number)) for number in range(400)]
    documents = publication.documents(runs, "s", "p")
    with ScriptedServer([(0.0, TAKEN)], [(0.0, TAKEN)], [(0.0, plain(500, b"", "text/xml"))]) as server:
        with pytest.raises(cloudwatch.PublicationError) as caught:
            cloudwatch.send(documents, *sender(server))
        assert len(server.exchanges) == 3
    assert len(documents) == 4
    assert str(caught.value) == (
        f"2000 of 4000 values are, then request 3 of 4 to {server.url} failed: HTTP 500: the response has no body"
    )
    assert values_of(exchange.body for exchange in server.exchanges[:2]).total() == 2000


def test_a_silent_cloudwatch_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloudwatch, "_TIMEOUT_SECONDS", 0.5)
    with ScriptedServer([(0.0, Hang)]) as server, pytest.raises(cloudwatch.PublicationError, match="timed out"):
        cloudwatch.send(publication.documents([a_run()], "s", "p"), *sender(server))
