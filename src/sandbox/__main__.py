"""`python -m sandbox`: what scripts/sandbox.sh runs."""

from command_line import run

run("sandbox.command", "sandbox")
