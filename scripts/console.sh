#!/usr/bin/env bash
# Shows a stack's records in the browser. This file makes the environment; src/console/ does the work.
set -euo pipefail

main() {
  local root
  root="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)"
  # shellcheck source=scripts/environment.sh
  source "${root}/scripts/environment.sh"
  ensure_environment "${root}"
  PYTHONPATH="${root}/src" exec "${root}/.venv/bin/python" -P -m console "$@"
}

main "$@"
