#!/usr/bin/env bash
#
# Makes the development environment, .venv at the repository's root, from requirements.lock. Other scripts source it:
#   source "${root}/scripts/environment.sh" && ensure_environment "${root}"
# Several scripts may call it at once. It takes no time when there is nothing to do.

# Prints the first Python from 3.11 on that is on PATH and runs. The deployed version, 3.13, comes first.
environment::find_python() {
  local candidate
  for candidate in python3.13 python3.12 python3.11 python3.14 python3; do
    if "${candidate}" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      printf '%s\n' "${candidate}"
      return
    fi
  done
  echo "Python 3.11 or newer is needed, and none was found on PATH." >&2
  return 1
}

# Prints the path of uv: the one on PATH, whatever its version, or that of the lock file $3, which the pip of python $1 puts
# into the directory $2 if its hash is right. Some systems lack pip or venv, and some forbid pip to install into the system.
# With --target, pip leaves it alone.
environment::find_uv() {
  local python=$1 directory=$2 lock=$3
  if uv --version >/dev/null 2>&1; then
    echo uv
    return
  fi
  echo "Fetching uv ..." >&2
  # A command substitution goes on after a failure, whatever the caller has set: hence each `return`.
  local requirements="${directory}/requirements.txt"
  local -a install=(-P -m pip install --quiet --disable-pip-version-check --require-hashes --requirement "${requirements}")
  awk '/^[^ #]/ {is_uv = /^uv==/} is_uv' "${lock}" >"${requirements}"
  if "${python}" -P -m pip --version >/dev/null 2>&1; then
    "${python}" "${install[@]}" --root-user-action ignore --target "${directory}" >&2 || return
  elif "${python}" -P -m venv "${directory}/venv" >/dev/null 2>&1; then
    "${directory}/venv/bin/python" "${install[@]}" >&2 || return
    directory+=/venv
  else
    echo "Neither uv, pip nor venv works with ${python}: install one of them (on Debian: python3-venv)." >&2
    return 1
  fi
  printf '%s\n' "${directory}/bin/uv"
}

# Installs what requirements.lock says into .venv, with the Python $4. The caller holds the lock.
environment::sync() {
  local root=$1 stamp=$2 wanted=$3 python=$4
  local uv
  tools="$(mktemp -d)"
  trap 'rm -rf "${tools}"' EXIT
  uv="$(environment::find_uv "${python}" "${tools}" "${root}/requirements.lock")"
  echo "Installing the development environment into ${root}/.venv ..." >&2
  if ! "${root}/.venv/bin/python" -c '' 2>/dev/null; then
    "${uv}" venv --quiet --clear --python "${python}" "${root}/.venv"
  fi
  # Functions in the sandbox write no bytecode: what is not compiled here, each of their cold starts would compile.
  "${uv}" pip sync --quiet --require-hashes --compile-bytecode --python "${root}/.venv/bin/python" \
    "${root}/requirements.lock"
  printf '%s\n' "${wanted}" >"${stamp}"
}

# Makes sure that .venv under the root $1 exists and holds what requirements.lock says, installed as this file does it.
# Standard error says what takes time.
ensure_environment() {
  local root=$1
  local stamp="${root}/.venv/requirements.stamp" wanted
  wanted="$(cat "${root}/requirements.lock" "${root}/scripts/environment.sh" | cksum)"
  if [[ "$(cat "${stamp}" 2>/dev/null)" == "${wanted}" ]]; then
    return
  fi
  # A subshell holds the lock, so that its EXIT trap is not the caller's. The lock is outside of .venv, which may be
  # deleted and made again.
  (
    set -euo pipefail
    mkdir -p "${root}/.cache"
    exec 9>"${root}/.cache/environment.lock"
    python="$(environment::find_python)"
    # macOS has no flock(1). The lock belongs to the open file, so it outlives this Python.
    "${python}" -P -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
    if [[ "$(cat "${stamp}" 2>/dev/null)" != "${wanted}" ]]; then
      environment::sync "${root}" "${stamp}" "${wanted}" "${python}"
    fi
  )
}
