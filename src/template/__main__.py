"""`python -m template`: what scripts/dashboard.sh runs."""

from command_line import run

run("template.dashboard", "dashboard")
