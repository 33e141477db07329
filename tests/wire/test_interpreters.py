"""The layer's one zip as Lambda unpacks it, bundled client included, on every supported Python of this machine."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from layer_zip import unpack_layer
from tools import environment, interpreters
from wire.conftest import Runtime
from wire.strict_runtime_api import Invocation, StrictRuntimeApi

SOURCE = """
import sys
from lambda_streaming import streamify_response

@streamify_response
def handler(event, context, *, response_stream):
    import awslambdaric, runtime_client, simplejson._speedups
    modules = (awslambdaric, runtime_client, simplejson._speedups)
    for word in (f"{sys.version_info.major}.{sys.version_info.minor}", *(module.__file__ for module in modules)):
        response_stream.write(word + " ")
    raise ValueError("on " + response_stream.state.name)
"""


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that Lambda puts on the search path: /opt/python."""
    return unpack_layer(tmp_path_factory.mktemp("opt"))


@pytest.mark.parametrize("version", interpreters())
def test_the_bundled_layer_streams(
    version: str, layer: Path, api: StrictRuntimeApi, run_function: Callable[..., Runtime]
) -> None:
    run_function(
        SOURCE,
        interpreter=interpreters()[version],
        bootstrap=layer / "lambda_streaming/bootstrap",
        environment={"AWS_EXECUTION_ENV": f"AWS_Lambda_python{version}"},
    )
    api.invoke(Invocation())
    request = api.answer().request
    native = f".cpython-{version.replace('.', '')}-{os.uname().machine}-linux-gnu.so"
    assert request.body.decode().split() == [
        version,
        f"{layer}/awslambdaric/__init__.py",
        f"{layer}/runtime_client{native}",
        f"{layer}/simplejson/_speedups{native}",
    ]
    assert request.trailer("Lambda-Runtime-Function-Error-Type") == "ValueError"


@pytest.mark.parametrize("missing", ["runtime_client.*.so", "awslambdaric"])
def test_a_layer_that_does_not_fit_says_so(missing: str, tmp_path: Path) -> None:
    layer = unpack_layer(tmp_path)
    for path in layer.glob(missing):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    # Without the packages of the development environment, which has an awslambdaric of its own.
    interpreter = environment("six")
    done = subprocess.run(
        [str(layer / "lambda_streaming/bootstrap"), str(interpreter)],
        env={"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9", "LAMBDA_TASK_ROOT": str(tmp_path), "_HANDLER": "app.handler"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    python = f"Python {sys.version_info.major}.{sys.version_info.minor} on {os.uname().machine}"
    name = missing.partition(".")[0]
    assert done.returncode == 1
    assert done.stderr == (
        f"lambda_streaming: {python} finds no {name}: scripts/layer.sh builds a layer that has it, "
        "or install awslambdaric\n"
    )


def test_user_code_sees_the_search_path_of_the_managed_runtime(
    layer: Path, api: StrictRuntimeApi, run_function: Callable[..., Runtime], tmp_path: Path
) -> None:
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
