/**
 * The stack with the alarms, the dashboard and the budget of a stage.
 */

import { Stack, type StackProps } from 'aws-cdk-lib'
import type { Construct } from 'constructs'
import type { StageConfig } from './config.js'
import type { FoundationStack } from './foundation-stack.js'
import { SERVICE_ROLES, type ServiceRole } from './names.js'
import type { ServicesStack } from './services-stack.js'
import { Alarms } from './watch/alarms.js'
import { addBudget } from './watch/budget.js'
import { LedgerDashboard } from './watch/dashboard.js'

type WatchProps = StackProps & {
  readonly config: StageConfig
  readonly foundation: FoundationStack
  readonly services: ServicesStack
  readonly nats_nodes: readonly string[]
}

export class WatchStack extends Stack {
  constructor(
    scope: Construct,
    id: string,
    { config, foundation, services, nats_nodes, ...props }: WatchProps,
  ) {
    super(scope, id, props)
    const { balancer, targets } = services.front
    const undelivered = services.imports?.undelivered
    const shared = { stage: config.stage, balancer, targets, nats_nodes }
    const alarms = new Alarms(this, 'Alarms', {
      ...shared,
      topic: foundation.alarms,
      ...(undelivered === undefined ? {} : { undelivered }),
    })
    new LedgerDashboard(this, 'Page', {
      ...shared,
      alarms: alarms.all,
      services: Object.fromEntries(SERVICE_ROLES.map(role => [role, services.roles[role].service])) as Record<
        ServiceRole,
        ServicesStack['roles'][ServiceRole]['service']
      >,
    })
    addBudget(this, config, foundation.alarms)
  }
}
