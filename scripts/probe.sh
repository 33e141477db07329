#!/usr/bin/env bash
# Times a streamed answer as a client feels it. This file makes the environment; src/probe/ does the work.
set -euo pipefail

main() {
  local root
  root="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)"
  # shellcheck source=scripts/environment.sh
  source "${root}/scripts/environment.sh"
  ensure_environment "${root}"
  PYTHONPATH="${root}/src:${root}/src/probe" exec "${root}/.venv/bin/python" -P -m probe "$@"
}

main "$@"
