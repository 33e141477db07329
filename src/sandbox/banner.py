"""What the sandbox says to people, on standard error: how to call it, and what the function prints."""

import contextlib
import os
import shlex
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sandbox.ready_file import Ready
from sandbox.settings import ROOT
from sandbox.visible import visible_lines

_RED, _GREEN, _YELLOW = "31", "32", "33"
_COLOURS = {"ALARM": _RED, "OK": _GREEN, "INSUFFICIENT_DATA": _YELLOW}


def banner(ready: Ready, ready_path: Path, bedrock: str, is_own_stack: bool) -> str:
    """Return the lines that a starting sandbox prints: addresses, and commands to paste into another shell.

    No command holds a key. `scripts/env.sh` reads the keys from the ready file, and `echo` is a shell's own command:
    no list of processes shows them.

    Args:
        ready: where the sandbox answers.
        ready_path: the ready file; the commands name it unless it is the usual one.
        bedrock: who answers for Bedrock, as the command line says it.
        is_own_stack: whether the stack is this repository's: its function takes a prompt, and has metrics of its own.
    """
    # Whoever started the sandbox in the repository will call it from there.
    scripts = Path("scripts") if Path.cwd() == ROOT else ROOT / "scripts"
    probe, env = (shlex.quote(str(scripts / name)) for name in ("probe.sh", "env.sh"))
    path = ready_path.resolve()
    flags = "" if len(ready.function_urls) == 1 else f" --function {next(iter(ready.function_urls))}"
    flags += "" if path == ROOT / ".sandbox" / "ready.json" else f" --ready-file {shlex.quote(str(path))}"
    prompt, data, metrics = "", "", []
    if is_own_stack:
        prompt, data = " --prompt 'Why is the sky blue?'", """ --data '{"prompt": "Hello"}'"""
        metrics = [
            "  aws cloudwatch list-metrics --namespace Firstbyte \\",
            "    --query 'Metrics[].[MetricName, Dimensions[*].Value | join(`, `, @)]' --output table",
        ]
    # One needs no name; what several have in common stands before them.
    urls = ready.function_urls if len(ready.function_urls) > 1 else {"": ready.function_url}
    width = max(map(len, urls))
    return "\n".join(
        (
            *(f"{_bold('Function URL')}  {f'{name:{width}}  ' if name else ''}{url}" for name, url in urls.items()),
            f"{_bold('AWS endpoint')}  {ready.aws_endpoint_url}  (Lambda, CloudWatch, Logs, X-Ray)",
            f"{_bold('Bedrock')}       {bedrock}  {ready.bedrock_url}",
            f"{_bold('Console')}       {ready.console_url}  (open it in a browser)",
            _bold("Time a response:"),
            f"  {probe} --sandbox{flags}{prompt}",
            _bold("Or use curl and the AWS CLI:"),
            f'  eval "$({env}{flags})"',
            '  echo "user = $AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" | curl --no-buffer --config - \\',
            '    --aws-sigv4 "aws:amz:$AWS_REGION:lambda" "$FUNCTION_URL"' + data,
            *metrics,
            f"What the functions print appears below. {_bold('Stop with Ctrl-C.')}",
        )
    )


def print_line(text: str) -> None:
    """Print one line to standard error; when that cannot be written any more, the sandbox goes on."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{text}\n")


def print_function_line(label: str, line: str) -> None:
    """Print an event of a function's log, with a label of its environment before each line."""
    for part in visible_lines(line):
        print_line(_dim(f"[{label}] ") + part)


def print_alarm_line(moment: datetime, name: str, old: str, new: str, reason: str, actions: Sequence[str]) -> None:
    """Print how an alarm has changed its state, and which actions that would have set going."""
    time = _dim(f"[{moment.astimezone():%H:%M:%S}]")
    notified = f"; would notify {', '.join(actions)}" if actions else ""
    print_line(f"{time} alarm {_bold(name)}: {old} -> {_styled(_COLOURS[new], new)}: {reason}{notified}")


def _bold(text: str) -> str:
    return _styled("1", text)


def _dim(text: str) -> str:
    return _styled("2", text)


def _styled(code: str, text: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if sys.stderr.isatty() and "NO_COLOR" not in os.environ else text
