/**
 * The stack of a self-hosted NATS: three nodes, the log group in which they report their health, and the secrets and
 * the bucket that the operator fills for them.
 */

import { RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib'
import type { IVpc } from 'aws-cdk-lib/aws-ec2'
import { LogGroup } from 'aws-cdk-lib/aws-logs'
import type { Construct } from 'constructs'
import type { StageConfig } from './config.js'
import type { FoundationStack } from './foundation-stack.js'
import { logGroupName } from './names.js'
import { SelfHostedNats } from './nats/cluster.js'
import { addLogMetric } from './watch/log-metrics.js'

type NatsProps = StackProps & {
  readonly config: StageConfig
  readonly vpc: IVpc
  readonly foundation: FoundationStack
}

export class NatsStack extends Stack {
  readonly cluster: SelfHostedNats

  constructor(scope: Construct, id: string, { config, vpc, foundation, ...props }: NatsProps) {
    super(scope, id, props)
    const log_group = new LogGroup(this, 'Log', {
      logGroupName: logGroupName(config.stage, 'nats'),
      retention: config.log_retention_days,
      removalPolicy: config.is_protected ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    })
    this.cluster = new SelfHostedNats(this, 'Cluster', {
      config,
      vpc,
      node_secret: foundation.secret(config, 'nats/node'),
      ca: foundation.secret(config, 'nats/ca'),
      artifacts: foundation.artifacts(),
      log_group,
    })
    for (const value of ['healthz', 'disk_used_percent', 'logins_refused', 'violations']) {
      addLogMetric(this, config.stage, log_group, {
        name: `nats_${value}`,
        line: 'nats_node',
        value,
        by: 'node',
      })
    }
  }
}
