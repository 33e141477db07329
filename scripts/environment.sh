#!/usr/bin/env bash
#
# Makes the development environment, .venv at the repository's root, from requirements.lock. To be sourced:
#   source "${root}/scripts/environment.sh" && ensure_environment "${root}"
# Several scripts may do so at once, and it is cheap when there is nothing to do.

# Prints the newest Python from 3.11 on that is on PATH and runs.
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

# Prints the path of uv: the one on PATH, else one fetched with pip into the directory $2 (made by python $1).
# A system may lack either pip or venv, and its pip may refuse to touch the system: --target touches nothing of it.
environment::find_uv() {
  local python=$1 directory=$2
  if uv --version >/dev/null 2>&1; then
    echo uv
    return
  fi
  echo "Fetching uv ..." >&2
  if "${python}" -m pip --version >/dev/null 2>&1; then
    "${python}" -m pip install --quiet --disable-pip-version-check --root-user-action ignore \
      --target "${directory}" uv >&2
  elif "${python}" -m venv "${directory}" >/dev/null 2>&1; then
    "${directory}/bin/python" -m pip install --quiet --disable-pip-version-check uv >&2
  else
    echo "Neither uv, pip nor venv works with ${python}: install one of them (on Debian: python3-venv)." >&2
    return 1
  fi
  printf '%s\n' "${directory}/bin/uv"
}

# Brings .venv to what requirements.lock says; the caller holds the lock.
environment::sync() {
  local root=$1 stamp=$2 wanted=$3
  local python uv
  tools="$(mktemp -d)"
  trap 'rm -rf "${tools}"' EXIT
  python="$(environment::find_python)"
  uv="$(environment::find_uv "${python}" "${tools}")"
  echo "Installing the development environment into ${root}/.venv ..." >&2
  if ! "${root}/.venv/bin/python" -c '' 2>/dev/null; then
    "${uv}" venv --quiet --clear --python "${python}" "${root}/.venv"
  fi
  "${uv}" pip sync --quiet --require-hashes --python "${root}/.venv/bin/python" "${root}/requirements.lock"
  printf '%s\n' "${wanted}" >"${stamp}"
}

# Makes sure that .venv under the root $1 is there and holds what requirements.lock says. Says on standard error what
# takes time.
ensure_environment() {
  local root=$1
  local stamp="${root}/.venv/requirements.stamp" wanted
  wanted="$(cksum <"${root}/requirements.lock")"
  if [[ "$(cat "${stamp}" 2>/dev/null)" == "${wanted}" ]]; then
    return
  fi
  # A subshell holds the lock, and its EXIT trap is not the caller's. The lock lies outside of .venv, which is made anew.
  (
    set -euo pipefail
    mkdir -p "${root}/.cache"
    exec 9>"${root}/.cache/environment.lock"
    if command -v flock >/dev/null; then
      flock 9
    fi
    if [[ "$(cat "${stamp}" 2>/dev/null)" != "${wanted}" ]]; then
      environment::sync "${root}" "${stamp}" "${wanted}"
    fi
  )
}
