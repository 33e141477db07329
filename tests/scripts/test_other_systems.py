"""macOS, as far as Linux can play it: without /proc, without Python's names for Linux, with bash 3.2's syntax alone.

`scripts/test.sh` also has mypy check `src` for macOS. The commands in READMEs run with a `date` that knows no option of
GNU's (`readme.Clone`).
"""

import os
import re
import signal
import subprocess
import sys
import sysconfig
import venv
from functools import cache
from pathlib import Path

import pytest

from probe_process import Probe
from readme import READMES, blocks
from recorded import until
from scripted_server import Keep, ScriptedServer, answer
from tools import REPOSITORY

# Runs the command that follows with an empty /proc. The second form is for those who are not root.
_HIDE_PROC = ("--mount", "sh", "-ec", 'mount -t tmpfs none /proc; exec "$@"', "sh")
_FORMS = (["unshare", *_HIDE_PROC], ["unshare", "--user", "--map-root-user", *_HIDE_PROC])
# What Python has on Linux and lacks on macOS, of what a program might use.
_LINUX_NAMES = {
    "os": ["memfd_create", "pipe2", "eventfd", "sched_getaffinity", "sched_setaffinity", "posix_fallocate", "splice"],
    "select": ["epoll"],
    "socket": ["SOCK_CLOEXEC", "SOCK_NONBLOCK"],
}
_AS_MACOS = f"""
import importlib, runpy, sys
for module, names in {_LINUX_NAMES!r}.items():
    for name in names:
        vars(importlib.import_module(module)).pop(name, None)
"""
_RUN = """
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""

# What bash 3.2, GNU make 3.81 or the tools of macOS lack: a pattern, and a line that it must find.
_LACKING = {
    "arrays by name": (r"\b(?:local|declare|typeset|readonly) -\w*[AnglLuU]", "local -A package_of=("),
    "case without an end": (r";;?&", "      ;&"),
    "lines into an array": (r"\b(?:mapfile|readarray)\b", "mapfile -t lines"),
    "upper and lower case": (r"\$\{\w+(?:\^|,)", 'echo "${name^^}"'),
    "transformations": (r"\$\{\w+@\w\}", 'echo "${name@Q}"'),
    "both outputs appended or piped": (r"&>>|\|&", "make &>> log"),
    "whether a variable is set": (r"\[\[ (?:! )?-v ", "if [[ -v name ]]; then"),
    "a free descriptor": (r"\bexec \{\w+\}", "exec {lock}>file"),
    "other commands of bash 4 and 5": (r"\bcoproc\b|\bwait -n\b|\bglobstar\b|\blastpipe\b|EPOCHSECONDS", "wait -n"),
    "the clock in printf": (r"%\([^)]*\)T", "printf '%(%s)T'"),
    "an array that may be empty": (r'" \$\{\w+\[\*\]\}', '[[ " ${packages[*]} " == *" nodejs "* ]]'),
    "a command as a file": (r"[<>]\(", "read -ra runtimes < <(make runtimes)"),
    "tools that are not there": (
        r"(?:^|[|;&(`]|\bexec\b|\bthen\b|\bdo\b|command -v)\s*"
        r"(?:nproc|flock|timeout|realpath|tac|setsid|shuf|numfmt|sha\d+sum|md5sum)\b",
        "--numprocesses $((2 * $(nproc)))",
    ),
    "short options of GNU": (
        r"\bdate -\w*d|\bsed -\w*i|\breadlink -\w*f|\bstat -\w*c|\bgrep -\w*P|\bcp -\w*[Tat]\b|\bxargs -\w*[rd]\b"
        r"|\bsort -\w*V|\btouch -\w*d|\bmktemp -\w*p|\bln -\w*[rT]\b|\bbase64 -\w*w|\bfind .*-(?:printf|executable)\b",
        """since="$(date -ud '-1 hour' +%s)\"""",
    ),
    "long options of GNU": (
        r"\b(?:cp|mv|rm|ls|cat|date|mktemp|sort|touch|chmod|stat|tar|head|tail|mkdir|ln|sed) --\w",
        "date --utc",
    ),
    "functions of make": (r"\$\((?:file|guile) |^\.ONESHELL|^\w+ *!=", ".ONESHELL:"),
}
_TEXTS = {
    **{
        str(path.relative_to(REPOSITORY)): path.read_text()
        for pattern in (".ci/run", "scripts/*.sh", "src/*/Makefile", "src/runtime/lambda_streaming/bootstrap")
        for path in REPOSITORY.glob(pattern)
    },
    **{f"{room}/README.md": "".join(block.text for block in blocks("sh", room)) for room in READMES},
}


