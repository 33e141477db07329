"""What `sam validate` and `sam build` make of the template: the artifacts that AWS would get, looked into and run."""

import json
import re
import struct
import subprocess
import sys
from collections.abc import Callable
from importlib.util import source_from_cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from deploy.sam_project import checkout, run_sam
from layer_zip import unpack_layer
from recorded import Recorded, until
from sandbox_process import RunningSandbox
from tools import REPOSITORY, environment, interpreters, template_as_written

# What the template's parameters may name. A built function fits all of them.
PARAMETERS = template_as_written()["Parameters"]
VERSIONS = [runtime.removeprefix("python") for runtime in PARAMETERS["PythonRuntime"]["AllowedValues"]]
# A machine as native files call it, and e_machine in the ELF header.
MACHINES = {"arm64": ("aarch64", 183), "x86_64": ("x86_64", 62)}
MANAGED_RUNTIME_HAS = {"boto3", "botocore", "s3transfer", "urllib3", "python-dateutil", "six"}


@pytest.fixture
def built(project: Path) -> Path:
    """The build directory of `sam build`."""
    return project / ".aws-sam/build"


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def files_of_every_build(folder: Path) -> list[str]:
    """All files but what other Pythons than the running one have compiled: the SAM CLI finds fewer of them in tests."""
    compiled = f".{sys.implementation.cache_tag}.pyc"
    return [name for name in files(folder) if name.endswith(compiled) or not name.endswith(".pyc")]


def sources(folder: str, *patterns: str) -> set[str]:
    root = REPOSITORY / folder
    return {str(path.relative_to(root)) for pattern in patterns for path in root.glob(pattern)}


def machine_of(binary: Path) -> int:
    head = binary.read_bytes()[:20]
    assert head[:4] == b"\x7fELF"
    number: int = struct.unpack_from("<H", head, 18)[0]
    return number


def pins(file: str) -> dict[str, str]:
    lines = (REPOSITORY / file).read_text().splitlines()
    matches = [re.match(r"([a-z0-9-]+)==([^ ;\\]+)", line) for line in lines]
    return {match[1]: match[2] for match in matches if match}


def test_the_template_is_valid() -> None:
    assert "is a valid SAM Template" in run_sam(REPOSITORY, "validate", "--lint")


def test_the_layer_is_what_the_layers_script_zips(built: Path, tmp_path: Path) -> None:
    """So whatever tests find of the zip holds for the layer of this stack."""
    unpack_layer(tmp_path)
    names = files_of_every_build(built / "StreamingLayer")
    assert names == files_of_every_build(tmp_path)
    assert f"python/lambda_streaming/__pycache__/wire.{sys.implementation.cache_tag}.pyc" in names
    for name in names:
        assert (built / "StreamingLayer" / name).read_bytes() == (tmp_path / name).read_bytes()
        assert (built / "StreamingLayer" / name).stat().st_mode == (tmp_path / name).stat().st_mode


def test_another_template_builds_the_layer_under_a_name_of_its_own(tmp_path: Path) -> None:
    layer = {
        "Type": "AWS::Serverless::LayerVersion",
        "Metadata": {"BuildMethod": "makefile"},
        "Properties": {"ContentUri": str(checkout(tmp_path / "clone") / "src/runtime")},
    }
    transform = "AWS::Serverless-2016-10-31"
    (tmp_path / "template.yaml").write_text(json.dumps({"Transform": transform, "Resources": {"Streaming": layer}}))
    said = run_sam(tmp_path, "build")
    assert "Streaming: compiled for Python" in said  # of what succeeds, the SAM CLI shows standard output alone
    unpack_layer(tmp_path / "zip")
    assert files_of_every_build(tmp_path / ".aws-sam/build/Streaming") == files_of_every_build(tmp_path / "zip")


def test_the_layer_is_for_every_python_that_the_functions_may_run_on() -> None:
    layer = template_as_written()["Resources"]["StreamingLayer"]["Properties"]
    assert {f"python{version}" for version in VERSIONS} <= set(layer["CompatibleRuntimes"])
    assert layer["CompatibleArchitectures"] == PARAMETERS["Architecture"]["AllowedValues"]


def test_the_function_holds_the_handler_and_nothing_else(built: Path) -> None:
    everything = files(built / "StreamingFunction")
    listed = {source_from_cache(name) if name.endswith(".pyc") else name for name in everything}
    assert listed <= set(everything)
    ours = sources("src/function", "app.py", "firstbyte/*.py")
    bundled = re.compile(
        r"(aws_lambda_powertools|aws_xray_sdk|jmespath|wrapt)/.+(?<!\.c)(?<!\.so)|typing_extensions\.py"
        r"|(aws_lambda_powertools|aws_xray_sdk|jmespath|typing_extensions|wrapt)-[\d.]+\.dist-info/"
        r"(METADATA|top_level\.txt|(licenses/)?(LICENSE|NOTICE))"
    )
    natives = {
        f"wrapt/_wrappers.cpython-{version.replace('.', '')}-{machine}-linux-gnu.so": number
        for version in VERSIONS
        for machine, number in map(MACHINES.__getitem__, PARAMETERS["Architecture"]["AllowedValues"])
    }
    assert ours | natives.keys() <= listed
    assert {name: machine_of(built / "StreamingFunction" / name) for name in natives} == natives
    assert [name for name in listed if name not in {*ours, *natives} and not bundled.fullmatch(name)] == []


