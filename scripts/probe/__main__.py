"""The door for `python3 scripts/probe`, which has no package around it until this file makes one."""

import importlib
import sys
from pathlib import Path

# Python put this directory on the path, where the modules would be called `curl` or `events` and their relative imports
# would fail; the directory above gives them their package.
sys.path[0] = str(Path(__file__).resolve().parent.parent)
sys.exit(importlib.import_module("probe.command").main(sys.argv[1:]))
