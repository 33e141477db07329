#!/usr/bin/env bash
#
# Builds the layer as one zip; see usage below.

set -euo pipefail

usage() {
  cat <<'EOF'
usage: scripts/layer.sh [--output PATH]

Builds the layer lambda_streaming as one zip, for every Python that Lambda
manages, on arm64 and x86_64. Its modules are compiled for those Pythons that
this machine has. The same sources and Pythons make the same bytes. Standard
error says the Pythons, the zip's size and its SHA-256. Standard output is the
command that publishes it, with the credentials and the region of the AWS CLI.

  --output PATH  where the zip goes; an older one is replaced
                 (default: lambda_streaming.zip)

Examples:
  scripts/layer.sh                     lambda_streaming.zip, for a ContentUri
  scripts/layer.sh --output layer.zip  the same under another name
  scripts/layer.sh | sh                publishes it, too

Exit codes:
  0  the zip is written
  1  it cannot be built or written, or the command cannot be written
  2  wrong use
EOF
}

# Ends the script with the exit code $1 and a message.
fail() {
  echo "layer: $2" >&2
  exit "$1"
}

# Builds the layer under the root $1, zips it in the order of names, says what the zip is, and copies it to $2.
build() {
  local root=$1 output=$2 refusal
  workdir="$(mktemp -d)"
  trap 'rm -rf "${workdir}"' EXIT
  trap 'exit 130' INT
  mkdir "${workdir}/layer"
  make --silent -C "${root}/src/runtime" build-layer ARTIFACTS_DIR="${workdir}/layer" >&2 ||
    fail 1 "the build failed; what it said is above"
  (cd "${workdir}/layer" && python -P -m zipfile -c "${workdir}/layer.zip" python 2>/dev/null) ||
    fail 1 "${workdir}/layer.zip cannot be written"
  refusal="$(cp -- "${workdir}/layer.zip" "${output}" 2>&1)" || fail 1 "${output} cannot be written: ${refusal##*: }"
  python -P - "${workdir}/layer.zip" "${output}" >&2 <<'EOF'
import hashlib, sys
from pathlib import Path

content = Path(sys.argv[1]).read_bytes()
print(f"layer: {sys.argv[2]}: {len(content):,} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}")
EOF
}

# Prints the command that publishes the zip $1 for the runtimes that follow.
print_command() {
  local output=$1
  shift
  printf '%s \\\n' "aws lambda publish-layer-version --layer-name lambda_streaming" \
    "  --zip-file $(printf '%q' "fileb://${output}")" "  --compatible-runtimes $*" \
    "  --compatible-architectures arm64 x86_64"
  echo "  --license-info MIT-0"
}

main() {
  local root output=lambda_streaming.zip
  root="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)"
  while (($#)); do
    case "$1" in
      -h | --help)
        usage
        return
        ;;
      --output)
        [[ -n "${2:-}" ]] || fail 2 "--output needs a path; see --help"
        output=$2
        shift 2
        ;;
      *)
        fail 2 "unknown argument $1; see --help"
        ;;
    esac
  done
  [[ ! -d "${output}" ]] || fail 1 "${output} is a directory: name a file in it"
  [[ -d "$(dirname -- "${output}")" ]] || fail 1 "there is no directory $(dirname -- "${output}") for ${output}"
  command -v make >/dev/null || fail 1 "the build needs make, and there is none on the PATH"
  # shellcheck source=scripts/environment.sh
  source "${root}/scripts/environment.sh"
  ensure_environment "${root}"
  PATH="${root}/.venv/bin:${PATH}"
  build "${root}" "${output}"
  local -a runtimes
  read -ra runtimes <<<"$(make --silent -C "${root}/src/runtime" runtimes)"
  printf '%s\n' "$(print_command "${output}" "${runtimes[@]}")" 2>/dev/null ||
    fail 1 "the zip is there, but the command cannot be written to standard output"
}

main "$@"
