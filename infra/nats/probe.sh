#!/bin/bash
# Says once a minute how the node is, as one JSON line in its log group: the alarms are made of these.
set -euo pipefail
. /etc/nats/node.env

healthz=0
curl -fsS -m 5 http://127.0.0.1:8222/healthz >/dev/null && healthz=1
used_percent=$(df --output=pcent /var/lib/nats | tr -dc '0-9')
now_ms=$(date +%s%3N)
line="{\"metric\":\"nats_node\",\"node\":\"$NODE\",\"healthz\":$healthz,\"disk_used_percent\":$used_percent}"

# the stream is made by whoever writes first
aws logs create-log-stream --region "$REGION" --log-group-name "$LOG_GROUP" --log-stream-name "$NODE" 2>/dev/null || true
aws logs put-log-events --region "$REGION" --log-group-name "$LOG_GROUP" --log-stream-name "$NODE" --log-events \
  "[{\"timestamp\":$now_ms,\"message\":\"${line//\"/\\\"}\"}]" >/dev/null
