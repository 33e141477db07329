"""The README's probe in the stack: it runs on its schedule, and its figures are where the README looks them up."""

import json
from pathlib import Path

from readme import AWS_SANDBOX, STACK_PROBE_LOOKUP, STACK_PROBE_SANDBOX, in_the_foreground, shell
from tools import put_aws_cli


def test_the_stacks_probe_runs_and_is_found(tmp_path: Path) -> None:
    put_aws_cli(tmp_path)
    with in_the_foreground(STACK_PROBE_SANDBOX, tmp_path / "log"):
        found = f"{STACK_PROBE_LOOKUP} --output json"
        done = shell(f"{AWS_SANDBOX}\nuntil {found} | grep -q Average; do sleep 0.2; done; {found}", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert 0.0 < json.loads(done.stdout)["Datapoints"][0]["Average"] < 60_000.0
