"""`python -m bench`: what scripts/bench.sh runs."""

from command_line import run

run("bench.command", "bench")
