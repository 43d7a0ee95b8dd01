#!/usr/bin/env bash
# Take this machine out of its cluster without losing work: nothing new is sent here, the trials under way leave their
# checkpoints, and Ray stops. The sweep gives them to other machines, which go on from there.
#
#   leave-node now [SECONDS]      do it, within so many seconds (60)
#   leave-node watch [SECONDS]    wait until AWS says that this spot machine will be taken away, then do it
#
# KubeRay calls it before it ends a pod, ray_cluster.yaml starts it as a watch; both know it from the image.
set -u

METADATA=${METADATA:-http://169.254.169.254/latest}   # AWS's, which every machine can ask about itself
TRIALS=${TRIALS:-^ray::_?execute}                     # Ray names a process by the task that it runs

spot_notice() {
    local token
    token=$(curl -sf -m 2 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$METADATA/api/token") &&
        curl -sf -m 2 -o /dev/null -H "X-aws-ec2-metadata-token: $token" "$METADATA/meta-data/spot/instance-action"
}

leave() {
    local until=$((SECONDS + $1))
    ray drain-node ${RAY_HEAD:+--address "$RAY_HEAD"} --reason DRAIN_NODE_REASON_PREEMPTION \
        --reason-message 'the machine is being taken away' --deadline-remaining-seconds "$1"
    pkill -TERM -f "$TRIALS"
    while [ "$SECONDS" -lt "$until" ] && pgrep -f "$TRIALS" > /dev/null; do sleep 1; done
    ray stop --grace-period 5
}

case "${1:-}" in
    now) leave "${2:-60}" ;;
    watch)
        until spot_notice; do sleep "${POLL:-5}"; done
        leave "${2:-90}"                              # the notice comes two minutes before
        ;;
    *)
        echo 'usage: leave-node now|watch [SECONDS]' >&2
        exit 2
        ;;
esac
