"""What the sandbox says to people, on standard error: how to call it, and what the function prints."""

import json
import os
import shlex
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sandbox.ready_file import Ready
from sandbox.settings import ROOT

# The keys go from the ready file through a pipe: in no command line, so in no list of processes either.
_CURL_CONFIG = (
    r'import json; print("user = {access_key_id}:{secret_access_key}\naws-sigv4 = aws:amz:{region}:lambda\n'
    r'url = {function_url}".format(**json.load(open(%s))))'
)
_AWS_KEYS = (
    r'import json; print("export AWS_ACCESS_KEY_ID={access_key_id} AWS_SECRET_ACCESS_KEY={secret_access_key} '
    r'AWS_SESSION_TOKEN=".format(**json.load(open(%s))))'
)

_RED, _GREEN, _YELLOW = "31", "32", "33"
_COLOURS = {"ALARM": _RED, "OK": _GREEN, "INSUFFICIENT_DATA": _YELLOW}


def banner(ready: Ready, ready_path: Path, bedrock: str) -> str:
    """Return the lines that a starting sandbox prints: addresses, and commands that can be pasted."""
    probe = shlex.quote(str(ROOT / "scripts" / "probe.sh"))
    path = str(ready_path.resolve())
    probe_flags = "" if path == str(ROOT / ".sandbox" / "ready.json") else f" --ready-file {shlex.quote(path)}"
    config = shlex.quote(_CURL_CONFIG % json.dumps(path))
    keys = shlex.quote(_AWS_KEYS % json.dumps(path))
    aws = f"aws --endpoint-url {ready.aws_endpoint_url} --region {ready.region}"
    body = shlex.quote('{"prompt": "Why is the sky blue?"}')
    return "\n".join(
        (
            f"{_bold('Function URL')}  {ready.function_url}",
            f"{_bold('AWS endpoint')}  {ready.aws_endpoint_url}  (Lambda, CloudWatch, Logs, X-Ray)",
            f"{_bold('Bedrock')}       {bedrock}  {ready.bedrock_url}",
            _bold("Time a response:"),
            f"  {probe} --sandbox{probe_flags} --prompt 'Why is the sky blue?'",
            _bold("Or with curl alone:"),
            f"  python3 -c {config} | curl --no-buffer --config - --data {body}",
            _bold("See what was measured:"),
            f'  (eval "$(python3 -c {keys})"; {aws} cloudwatch list-metrics --namespace Firstbyte)',
            _bold("Stop with Ctrl-C."),
        )
    )


def print_line(text: str) -> None:
    """Print one line to standard error; when nobody reads that any more, the sandbox goes on."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - until the process ends


def print_function_line(label: str, line: str) -> None:
    """Print a line of a function's log, with a label of its environment."""
    print_line(_dim(f"[{label}] ") + line)


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
