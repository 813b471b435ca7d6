#!/usr/bin/env bash
# Tests a checkpoint in several processes, on one machine or on several.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=launchers.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/launchers.sh"

usage='usage: dist_test.sh CONFIG CHECKPOINT GPUS [ARGUMENTS OF test.py]

'$torchrun_usage
need_arguments "$usage" 3 "$@"
start_torchrun "$3" test.py "$1" "$2" --launcher=pytorch "${@:4}"
