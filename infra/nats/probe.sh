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
readonly LOG=/var/lib/nats/log/nats-server.log
readonly SEEN=${STATE_DIRECTORY:-/var/lib/nats}/probe-seen

answers() {
  curl -fsS -m 5 "$MONITOR/healthz?$1" >/dev/null 2>&1
}

# The lines that the server has logged since the last call. The lines before the first call, and those at the end of a log that
# was rotated meanwhile, are not counted.
fresh_lines() {
  local size seen
  size=$(stat -c %s "$LOG" 2>/dev/null || echo 0)
  seen=$(cat "$SEEN" 2>/dev/null || echo "$size")
  [ "$seen" -le "$size" ] || seen=0
  echo "$size" >"$SEEN"
  tail -c "+$((seen + 1))" "$LOG" 2>/dev/null | head -c "$((size - seen))" || true
}

count() {
  grep -Ec "$1" <<<"$lines" || true
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
lines=$(fresh_lines)
refused=$(count '\[ERR\].*authentication error')
violations=$(count '\[ERR\].*(Publish|Subscription) Violation')
now_ms=$(date +%s%3N)
line="{\"metric\":\"nats_node\",\"node\":\"$NODE\",\"healthz\":$healthz,\"disk_used_percent\":$used_percent"
line="$line,\"logins_refused\":$refused,\"violations\":$violations}"

# the first call makes the log stream; later calls fail, because it exists
aws logs create-log-stream --region "$REGION" --log-group-name "$LOG_GROUP" --log-stream-name "$NODE" 2>/dev/null || true
aws logs put-log-events --region "$REGION" --log-group-name "$LOG_GROUP" --log-stream-name "$NODE" --log-events \
  "[{\"timestamp\":$now_ms,\"message\":\"${line//\"/\\\"}\"}]" >/dev/null

reload_after_full_disk "$used_percent"
