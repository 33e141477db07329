"""How each command of this project ends: its result is out, or one line says why not; Ctrl-C is no error."""

import importlib
import io
import os
import signal
import sys
from typing import NoReturn

NOT_WRITTEN = 1
STOPPED = 130
# What a shell reports for a program that a closed pipe has ended (128 + SIGPIPE), as in `scripts/bom.sh ... | head -1`.
READER_GONE = 141


def run(module: str, command: str) -> NoReturn:
    """Run the function `main` of a module with the command line's arguments, and end the process with its exit code.

    Args:
        module: such as `bench.command`.
        command: the name that stands before its messages.
    """
    # Imports take up to a second. Ctrl-C just ends the process as long: an exception would come up anywhere in them.
    interrupt = signal.getsignal(signal.SIGINT)
    if interrupt is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    main = importlib.import_module(module).main
    try:
        signal.signal(signal.SIGINT, interrupt)
        code = main(sys.argv[1:])
    except KeyboardInterrupt:
        code = STOPPED
    except SystemExit as end:  # of argparse, or with a message
        code = end.code if isinstance(end.code, int) else NOT_WRITTEN
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the code is settled
    sys.exit(_written(command) or code)


def put(text: str, command: str) -> int:
    """Write a command's result to standard output, and return the exit code that this leaves.

    Args:
        text: the result, without the line feed at its end.
        command: whose result it is.

    Returns:
        0 if all of it is written; 141 if the reader has left; 1 if it cannot be written, and standard error says why.
    """
    if sys.stdout is None:  # closed by the shell's `>&-`
        return _refused(command, "standard output is closed")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a locale may lack a character of a model's answer
    return _written(command, f"{text}\n")


def _written(command: str, text: str = "") -> int:
    """Write the text and all that is still in Python's buffer."""
    try:
        if sys.stdout is not None:
            sys.stdout.write(text)
            sys.stdout.flush()
    except OSError as error:
        # Else Python would try to write the rest at its end, and complain once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return READER_GONE
        return _refused(command, str(error.strerror))
    return 0


def _refused(command: str, reason: str) -> int:
    print(f"{command}: the result cannot be written: {reason}", file=sys.stderr)
    return NOT_WRITTEN
