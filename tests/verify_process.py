"""scripts/verify.sh as a process."""

import os
import subprocess
from collections.abc import Mapping

from tools import REPOSITORY, without_aws


def verify(*arguments: str, environment: Mapping[str, str] = {}) -> "subprocess.CompletedProcess[str]":
    """Run the script, away from the AWS settings of whoever runs the tests."""
    surroundings = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return subprocess.run(
        [str(REPOSITORY / "scripts/verify.sh"), *arguments],
        env={**without_aws(), **surroundings, "AWS_EC2_METADATA_DISABLED": "true", **environment},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
