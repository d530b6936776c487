/**
 * What the services need to know of NATS, whichever of the two it is: Synadia Cloud (here) or our own nodes
 * (`cluster.ts`).
 */

import { CfnParameter } from 'aws-cdk-lib'
import type { SecurityGroup } from 'aws-cdk-lib/aws-ec2'
import type { Secret } from 'aws-cdk-lib/aws-secretsmanager'
import type { Construct } from 'constructs'
import type { StageConfig } from '../config.js'

export type NatsConnection = {
  /** The value of `NATS_URL`. */
  readonly url: string
  /** The certificate of a CA of one's own, PEM; it becomes the file that `NATS_TLS_CA` names. */
  readonly ca?: Secret
  /** Whoever is in it may connect; undefined where the network does not decide. */
  readonly clients?: SecurityGroup
  /** The value of `JETLEDGER_STREAM_BYTES_MAX`, where the NATS wants one. */
  readonly stream_bytes_max?: number
}

/** Synadia Cloud, or another NATS outside: an address, which is a parameter of the stack. */
export const synadiaConnection = (scope: Construct, config: StageConfig): NatsConnection => {
  const url = new CfnParameter(scope, 'NatsUrl', {
    default: 'tls://connect.ngs.global',
    allowedPattern: '(tls|wss)://\\S+',
    description: 'Where the services connect to NATS',
  })
  return { url: url.valueAsString, stream_bytes_max: config.synadia_stream_bytes_max }
}
