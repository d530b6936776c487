#!/bin/bash
# Makes the certificates for the secrets of a self-hosted cluster: a certificate authority and one certificate for all nodes.
#
#   certificates.sh <folder> <name or address of a node> ...
#
# Writes ca.pem, ca.key, node.pem and node.key into <folder>. An existing ca.pem is used again, so that node certificates
# can be renewed without touching the clients. Keep ca.key offline.
set -euo pipefail

[ $# -ge 2 ] || { sed -n '4p' "$0" >&2; exit 2; }
readonly CA_DAYS=3650 NODE_DAYS=825
# one line each: the shell goes on after a failure within a list
mkdir -p "$1"
cd "$1"
shift
umask 077

if [ ! -e ca.pem ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days "$CA_DAYS" \
    -subj '/CN=jetledger nats ca' -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign'
fi
names=
for name in "$@"; do
  case $name in
    *[!0-9.]*) names+=",DNS:$name" ;;
    *) names+=",IP:$name" ;;
  esac
done
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout node.key -out node.csr -subj '/CN=jetledger nats'
# routes are mutual TLS: a node is a server to some and a client to others
printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n' "${names#,}" >node.ext
openssl x509 -req -in node.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out node.pem -days "$NODE_DAYS" -extfile node.ext
rm node.csr node.ext
