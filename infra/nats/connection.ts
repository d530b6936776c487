/**
 * The connection from the services to NATS: to Synadia Cloud (in this file) or to self-hosted nodes (`cluster.ts`).
 */

import { CfnParameter } from 'aws-cdk-lib'
import type { SecurityGroup } from 'aws-cdk-lib/aws-ec2'
import type { Secret } from 'aws-cdk-lib/aws-secretsmanager'
import type { Construct } from 'constructs'
import type { StageConfig } from '../config.js'
import { NATS_PORT } from '../names.js'

export type NatsConnection = {
  /** The value of `NATS_URL`. */
  readonly url: string
  /** The secret with the certificate (PEM) of a private CA; it becomes the file that `NATS_TLS_CA` names. */
  readonly ca?: Secret
  /** The group whose members may connect; undefined when no security group decides that. */
  readonly clients?: SecurityGroup
  /** The value of `JETLEDGER_STREAM_BYTES_MAX`, if this NATS requires a limit. */
  readonly stream_bytes_max?: number
}

const ADDRESS = `tls://[\\w.-]+(:${NATS_PORT})?`

/** The connection to Synadia Cloud, or to another NATS outside AWS. Its address is a parameter of the stack. */
export const synadiaConnection = (scope: Construct, config: StageConfig): NatsConnection => {
  const url = new CfnParameter(scope, 'NatsUrl', {
    default: 'tls://connect.ngs.global',
    // without a login, which belongs into a secret, and with the port that the tasks may reach
    allowedPattern: `${ADDRESS}(,${ADDRESS})*`,
    description: 'Where the services connect to NATS',
  })
  return { url: url.valueAsString, stream_bytes_max: config.synadia_stream_bytes_max }
}
