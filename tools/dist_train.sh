#!/usr/bin/env bash
# Trains in several processes, on one machine or on several.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=launchers.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/launchers.sh"

usage='usage: dist_train.sh CONFIG GPUS [ARGUMENTS OF train.py]

'$torchrun_usage
need_arguments "$usage" 2 "$@"
start_torchrun "$2" train.py "$1" --launcher=pytorch "${@:3}"
