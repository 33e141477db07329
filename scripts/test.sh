#!/usr/bin/env bash
#
# Runs every check of the project; see usage below.

set -euo pipefail

usage() {
  cat <<'EOF'
usage: scripts/test.sh
           every check: linters, types, all tests (40 minutes on two cores)
       scripts/test.sh --quick
           linters, types, and the tests of tests/unit and tests/wire (two
           minutes)
       scripts/test.sh PYTEST-ARGUMENT ...
           only these tests, no linters

Examples:
  scripts/test.sh tests/wire
      the layer's bytes on the Runtime API
  scripts/test.sh -k fallback -x
      tests whose name contains "fallback", up to the first failure
  scripts/test.sh tests/fuzz --hypothesis-profile long
      look for input that breaks a reader, for hours

Makes .venv on first use. As root on Debian it installs the system packages that
some tests need; elsewhere it says which are missing. The first run of all tests
also fetches the SAM CLI and builds AWS's own Node.js client, which takes
minutes.

Exit codes: 0 if everything passed; otherwise not 0, and the failure is printed.
EOF
}

# Makes sure that the programs are there that the tests call: Node.js with a compiler for AWS's own Node.js client, which
# the layer is compared with, make for `sam build`, and a browser for the pages.
ensure_programs() {
  local program package
  local -a packages=()
  # Debian keeps the headers that native Node.js modules compile against in a package of their own.
  while read -r program package; do
    command -v "${program}" >/dev/null || packages+=("${package}")
  done <<'EOF'
node nodejs
node libnode-dev
npm npm
make make
cmake cmake
g++ g++
xz xz-utils
curl curl
git git
chromium chromium
EOF
  ((${#packages[@]})) || return 0
  if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
    echo "Some tests need programs that are not here. Install (named as in Debian): ${packages[*]}" >&2
    return 1
  fi
  echo "Installing ${packages[*]} ..." >&2
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "${packages[@]}" >/dev/null
}

# Runs one check with its name above it.
check() {
  printf '== %s\n' "$*" >&2
  "$@"
}

# Checks everything that can be checked without running it.
check_text() {
  check ruff check
  check ruff format --check
  check mypy
  # What Python lacks on macOS, such as os.memfd_create. A cache of its own, since each run ends the other's.
  check mypy --platform darwin --cache-dir .mypy_cache/darwin src
  check shellcheck -x .ci/run scripts/*.sh src/runtime/lambda_streaming/bootstrap
}

# Runs tests in parallel, a file in one process, in the order of the folders: tests/deploy and tests/sandbox, which take
# longest, come first. Many tests wait for something, so there are more processes than cores.
run_in_parallel() {
  check python -m pytest --numprocesses $((2 * $(getconf _NPROCESSORS_ONLN))) --dist loadfile --no-loadscope-reorder --durations 10 "$@"
}

# Runs all tests; those about time come last, one at a time, whatever became of the others.
run_all() {
  local code=0
  run_in_parallel -m "not alone" || code=$?
  check python -m pytest -m alone --durations 10 || code=$?
  return "${code}"
}

main() {
  if [[ "${1:-}" == -h || "${1:-}" == --help ]]; then
    usage
    return
  fi
  local root
  root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
  cd "${root}"
  # shellcheck source=scripts/environment.sh
  source scripts/environment.sh
  ensure_environment "${root}"
  PATH="${root}/.venv/bin:${PATH}"
  case "${1:-}" in
    "")
      ensure_programs
      check_text
      run_all
      ;;
    --quick)
      ensure_programs
      check_text
      run_in_parallel tests/unit tests/wire
      ;;
    *)
      exec python -m pytest "$@"
      ;;
  esac
}

main "$@"
