"""Dependencies point one way: who may import whom, read from the sources' own import statements."""

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tools import REPOSITORY

SOURCES = REPOSITORY / "src"
# The third-party and own packages that each part may import, beside its own and the standard library.
ALLOWED = {
    "function": {"lambda_streaming", "aws_lambda_powertools", "aws_xray_sdk", "boto3", "botocore"},
    "runtime": {"awslambdaric", "runtime_client"},
    "template": {"command_line", "yaml"},
    "sandbox": {
        *("command_line", "template", "aiohttp", "h11", "botocore", "moto", "duckdb", "lark", "numpy", "jsonschema"),
        "psutil",
    },
    "probe": {
        *("look", "jinja2", "jsonschema", "junitparser", "markupsafe", "numpy", "prometheus_client", "rich"),
    },
    "look": {"jinja2", "markupsafe"},
    "console": {
        *("command_line", "look", "boto3", "botocore", "fastapi", "httpx", "jinja2", "markdown_it", "markupsafe"),
        *("nicegui", "starlette", "uvicorn"),
    },
    "bench": {
        *("command_line", "look", "probe", "boto3", "botocore", "fastapi", "jinja2", "markupsafe", "numpy", "psutil"),
        "rich",
    },
    "verify": {"command_line", "probe", "boto3", "botocore"},
}
OWN = {
    "function": {"app", "firstbyte"},
    "runtime": {"lambda_streaming"},
    "template": {"template"},
    "sandbox": {"sandbox"},
    "probe": {"probe"},
    "look": {"look"},
    "console": {"console"},
    "bench": {"bench"},
    "verify": {"verify"},
}


def imports(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("part", ALLOWED)
def test_a_part_imports_what_it_may(part: str) -> None:
    # The layer's examples are code to copy: they import what they show.
    files = [file for file in sorted((SOURCES / part).rglob("*.py")) if "example" not in str(file.parent)]
    assert files
    for file in files:
        # They are functions, or are copied into one's folder, and run there.
        in_functions = {
            "faulty.py": {"app", "aws_xray_sdk", "lambda_streaming"},
            "layer_handler.py": {"lambda_streaming"},
        }
        of_function = in_functions.get(file.name, set())
        foreign = imports(file) - of_function - OWN[part] - ALLOWED[part] - set(sys.stdlib_module_names)
        # urllib3's exceptions are what botocore lets through from a broken stream; it comes with botocore.
        foreign -= {"urllib3"} if part in ("function", "verify") else set()
        assert not foreign, f"{file.relative_to(REPOSITORY)} imports {sorted(foreign)}"


def test_what_every_command_imports_needs_nothing_but_the_standard_library() -> None:
    assert imports(SOURCES / "command_line.py") <= set(sys.stdlib_module_names)


# What a library calls by its name: asyncio's protocols, the hooks of botocore's signer, awslambdaric's native part.
CALLED_BY_LIBRARIES = {
    *("datagram_received", "connection_made", "headers_to_sign", "canonical_headers", "canonical_query_string"),
    *("initialize_client", "next", "post_error", "post_invocation_result"),
}


def defined_names(file: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(node.name)
            case ast.Assign(targets=[ast.Name(name)]) | ast.AnnAssign(target=ast.Name(name)):
                names.add(name)
    return {name for name in names if not name.startswith("__")}


def test_nothing_in_the_sandbox_is_without_a_caller_outside_of_tests() -> None:
    """A name that stands nowhere but where it is defined has none; what tests alone need is not in the sandbox."""
    texts = {file: file.read_text() for file in SOURCES.rglob("*.py")}
    words = Counter(word for text in texts.values() for word in re.findall(r"\w+", text))
    unused = {
        f"{file.relative_to(REPOSITORY)}: {name}"
        for file in texts
        if file.is_relative_to(SOURCES / "sandbox")
        for name in defined_names(file) - CALLED_BY_LIBRARIES
        if words[name] == 1
    }
    assert unused == set()


def test_what_measures_and_publishes_needs_nothing_but_the_standard_library() -> None:
    """The scheduled probe of the stack runs on the managed runtime, with no package beside it."""
    code = "import probe.command, probe.scheduled"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={"PYTHONPATH": str(REPOSITORY / "src/probe")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_importing_the_function_loads_no_more_than_it_needs() -> None:
    """The cold start is part of the time to first byte: the heavy parts of what is installed stay out of it."""
    code = "import app, sys; print('\\n'.join(sys.modules))"
    environment = {
        "PYTHONPATH": f"{SOURCES / 'function'}:{SOURCES / 'runtime'}",
        "AWS_REGION": "us-east-1",
        "MODEL_IDS": "amazon.nova-lite-v1:0",
        "FALLBACK_MODEL_ID": "",
        "MAX_OUTPUT_TOKENS": "100",
        "MAX_PROMPT_CHARS": "100",
        "MODEL_IDLE_TIMEOUT_SECONDS": "60",
        "TTFT_OBJECTIVE_MS": "2000",
        "TPOT_OBJECTIVE_MS": "100",
    }
    loaded = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=True
    ).stdout.split()
    unneeded = (
        "asyncio",
        "aws_lambda_powertools",
        "aws_xray_sdk",
        "multiprocessing",
        "pydantic",
        "s3transfer",
        "sqlite3",
        "unittest",
    )
    assert [name for name in loaded if name.split(".")[0] in unneeded] == []


def test_the_layer_loads_no_more_than_it_needs_before_the_first_byte() -> None:
    """A handler that is not async has no use for asyncio; what reads HTTP is needed after the last byte alone."""
    code = "import lambda_streaming.client, sys; print('\\n'.join(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(SOURCES / "runtime")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout.split()
    assert {"asyncio", "http.client", "ssl", "email"} & set(loaded) == set()


def test_the_sandbox_starts_without_what_only_its_aws_endpoint_needs() -> None:
    """The import of moto takes half a second; the first request to the endpoint waits for it."""
    code = "import sandbox.server, sys; print('\\n'.join(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(SOURCES)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout.split()
    assert [name for name in loaded if name.split(".")[0] == "moto"] == []


def test_no_file_names_a_package_registry_or_a_path_of_one_machine() -> None:
    registries = "py" + "pi|python" + "hosted|npm" + "js|deb" + "ian"  # apart, so that this file is not found itself
    patterns = [f'https?://[^/ "]*({registries})[^/ "]*/', r"(^|[^A-Za-z0-9_.])/(root|home)/[a-z]"]
    for pattern in patterns:
        found = subprocess.run(
            ["git", "grep", "-nIE", pattern], cwd=REPOSITORY, capture_output=True, text=True, check=False
        )
        assert found.stdout == ""
