"""`python -m probe`: what scripts/probe.sh runs."""

import signal
import sys

try:
    from .command import main

    code = main(sys.argv[1:])
except KeyboardInterrupt:  # before there is anything to report
    code = 130
signal.signal(signal.SIGINT, signal.SIG_IGN)  # the code is settled
sys.exit(code)
