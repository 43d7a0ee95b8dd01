#!/usr/bin/env bash
#SBATCH --job-name=ganbench
#SBATCH --nodes=2                   # CHANGE: the first has the head as well
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8           # CHANGE
#SBATCH --mem=32G                   # CHANGE: per node; what a partition gives by default can be very little
#SBATCH --gpus-per-node=0           # CHANGE
#SBATCH --time=08:00:00             # CHANGE
#SBATCH --signal=B:TERM@120         # two minutes before the end this script is told
#SBATCH --requeue
#SBATCH --open-mode=append          # one log over all requeues
#SBATCH --output=ganbench-%j.log
#
# A sweep on SLURM: a Ray cluster for as long as the job lasts. When its time is up, or the job is preempted, the trials
# under way leave checkpoints, the job queues itself again, and goes on. So it does when its head was lost after ten
# minutes or more; one that is lost sooner would be lost again. Once every trial is committed it ends.
#
#   sbatch docs/cluster/slurm.sh SUITE RESULTS [options of ganbench run]
#
# RESULTS is on a file system that all nodes share, or in an object store. The environment with ganbench must be active
# (or activated here).
set -u

suite=${1:?usage: sbatch slurm.sh SUITE RESULTS [options of ganbench run]}
results=${2:?usage: sbatch slurm.sh SUITE RESULTS [options of ganbench run]}
shift 2

# The cluster's token is the job's own, in a file that only you can read; your home is on every node.
token=$HOME/.ganbench-token-$SLURM_JOB_ID
(umask 077 && python -c 'import secrets; print(secrets.token_hex(32), end="")' > "$token")
trap 'rm -f "$token"' EXIT

eval "$(python -m ganbench.harness.cluster.environment)"
export RAY_AUTH_TOKEN_PATH=$token
ulimit -n "$(ulimit -Hn)"

mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
head=${nodes[0]}
head_ip=$(srun --overlap --nodes=1 --ntasks=1 -w "$head" hostname -I | awk '{print $1}')
port=$((20000 + SLURM_JOB_ID % 20000))   # other jobs may have a head on the same machine
scratch=/tmp/ray-$SLURM_JOB_ID        # short: Ray's sockets stand in it
gpus=${SLURM_GPUS_ON_NODE:-0}
cpus=${SLURM_CPUS_PER_TASK:-1}

started=()
start() {  # a step that stays until it is killed
    # A step does not inherit the job's cores (since SLURM 22.05).
    srun --overlap --nodes=1 --ntasks=1 --cpus-per-task="$cpus" -w "$1" "${@:2}" &
    started+=($!)
}

# No dashboard, and the client server on a port of its own: another job's head may be on the same machine, and a head
# whose client server finds its port taken ends.
start "$head" ray start --head --block --node-ip-address="$head_ip" --port="$port" --num-cpus=0 --num-gpus=0 \
    --include-dashboard=false --ray-client-server-port="$((40000 + SLURM_JOB_ID % 20000))" --temp-dir="$scratch/head"
until ray health-check --address "$head_ip:$port" > /dev/null 2>&1; do
    kill -0 "${started[0]}" 2> /dev/null || { echo 'the head did not start' >&2; exit 1; }
    sleep 1
done
for index in "${!nodes[@]}"; do
    # Jobs on SLURM are taken away too (preemption); a partition that is not says so with RAY_MARKET=on-demand.
    start "${nodes[$index]}" ray start --block --address="$head_ip:$port" --num-cpus="$cpus" --num-gpus="$gpus" \
        --labels="market=${RAY_MARKET:-spot}" --temp-dir="$scratch/$index"
done

asked=0 driver=
finish() {  # the sweep comes to rest, with checkpoints
    asked=1
    if [ -n "$driver" ]; then ganbench stop "$results" --wait 0 || kill "$driver"; fi
}
trap finish TERM

ganbench run "$suite" --address "$head_ip:$port" --results "$results" "$@" &
driver=$!
if [ "$asked" -eq 1 ]; then kill "$driver"; fi
while :; do  # a signal ends `wait`, but not the sweep
    wait "$driver"
    code=$?
    kill -0 "$driver" 2> /dev/null || break
done

again=$asked
if [ "$code" -eq 3 ] && [ "$SECONDS" -ge 600 ] && ! timeout 20 ray health-check --address "$head_ip:$port" > /dev/null 2>&1; then
    echo 'the head was lost'
    again=1
fi
kill "${started[@]}" 2> /dev/null
wait
echo "ganbench run ended with exit code $code"
if [ "$again" -eq 1 ] && [ "$code" -ne 0 ]; then
    scontrol requeue "$SLURM_JOB_ID"                  # trials are missing: the same job goes on where it stopped
fi
exit "$code"
