"""A user's own folder: template.yaml and app.py, any names, layers as zips or folders, and code that changes."""

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError

from disturbance import allowance_ms
from readme import section
from recorded import Recorded, until
from sandbox_client import Call, aws_client, call
from sandbox_process import RunningSandbox, StartSandbox
from tools import REPOSITORY

LAYER = REPOSITORY / "src" / "runtime"
WRAPPER = "/opt/python/lambda_streaming/bootstrap"
STREAMING = """
import os, time
from lambda_streaming import streamify_response

@streamify_response
def handler(event, context, *, response_stream):
    for word in ("one ", "two ", "three"):
        response_stream.write(word)
        time.sleep(0.1)
"""
PLAIN = """
import json, os
def handler(event, context):
    return {"statusCode": 200, "body": json.dumps(dict(os.environ))}
"""


def zip_the_layer(path: Path) -> None:
    """Make a zip of lambda_streaming alone; the interpreter's own packages have awslambdaric."""
    with zipfile.ZipFile(path, "w") as archive:
        for file in (LAYER / "lambda_streaming").rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                archive.write(file, f"python/{file.relative_to(LAYER)}")


def function(variables: dict[str, Any] | None = None, **properties: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::Serverless::Function",
        "Properties": {
            "CodeUri": ".",
            "Handler": "app.handler",
            "Runtime": "python3.13",
            "Timeout": 30,
            "FunctionUrlConfig": {"AuthType": "AWS_IAM", "InvokeMode": "RESPONSE_STREAM"},
            "Environment": {"Variables": variables or {}},
            **properties,
        },
    }


