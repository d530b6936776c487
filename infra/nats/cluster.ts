/**
 * The self-hosted NATS cluster: three nodes, one per zone, which are updated one after the other.
 */

import { CfnOutput, Stack } from 'aws-cdk-lib'
import type { AutoScalingGroup } from 'aws-cdk-lib/aws-autoscaling'
import { type IVpc, Peer, Port, SecurityGroup } from 'aws-cdk-lib/aws-ec2'
import type { LogGroup } from 'aws-cdk-lib/aws-logs'
import type { Bucket } from 'aws-cdk-lib/aws-s3'
import type { Secret } from 'aws-cdk-lib/aws-secretsmanager'
import { PrivateDnsNamespace } from 'aws-cdk-lib/aws-servicediscovery'
import { Construct } from 'constructs'
import type { StageConfig } from '../config.js'
import { NATS_PORT, ROUTE_PORT } from '../names.js'
import type { NatsConnection } from './connection.js'
import { NatsNode } from './node.js'

export type ClusterProps = {
  readonly config: StageConfig
  readonly vpc: IVpc
  readonly node_secret: Secret
  readonly ca: Secret
  readonly artifacts: Bucket
  readonly log_group: LogGroup
}

const LETTERS = ['a', 'b', 'c'] as const

export class SelfHostedNats extends Construct {
  readonly connection: NatsConnection
  readonly nodes: readonly NatsNode[]

  constructor(scope: Construct, id: string, props: ClusterProps) {
    super(scope, id)
    const { config, vpc } = props
    const clients = this.group(vpc, 'Clients', 'May connect to NATS')
    const servers = this.group(vpc, 'Servers', 'The NATS nodes')
    servers.addIngressRule(clients, Port.tcp(NATS_PORT), 'clients')
    servers.addIngressRule(servers, Port.tcp(ROUTE_PORT), 'routes')
    clients.addEgressRule(servers, Port.tcp(NATS_PORT), 'NATS')
    servers.addEgressRule(servers, Port.tcp(ROUTE_PORT), 'routes')
    servers.addEgressRule(Peer.ipv4(config.vpc_cidr), Port.tcp(443), 'APIs of AWS, by endpoints in the VPC')
    servers.addEgressRule(
      Peer.prefixList(config.prefix_lists.s3),
      Port.tcp(443),
      'the bucket with nats-server',
    )
    const namespace = new PrivateDnsNamespace(this, 'Namespace', {
      name: `${config.stage}.jetledger.internal`,
      vpc,
    })
    const share = {
      ...props,
      namespace,
      security_group: servers,
      secret: props.node_secret,
      letters: LETTERS,
    }
    this.nodes = LETTERS.map(
      (letter, i) => new NatsNode(this, `Node${letter}`, letter, config.zones[i] ?? '', share),
    )
    this.oneByOne(this.nodes.map(({ group }) => group))
    const url = this.nodes.map(({ host }) => `tls://${host}:${NATS_PORT}`).join(',')
    this.connection = { url, ca: props.ca, clients }
    new CfnOutput(Stack.of(this), 'NatsUrl', { value: url })
    new CfnOutput(Stack.of(this), 'ClientsGroup', { value: clients.securityGroupId })
  }

  private group(vpc: IVpc, name: string, description: string): SecurityGroup {
    return new SecurityGroup(this, name, { vpc, description, allowAllOutbound: false })
  }

  /**
   * CloudFormation continues with the next group only after the previous one has signalled that its node is healthy.
   */
  private oneByOne(groups: readonly AutoScalingGroup[]): void {
    groups.forEach((group, i) => {
      const before = groups[i - 1]
      if (before !== undefined) group.node.addDependency(before)
    })
  }
}