@pytest.mark.parametrize(("pattern", "example"), _LACKING.values(), ids=_LACKING)
def test_no_command_needs_what_macos_lacks(pattern: str, example: str) -> None:
    assert re.search(pattern, example), "the pattern finds nothing"
    found = [
        f"{name}: {line.strip()}"
        for name, text in _TEXTS.items()
        for line in text.splitlines()
        if re.search(pattern, line) and not line.lstrip().startswith("#")
    ]
    assert found == []


@cache
def without_proc() -> list[str]:
    """What goes before a command that is to run without /proc; the test is skipped where nobody may hide that."""
    for form in _FORMS:
        hidden = subprocess.run([*form, "test", "!", "-e", "/proc/self"], stderr=subprocess.DEVNULL)
        if hidden.returncode == 0:
            return form
    pytest.skip("this machine does not permit a mount namespace (unshare), in which /proc could be hidden")


@pytest.mark.parametrize("hide", [False, True], ids=["with /proc", "without /proc"])
def test_the_probe_runs_without_the_names_of_linux(probe: Probe, hide: bool) -> None:
    command = [sys.executable, "-c", _AS_MACOS + _RUN, "probe"]
    environment = {**probe.environment, "PYTHONPATH": str(REPOSITORY / "src/probe")}
    with ScriptedServer([(0.0, answer("hi")), (0.0, Keep)]) as server:
        done = subprocess.run(
            [*(without_proc() if hide else []), *command, "--url", server.url, "--runs", "3", "--reuse"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert [exchange.connection for exchange in server.exchanges] == [1, 1, 1]
    assert not list(probe.home.glob("probe-*"))


def test_the_sandbox_runs_functions_where_awslambdaric_has_no_native_part(tmp_path: Path) -> None:
    """Its setup.py builds that on Linux only. The interpreter has all that this one has, but for that."""
    python = str(tmp_path / "environment/bin/python")
    venv.create(tmp_path / "environment", symlinks=True)
    (site_packages,) = (tmp_path / "environment/lib").glob("python*/site-packages")
    for package in Path(sysconfig.get_path("purelib")).iterdir():
        if not package.name.startswith("runtime_client."):
            (site_packages / package.name).symlink_to(package)
    import_it = [python, "-c", "import awslambdaric, runtime_client"]
    lacking = subprocess.run(import_it, capture_output=True, text=True, check=False)
    assert "No module named 'runtime_client'" in lacking.stderr

    ready_file, log = tmp_path / "ready.json", tmp_path / "log"
    flags = ["--ready-file", str(ready_file), "--python", python, "--parameter-overrides", "ProbeEveryMinutes=1"]
    start = "from sandbox.lambda_service import function_process as it; it.RUNTIME_DIR = it.STAND_IN_RUNTIME_DIR"
    with log.open("wb") as output:
        command = [sys.executable, "-c", _AS_MACOS + start + _RUN, "sandbox", *flags, "--alarm-minute", "5"]
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src")}
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        until(lambda: ready_file.exists() or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        call = [str(REPOSITORY / "scripts/probe.sh"), "--sandbox", "--ready-file", str(ready_file), "--prompt"]
        for prompt, outcome in (("hi", "completed"), ("[[sandbox: fault=throttling]] no", "http_error")):
            done = subprocess.run([*call, prompt], capture_output=True, text=True, timeout=60, check=False)
            assert re.search(rf"Outcome +{outcome}", done.stdout), done.stdout + done.stderr + log.read_text()
        # The stack's own probe is a function without the wrapper.
        until(lambda: '"outcome":"completed"' in log.read_text())
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(60)
    assert code == 0, log.read_text()


def test_the_demo_runs_without_proc() -> None:
    command = [*without_proc(), str(REPOSITORY / "scripts/sandbox.sh"), "--demo"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "Outcome  completed" in done.stdout


def test_the_layer_is_built_without_proc(tmp_path: Path) -> None:
    command = [*without_proc(), str(REPOSITORY / "scripts/layer.sh"), "--output", str(tmp_path / "layer.zip")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "--compatible-runtimes python3.11 python3.12 python3.13 python3.14" in done.stdout