def layer(content: str = "lambda_streaming.zip", **attributes: Any) -> dict[str, Any]:
    return {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": content}, **attributes}


def write(folder: Path, code: str, **resources: Any) -> Path:
    """Write a folder's app.py and template.yaml, and the layer's zip; return the template."""
    (folder / "app.py").write_text(code)
    zip_the_layer(folder / "lambda_streaming.zip")
    path = folder / "template.yaml"
    path.write_text(yaml.safe_dump({"Resources": resources}, sort_keys=False))
    return path


def streaming(folder: Path, code: str = STREAMING, variables: dict[str, Any] | None = None, **others: Any) -> Path:
    """Write a folder with one streaming function, `Chat`."""
    chat = function({"AWS_LAMBDA_EXEC_WRAPPER": WRAPPER, **(variables or {})}, Layers=[{"Ref": "Layer"}])
    return write(folder, code, **{"Layer": layer(), "Chat": chat, **others})


def at(running: RunningSandbox, logical_id: str) -> dict[str, str]:
    """What the ready file says, with the URL of this function."""
    urls: dict[str, str] = json.loads(running.ready_file.read_text())["function_urls"]
    return {**running.ready, "function_url": urls[logical_id]}


# Several functions.


@pytest.fixture(scope="module")
def several(start_sandbox: StartSandbox, tmp_path_factory: pytest.TempPathFactory) -> RunningSandbox:
    peers = {name.upper(): {"Fn::GetAtt": f"{name}Url.FunctionUrl"} for name in ("Talk", "Chat")}
    open_url = {"AuthType": "NONE", "InvokeMode": "RESPONSE_STREAM"}
    template = write(
        tmp_path_factory.mktemp("several"),
        PLAIN,
        Talk=function(peers, FunctionUrlConfig=open_url, AutoPublishAlias="live", LoggingConfig={"LogGroup": "/talk"}),
        Chat=function(peers, FunctionName="chatter", MemorySize=256, VpcConfig={}),
        Unused={"Type": "AWS::Serverless::Function", "Properties": {}},
    )
    return start_sandbox("--template", str(template))


def test_each_function_has_its_url(several: RunningSandbox) -> None:
    ready = json.loads(several.ready_file.read_text())
    assert list(ready["function_urls"]) == ["Talk", "Chat"]
    assert ready["function_url"] == ready["function_urls"]["Talk"] != ready["function_urls"]["Chat"]
    for name, physical in (("Talk", "firstbyte-Talk"), ("Chat", "chatter")):
        environment = call(at(several, name)).json
        assert environment["AWS_LAMBDA_FUNCTION_NAME"] == physical
        assert {"Talk": environment["TALK"], "Chat": environment["CHAT"]} == ready["function_urls"]
        assert f"{name}  {ready['function_urls'][name]}" in several.log()


def banner(running: RunningSandbox) -> list[str]:
    """The banner's lines from the first command on, without the places of scripts and files."""
    lines = running.log().partition("Time a response:\n")[2].splitlines()
    shortened = [re.sub(rf" --ready-file {running.ready_file}|\\S*(?=scripts/)", "", line) for line in lines]
    return shortened[: next(n for n, line in enumerate(lines) if "Ctrl-C" in line) + 1]


def test_the_banner_has_no_commands_that_only_this_repositorys_function_understands(several: RunningSandbox) -> None:
    assert banner(several) == [
        "  scripts/probe.sh --sandbox --function Talk",
        "Or use curl and the AWS CLI:",
        '  eval "$(scripts/env.sh --function Talk)"',
        '  echo "user = $AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" | curl --no-buffer --config - \\',
        '    --aws-sigv4 "aws:amz:$AWS_REGION:lambda" "$FUNCTION_URL"',
        "What the functions print appears below. Stop with Ctrl-C.",
    ]


@pytest.mark.parametrize("template", ["template.yaml", "./src/../template.yaml"])
def test_the_banner_of_this_repositorys_template_asks_for_an_answer(start_sandbox: StartSandbox, template: str) -> None:
    assert banner(start_sandbox("--template", template)) == [
        "  scripts/probe.sh --sandbox --prompt 'Why is the sky blue?'",
        "Or use curl and the AWS CLI:",
        '  eval "$(scripts/env.sh)"',
        '  echo "user = $AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" | curl --no-buffer --config - \\',
        '    --aws-sigv4 "aws:amz:$AWS_REGION:lambda" "$FUNCTION_URL" --data \'{"prompt": "Hello"}\'',
        "  aws cloudwatch list-metrics --namespace Firstbyte \\",
        "    --query 'Metrics[].[MetricName, Dimensions[*].Value | join(`, `, @)]' --output table",
        "What the functions print appears below. Stop with Ctrl-C.",
    ]


def test_each_url_has_its_auth_type(several: RunningSandbox) -> None:
    assert call(at(several, "Talk"), sign=False).status == 200
    assert call(at(several, "Chat"), sign=False).status == 403


@pytest.mark.parametrize(
    ("name", "physical", "group", "other_group"),
    [
        ("Talk", "firstbyte-Talk", "/talk", "/aws/lambda/chatter"),
        ("Chat", "chatter", "/aws/lambda/chatter", "/talk"),
    ],
)
def test_each_function_is_recorded_by_its_name(
    several: RunningSandbox, name: str, physical: str, group: str, other_group: str
) -> None:
    recorded = Recorded(several.ready)

    def requests() -> float:
        return recorded.metric("UrlRequestCount", "Sum", "AWS/Lambda", FunctionName=physical) or 0

    before = requests()
    request_id = call(at(several, name)).header("x-amzn-requestid") or ""
    memory = {"Talk": "128", "Chat": "256"}[name]
    assert f"\tMemory Size: {memory} MB\t" in recorded.report(group, request_id)
    assert request_id not in str(recorded.streams(other_group))
    assert until(requests, lambda found: found > before) == before + 1


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("firstbyte-Talk", "firstbyte-Talk"),
        ("firstbyte-Talk:live", "firstbyte-Talk"),
        ("chatter", "chatter"),
        ("arn:aws:lambda:us-east-1:123456789012:function:chatter:$LATEST", "chatter"),
    ],
)
def test_the_lambda_api_finds_each(several: RunningSandbox, asked: str, name: str) -> None:
    stream = aws_client(several.ready, "lambda").invoke_with_response_stream(FunctionName=asked)["EventStream"]
    payload = b"".join(event["PayloadChunk"]["Payload"] for event in stream if "PayloadChunk" in event)
    assert json.loads(json.loads(payload)["body"])["AWS_LAMBDA_FUNCTION_NAME"] == name


