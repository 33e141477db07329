#!/usr/bin/env bash
# Checks a deployed stack and writes a report. This file makes the environment; src/verify/ does the work.
set -euo pipefail

main() {
  local root
  root="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)"
  # shellcheck source=scripts/environment.sh
  source "${root}/scripts/environment.sh"
  ensure_environment "${root}"
  PYTHONPATH="${root}/src:${root}/src/probe" exec "${root}/.venv/bin/python" -P -m verify "$@"
}

main "$@"
