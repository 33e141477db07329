"""The stack's function and layer in the form that is deployed: what `sam build` makes, in read-only folders.

Lambda has the function's zip in /var/task, the layer's in /opt, and boto3 beside its interpreter. All are read-only. So
each cold start compiles anew what no zip has the bytecode of.
"""

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.peers.cache import environment, uv
from bench.peers.peer_process import lambda_environment
from bench.peers.runtime_api import PeerError
from bench.sandbox import ROOT

MODEL = "anthropic.claude-3-haiku-20240307-v1:0"

_MAKE_SECONDS = 300
_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
_HANDLER = "app.handler"


@dataclass(frozen=True)
class Form:
    """A form of the deployed stack.

    Attributes:
        task_root: the function's folder, `/var/task` on Lambda.
        layer: the layer's folder, `/opt` on Lambda.
        python: the interpreter, which has boto3 as Lambda's has.
    """

    task_root: Path
    layer: Path
    python: Path

    @property
    def command(self) -> list[str]:
        """What Lambda runs: the exec wrapper, with the interpreter as its argument."""
        return [str(self.layer / "python/lambda_streaming/bootstrap"), str(self.python)]


@dataclass(frozen=True)
class Deployed:
    """The stack as it is deployed.

    Attributes:
        with_pyc: each module has its bytecode beside it, which is used unchecked.
        without_pyc: no module has.
    """

    with_pyc: Form
    without_pyc: Form


@cache
def deployed(root: Path) -> Deployed:
    """Build the stack of a checkout with its Makefiles, as `sam build` does. It is kept until this program ends.

    Raises:
        PeerError: it cannot be built.
    """
    folder = tempfile.TemporaryDirectory(prefix="bench-deployed-")
    atexit.register(folder.cleanup)
    built, bare = Path(folder.name, "with"), Path(folder.name, "without")
    _make("build-StreamingFunction", root / "src/function", built / "task")
    _make("build-StreamingLayer", root / "src/runtime", built / "opt")
    shutil.copytree(built, bare, symlinks=True)
    for compiled in list(bare.rglob("__pycache__")):
        shutil.rmtree(compiled)
    make_read_only(built)
    make_read_only(bare)
    return Deployed(*(Form(each / "task", each / "opt", image()) for each in (built, bare)))


def image(*more: str) -> Path:
    """Return an interpreter that has boto3 as Lambda's has, and nothing else but these packages.

    The versions are those of requirements.lock. What the development environment holds beside them is not on its path.
    """
    # From the interpreter itself, so that it is the same for every checkout with a development environment of its own.
    python = str(Path(sys.executable).resolve())
    return environment("boto3", *more, "--constraint", str(ROOT / "requirements.lock"), python=python)


def make_read_only(folder: Path) -> None:
    """Take the right to write from a folder and all that is in it."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & 0o555)


def stack_environment(form: Form, address: str, bedrock: str) -> dict[str, str]:
    """Return the variables of the stack's own function, with the defaults of template.yaml."""
    return {
        **python_environment(address, _HANDLER, form.task_root),
        **bedrock_environment(bedrock),
        "AWS_LAMBDA_EXEC_WRAPPER": "/opt/python/lambda_streaming/bootstrap",
        "MODEL_IDS": MODEL,
        "FALLBACK_MODEL_ID": "",
        "GUARDRAIL": "",
        "MAX_OUTPUT_TOKENS": "4096",
        "MAX_PROMPT_CHARS": "200000",
        "MODEL_IDLE_TIMEOUT_SECONDS": "60",
        "TTFT_OBJECTIVE_MS": "2000",
        "TPOT_OBJECTIVE_MS": "100",
        "KEEP_ALIVE_SECONDS": "10",
        "MODEL_PRICES": "",
        "POWERTOOLS_SERVICE_NAME": "firstbyte",
    }


def python_environment(address: str, handler: str, task_root: Path) -> dict[str, str]:
    """Return the variables of a Python runtime."""
    return {
        **lambda_environment(address, handler, task_root),
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{_VERSION}",
        # Read-only folders do not keep root from writing.
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def bedrock_environment(bedrock: str) -> dict[str, str]:
    """Return the variables that lead the SDKs to this address, with credentials as a function's role has them."""
    return {
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": bedrock,
        "AWS_ACCESS_KEY_ID": "ASIABENCH",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_SESSION_TOKEN": "bench",
        "MODEL_ID": MODEL,  # of the functions that people write today
    }


def chat_event(prompt: str, accept: str) -> str:
    """Return the event of a Function URL that asks the stack's function, or one that people write today.

    https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads
    """
    return json.dumps(
        {
            "version": "2.0",
            "rawPath": "/",
            "headers": {"accept": accept, "content-type": "application/json"},
            "requestContext": {"http": {"method": "POST", "path": "/"}},
            "body": json.dumps({"prompt": prompt}),
            "isBase64Encoded": False,
        }
    )


def _make(target: str, source: Path, artifacts: Path) -> None:
    artifacts.mkdir(parents=True)
    if not shutil.which("make"):
        raise PeerError("make is needed to build the function and the layer, and is not here. Install it.")
    # With this interpreter, which compiles.
    path = os.pathsep.join((str(Path(sys.executable).parent), str(Path(uv()[0]).parent), os.environ["PATH"]))
    # For this interpreter and machine alone: files for others lie beside them, and are not read.
    machine = os.uname().machine.replace("arm64", "aarch64")
    wanted = (f"PYTHON_VERSIONS={_VERSION}", f"MACHINES={machine}", f"ARTIFACTS_DIR={artifacts}")
    done = subprocess.run(  # noqa: S603 - no shell reads the paths
        ["make", "--silent", target, *wanted],  # noqa: S607 - any make
        cwd=source,
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_MAKE_SECONDS,
        check=False,
    )
    if done.returncode:
        raise PeerError(f"{source}: make {target} failed:\n{done.stdout[-2000:]}")