@pytest.mark.parametrize("asked", ["chatter:live", "Chat", "firstbyte-Unused"])
def test_the_lambda_api_names_what_it_has(several: RunningSandbox, asked: str) -> None:
    with pytest.raises(ClientError, match=r"function:firstbyte-Talk:live, arn:.*:function:chatter$"):
        aws_client(several.ready, "lambda").invoke_with_response_stream(FunctionName=asked)


def test_what_is_not_modelled_and_the_interpreter_are_said_at_the_start(several: RunningSandbox) -> None:
    log = several.log()
    assert "sandbox: Chat: the sandbox ignores VpcConfig\n" in log
    assert "sandbox: Unused: it has neither a FunctionUrlConfig nor a schedule, so it does not run\n" in log
    assert "runs the functions; in the template it is python3.13\n" in log


def test_a_url_that_does_not_stream_stops_no_other_function(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    buffered = {"FunctionUrlConfig": {"AuthType": "NONE"}}
    peer = {"PEER": {"Fn::GetAtt": "FormUrl.FunctionUrl"}}
    template = write(
        tmp_path,
        PLAIN,
        Form={"Type": "AWS::Serverless::Function", "Properties": {**buffered, "PackageType": "Image", "ImageUri": "x"}},
        Clock=function(**buffered, EventInvokeConfig={"MaximumRetryAttempts": 0}),
        Node=function(Runtime="nodejs22.x"),
        Chat=function(peer),
        Often={
            "Type": "AWS::Scheduler::Schedule",
            "Properties": {
                "ScheduleExpression": "rate(1 minute)",
                "Target": {"Arn": {"Fn::GetAtt": "Clock.Arn"}, "RetryPolicy": {"MaximumRetryAttempts": 0}},
            },
        },
    )
    running = start_sandbox("--template", str(template))
    assert list(json.loads(running.ready_file.read_text())["function_urls"]) == ["Chat"]
    said = "its URL does not stream (InvokeMode is BUFFERED, the default), so the sandbox does not serve it"
    for name in ("Form", "Clock"):
        assert f"sandbox: {name}: {said}\n" in running.log()
    node = "its Runtime is nodejs22.x, and the sandbox runs Python only, so it does not run"
    assert f"sandbox: Node: {node}\n" in running.log()
    peers_url = call(running.ready).json["PEER"]
    with pytest.raises(ConnectionRefusedError):
        call({"function_url": peers_url}, sign=False)
    assert until(lambda: "REPORT" in str(Recorded(running.ready).streams("/aws/lambda/firstbyte-Clock")))


# Layers.


def test_a_layers_zip_is_used_and_removed(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    running = start_sandbox("--template", str(streaming(tmp_path)))
    answer = call(running.ready)
    assert [data for _, data in answer.chunks] == [b"one ", b"two ", b"three"]
    assert answer.chunks[-1][0] - answer.chunks[0][0] > 0.1
    (tmp_path / "app.py").write_text(STREAMING.replace('"three"', 'os.environ["SANDBOX_OPT"]'))
    opt = Path(call(running.ready).body.decode().removeprefix("one two "))
    assert (opt / "python" / "lambda_streaming").is_dir()
    running.stop()
    assert not opt.exists()
    assert not opt.parent.parent.exists()


def test_a_wrapper_in_the_code_may_run_the_layers(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    template = streaming(
        tmp_path, STREAMING.replace('"three"', 'os.environ["CHAIN"]'), {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/wrapper"}
    )
    (line,) = re.findall(r"`(exec [^`]+)`", section("src/sandbox", "## Your own function"))
    wrapper = tmp_path / "wrapper"
    wrapper.write_text(f'#!/bin/sh\nexport CHAIN="$LAMBDA_TASK_ROOT"\n{line}\n')
    wrapper.chmod(0o755)
    answer = call(start_sandbox("--template", str(template)).ready)
    assert [data for _, data in answer.chunks] == [b"one ", b"two ", str(tmp_path).encode()]


def test_a_wrapper_may_run_the_managed_runtime(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    """As in AWS's own example: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html."""
    template = write(tmp_path, PLAIN, Chat=function({"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/wrapper"}))
    wrapper = tmp_path / "wrapper"
    wrapper.write_text(
        '#!/bin/bash\nargs=("$@")\nexport ADDED=yes\nexec "${args[@]:0:$#-1}" -X importtime "${args[@]: -1}"\n'
    )
    wrapper.chmod(0o755)
    running = start_sandbox("--template", str(template))
    assert call(running.ready).json["ADDED"] == "yes"
    assert "import time:" in running.log()


def test_layers_lie_over_each_other(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    """Packages of two more layers, one of them unbuilt; and a function with layers, but without a wrapper."""
    code = "import first, second\n" + STREAMING.replace('"three"', "first.NAME, second.NAME")
    plain = f"import first, json\n{PLAIN}".replace("dict(os.environ)", "first.NAME")
    (tmp_path / "plain.py").write_text(plain)
    for name in ("first", "second"):
        site_packages = f"python/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
        package = tmp_path / name / (site_packages if name == "first" else "")
        package.mkdir(parents=True, exist_ok=True)
        (package / f"{name}.py").write_text(f"NAME = '{name}'\n")
    unbuilt = {"Metadata": {"BuildMethod": "python3.13"}}
    template = streaming(
        tmp_path,
        code,
        First=layer("first"),
        Second=layer("second", **unbuilt),
        Plain=function(Handler="plain.handler", Layers=[{"Ref": "First"}]),
    )
    content = yaml.safe_load(template.read_text())
    content["Resources"]["Chat"]["Properties"]["Layers"] = [{"Ref": name} for name in ("First", "Layer", "Second")]
    template.write_text(yaml.safe_dump(content))
    running = start_sandbox("--template", str(template))
    assert call(at(running, "Chat")).body == b"one two firstsecond"
    assert call(at(running, "Plain")).json == "first"


def test_a_layers_programs_are_on_the_path(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    program = tmp_path / "tools/bin/tool"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho here $LD_LIBRARY_PATH\n")
    program.chmod(0o755)
    code = (
        "import os, subprocess\ndef handler(event, context):\n    return subprocess.check_output('tool', text=True)\n"
    )
    template = write(tmp_path, code, Tools=layer("tools"), Chat=function(Layers=[{"Ref": "Tools"}]))
    word, path = call(start_sandbox("--template", str(template)).ready).json.split()
    assert (word, path.endswith("/opt/lib")) == ("here", True)


@pytest.mark.alone
def test_a_large_tree_holds_up_no_other_functions_stream(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    """Looking for new code in 20,000 files takes some 90 ms; chunks are 10 ms apart."""
    for folder in range(20):
        (tmp_path / f"large/node_modules/{folder}").mkdir(parents=True)
        for number in range(1000):
            (tmp_path / f"large/node_modules/{folder}/{number}.js").touch()
    (tmp_path / "small").mkdir()
    (tmp_path / "small/app.py").write_text(
        STREAMING.replace('"one ", "two ", "three"', "['x'] * 100").replace("0.1", "0.01")
    )
    (tmp_path / "large/app.py").write_text(PLAIN)
    wrapped = {"AWS_LAMBDA_EXEC_WRAPPER": WRAPPER}
    template = write(
        tmp_path,
        "",
        Layer=layer(),
        Small=function(wrapped, CodeUri="small", Layers=[{"Ref": "Layer"}]),
        Large=function(CodeUri="large"),
    )
    running = start_sandbox("--template", str(template))
    for name in ("Small", "Large"):
        call(at(running, name))  # the cold starts
    with ThreadPoolExecutor() as pool:
        stream = pool.submit(call, at(running, "Small"))
        answers = [call(at(running, "Large")) for _ in range(4)]
    assert [answer.status for answer in answers] == [200] * 4
    times = [moment for moment, _ in stream.result().chunks]
    worst = max(later - earlier for earlier, later in itertools.pairwise(times)) * 1000
    # Most of such a request is the look at the files.
    assert worst < min(answer.seconds for answer in answers) * 1000 / 2, times


@pytest.mark.parametrize("form", ["zip", "folder"])
def test_a_handler_may_be_in_a_layer(start_sandbox: StartSandbox, tmp_path: Path, form: str) -> None:
    """As that of Datadog is, which calls the function's own."""
    redirect = tmp_path / "redirect/python/vendor"
    redirect.mkdir(parents=True)
    (redirect / "handler.py").write_text("import app\nhandler = app.handler\n")
    content = "redirect"
    if form == "zip":
        content = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "redirect")).name
    template = streaming(tmp_path, Redirect=layer(content))
    text = yaml.safe_load(template.read_text())
    text["Resources"]["Chat"]["Properties"] |= {
        "Handler": "vendor.handler.handler",
        "Layers": [{"Ref": "Layer"}, {"Ref": "Redirect"}],
    }
    template.write_text(yaml.safe_dump(text))
    assert call(start_sandbox("--template", str(template)).ready).body == b"one two three"


# Code that changes.


def test_new_code_runs_at_the_next_request_and_running_invocations_end_on_the_old(
    start_sandbox: StartSandbox, tmp_path: Path
) -> None:
    code = STREAMING.replace("time.sleep(0.1)", "time.sleep(1)")
    running = start_sandbox("--template", str(streaming(tmp_path, code)))
    old = Call(running.ready)
    until(lambda: "START RequestId" in str(Recorded(running.ready).streams("/aws/lambda/firstbyte-Chat")))
    (tmp_path / "app.py").write_text(STREAMING.replace('"one "', '"new "'))
    assert call(running.ready).body == b"new two three"
    answer = old.finish()
    assert (answer.body, answer.complete) == (b"one two three", True)
    # The environment of the old code is not used again.
    for _ in range(2):
        assert call(running.ready).body == b"new two three"
    log = Recorded(running.ready).log("/aws/lambda/firstbyte-Chat", answer.header("x-amzn-requestid") or "")
    assert sum(line.startswith("START") for line in log) == 1


def test_the_only_environment_makes_way_for_new_code(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    template = write(tmp_path, PLAIN, Chat=function(ReservedConcurrentExecutions=1))
    running = start_sandbox("--template", str(template))
    assert call(running.ready).status == 200
    for status in (201, 202, 203):
        (tmp_path / "app.py").write_text(PLAIN.replace("200", str(status)))
        assert call(running.ready).status == status


def test_a_syntax_error_is_502_until_the_next_good_save(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    running = start_sandbox("--template", str(streaming(tmp_path)))
    assert call(running.ready).body == b"one two three"
    (tmp_path / "app.py").write_text("def handler(:\n")
    assert call(running.ready).status == 502
    assert "Syntax error in module 'app': invalid syntax" in running.log()
    (tmp_path / "app.py").write_text(STREAMING.replace('"one "', '"mended "'))
    assert call(running.ready).body == b"mended two three"


def test_a_new_layer_runs_at_the_next_request(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    running = start_sandbox("--template", str(streaming(tmp_path)))
    assert call(running.ready).body == b"one two three"
    content = (tmp_path / "lambda_streaming.zip").read_bytes()
    (tmp_path / "lambda_streaming.zip").write_bytes(content[:-100])
    assert call(running.ready).status == 502
    assert "lambda_streaming.zip is no zip that can be read" in running.log()
    (tmp_path / "lambda_streaming.zip").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "lambda_streaming.zip", "a") as archive:
        archive.writestr("python/added.py", "NAME = 'added'\n")
    (tmp_path / "app.py").write_text("import added\n" + STREAMING.replace('"three"', "added.NAME"))
    assert call(running.ready).body == b"one two added"


# Errors, as the terminal shows them.


def printed(running: RunningSandbox) -> list[str]:
    """The sandbox's output as a terminal shows it: only \\n begins a new line."""
    return running.ready_file.with_name("log.txt").read_bytes().decode().split("\n")


RAISING = 'raise ValueError("two\\nlines")'


def test_a_stack_trace_is_printed_once_line_by_line(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    """It is one log event. The runtime client indents its lines with no-break spaces."""
    template = write(tmp_path, f"def handler(event, context):\n    {RAISING}\n", Chat=function())
    running = start_sandbox("--template", str(template))
    id_ = call(running.ready).header("x-amzn-requestid") or ""
    lines = printed(running)
    first = lines.index("[1] [ERROR] ValueError: two")
    assert lines[first + 1 : first + 5] == [
        "[1] lines",
        "[1] Traceback (most recent call last):",
        f'[1]   File "{tmp_path}/app.py", line 2, in handler',
        f"[1]     {RAISING}",
    ]
    assert f"sandbox: {id_} answered 502: ValueError: two lines" in lines
    assert str(lines).count("app.py") == 1
    assert "\\r" not in str(lines)
    assert "\\xa0" not in str(lines)
    (stored,) = (line for line in Recorded(running.ready).log("/aws/lambda/firstbyte-Chat", id_) if "app.py" in line)
    assert stored.startswith("[ERROR] ValueError: two\nlines\nTraceback (most recent call last):\n")
    assert f'\n\xa0\xa0File "{tmp_path}/app.py", line 2, in handler\n' in stored


EMF: dict[str, Any] = {
    "_aws": {
        "Timestamp": 0,
        "CloudWatchMetrics": [{"Namespace": "Forged", "Dimensions": [[]], "Metrics": [{"Name": "Requests"}]}],
    },
    "Requests": 1_000_000,
}
LOGGING = """
import json, logging

def handler(event, context, response_stream=None):
    words = json.loads(event["body"])
    logging.error("refused: %s", words)
    try:
        raise LookupError(words)
    except LookupError:
        logging.exception("failed")
    raise ValueError(words)
"""


@pytest.mark.parametrize("log_format", ["Text", "JSON"])
@pytest.mark.parametrize("with_layer", [False, True])
def test_a_line_end_in_a_message_begins_no_event_and_a_metric_in_it_is_none(
    start_sandbox: StartSandbox, tmp_path: Path, log_format: str, with_layer: bool
) -> None:
    """As on Lambda, where awslambdaric writes messages in frames. A document inside one is no document of metrics."""
    document = json.dumps({**EMF, "_aws": {**EMF["_aws"], "Timestamp": int(time.time() * 1000)}})
    chat = function(LoggingConfig={"LogFormat": log_format})
    template = write(tmp_path, LOGGING, Chat=chat)
    if with_layer:
        code = f"{LOGGING}\nfrom lambda_streaming import streamify_response\nhandler = streamify_response(handler)\n"
        variables = {"AWS_LAMBDA_EXEC_WRAPPER": WRAPPER}
        chat["Properties"] |= {"Layers": [{"Ref": "Layer"}], "Environment": {"Variables": variables}}
        template = write(tmp_path, code, Layer=layer(), Chat=chat)
    running = start_sandbox("--template", str(template))
    words = f"before\n{document}\nafter \x1b]0;title\x07"
    answer = call(running.ready, json.dumps(words))
    recorded = Recorded(running.ready)
    log = recorded.log("/aws/lambda/firstbyte-Chat", answer.header("x-amzn-requestid") or "")
    own = [event for event in log if "after" in event]
    assert len(own) == 3, "one for each message"
    assert len(log) == 7, "and the platform's own four"
    if log_format == "JSON":
        assert all(json.loads(event)["level"] == "ERROR" for event in own)
    assert not recorded.cloudwatch.list_metrics(Namespace="Forged")["Metrics"]
    assert "\x1b" not in running.log()
    running.stop()


def test_a_printed_line_is_an_event_as_on_lambda(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    code = "def handler(event, context):\n    print('one\\ntwo')\n    print('three')\n"
    running = start_sandbox("--template", str(write(tmp_path, code, Chat=function())))
    answer = call(running.ready)
    log = Recorded(running.ready).log("/aws/lambda/firstbyte-Chat", answer.header("x-amzn-requestid") or "")
    assert [event for event in log if event in ("one", "two", "three", "one\ntwo")] == ["one", "two", "three"]
    running.stop()


def test_a_cut_stream_and_a_failed_init_are_said_in_a_line(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    running = start_sandbox("--template", str(streaming(tmp_path, f"{STREAMING}    {RAISING}\n")))
    cut = call(running.ready)
    assert (cut.body, cut.complete) == (b"one two three", False)
    lines = printed(running)
    assert f"sandbox: {cut.header('x-amzn-requestid')} the stream was cut: ValueError: two lines" in lines
    assert str(lines).count("app.py") == 1
    (tmp_path / "app.py").write_text(f"{RAISING}\n")
    failed = call(running.ready)
    lines = printed(running)[len(lines) :]
    assert failed.status == 502
    assert "[2] init failed: ValueError: two lines" in lines
    assert f"sandbox: {failed.header('x-amzn-requestid')} answered 502: ValueError: two lines" in lines
    assert str(lines).count("line 1, in <module>") == 1


# The rest of what a folder of one's own needs.


def test_logs_json_if_the_template_says_so(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    code = "import logging\n" + STREAMING.replace(
        "    for word", "    logging.info('info'); logging.warning('warning')\n    for word", 1
    )
    template = streaming(tmp_path, code)
    content = yaml.safe_load(template.read_text())
    content["Globals"] = {"Function": {"LoggingConfig": {"LogFormat": "JSON", "ApplicationLogLevel": "WARN"}}}
    template.write_text(yaml.safe_dump(content))
    running = start_sandbox("--template", str(template))
    id_ = call(running.ready).header("x-amzn-requestid")
    lines = [line for lines in Recorded(running.ready).streams("/aws/lambda/firstbyte-Chat").values() for line in lines]
    logged = [json.loads(line) for line in lines if line.startswith("{")]
    assert [(line["level"], line["message"], line["requestId"]) for line in logged] == [("WARNING", "warning", id_)]
    assert "sandbox: Chat: Lambda's own log lines, such as REPORT, stay text" in running.log()


def test_paths_count_from_where_the_command_is_given(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    template = write(tmp_path / "code", PLAIN, Chat=function())
    (tmp_path / ".venv").symlink_to(REPOSITORY / ".venv")
    running = start_sandbox(
        "--template", f"./{template.relative_to(tmp_path)}", "--python", "./.venv/bin/python", cwd=tmp_path
    )
    assert call(running.ready).status == 200
    assert f"({tmp_path}/.venv/bin/python) runs the functions" in running.log()


def test_an_interpreter_without_a_runtime_client_is_named(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    folder = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=60)
    template = write(tmp_path, PLAIN, Chat=function())
    running = start_sandbox("--template", str(template), "--python", str(folder / "bin" / "python"))
    assert call(running.ready).status == 502
    assert (
        f"{folder}/bin/python has no awslambdaric, and no layer of the function has it: add the layer to the "
        "function's Layers, install awslambdaric for this Python, or name another --python\n"
    ) in running.log()
    assert "Traceback" not in running.log()


@pytest.mark.alone
def test_looking_for_new_code_costs_a_request_little(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    """5,000 files cost about 20 ms."""
    running = start_sandbox("--template", str(write(tmp_path, PLAIN, Chat=function())))
    call(running.ready)

    def seconds() -> float:
        took = []
        for _ in range(10):
            started = time.monotonic()
            call(running.ready)
            took.append(time.monotonic() - started)
        return min(took)

    few = seconds()
    for number in range(5000):
        folder = tmp_path / "data" / str(number % 50)
        folder.mkdir(parents=True, exist_ok=True)
        os.close(os.open(folder / str(number), os.O_CREAT))
    assert (seconds() - few) * 1000 < allowance_ms(100)
