/**
 * The nats-server that nodes run: the version that the tests run. The operator puts the tarball of its GitHub release
 * into the artifacts bucket; a node takes nothing that has another checksum.
 */

export const NATS_SERVER = {
  version: '2.14.0',
  tarball: 'nats-server-v2.14.0-linux-arm64.tar.gz',
  /** As in the SHA256SUMS of the release, and in the official Docker image's own build. */
  sha256: 'ce7dc5f7d97b70dabc38b13157fed28d7d06227860676143c15c62c5c297996c',
} as const
