/**
 * The alarms that a person gets by e-mail. The description of each alarm says what it means and where to look.
 */

import { Duration } from 'aws-cdk-lib'
import {
  Alarm,
  ComparisonOperator,
  type IMetric,
  MathExpression,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch'
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions'
import { Table } from 'aws-cdk-lib/aws-dynamodb'
import {
  type ApplicationLoadBalancer,
  type ApplicationTargetGroup,
  HttpCodeElb,
  HttpCodeTarget,
} from 'aws-cdk-lib/aws-elasticloadbalancingv2'
import type { ITopic, Topic } from 'aws-cdk-lib/aws-sns'
import type { Queue } from 'aws-cdk-lib/aws-sqs'
import { Construct } from 'constructs'
import { PROJECTION_NAMES } from '../../src/tables/definition.js'
import type { Stage } from '../config.js'
import { firstTable, SERVICE_ROLES } from '../names.js'
import { logMetric } from './log-metrics.js'

export type AlarmsProps = {
  readonly stage: Stage
  readonly topic: Topic
  readonly balancer: ApplicationLoadBalancer
  readonly targets: ApplicationTargetGroup
  /** The names of the self-hosted NATS nodes; empty for a NATS outside AWS. */
  readonly nats_nodes: readonly string[]
  /** The events of the bucket of imports for which no task could be started. */
  readonly undelivered?: Queue
}

type Rule = {
  readonly metric: IMetric
  readonly threshold: number
  readonly minutes: number
  readonly says: string
  readonly below?: true
  /** Missing values raise the alarm too. */
  readonly missing_is_bad?: true
}

const LAG_MS_MAX = 30_000
/** Heads are signed once a minute, and a new instance takes over after 75 s. */
const CHAIN_LAG_MS_MAX = 600_000
const ERRORS_5XX_PER_MINUTE_MAX = 5
const DISK_PERCENT_MAX = 75
/** A client that is refused tries several times a minute, and a person may mistype. */
const LOGINS_REFUSED_PER_MINUTE_MAX = 5
const MINUTE = Duration.minutes(1)

export class Alarms extends Construct {
  readonly all: Alarm[] = []

  private readonly props: AlarmsProps

  constructor(scope: Construct, id: string, props: AlarmsProps) {
    super(scope, id)
    this.props = props
    this.watchProjections()
    this.watchEvents()
    this.watchGateway()
    this.watchTables()
    this.watchRights()
    this.watchHeads()
    if (props.undelivered !== undefined) this.watchImports(props.undelivered)
    for (const node of props.nats_nodes) this.watchNode(node)
  }

  private alarm(name: string, { metric, threshold, minutes, says, below, missing_is_bad }: Rule): void {
    const alarm = new Alarm(this, name, {
      alarmName: `jetledger-${this.props.stage}-${name}`,
      alarmDescription: says,
      metric,
      threshold,
      evaluationPeriods: minutes,
      comparisonOperator: below
        ? ComparisonOperator.LESS_THAN_THRESHOLD
        : ComparisonOperator.GREATER_THAN_THRESHOLD,
      treatMissingData: missing_is_bad ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
    })
    const action = new SnsAction(this.props.topic as ITopic)
    alarm.addAlarmAction(action)
    alarm.addOkAction(action)
    this.all.push(alarm)
  }

  private watchProjections(): void {
    for (const projection of PROJECTION_NAMES) {
      this.alarm(`lag-${projection}`, {
        metric: logMetric(this.props.stage, 'projection_lag_ms', 'Maximum', { projection }),
        threshold: LAG_MS_MAX,
        minutes: 5,
        missing_is_bad: true,
        says: `The projection ${projection} is more than 30 s behind the stream, or says nothing: log of projections.`,
      })
    }
  }

  private watchEvents(): void {
    const { stage } = this.props
    this.alarm('dead-letters', {
      metric: logMetric(stage, 'dead_letters', 'Sum'),
      threshold: 0,
      minutes: 1,
      says: 'An event had no effect: jetledger dead-letters list says which and why.',
    })
    this.alarm('fold-mismatches', {
      metric: logMetric(stage, 'fold_mismatches', 'Sum'),
      threshold: 0,
      minutes: 1,
      says: 'An event claims another balance than the fold gives: somebody forged it, or two versions disagree.',
    })
  }

  private watchGateway(): void {
    const { balancer, targets } = this.props
    const sum = { statistic: 'Sum', period: MINUTE }
    this.alarm('5xx', {
      metric: new MathExpression({
        expression: 'FILL(target, 0) + FILL(balancer, 0)',
        label: '5xx',
        period: MINUTE,
        usingMetrics: {
          target: targets.metrics.httpCodeTarget(HttpCodeTarget.TARGET_5XX_COUNT, sum),
          balancer: balancer.metrics.httpCodeElb(HttpCodeElb.ELB_5XX_COUNT, sum),
        },
      }),
      threshold: ERRORS_5XX_PER_MINUTE_MAX,
      minutes: 3,
      says: 'The gateway answers with 5xx: log of gateway.',
    })
    this.alarm('gateway-away', {
      metric: targets.metrics.healthyHostCount({ statistic: 'Minimum', period: MINUTE }),
      threshold: 1,
      minutes: 3,
      below: true,
      missing_is_bad: true,
      says: 'No gateway is healthy.',
    })
  }

  private watchTables(): void {
    const table = Table.fromTableName(this, 'Table', firstTable(this.props.stage))
    const throttled = (operation: string) =>
      table.metric('ThrottledRequests', {
        statistic: 'Sum',
        period: MINUTE,
        dimensionsMap: { TableName: table.tableName, Operation: operation },
      })
    const usingMetrics = {
      reads: throttled('BatchGetItem'),
      queries: throttled('Query'),
      writes: throttled('TransactWriteItems'),
    }
    this.alarm('throttles-ledger', {
      metric: new MathExpression({
        expression: 'FILL(reads, 0) + FILL(queries, 0) + FILL(writes, 0)',
        label: 'throttled',
        period: MINUTE,
        usingMetrics,
      }),
      threshold: 0,
      minutes: 3,
      says: `DynamoDB throttles ${table.tableName}: a hot partition, or more load than it has scaled to.`,
    })
    for (const role of SERVICE_ROLES.filter(each => each !== 'gateway')) {
      this.alarm(`throttles-in-${role}`, {
        metric: logMetric(this.props.stage, `throttles_${role}`, 'Sum'),
        threshold: 0,
        minutes: 3,
        says: `The log of ${role} speaks of throttling, of a table of any generation.`,
      })
    }
  }

  private watchRights(): void {
    const { stage } = this.props
    this.alarm('config-writes', {
      metric: logMetric(stage, 'config_writes', 'Sum'),
      threshold: 0,
      minutes: 1,
      says: 'A record in the bucket config was written, which happens at a first start, a seed, a replay, a recovery, and with a parked customer. At any other time somebody did it who must not. The log of projections names the key.',
    })
    this.alarm('logins-refused', {
      metric: logMetric(stage, 'logins_refused', 'Sum'),
      threshold: 0,
      minutes: 1,
      says: 'NATS refuses the login of a task, which expired or was revoked: the log of each role says which.',
    })
    this.alarm('permission-violations', {
      metric: logMetric(stage, 'permission_violations', 'Sum'),
      threshold: 0,
      minutes: 1,
      says: 'A task used a subject that its NATS user may not use: a right is missing, or somebody has broken in. The log names it.',
    })
  }

  private watchHeads(): void {
    const { stage } = this.props
    this.alarm('heads-late', {
      metric: logMetric(stage, 'chain_lag_ms', 'Minimum'),
      threshold: CHAIN_LAG_MS_MAX,
      minutes: 5,
      missing_is_bad: true,
      says: 'For 10 minutes no head was signed, or nobody says so: the part "signed heads" of the health of projections says why.',
    })
    this.alarm('heads-not-kept', {
      metric: logMetric(stage, 'heads_not_kept', 'Sum'),
      threshold: 0,
      minutes: 5,
      says: 'For 5 minutes signed heads could not be put into their bucket: log of projections.',
    })
  }

  private watchImports(undelivered: Queue): void {
    this.alarm('imports-undelivered', {
      metric: undelivered.metricApproximateNumberOfMessagesVisible({ statistic: 'Maximum', period: MINUTE }),
      threshold: 0,
      minutes: 1,
      says: 'For a file in the bucket of imports no task could be started: the message in the queue names it. Run the task importer by hand, and remove the message.',
    })
  }

  private watchNode(node: string): void {
    const { stage } = this.props
    this.alarm(`${node}-health`, {
      metric: logMetric(stage, 'nats_healthz', 'Minimum', { node }),
      threshold: 1,
      minutes: 3,
      below: true,
      missing_is_bad: true,
      says: `${node} is not healthy, away, or its disk is full. While one is, the other two go on; never replace another one now.`,
    })
    this.alarm(`${node}-logins`, {
      metric: logMetric(stage, 'nats_logins_refused', 'Maximum', { node }),
      threshold: LOGINS_REFUSED_PER_MINUTE_MAX,
      minutes: 1,
      says: `${node} refused logins: somebody tries, or credentials were revoked while they were in use. The server's log names them.`,
    })
    this.alarm(`${node}-violations`, {
      metric: logMetric(stage, 'nats_violations', 'Maximum', { node }),
      threshold: 0,
      minutes: 1,
      says: `A user of ${node} published or subscribed where it may not. The server's log names user and subject.`,
    })
    this.alarm(`${node}-disk`, {
      metric: logMetric(stage, 'nats_disk_used_percent', 'Maximum', { node }),
      threshold: DISK_PERCENT_MAX,
      minutes: 5,
      says: `The volume of ${node} fills up: enlarge volume_gib in infra/config.ts for all nodes.`,
    })
  }
}
