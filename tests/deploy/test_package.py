"""What `sam package` makes of the template: nothing in it leads to a file of this machine."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from deploy.sam_project import run_sam
from deploy.stand_in_process import StandIn
from tools import REPOSITORY


def test_the_dashboard_is_included_from_the_bucket(project: Path, stand_in: StandIn, tmp_path: Path) -> None:
    packaged = tmp_path / "packaged.json"
    run_sam(project, "package", "--use-json", "--output-template-file", str(packaged), **stand_in.environment)
    resources = json.loads(packaged.read_text())["Resources"]
    include = resources["StreamingDashboard"]["Properties"]["DashboardBody"]["Fn::Transform"]
    assert include["Name"] == "AWS::Include"
    location = urlsplit(include["Parameters"]["Location"])
    assert location.scheme == "s3"
    body = stand_in.client("s3").get_object(Bucket=location.netloc, Key=location.path.lstrip("/"))["Body"].read()
    # The file goes as YAML, of which JSON is a part.
    assert yaml.safe_load(body) == json.loads((REPOSITORY / "dashboards/streaming.json").read_text())
    for name, key in (("StreamingFunction", "CodeUri"), ("ProbeFunction", "CodeUri"), ("StreamingLayer", "ContentUri")):
        assert resources[name]["Properties"][key].startswith(f"s3://{location.netloc}/")
