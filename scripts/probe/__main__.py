"""`python -m probe`: what scripts/probe.sh runs."""

import sys

from .command import main

sys.exit(main(sys.argv[1:]))
