#!/usr/bin/env bash
# A Slurm of several nodes on this one machine, in a folder of its own: for trying `run --on slurm`, and for tests/tests/slurm.rs.
#
#   scripts/slurm_on_one_machine.sh install            Debian's slurm-wlm and munge by apt, as root, or by sudo where CI=true
#   scripts/slurm_on_one_machine.sh start DIR [NODES]  munged, slurmctld and a slurmd for each of n1..nN (4), two cores each
#   eval "$(scripts/slurm_on_one_machine.sh env DIR)"  from here on sbatch, squeue and scontrol are this cluster's
#   scripts/slurm_on_one_machine.sh kill DIR NODE      ends a node with all that runs on it, as a lost machine would
#   scripts/slurm_on_one_machine.sh stop DIR           ends everything and leaves DIR
#
# Exit status 77: Slurm is not installed, or cannot be. The nodes are processes: each believes in cores and memory of its own, nothing
# enforces them. Nothing listens beyond the loopback interface's ports 17000 and up.
set -euo pipefail

readonly SKIPPED=77 FIRST_PORT=${SLURM_FIRST_PORT:-17000}
say() { printf '%s\n' "$*" >&2; }

have_slurm() {
    local program
    for program in slurmctld slurmd sbatch squeue scontrol munged; do
        # Debian keeps daemons out of a user's path.
        PATH="$PATH:/usr/sbin:/sbin" command -v "$program" >/dev/null || return 1
    done
}

install() {
    if have_slurm; then return 0; fi
    local as_root=()
    if [ "$(id -u)" != 0 ]; then
        if [ "${CI:-}" != true ] || ! sudo -n true 2>/dev/null; then say "slurm-wlm and munge are not installed, and this user may not install them"; return "$SKIPPED"; fi
        as_root=(sudo -n)
    fi
    if ! command -v apt-get >/dev/null; then say "slurm-wlm and munge are not installed, and there is no apt"; return "$SKIPPED"; fi
    local try
    for try in 1 2; do
        if "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends slurm-wlm munge >/dev/null 2>&1; then
            have_slurm && return 0
        fi
        # A fresh machine has no lists of packages yet.
        "${as_root[@]}" apt-get update >/dev/null 2>&1 || true
    done
    say "slurm-wlm and munge cannot be installed"
    return "$SKIPPED"
}

# The cluster's one file of settings. Short waits, because tests wait for them: a lost node is noticed, and its jobs begin again, in seconds.
write_conf() {
    local dir=$1 nodes=$2 host user
    host=$(hostname)
    user=$(id -un)
    cat > "$dir/slurm.conf" <<CONF
ClusterName=one-machine
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$FIRST_PORT
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
AuthInfo=socket=$dir/munge/socket,cred_expire=5
CredType=cred/munge
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool/%n
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/%n.pid
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
SlurmdParameters=config_overrides
SwitchType=switch/none
MpiDefault=none
DefMemPerCPU=400
ReturnToService=2
SlurmdTimeout=5
MinJobAge=300
KillWait=2
InactiveLimit=0
PartitionName=p Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
    local node weight
    for ((node = 1; node <= nodes; node++)); do
        # The wrapped node is filled first.
        weight=10
        if [ "${SLURM_WRAPPED_NODE:-}" = "n$node" ]; then weight=1; fi
        printf 'NodeName=n%d NodeHostname=%s NodeAddr=127.0.0.1 Port=%d CPUs=2 RealMemory=4000 Weight=%d\n' \
            "$node" "$host" "$((FIRST_PORT + node))" "$weight" >> "$dir/slurm.conf"
    done
}

start() {
    local dir=$1 nodes=${2:-4} node
    have_slurm || { say "Slurm is not installed: $0 install"; return "$SKIPPED"; }
    mkdir -p "$dir"/{state,spool,log,munge}
    dir=$(cd "$dir" && pwd -P)
    chmod 755 "$dir" "$dir/munge"
    write_conf "$dir" "$nodes"
    head -c 128 /dev/urandom > "$dir/munge/key"
    chmod 400 "$dir/munge/key"
    # A munged of our own, so that the machine's, if there is one, is left alone.
    munged --force --socket="$dir/munge/socket" --key-file="$dir/munge/key" --log-file="$dir/munge/log" \
        --pid-file="$dir/munge/pid" --seed-file="$dir/munge/seed" --num-threads=2 2>/dev/null
    slurmctld -f "$dir/slurm.conf"
    for ((node = 1; node <= nodes; node++)); do
        mkdir -p "$dir/spool/n$node"
        start_node "$dir" "n$node"
    done
    wait_for_nodes "$dir" "$nodes"
}

