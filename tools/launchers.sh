# shellcheck shell=bash
# What dist_*.sh and slurm_*.sh share.

TOOLS=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" > /dev/null && pwd)
PYTHON=${PYTHON:-python}
export PYTHONPATH="${TOOLS%/*}${PYTHONPATH:+:$PYTHONPATH}"

# The ends of their usages.
# shellcheck disable=SC2034
torchrun_usage='GPUS: processes on this machine, each with a GPU; 0: processes on CPUs.

Environment variables:
  PROCESSES      processes on this machine if GPUS is 0 (default: 2)
  NNODES         machines; start the script on each (default: 1)
  NODE_RANK      number of this machine, from 0 (default: 0)
  MASTER_ADDR    address of machine 0 (default on it: 127.0.0.1)
  PORT           port of machine 0 (default: a free one; 29500 if NNODES > 1)
  TORCHRUN_ARGS  more arguments of torchrun, separated by spaces
  PYTHON         interpreter (default: python)'
# shellcheck disable=SC2034
srun_usage='Environment variables:
  GPUS           tasks, each with a GPU (default: 8); 0: tasks on CPUs
  GPUS_PER_NODE  of them on each machine (default: 8, or GPUS if fewer)
  PROCESSES      tasks if GPUS is 0 (default: 2)
  CPUS_PER_TASK  cores of each task (default: 5; 1 if GPUS is 0)
  SRUN_ARGS      more arguments of srun, separated by spaces
  PORT           port where they meet (default: one made from the job id)
  PYTHON         interpreter (default: python)'

# Ends the script as the Python tools end: one sentence, exit code 2.
fail() {
    printf 'error: %s\n' "$1" >&2
    exit 2
}

# Ends the script with the usage $1 unless it was given at least $2 arguments
# (the rest).
need_arguments() {
    local usage=$1 least=$2
    shift 2
    if [[ ${1:-} == -h || ${1:-} == --help ]]; then
        printf '%s\n' "$usage"
        exit 0
    elif (($# < least)); then
        printf '%s\n' "$usage" >&2
        exit 2
    fi
}

# Ends the script unless there is a program $1; $2 says what to do.
need_program() {
    command -v -- "$1" > /dev/null || fail "there is no program $1: $2"
}

# Ends the script unless the setting $1 is a whole number $2 from $3 to $4.
need_number() {
    local name=$1 value=$2 least=$3 most=$4
    if ! [[ $value =~ ^(0|[1-9][0-9]{0,5})$ ]] ||
        ((value < least || value > most)); then
        fail "$name must be a whole number from $least to $most, not '$value'"
    fi
}

# Sets $processes to the number of processes for $1 GPUS. For 0 it hides all
# GPUs, so that the processes run on CPUs.
count_processes() {
    need_number GPUS "$1" 0 99999
    processes=$1
    if ((processes == 0)); then
        processes=${PROCESSES:-2}
        need_number PROCESSES "$processes" 1 99999
        export CUDA_VISIBLE_DEVICES=-1
    fi
}

# Gives each process $1 threads, unless the environment says otherwise. Left
# alone, torchrun and mmengine say one, each with a warning.
limit_threads() {
    export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$1}
    export MKL_NUM_THREADS=${MKL_NUM_THREADS:-$OMP_NUM_THREADS}
}

# Ends the script if nobody can listen on the port $PORT of this machine.
check_port() {
    local reason code='import os, socket, sys
try:
    socket.create_server(("", int(sys.argv[1]))).close()
except OSError as error:
    sys.exit(os.strerror(error.errno))'
    reason=$("$PYTHON" -c "$code" "$PORT" 2>&1) ||
        fail "PORT=$PORT cannot be used ($reason): give another, or none"
}

# Sets $more to the words of $1.
split_words() {
    read -r -d '' -a more <<< "$1" || true
}

# Sets $meeting to the arguments that tell torchrun where the processes meet:
# on one machine at a free port, unless there is a $PORT.
choose_meeting() {
    local nodes=${NNODES:-1} rank=${NODE_RANK:-0}
    need_number NNODES "$nodes" 1 99999
    need_number NODE_RANK "$rank" 0 $((nodes - 1))
    if ((nodes == 1)) && [[ -z ${PORT:-} ]]; then
        meeting=(--standalone --local_addr=127.0.0.1)
        return
    fi
    PORT=${PORT:-29500}
    need_number PORT "$PORT" 1 65535
    if ((rank == 0)); then
        check_port
    elif [[ -z ${MASTER_ADDR:-} ]]; then
        fail "NODE_RANK=$rank needs MASTER_ADDR, the address of node 0"
    fi
    meeting=(--nnodes="$nodes" --node_rank="$rank"
        --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="$PORT")
}

# Lets processes that torchrun restarts meet. With one store for all starts
# (pytorch/pytorch#135712) they would look for those that have ended.
allow_restarts() {
    if [[ $* == *--max[-_]restarts* ]]; then
        export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1
    fi
}

# Becomes torchrun of the tool $2 with its arguments, on $1 GPUS a machine.
# The words of $TORCHRUN_ARGS are arguments of torchrun.
start_torchrun() {
    local program=$TOOLS/$2 processes meeting more
    need_program "$PYTHON" 'name an interpreter, as in PYTHON=python3.11'
    count_processes "$1"
    choose_meeting
    split_words "${TORCHRUN_ARGS:-}"
    allow_restarts "${more[@]}"
    shift 2
    if ((processes > 1)); then
        limit_threads 1
    fi
    exec "$PYTHON" -m torch.distributed.run "${meeting[@]}" \
        --nproc_per_node="$processes" "${more[@]}" "$program" "$@"
}

# Sets $resources to the arguments of srun for $GPUS GPUs.
choose_resources() {
    local gpus=${GPUS:-8} processes per_node cpus
    count_processes "$gpus"
    if ((gpus == 0)); then
        cpus=${CPUS_PER_TASK:-1}
        resources=(--ntasks="$processes")
    else
        per_node=${GPUS_PER_NODE:-$((gpus < 8 ? gpus : 8))}
        need_number GPUS_PER_NODE "$per_node" 1 99999
        cpus=${CPUS_PER_TASK:-5}
        resources=(--gres="gpu:$per_node" --ntasks="$processes"
            --ntasks-per-node="$per_node")
    fi
    need_number CPUS_PER_TASK "$cpus" 1 99999
    if ((gpus == 0)); then
        limit_threads "$cpus"
    fi
    resources+=(--cpus-per-task="$cpus" --kill-on-bad-exit=1)
}

# Becomes srun of the tool $3 with its arguments, in the partition $1 under
# the name $2. The words of $SRUN_ARGS are arguments of srun.
start_srun() {
    local partition=$1 job_name=$2 program=$TOOLS/$3 resources more
    shift 3
    need_program srun 'start this script where Slurm is'
    choose_resources
    split_words "${SRUN_ARGS:-}"
    if [[ -n ${PORT:-} ]]; then
        need_number PORT "$PORT" 1 65535
        export MASTER_PORT=$PORT
    fi
    exec srun --partition="$partition" --job-name="$job_name" \
        "${resources[@]}" "${more[@]}" "$PYTHON" -u "$program" "$@"
}
