"""The layer as it is deployed, bundled client included, on every supported interpreter of this machine."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import REPOSITORY, interpreters, uv
from wire.conftest import Runtime
from wire.strict_runtime_api import Invocation, StrictRuntimeApi

SOURCE = """
import sys
from lambda_streaming import streamify_response

@streamify_response
def handler(event, context, *, response_stream):
    import awslambdaric
    response_stream.write(f"{sys.version_info.major}.{sys.version_info.minor} {awslambdaric.__file__}")
    raise ValueError("on " + response_stream.state.name)
"""


def layer_for(version: str, folder: Path) -> Path:
    """Lays out what SAM builds into the layer: the package beside its requirements, for another interpreter."""
    python = folder / "python"
    shutil.copytree(REPOSITORY / "src/runtime/lambda_streaming", python / "lambda_streaming")
    requirements = str(REPOSITORY / "src/runtime/requirements.txt")
    command = uv(
        "pip", "install", "--quiet", "--python", interpreters()[version], "--target", str(python), "-r", requirements
    )
    subprocess.run(command, check=True, timeout=120)
    return python


@pytest.mark.parametrize("version", interpreters())
def test_the_bundled_layer_streams(
    version: str, api: StrictRuntimeApi, run_function: Callable[..., Runtime], tmp_path: Path
) -> None:
    layer = layer_for(version, tmp_path / "opt")
    run_function(
        SOURCE,
        interpreter=interpreters()[version],
        bootstrap=layer / "lambda_streaming/bootstrap",
        environment={"AWS_EXECUTION_ENV": f"AWS_Lambda_python{version}"},
    )
    api.invoke(Invocation())
    request = api.answer().request
    assert request.body.decode() == f"{version} {layer}/awslambdaric/__init__.py"
    assert request.trailer("Lambda-Runtime-Function-Error-Type") == "ValueError"


def test_user_code_sees_the_search_path_of_the_managed_runtime(
    api: StrictRuntimeApi, run_function: Callable[..., Runtime], tmp_path: Path
) -> None:
    layer = layer_for(next(iter(interpreters())), tmp_path / "opt")
    (tmp_path / "awslambdaric").mkdir()
    (tmp_path / "awslambdaric/__init__.py").write_text("raise ImportError('the function brings its own, older client')")
    version = next(iter(interpreters()))
    site_packages = f"lib/python{version}/site-packages"
    run_function(
        "import sys\nfrom lambda_streaming import streamify_response\nbefore = list(sys.path)\n"
        "@streamify_response\ndef handler(event, context, *, response_stream):\n"
        "    for path in [sys.prefix, *before]:\n        response_stream.write(path + '\\n')\n",
        interpreter=interpreters()[version],
        bootstrap=layer / "lambda_streaming/bootstrap",
        environment={"LAMBDA_RUNTIME_DIR": "/var/runtime"},
    )
    api.invoke(Invocation())
    prefix, *path = api.answer().request.body.decode().split()
    assert path[:5] == [
        str(tmp_path),
        f"{layer}/{site_packages}",
        str(layer),
        f"{prefix}/{site_packages}",
        "/var/runtime",
    ]
    assert path.count(str(layer)) == 1
    assert not [entry for entry in path if "lambda_streaming" in entry]
