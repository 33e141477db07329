#!/usr/bin/env bash
# Measures what telemetry and the probe cost, and the layer beside others; soaks the stack. src/bench/ does the work.
set -euo pipefail

main() {
  local root
  root="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)"
  # shellcheck source=scripts/environment.sh
  source "${root}/scripts/environment.sh"
  ensure_environment "${root}"
  PYTHONPATH="${root}/src:${root}/src/probe" exec "${root}/.venv/bin/python" -P -m bench "$@"
}

main "$@"
