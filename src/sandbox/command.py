"""The command line: exit code 0 after a signal, 1 if something is not there, 2 for wrong use."""

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

from sandbox.banner import print_line
from sandbox.errors import StartError, UsageError
from sandbox.server import run
from sandbox.settings import Settings, read_settings
from sandbox.terminal import unblocked_stderr
from template.errors import ParameterError, TemplateError


def main(arguments: Sequence[str]) -> NoReturn:
    """Run the sandbox until it is told to stop, and end the process."""
    with unblocked_stderr():
        code = _main(arguments)
    # At once: Python's own end would wait for the event loop's threads, too.
    os._exit(code)


def _main(arguments: Sequence[str]) -> int:
    # Telemetry holds what functions print. DuckDB makes files beside its own at any moment, and gives them no mode.
    os.umask(0o077)
    # The event loop waits this long for each thread that computes, after whatever it waits for. Python's own is 5 ms.
    sys.setswitchinterval(0.001)
    logging.basicConfig(format="sandbox: %(message)s", level=logging.WARNING)
    try:
        with contextlib.suppress(KeyboardInterrupt):  # before it listens for signals
            asyncio.run(_run(read_settings(arguments)))
    except UsageError as error:
        print_line(f"sandbox: {error}; see --help")
        return 2
    except ParameterError as error:
        print_line(f"sandbox: {error}")
        return 2
    except (StartError, TemplateError) as error:
        print_line(f"sandbox: {error}")
        return 1
    return 0


class _Threads(ThreadPoolExecutor):
    """The event loop's threads. At its end the loop would wait for their work, which nobody waits for any more."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002 - the loop's call
        super().shutdown(wait=False, cancel_futures=True)


async def _run(settings: Settings) -> None:
    asyncio.get_running_loop().set_default_executor(_Threads())
    await run(settings)
