# Makes a bare Amazon Linux 2023 a healthy node of the NATS cluster. Runs once per instance, as root.
#
# An instance can be replaced at any time; the node's volume, its name and its DNS name stay. user-data.ts puts the values
# (NODE, VOLUME_ID, ...) and the files (write_files) before this script. At the end it signals CloudFormation: after SUCCESS
# CloudFormation replaces the next node, after anything else it stops.
set -Eeuo pipefail

readonly DEVICE="/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${VOLUME_ID/-/}"
readonly METADATA=http://169.254.169.254/latest
readonly MONITOR=http://127.0.0.1:8222
readonly TRY_EVERY_S=2
readonly TRIES_MAX=300
readonly STEADY_S=10
readonly OTHERS=2

metadata() {
  local token
  token=$(curl -fsS -m 5 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' "$METADATA/api/token")
  curl -fsS -m 5 -H "X-aws-ec2-metadata-token: $token" "$METADATA/meta-data/$1"
}

# Tries a command until it succeeds, for TRIES_MAX * TRY_EVERY_S seconds.
persist() {
  for ((i = 1; i <= TRIES_MAX; i++)); do
    if "$@"; then return 0; fi
    sleep "$TRY_EVERY_S"
  done
  echo "gave up: $*" >&2
  return 1
}

signal() {
  aws cloudformation signal-resource --region "$REGION" --stack-name "$STACK" --logical-resource-id "$GROUP" \
    --unique-id "$INSTANCE_ID" --status "$1"
}

attach() {
  [ -e "$DEVICE" ] && return 0
  # fails while the previous instance still holds the volume
  aws ec2 attach-volume --region "$REGION" --volume-id "$VOLUME_ID" --instance-id "$INSTANCE_ID" --device /dev/sdf ||
    return 1
  for ((j = 0; j < 15; j++)); do
    [ -e "$DEVICE" ] && return 0
    sleep 1
  done
  return 1
}

mount_data() {
  persist attach
  # formats a volume only when nothing at all is on it, so once in its life
  if ! blkid "$DEVICE"; then
    mkfs.xfs -q "$DEVICE"
    FRESH=yes
  fi
  mkdir -p /var/lib/nats
  echo "$DEVICE /var/lib/nats xfs defaults,noatime,nofail 0 2" >>/etc/fstab
  mount /var/lib/nats
  # the volume may have been enlarged since
  xfs_growfs /var/lib/nats
}

install_server() {
  local work
  work=$(mktemp -d)
  aws s3 cp --region "$REGION" "s3://$BUCKET/$TARBALL" "$work/nats-server.tar.gz"
  echo "$TARBALL_SHA256  $work/nats-server.tar.gz" | sha256sum --check --quiet
  tar -xzf "$work/nats-server.tar.gz" -C "$work" --strip-components=1 --no-same-owner
  install -m 0755 "$work/nats-server" /usr/local/bin/nats-server
  rm -r "$work"
}

# Fetches the TLS key, the certificates, and auth.conf, which says who may connect: one secret, a tar.gz in base64.
fetch_secrets() {
  install -d -m 0750 -o root -g nats /etc/nats /etc/nats/secrets
  aws secretsmanager get-secret-value --region "$REGION" --secret-id "$SECRET" --query SecretString --output text |
    base64 -d | tar -xz -C /etc/nats/secrets --no-same-owner
  chown root:nats /etc/nats/secrets/*
  chmod 0640 /etc/nats/secrets/*
}

# A server without an operator lets everybody in, and "nats-server -t" finds nothing wrong with an empty auth.conf.
require_logins() {
  grep -Eq '^[[:blank:]]*operator[[:blank:]]*[:=]?[[:blank:]]*[^:=[:space:]]' /etc/nats/secrets/auth.conf && return 0
  echo "auth.conf names no operator: everybody could connect" >&2
  return 1
}

# Points the node's DNS name to this instance: registering an id again replaces its address.
upsert_name() {
  aws servicediscovery register-instance --region "$REGION" --service-id "$DNS_SERVICE" --instance-id "$NODE" \
    --attributes "AWS_INSTANCE_IPV4=$(metadata local-ipv4)"
}

peers() {
  curl -fsS -m 2 "$MONITOR/routez" | grep -o '"remote_name": "[^"]*"' | sort -u | wc -l
}

# A node is healthy when it is current with the meta group and with every stream and consumer that it holds. A new cluster
# has no meta group before all its nodes run, so the first nodes, with their empty volumes, need not wait for it.
healthy() {
  curl -fsS -m 2 "$MONITOR/healthz" && return 0
  [ "$FRESH" = yes ] && [ "$(peers)" -lt "$OTHERS" ] && curl -fsS -m 2 "$MONITOR/healthz?js-enabled-only=true"
}

# A node that has just come back reports that it is healthy for a moment, until it learns which streams it should hold.
steadily_healthy() {
  for ((k = 0; k < STEADY_S; k++)); do
    healthy || return 1
    sleep 1
  done
}

FRESH=no
INSTANCE_ID=$(metadata instance-id)
trap 'signal FAILURE' ERR

getent passwd nats >/dev/null || useradd --system --uid 4222 --no-create-home --shell /sbin/nologin nats
mount_data
install -d -m 0750 -o nats -g nats /var/lib/nats/jetstream /var/lib/nats/log
install_server
fetch_secrets
require_logins
write_files
/usr/local/bin/nats-server --config /etc/nats/nats.conf -t
upsert_name
systemctl daemon-reload
systemctl enable --now nats.service nats-probe.timer
persist steadily_healthy
signal SUCCESS
