"""The Lambda handler: each event of the schedule is one run of the probe, published, and logged as a line of JSON.

It is the program of scripts/probe.sh, with the curl of the managed runtime:

- From python3.12 on that is built on `provided.al2023`, whose tutorial has a function call curl:
  https://aws.amazon.com/blogs/compute/python-3-12-runtime-now-available-in-aws-lambda/
  https://docs.aws.amazon.com/lambda/latest/dg/runtimes-walkthrough.html
- That curl is `curl-minimal`, without the rarer protocols: https://docs.aws.amazon.com/linux/al2023/ug/curl-minimal.html
- Of /dev/fd there are 0, 1 and 2 alone: https://github.com/aws/aws-lambda-base-images/issues/132

None of this has been tried on AWS itself. Should there be no curl after all, the probe says so and ends with code 2:
Lambda counts an error, nothing is published, and the alarm says that the probe is silent.
"""

import os

from .command import main

# Lambda's own libraries come first in it, and may shadow those that the system's curl was built with.
# https://github.com/aws/aws-lambda-base-images/issues/137
os.environ.pop("LD_LIBRARY_PATH", None)

# Enough for gaps between chunks, and little to pay for.
_ANSWER_TOKENS = 64
# Whoever has waited that long has left. Lambda's own timeout leaves room for the 30 s that a publication may take.
_TIMEOUT_SECONDS = 25
# The run is over, judged and published: an answer that failed is the service's failure, not the probe's.
_DONE = {0, 1, 3, 4, 6}


def handler(_event: object, _context: object) -> None:
    """Run the probe once.

    Raises:
        RuntimeError: It could not do its work, or a completed run could not be published; its own words are in the log.
            A failed run that could not be published is told by the alarm, which hears nothing.
    """
    options = {
        "url": os.environ["FUNCTION_URL"],
        "service": os.environ["SERVICE"],
        "probe": os.environ["PROBE"],
        "max-tokens": min(_ANSWER_TOKENS, int(os.environ["MAX_OUTPUT_TOKENS"])),
        "timeout": _TIMEOUT_SECONDS,
        "output": "jsonl",
        # Whatever else answers at this URL is a failure of the service.
        "expect": "firstbyte-sse",
    }
    code = main([f"--{name}={value}" for name, value in options.items()] + ["--publish"])
    if code not in _DONE:
        raise RuntimeError(f"the probe ended with code {code}")
