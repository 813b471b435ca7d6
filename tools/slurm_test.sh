#!/usr/bin/env bash
# Tests a checkpoint in the tasks of a Slurm job.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=launchers.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/launchers.sh"

usage='usage: slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT
                     [ARGUMENTS OF test.py]

'$srun_usage
need_arguments "$usage" 4 "$@"
start_srun "$1" "$2" test.py "$3" "$4" --launcher=slurm "${@:5}"