# SLURM_NODE_WRAPPER starts the daemon of SLURM_WRAPPED_NODE in surroundings of its own: a command that ends with its arguments, such as
# `unshare --mount sh wrap.sh`.
start_node() {
    local dir=$1 node=$2
    if [ "${SLURM_WRAPPED_NODE:-}" = "$node" ]; then
        # shellcheck disable=SC2086 # words of a command
        $SLURM_NODE_WRAPPER slurmd -N "$node" -f "$dir/slurm.conf"
    else
        slurmd -N "$node" -f "$dir/slurm.conf"
    fi
}

wait_for_nodes() {
    local dir=$1 nodes=$2 try up
    for ((try = 0; try < 150; try++)); do
        up=$(SLURM_CONF="$dir/slurm.conf" sinfo --noheader --Node --format=%T 2>/dev/null | grep -c '^idle$' || true)
        if [ "$up" -ge "$nodes" ]; then return 0; fi
        sleep 0.2
    done
    say "of $nodes nodes, $up came up; see $dir/log"
    return 1
}

# Processes with a line like PATTERN in their environment, one a line.
processes_with() {
    local entry
    for entry in /proc/[0-9]*; do
        if tr '\0' '\n' < "$entry/environ" 2>/dev/null | grep -qx "$1"; then basename "$entry"; fi
    done 2>/dev/null
}

# kill_all PID..: at once, whoever is still there.
kill_all() { if [ $# -gt 0 ]; then kill -KILL "$@" 2>/dev/null || true; fi; }

# Of this cluster's jobs whose environment has a line like PATTERN: their processes, and the keepers that Slurm gives them, which are their parents.
job_processes() {
    local dir=$1 pattern=$2 job parent
    for job in $(processes_with "$pattern"); do
        if ! tr '\0' '\n' < "/proc/$job/environ" 2>/dev/null | grep -qxF "SLURM_CONF=$dir/slurm.conf"; then continue; fi
        printf '%s\n' "$job"
        parent=$(awk '{print $4}' "/proc/$job/stat" 2>/dev/null || true)
        if [ -n "$parent" ] && grep -q '^slurmstepd' "/proc/$parent/comm" 2>/dev/null; then printf '%s\n' "$parent"; fi
    done
}

kill_node() {
    local dir=$1 node=$2 victims
    mapfile -t victims < <(job_processes "$dir" "SLURMD_NODENAME=$node")
    kill_all "$(cat "$dir/$node.pid")" "${victims[@]}"
}

stop() {
    local dir=$1 file jobs
    [ -d "$dir" ] || return 0
    dir=$(cd "$dir" && pwd -P)
    for file in "$dir"/*.pid "$dir/munge/pid"; do
        if [ -f "$file" ]; then kill -TERM "$(cat "$file")" 2>/dev/null || true; fi
    done
    sleep 0.5
    mapfile -t jobs < <(job_processes "$dir" "SLURMD_NODENAME=n[0-9]*")
    kill_all "${jobs[@]}"
    for file in "$dir"/*.pid "$dir/munge/pid"; do
        if [ -f "$file" ]; then kill_all "$(cat "$file")"; fi
    done
}

main() {
    PATH="$PATH:/usr/sbin:/sbin"
    local command=${1:-}
    case "$command" in
        install) install ;;
        start) start "${@:2}" ;;
        env) printf 'export SLURM_CONF=%q\n' "$(cd "$2" && pwd -P)/slurm.conf" ;;
        kill) kill_node "$(cd "$2" && pwd -P)" "$3" ;;
        stop) stop "$2" ;;
        *) say "usage: $0 install | start DIR [NODES] | env DIR | kill DIR NODE | stop DIR"; return 2 ;;
    esac
}

main "$@"
