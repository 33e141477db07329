#!/usr/bin/env bash
#
# Prints the bill of materials of a built artifact; see usage below.

set -euo pipefail

usage() {
  cat <<'EOF'
usage: scripts/bom.sh ARTIFACT

Prints the bill of materials of what was built, as CycloneDX 1.6 in JSON: each
bundled package with its version and its licence, and each file with its
SHA-256. The same artifact makes the same bill.

  ARTIFACT  a folder that `sam build` made, or a zip: that of scripts/layer.sh,
            or one that Lambda has

Examples:
  scripts/bom.sh .aws-sam/build/StreamingFunction > function.cdx.json
  scripts/bom.sh lambda_streaming.zip > layer.cdx.json

Exit codes:
  0  the bill is printed
  1  there is no such artifact, it is no zip, or the bill cannot be written
  2  wrong use
EOF
}

# Ends the script with the exit code $1 and a message.
fail() {
  echo "bom: $2" >&2
  exit "$1"
}

# Runs a command whose words are worth a line: the last one, and only if it fails.
quietly() {
  local said="${workdir}/said"
  "$@" 2>"${said}" || fail 1 "$(tail -n 1 -- "${said}")"
}

# Prints the bill of the artifact $2 under the root $1.
print_bill() {
  local root=$1 artifact=$2 folder environment
  workdir="$(mktemp -d)"
  trap 'rm -rf "${workdir}"' EXIT
  trap 'exit 130' INT
  folder="${workdir}/unpacked"
  if [[ -d "${artifact}" ]]; then
    folder="$(cd -- "${artifact}" && pwd -P)"
  else
    python -m zipfile -e "${artifact}" "${folder}" 2>/dev/null || fail 1 "${artifact} is no folder and no zip"
  fi
  # An environment that holds the metadata of the artifact's packages and no others. No code, because Python runs a
  # sitecustomize.py wherever it finds one.
  environment="${workdir}/environment"
  quietly python -m venv --without-pip "${environment}"
  local -a site=("${environment}"/lib/python*/site-packages)
  find "${folder}" -name '*.dist-info' -prune -exec cp -R {} "${site[0]}/" \;
  quietly cyclonedx-py environment --output-reproducible --spec-version 1.6 --output-format JSON \
    --output-file "${workdir}/bill.json" "${environment}"
  PYTHONPATH="${root}/src" python - "${workdir}/bill.json" "${artifact}" "${folder}" <<'EOF'
import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a word
import hashlib, json, sys
from pathlib import Path

from command_line import put


def digest(file):
    return [{"alg": "SHA-256", "content": hashlib.sha256(file.read_bytes()).hexdigest()}]


bill, artifact, folder = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]), Path(sys.argv[3])
subject = {"type": "application", "name": artifact.resolve().name}
bill["metadata"]["component"] = {**subject, "hashes": digest(artifact)} if artifact.is_file() else subject
files = sorted(path for path in folder.rglob("*") if path.is_file())
named = [{"type": "file", "name": path.relative_to(folder).as_posix(), "hashes": digest(path)} for path in files]
bill["components"] = [*bill.get("components", []), *named]
sys.exit(put(json.dumps(bill, indent=2), "bom"))
EOF
}

main() {
  local root
  root="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)"
  case "${1:-}" in
    -h | --help)
      usage
      return
      ;;
    -*)
      fail 2 "unknown option $1; see --help"
      ;;
  esac
  (($# == 1)) || fail 2 "one artifact is needed; see --help"
  [[ -e "$1" ]] || fail 1 "there is no $1: build it first, with \`sam build\` or scripts/layer.sh"
  # Python takes modules neither from the working directory, which may be the artifact, nor from elsewhere.
  export PYTHONSAFEPATH=1
  unset PYTHONPATH
  # shellcheck source=scripts/environment.sh
  source "${root}/scripts/environment.sh"
  ensure_environment "${root}"
  PATH="${root}/.venv/bin:${PATH}"
  print_bill "${root}" "$1"
}

main "$@"
