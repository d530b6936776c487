/**
 * The nats-server that nodes run: the version that the tests run (docs/nats-server.md). The operator puts the tarball of
 * its GitHub release into the artifacts bucket; a node takes nothing that has another checksum.
 */

export const NATS_SERVER = {
  version: '2.15.1',
  tarball: 'nats-server-v2.15.1-linux-arm64.tar.gz',
  /**
   * As one public build of an image pins it, and no second one that we could find: compare it with the SHA256SUMS of the
   * release before the first deployment (docs/deploy-aws.md). The same build pins for linux-amd64
   * bf5edc7b1ce98e885c368cb43a886eb148dc5d0551d99f3cf6141fb5e1954c70.
   */
  sha256: 'e2fbab4cad7d3c76e3052eb959570393c9d73ba756b70bf8e9eea61e9ae6d49c',
} as const
