#!/bin/bash
# Says once a minute how the node is, as one JSON line in its log group: the alarms are made of these. And has a
# nats-server that gave JetStream up take it up again: see reload_after_full_disk.
set -euo pipefail
. /etc/nats/node.env

readonly MONITOR=http://127.0.0.1:8222
readonly PID_FILE=/var/lib/nats/nats-server.pid
# with less room it would give JetStream up again at once
readonly USED_PERCENT_MAX=90
readonly STARTING_S=5

answers() {
  curl -fsS -m 5 "$MONITOR/healthz?$1" >/dev/null 2>&1
}

# A nats-server whose disk is full ends JetStream, and goes on without it when there is room again: until it is started
# anew, or told to read its configuration again, which nobody who is connected notices.
reload_after_full_disk() {
  [ "$1" -lt "$USED_PERCENT_MAX" ] || return 0
  ! answers js-enabled-only=true || return 0
  # one that is starting has no JetStream either, for a moment
  sleep "$STARTING_S"
  if answers js-server-only=true && ! answers js-enabled-only=true; then kill -HUP "$(cat "$PID_FILE")"; fi
}

healthz=0
curl -fsS -m 5 "$MONITOR/healthz" >/dev/null && healthz=1
used_percent=$(df --output=pcent /var/lib/nats | tr -dc '0-9')
now_ms=$(date +%s%3N)
line="{\"metric\":\"nats_node\",\"node\":\"$NODE\",\"healthz\":$healthz,\"disk_used_percent\":$used_percent}"

# the stream is made by whoever writes first
aws logs create-log-stream --region "$REGION" --log-group-name "$LOG_GROUP" --log-stream-name "$NODE" 2>/dev/null || true
aws logs put-log-events --region "$REGION" --log-group-name "$LOG_GROUP" --log-stream-name "$NODE" --log-events \
  "[{\"timestamp\":$now_ms,\"message\":\"${line//\"/\\\"}\"}]" >/dev/null

reload_after_full_disk "$used_percent"
