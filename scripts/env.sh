#!/usr/bin/env bash
#
# Prints what a shell needs to call the running sandbox; see usage below.

set -euo pipefail

usage() {
  cat <<'EOF'
usage: eval "$(scripts/env.sh [--function LOGICAL_ID] [--ready-file PATH])"

Prints shell commands that point this shell at the running sandbox:
AWS_ENDPOINT_URL, AWS_REGION, AWS_DEFAULT_REGION, AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN (empty) and FUNCTION_URL. The keys are
random and end with the sandbox.

  --function LOGICAL_ID  the function whose URL it is
                         (default: the first that has one in the template)
  --ready-file PATH      the sandbox's ready file
                         (default: .sandbox/ready.json in this repository)

Examples:
  eval "$(scripts/env.sh)"
      until this shell ends, aws and boto3 ask the sandbox
  (eval "$(scripts/env.sh)"; aws cloudwatch list-metrics --namespace Firstbyte)
      only this one command asks it

Exit codes:
  0  printed
  1  no sandbox is running, or the commands cannot be written
  2  wrong use
EOF
}

# Prints the exports for the function $3, or for the first if that is empty. The file's path is an argument, its content
# is not: no list of processes shows a key.
print_exports() {
  local root=$1 path=$2 function=$3
  PYTHONPATH="${root}/src" "${root}/.venv/bin/python" -P - "${path}" "${function}" <<'EOF'
import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a word
import json, shlex, socket, sys, urllib.parse

from command_line import put

path, function = sys.argv[1:]
names = {
    "AWS_ENDPOINT_URL": "aws_endpoint_url",
    "AWS_REGION": "region",
    "AWS_DEFAULT_REGION": "region",
    "AWS_ACCESS_KEY_ID": "access_key_id",
    "AWS_SECRET_ACCESS_KEY": "secret_access_key",
    "AWS_SESSION_TOKEN": "session_token",
    "FUNCTION_URL": "function_url",
}
try:
    with open(path) as file:
        ready = {"session_token": "", **json.load(file)}
    if function and function not in ready["function_urls"]:
        print(f"env: the sandbox has no function {function}; it has {', '.join(ready['function_urls'])}", file=sys.stderr)
        sys.exit(2)
    if function:
        ready["function_url"] = ready["function_urls"][function]
    exports = [f"export {name}={shlex.quote(ready[key])}" for name, key in names.items()]
    url = urllib.parse.urlsplit(ready["function_url"])
    socket.create_connection((url.hostname, url.port), timeout=2).close()
except OSError as error:
    sys.exit(f"env: no sandbox answers where {path} says ({error}): start one with scripts/sandbox.sh")
except (ValueError, KeyError, TypeError, RecursionError) as error:
    sys.exit(f"env: {path} is not the ready file of a sandbox ({error!r})")
sys.exit(put("\n".join(exports), "env"))
EOF
}

main() {
  local root ready_file function=""
  root="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)"
  ready_file="${root}/.sandbox/ready.json"
  while (($#)); do
    case "$1" in
      -h | --help)
        usage
        return
        ;;
      --ready-file)
        if (($# < 2)); then
          echo "env: --ready-file needs a path; see --help" >&2
          return 2
        fi
        ready_file=$2
        shift 2
        ;;
      --function)
        if (($# < 2)) || [[ -z "$2" ]]; then
          echo "env: --function needs a logical id; see --help" >&2
          return 2
        fi
        function=$2
        shift 2
        ;;
      *)
        echo "env: unknown argument $1; see --help" >&2
        return 2
        ;;
    esac
  done
  if [[ ! -e "${ready_file}" ]]; then
    echo "env: no sandbox is running (there is no ${ready_file}): start one with scripts/sandbox.sh" >&2
    return 1
  fi
  # shellcheck source=scripts/environment.sh
  source "${root}/scripts/environment.sh"
  ensure_environment "${root}"
  print_exports "${root}" "${ready_file}" "${function}"
}

main "$@"
