"""`python -m verify`: what scripts/verify.sh runs."""

from command_line import run

run("verify.command", "verify")
