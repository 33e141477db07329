"""`python -m console`: what scripts/console.sh runs."""

from command_line import run

run("console.command", "console")
