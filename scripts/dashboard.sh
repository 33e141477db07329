#!/usr/bin/env bash
# Prints the dashboard's body for the CloudWatch console. This file makes the environment; src/template/ does the work.
set -euo pipefail

main() {
  local root
  root="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)"
  # shellcheck source=scripts/environment.sh
  source "${root}/scripts/environment.sh"
  ensure_environment "${root}"
  PYTHONPATH="${root}/src" exec "${root}/.venv/bin/python" -P -m template "$@"
}

main "$@"
