"""The command line: `python -m sandbox`; exit code 0 after a signal, 1 if something is not there, 2 for wrong use."""

import asyncio
import logging
import sys

from sandbox.banner import print_line
from sandbox.departures import note_bad_requests
from sandbox.errors import StartError, UsageError
from sandbox.server import run
from sandbox.settings import read_settings
from template.errors import ParameterError, TemplateError


def main() -> int:
    """Run the sandbox until it is told to stop; return the exit code."""
    logging.basicConfig(format="sandbox: %(message)s", level=logging.WARNING)
    note_bad_requests()
    try:
        asyncio.run(run(read_settings(sys.argv[1:])))
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


if __name__ == "__main__":
    sys.exit(main())
