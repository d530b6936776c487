/**
 * The nats-server that the nodes run: the same version as in the tests (docs/nats-server.md). The operator puts the
 * tarball of its GitHub release into the artifacts bucket. A node refuses a tarball with another checksum.
 */

export const NATS_SERVER = {
  version: '2.15.1',
  tarball: 'nats-server-v2.15.1-linux-arm64.tar.gz',
  /**
   * This checksum is from one public image build that pins it; no second source was found. Compare it with the
   * SHA256SUMS of the release before the first deployment (docs/deploy-aws.md). The same build pins
   * bf5edc7b1ce98e885c368cb43a886eb148dc5d0551d99f3cf6141fb5e1954c70 for linux-amd64.
   */
  sha256: 'e2fbab4cad7d3c76e3052eb959570393c9d73ba756b70bf8e9eea61e9ae6d49c',
} as const
