"""What CloudWatch says of published runs, against what numpy says of the same numbers, whichever way they were sent."""

import os
import random
import subprocess
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from probe import cloudwatch, publication
from probe.credentials import Credentials
from probe.measurement import Run
from probe.publication import Document
from probe.target import parse_url
from probe_runs import a_failed_run, a_run
from sandbox_client import aws_client
from tools import aws_cli, without_aws

# Full minutes of the past, with a number of runs each: the last ones are more than one request holds.
MINUTES = (1, 2, 90, 400)
FAILED = 30
START = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=10)
FIGURES = {
    "ClientTimeToFirstByte": "ttfb_ms",
    "ClientTimeToFirstToken": "ttft_ms",
    "ClientMaxInterChunkLatency": "max_gap_ms",
    "ClientResponseDuration": "total_ms",
}

Send = Callable[[Sequence[Document], dict[str, str], Path], None]


@pytest.fixture(scope="module")
def minutes() -> list[list[Run]]:
    """Runs minute by minute, their times with a long tail and many equal ones."""
    rng = random.Random(5)

    def run(started: datetime) -> Run:
        figures = {name: float(round(rng.lognormvariate(5, 1))) for name in FIGURES.values()}
        return a_run(started_at=started.strftime("%Y-%m-%dT%H:%M:%SZ"), **figures)

    return [
        [run(START + timedelta(minutes=minute, seconds=rng.uniform(0, 60))) for _ in range(count)]
        for minute, count in enumerate(MINUTES)
    ]


def with_curl(documents: Sequence[Document], ready: dict[str, str], _folder: Path) -> None:
    target = parse_url(ready["aws_endpoint_url"], ready["region"], {})
    credentials = Credentials(ready["access_key_id"], ready["secret_access_key"], None)
    sent = cloudwatch.send(documents, target, credentials, {"PATH": os.environ["PATH"]})
    assert sent == (sum(MINUTES) * 5 + FAILED) * 2


def with_boto3(documents: Sequence[Document], ready: dict[str, str], _folder: Path) -> None:
    client = aws_client(ready, "cloudwatch")
    for document in documents:
        client.put_metric_data(**document)


def with_the_aws_cli(documents: Sequence[Document], ready: dict[str, str], folder: Path) -> None:
    environment = {
        **without_aws(),
        "AWS_ENDPOINT_URL": ready["aws_endpoint_url"],
        "AWS_DEFAULT_REGION": ready["region"],
        "AWS_ACCESS_KEY_ID": ready["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": ready["secret_access_key"],
    }
    for document in documents:
        path = folder / "document.json"
        path.write_text(publication.shown(document))
        command = aws_cli("cloudwatch", "put-metric-data", "--cli-input-json", f"file://{path}")
        subprocess.run(command, env=environment, check=True, timeout=100)


@pytest.mark.parametrize("send", [with_curl, with_boto3, with_the_aws_cli])
def test_percentiles_survive(send: Send, minutes: list[list[Run]], sandbox: dict[str, str], tmp_path: Path) -> None:
    started_at = START.strftime("%Y-%m-%dT%H:%M:%SZ")
    failed = [a_failed_run("cut", started_at=started_at) for _ in range(FAILED)]
    probe = send.__name__
    documents = publication.documents([run for runs in minutes for run in runs] + failed, "firstbyte", probe)
    assert len(documents) > 1
    send(documents, sandbox, tmp_path)
    for metric, figure in FIGURES.items():
        values = [np.array([getattr(run, figure) for run in runs]) for runs in minutes]
        expected = {
            "SampleCount": [len(each) for each in values],
            "Sum": [each.sum() for each in values],
            "Minimum": [each.min() for each in values],
            "Maximum": [each.max() for each in values],
            **{f"p{rank}": [np.percentile(each, rank) for each in values] for rank in (50, 90, 95, 99, 99.9)},
        }
        assert statistics(sandbox, metric, probe, list(expected)) == {
            name: pytest.approx(numbers, rel=1e-12) for name, numbers in expected.items()
        }
    failures = statistics(sandbox, "ProbeFailures", probe, ["SampleCount", "Sum"])
    assert failures == {"SampleCount": [MINUTES[0] + FAILED, *MINUTES[1:]], "Sum": [FAILED, 0, 0, 0]}


def statistics(ready: dict[str, str], metric: str, probe: str, names: list[str]) -> dict[str, list[float]]:
    """Statistics of the metric, minute by minute."""
    dimensions = [{"Name": "service", "Value": "firstbyte"}, {"Name": "probe", "Value": probe}]
    source = {"Namespace": "Firstbyte", "MetricName": metric, "Dimensions": dimensions}
    answer: dict[str, Any] = aws_client(ready, "cloudwatch").get_metric_data(
        StartTime=START,
        EndTime=START + timedelta(minutes=len(MINUTES)),
        ScanBy="TimestampAscending",
        MetricDataQueries=[
            {"Id": f"m{number}", "MetricStat": {"Metric": source, "Period": 60, "Stat": name}}
            for number, name in enumerate(names)
        ],
    )
    return {name: result["Values"] for name, result in zip(names, answer["MetricDataResults"], strict=True)}
