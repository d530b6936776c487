/**
 * The service of a role: it keeps tasks running in three zones, and is rolled back when a deployment fails.
 */

import { type ISecurityGroup, type IVpc, Port, SecurityGroup } from 'aws-cdk-lib/aws-ec2'
import { AvailabilityZoneRebalancing, FargateService, type ICluster } from 'aws-cdk-lib/aws-ecs'
import type { LogGroup } from 'aws-cdk-lib/aws-logs'
import { Construct } from 'constructs'
import { HTTP_PORT, type ServiceRole } from '../names.js'
import type { NatsConnection } from '../nats/connection.js'
import { PRIVATE_SUBNETS } from '../network-stack.js'
import type { SecretFile } from './container.js'
import { JetledgerTask, type TasksShare } from './task.js'

export type ServiceProps = TasksShare & {
  readonly cluster: ICluster
  readonly vpc: IVpc
  readonly role: ServiceRole
  readonly files?: readonly SecretFile[]
}

export class JetledgerService extends Construct {
  readonly service: FargateService
  readonly log_group: LogGroup

  constructor(scope: Construct, id: string, props: ServiceProps) {
    super(scope, id)
    const { cluster, vpc, role, config, nats } = props
    const size = config[role]
    const task = new JetledgerTask(this, 'Task', {
      ...props,
      size,
      command: ['serve'],
      environment: { JETLEDGER_ROLES: role },
      is_service: true,
    })
    this.log_group = task.log_group
    const own = new SecurityGroup(this, 'Group', { vpc, description: `jetledger ${role}` })
    const groups: ISecurityGroup[] = [own, ...this.natsClients(nats)]
    this.service = new FargateService(this, 'Service', {
      serviceName: `jetledger-${role}`,
      cluster,
      taskDefinition: task.definition,
      desiredCount: size.min,
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

  /** The group that NATS admits, imported as immutable, so that rules for this service are not added to it. */
  private natsClients({ clients }: NatsConnection): ISecurityGroup[] {
    if (clients === undefined) return []
    return [
      SecurityGroup.fromSecurityGroupId(this, 'NatsClients', clients.securityGroupId, { mutable: false }),
    ]
  }

  /** Lets a group reach the tasks' HTTP port. */
  allowHttpFrom(group: SecurityGroup): void {
    this.service.connections.allowFrom(group, Port.tcp(HTTP_PORT), 'HTTP of the gateway')
  }
}
