#!/usr/bin/env bash
# Trains in the tasks of a Slurm job.
set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=launchers.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/launchers.sh"

usage='usage: slurm_train.sh PARTITION JOB_NAME CONFIG [WORK_DIR]
                      [ARGUMENTS OF train.py]

A fourth argument that does not begin with - is the WORK_DIR.

'$srun_usage
need_arguments "$usage" 3 "$@"
arguments=("${@:4}")
if [[ ${4:--} != -* ]]; then
    arguments=(--work-dir="$4" "${@:5}")
fi
start_srun "$1" "$2" train.py "$3" --launcher=slurm "${arguments[@]}"