def test_the_probes_function_holds_what_measures_and_publishes_and_nothing_else(built: Path) -> None:
    ours = sources("src/probe", "probe/*.py", "probe/formats/*.py", "probe/output/__init__.py", "probe/output/jsonl.py")
    assert set(files(built / "ProbeFunction")) == ours


def test_the_probes_function_has_no_use_for_descriptors_that_lambda_does_not_name(built: Path) -> None:
    """Of /dev/fd there are 0, 1 and 2 alone: https://github.com/aws/aws-lambda-base-images/issues/132."""
    texts = {path.name: path.read_text() for path in (built / "ProbeFunction").rglob("*.py")}
    assert [name for name, text in texts.items() if "/dev/fd/" in text] == []


def test_the_probes_function_runs_without_any_package(
    built: Path, start_sandbox: Callable[..., RunningSandbox], tmp_path: Path
) -> None:
    sandbox = start_sandbox()
    # A runtime's own libraries may shadow those of the system's curl.
    (tmp_path / "libcurl.so.4").touch()
    # The deployed version where this machine has it, isolated from what is installed and from the working directory.
    version = "3.13" if "3.13" in interpreters() else f"{sys.version_info.major}.{sys.version_info.minor}"
    import_path = f"import sys; sys.path.insert(0, {str(built / 'ProbeFunction')!r})"
    code = f"{import_path}; import probe.scheduled; probe.scheduled.handler({{}}, None)"
    variables = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LD_LIBRARY_PATH": str(tmp_path),
        "AWS_REGION": sandbox.ready["region"],
        "AWS_ACCESS_KEY_ID": sandbox.ready["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": sandbox.ready["secret_access_key"],
        "AWS_ENDPOINT_URL": sandbox.ready["aws_endpoint_url"],
        "FUNCTION_URL": sandbox.ready["function_url"],
        "SERVICE": "firstbyte",
        "PROBE": "built",
        "MAX_OUTPUT_TOKENS": "4096",
    }
    done = subprocess.run(
        [interpreters()[version], "-I", "-S", "-B", "-c", code],
        env=variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    line = json.loads(done.stdout)
    assert line["outcome"] == "completed"
    published = Recorded(sandbox.ready).metric("ClientTimeToFirstToken", "Sum", service="firstbyte", probe="built")
    assert published == pytest.approx(line["ttft_ms"])


def applies(needed: Requirement, python: str) -> bool:
    return needed.marker is None or needed.marker.evaluate({"extra": "", "python_version": python})


@pytest.mark.parametrize(("part", "essential"), [("runtime", "awslambdaric"), ("function", "aws-lambda-powertools")])
def test_what_is_bundled_is_complete_and_is_what_was_tested(part: str, essential: str) -> None:
    from importlib.metadata import requires, version

    bundled = pins(f"src/{part}/requirements.txt")
    assert essential in bundled
    for name, pinned in bundled.items():
        assert version(name) == pinned
        for line in requires(name) or []:
            needed = Requirement(line)
            if any(applies(needed, python) for python in VERSIONS):
                assert needed.name.lower().replace("_", "-") in {*bundled, *MANAGED_RUNTIME_HAS}, (
                    f"{name} needs {needed}"
                )


@pytest.mark.parametrize("version", interpreters())
def test_what_was_built_answers_in_the_sandbox(
    version: str, built: Path, start_sandbox: Callable[..., RunningSandbox]
) -> None:
    as_built = files(built)
    # An interpreter with what the managed runtime has, and nothing of the development environment.
    managed = environment(f"boto3=={pins('requirements.lock')['boto3']}", python=interpreters()[version])
    # 3.11 is no value of the parameter, but may be all that a machine has: wrapt then runs without its native part.
    override = ["--parameter-overrides", f"PythonRuntime=python{version}"] if version in VERSIONS else []
    sandbox = start_sandbox("--template", str(built / "template.yaml"), "--python", str(managed), *override)
    probe = subprocess.run(
        [
            str(REPOSITORY / "scripts/probe.sh"),
            "--sandbox",
            "--ready-file",
            str(sandbox.ready_file),
            "--output",
            "json",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert probe.returncode == 0, probe.stderr + sandbox.log()
    run = json.loads(probe.stdout)["runs"][0]
    assert run["outcome"] == "completed"
    # What records the response is imported after it: what it needs is in the package, too.
    recorded = Recorded(sandbox.ready, run["model"])
    recorded.wait_for_requests(1)
    assert recorded.metric("OutputTokens", "Sum") == run["output_tokens"]
    assert until(lambda: recorded.trace_summaries('annotation.outcome = "completed"'))[0]["Id"] == run["trace_id"]
    # The next `sam deploy` uploads whatever lies there.
    assert files(built) == as_built
