/**
 * The dashboard of a stage: one page that shows the work of the ledger, and its alarms.
 */

import {
  type Alarm,
  AlarmStatusWidget,
  Dashboard,
  GraphWidget,
  type IMetric,
  type IWidget,
  PeriodOverride,
} from 'aws-cdk-lib/aws-cloudwatch'
import type { FargateService } from 'aws-cdk-lib/aws-ecs'
import type { ApplicationLoadBalancer, ApplicationTargetGroup } from 'aws-cdk-lib/aws-elasticloadbalancingv2'
import { Construct } from 'constructs'
import { PROJECTION_NAMES } from '../../src/tables/definition.js'
import type { Stage } from '../config.js'
import { SERVICE_ROLES, type ServiceRole } from '../names.js'
import { logMetric } from './log-metrics.js'

export type DashboardProps = {
  readonly stage: Stage
  readonly alarms: readonly Alarm[]
  readonly services: Readonly<Record<ServiceRole, FargateService>>
  readonly balancer: ApplicationLoadBalancer
  readonly targets: ApplicationTargetGroup
  readonly nats_nodes: readonly string[]
}

const graph = (title: string, left: IMetric[]): IWidget => new GraphWidget({ title, left, width: 12 })

export class LedgerDashboard extends Construct {
  constructor(scope: Construct, id: string, { stage, alarms, services, ...rest }: DashboardProps) {
    super(scope, id)
    const { balancer, targets, nats_nodes } = rest
    const ofRoles = (metric: (service: FargateService) => IMetric): IMetric[] =>
      SERVICE_ROLES.map(role => metric(services[role]))
    const dashboard = new Dashboard(this, 'Dashboard', {
      dashboardName: `jetledger-${stage}`,
      periodOverride: PeriodOverride.AUTO,
    })
    dashboard.addWidgets(new AlarmStatusWidget({ alarms: [...alarms], width: 24, height: 4 }))
    dashboard.addWidgets(
      graph(
        'projections: lag, ms',
        PROJECTION_NAMES.map(projection => logMetric(stage, 'projection_lag_ms', 'Maximum', { projection })),
      ),
      graph('dead letters and fold mismatches', [
        logMetric(stage, 'dead_letters', 'Sum'),
        logMetric(stage, 'fold_mismatches', 'Sum'),
      ]),
    )
    dashboard.addWidgets(
      graph(
        'CPU, %',
        ofRoles(service => service.metricCpuUtilization()),
      ),
      graph(
        'memory, %',
        ofRoles(service => service.metricMemoryUtilization()),
      ),
    )
    dashboard.addWidgets(
      graph('gateway: requests', [balancer.metrics.requestCount()]),
      graph('gateway: response time, s', [
        targets.metrics.targetResponseTime({ statistic: 'p50' }),
        targets.metrics.targetResponseTime({ statistic: 'p99' }),
      ]),
    )
    if (nats_nodes.length > 0) {
      dashboard.addWidgets(
        graph(
          'NATS: disk used, %',
          nats_nodes.map(node => logMetric(stage, 'nats_disk_used_percent', 'Maximum', { node })),
        ),
        graph(
          'NATS: healthy nodes',
          nats_nodes.map(node => logMetric(stage, 'nats_healthz', 'Minimum', { node })),
        ),
      )
    }
  }
}
