"""The console's main line: options to a source, and its pages on a port or its dashboard in files."""

import argparse
import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

from console.source import SANDBOX_READY_FILE, SourceError, sandbox_source, stack_source
from console.time_range import duration

_DESCRIPTION = """\
Show what a stack records in the browser: dashboard, traces, logs and alarms. It
asks CloudWatch, Logs and X-Ray, with your credentials, and changes nothing. A
sandbox has a console already: its first lines and its ready file say where."""

_EPILOG = """\
examples:
  scripts/console.sh --stack firstbyte --region eu-west-1
  scripts/console.sh --sandbox
  scripts/console.sh --sandbox --export /tmp/dashboard --last 3h

cost:
  On AWS, each look at the dashboard costs about 0.1 cents for metrics, and
  0.5 cents for each GB of logs that its tables scan.

exit codes:
  0    exported; pages: stopped, by Ctrl-C or a signal
  1    the port is taken, or something cannot be written
  2    wrong use: no credentials, no such stack, no sandbox
  130  an export was stopped with Ctrl-C"""


def main(arguments: list[str]) -> int:
    """Serve the pages, or export the dashboard, and return the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.last and not options.export:
        parser.error("--last goes with --export: on a page, choose the time at its top")
    if options.port and options.export:
        parser.error("--port is where pages are served: it does not go with --export")
    if options.region and options.sandbox:
        parser.error("--region goes with --stack: the sandbox has its own region")
    if options.ready_file and options.stack:
        parser.error("--ready-file goes with --sandbox")
    if not options.export:
        # While it starts. Later the server listens to them, and sends itself the last one again when it has ended.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: sys.exit(0))
    # The console of a sandbox needs nothing of the caller's, and a profile that is not there would stop boto3.
    if options.sandbox:
        for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
            os.environ.pop(name, None)
    try:
        if options.sandbox:
            opened = sandbox_source(options.ready_file or SANDBOX_READY_FILE)
        else:
            opened = stack_source(options.stack, options.region, os.environ)
    except SourceError as error:
        _say(str(error))
        return 2
    # Each takes most of a second to import.
    if options.export:
        from console.export import export

        return export(opened.source, options.export, options.last, _say)
    from console import server

    try:
        listener = server.listen(options.port) if options.listener is None else socket.socket(fileno=options.listener)
    except OSError as error:
        _say(f"port {options.port} cannot be used: {os.strerror(error.errno or 0)}")
        return 1
    if options.listener is None:
        _say(f"{server.address(listener, opened.token)}  (Ctrl-C stops it)")
    # At once: Python's own end would wait for threads that ask AWS, for minutes if it does not answer.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(0))
    asyncio.run(server.serve(opened, listener, options.lifeline))
    os._exit(0)


def _name(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("a stack has a name")
    return text


def _port(text: str) -> int:
    port = int(text) if text.isdecimal() else -1
    if not 0 <= port <= 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: say a number from 0 (a free one) to 65535")
    return port


def _say(text: str) -> None:
    print(f"console: {text}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/console.sh",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--stack", type=_name, metavar="NAME", help="a deployed stack")
    where.add_argument("--sandbox", action="store_true", help="the running sandbox")
    add("--region", help="the stack's region (default: AWS_REGION, your profile)")
    add("--port", type=_port, default=0, help="default: a free one")
    add(
        "--ready-file",
        type=Path,
        metavar="PATH",
        help="the sandbox's ready file (default: .sandbox/ready.json)",
    )
    add("--export", type=Path, metavar="DIR", help="write dashboard.html and dashboard.png, and end")
    add("--last", type=_last, metavar="TIME", help="what they show, such as 3h")
    # How the sandbox starts it: descriptors of a socket that listens, and of a pipe that ends with the sandbox.
    add("--listener", type=int, help=argparse.SUPPRESS)
    add("--lifeline", type=int, help=argparse.SUPPRESS)
    return parser


def _last(text: str) -> str:
    try:
        duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} {error}") from None
    return text
