#!/usr/bin/env bash
# Times a streamed answer as a client feels it. This file finds a Python; scripts/probe/ does the work.
set -euo pipefail

main() {
  local here
  here="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)"
  if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2> /dev/null; then
    echo "probe: Python 3.9 or newer is needed as python3 on PATH" >&2
    exit 2
  fi
  exec python3 "${here}/probe" "$@"
}

main "$@"
