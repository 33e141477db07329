#!/usr/bin/env bash
#
# Runs the stack on this machine; see usage below.

set -euo pipefail

readonly START_SECONDS=90

usage() {
  cat <<'EOF'
usage: scripts/sandbox.sh [FLAG ...]
           run the sandbox in the foreground, until Ctrl-C
       scripts/sandbox.sh --demo [FLAG ...]
           start it, time one response with scripts/probe.sh, stop it

The first run makes .venv, which takes a minute. Flags of the sandbox:

EOF
}

# Starts the sandbox on a ready file of its own, probes it once, and ends with the probe's exit code.
demo() {
  local root=$1
  shift
  workdir="$(mktemp -d)"
  pid=""
  trap 'stop_demo' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  "${root}/.venv/bin/python" -P -m sandbox --ready-file "${workdir}/ready.json" "$@" 2>"${workdir}/log" &
  pid=$!
  local limit=$((SECONDS + START_SECONDS))
  until [[ -e "${workdir}/ready.json" ]]; do
    if ! kill -0 "${pid}" 2>/dev/null || ((SECONDS >= limit)); then
      echo "The sandbox did not start:" >&2
      cat "${workdir}/log" >&2
      exit 1
    fi
    sleep 0.1
  done
  local code=0
  "${root}/scripts/probe.sh" --sandbox --ready-file "${workdir}/ready.json" \
    --prompt "Why does the first byte matter more than the last?" || code=$?
  if ((code != 0)); then
    cat "${workdir}/log" >&2
  fi
  exit "${code}"
}

stop_demo() {
  if [[ -n "${pid}" ]] && kill -INT "${pid}" 2>/dev/null; then
    wait "${pid}" || true
  fi
  rm -rf "${workdir}"
}

main() {
  local root
  root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
  # shellcheck source=scripts/environment.sh
  source "${root}/scripts/environment.sh"
  ensure_environment "${root}"
  export PYTHONPATH="${root}/src"
  case "${1:-}" in
    --demo)
      demo "${root}" "${@:2}"
      ;;
    -h | --help)
      usage
      ;;
  esac
  exec "${root}/.venv/bin/python" -P -m sandbox "$@"
}

main "$@"
