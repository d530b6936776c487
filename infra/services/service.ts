/**
 * The service of a role: it keeps tasks running in three zones, and is rolled back when a deployment fails.
 */

import { type ISecurityGroup, type IVpc, Peer, Port, SecurityGroup } from 'aws-cdk-lib/aws-ec2'
import {
  AvailabilityZoneRebalancing,
  FargateService,
  type FargateTaskDefinition,
  type ICluster,
} from 'aws-cdk-lib/aws-ecs'
import type { LogGroup } from 'aws-cdk-lib/aws-logs'
import { Construct } from 'constructs'
import { NATS_PORT, type ServiceRole } from '../names.js'
import type { NatsConnection } from '../nats/connection.js'
import { PRIVATE_SUBNETS } from '../network-stack.js'
import type { SecretFile } from './container.js'
import { JetledgerTask, type TasksShare } from './task.js'

export type ServiceProps = TasksShare & {
  readonly cluster: ICluster
  readonly vpc: IVpc
  readonly role: ServiceRole
  readonly files?: readonly SecretFile[]
  /** Environment variables of this role beside the ones that every task gets. */
  readonly environment?: Readonly<Record<string, string>>
  /** The least number of tasks at present, of the number that is wanted: 0 before the operator has made the streams. */
  readonly tasks: (wanted: number) => number
}

export class JetledgerService extends Construct {
  readonly service: FargateService
  readonly definition: FargateTaskDefinition
  readonly log_group: LogGroup
  /** The group of the tasks: they reach the endpoints of AWS, NATS and what their role needs, and nothing else. */
  readonly group: SecurityGroup

  constructor(scope: Construct, id: string, props: ServiceProps) {
    super(scope, id)
    const { cluster, role, config, nats } = props
    const size = config[role]
    const task = new JetledgerTask(this, 'Task', {
      ...props,
      size,
      command: ['serve'],
      environment: { JETLEDGER_ROLES: role, ...props.environment },
      is_service: true,
    })
    this.definition = task.definition
    this.log_group = task.log_group
    this.group = this.makeGroup(props)
    const groups: ISecurityGroup[] = [this.group, ...this.natsClients(nats)]
    this.service = new FargateService(this, 'Service', {
      serviceName: `jetledger-${role}`,
      cluster,
      taskDefinition: task.definition,
      desiredCount: props.tasks(size.min),
      // this is right for the projections too: a new task is a standby until the old active task lets go
      minHealthyPercent: 100,
      maxHealthyPercent: 200,
      circuitBreaker: { enable: true, rollback: true },
      availabilityZoneRebalancing: AvailabilityZoneRebalancing.ENABLED,
      assignPublicIp: false,
      vpcSubnets: PRIVATE_SUBNETS,
      securityGroups: groups,
      enableExecuteCommand: false,
    })
  }

  private makeGroup({ config, vpc, role, nats }: ServiceProps): SecurityGroup {
    const description = `jetledger ${role}`
    const group = new SecurityGroup(this, 'Group', { vpc, description, allowAllOutbound: false })
    const { dynamodb, s3 } = config.prefix_lists
    group.addEgressRule(Peer.ipv4(config.vpc_cidr), Port.tcp(443), 'APIs of AWS, by endpoints in the VPC')
    if (role !== 'gateway') group.addEgressRule(Peer.prefixList(dynamodb), Port.tcp(443), 'DynamoDB')
    group.addEgressRule(Peer.prefixList(s3), Port.tcp(443), 'layers of images')
    // where NATS is outside, no security group can say where
    if (nats.clients === undefined) group.addEgressRule(Peer.anyIpv4(), Port.tcp(NATS_PORT), 'NATS')
    if (role === 'gateway' && config.issuer?.is_outside === true)
      group.addEgressRule(Peer.anyIpv4(), Port.tcp(443), 'the keys of the issuer of tokens')
    return group
  }

  /** The group that NATS admits, imported as immutable, so that rules for this service are not added to it. */
  private natsClients({ clients }: NatsConnection): ISecurityGroup[] {
    if (clients === undefined) return []
    return [
      SecurityGroup.fromSecurityGroupId(this, 'NatsClients', clients.securityGroupId, { mutable: false }),
    ]
  }
}
