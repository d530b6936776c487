#!/bin/bash
# Reports the health of the node once a minute, as one JSON line in its log group, from which the alarms are made. It also
# restarts JetStream in a nats-server that stopped it: see reload_after_full_disk.
set -euo pipefail
. /etc/nats/node.env

readonly MONITOR=http://127.0.0.1:8222
readonly PID_FILE=/var/lib/nats/nats-server.pid
# above this the server would stop JetStream again at once
readonly USED_PERCENT_MAX=90
readonly STARTING_S=5

answers() {
  curl -fsS -m 5 "$MONITOR/healthz?$1" >/dev/null 2>&1
}

# A nats-server stops JetStream when its disk is full, and does not start it again when there is room. It does after a restart
# of the server, or after a reload of its configuration, which connected clients do not notice.
reload_after_full_disk() {
  [ "$1" -lt "$USED_PERCENT_MAX" ] || return 0
  ! answers js-enabled-only=true || return 0
  # a server that is starting has no JetStream for a moment either
  sleep "$STARTING_S"
  if answers js-server-only=true && ! answers js-enabled-only=true; then kill -HUP "$(cat "$PID_FILE")"; fi
}

healthz=0
curl -fsS -m 5 "$MONITOR/healthz" >/dev/null && healthz=1
used_percent=$(df --output=pcent /var/lib/nats | tr -dc '0-9')
now_ms=$(date +%s%3N)
line="{\"metric\":\"nats_node\",\"node\":\"$NODE\",\"healthz\":$healthz,\"disk_used_percent\":$used_percent}"

# the first call makes the log stream; later calls fail, because it exists
aws logs create-log-stream --region "$REGION" --log-group-name "$LOG_GROUP" --log-stream-name "$NODE" 2>/dev/null || true
aws logs put-log-events --region "$REGION" --log-group-name "$LOG_GROUP" --log-stream-name "$NODE" --log-events \
  "[{\"timestamp\":$now_ms,\"message\":\"${line//\"/\\\"}\"}]" >/dev/null

reload_after_full_disk "$used_percent"
