/**
 * Makes metrics from the log lines of the services, so that no task needs rights on CloudWatch's metrics or a network
 * path to them.
 */

import { Duration } from 'aws-cdk-lib'
import { Metric } from 'aws-cdk-lib/aws-cloudwatch'
import { FilterPattern, type ILogGroup, type LogGroup, MetricFilter } from 'aws-cdk-lib/aws-logs'
import type { Construct } from 'constructs'
import type { Stage } from '../config.js'
import type { ServiceRole } from '../names.js'

const MINUTE = Duration.minutes(1)

/** The log lines that are counted: the field by which each is recognised, and its value. */
export const LINES = {
  dead_letter: { field: '$.msg', value: 'an event is a dead letter' },
  fold_mismatch: { field: '$.metric', value: 'fold_mismatch' },
  projection_lag: { field: '$.metric', value: 'projection_lag' },
  login_refused: { field: '$.metric', value: 'login_refused' },
  permission_violation: { field: '$.metric', value: 'permission_violation' },
  config_write: { field: '$.metric', value: 'config_write' },
  head_not_kept: { field: '$.metric', value: 'head_not_kept' },
  chain_lag: { field: '$.metric', value: 'chain_lag' },
  in_flight: { field: '$.metric', value: 'in_flight' },
  nats_node: { field: '$.metric', value: 'nats_node' },
} as const

export type LogMetric = {
  readonly name: string
  readonly line: keyof typeof LINES
  /** The field that holds the value; when undefined, each line counts 1. */
  readonly value?: string
  /** The field that becomes a dimension of the metric, e.g. `projection`. */
  readonly by?: string
}

const namespaceOf = (stage: Stage): string => `Jetledger/${stage}`

/** Adds a metric that is made from the lines of a log group. */
export const addLogMetric = (
  scope: Construct,
  stage: Stage,
  log_group: ILogGroup | LogGroup,
  { name, line, value, by }: LogMetric,
): void => {
  const { field, value: text } = LINES[line]
  new MetricFilter(scope, `Metric-${name}`, {
    logGroup: log_group,
    filterPattern: FilterPattern.stringValue(field, '=', text),
    metricNamespace: namespaceOf(stage),
    metricName: name,
    metricValue: value === undefined ? '1' : `$.${value}`,
    // CloudWatch allows no default beside dimensions, and a default of 0 would be wrong for a value
    ...(by === undefined
      ? value === undefined
        ? { defaultValue: 0 }
        : {}
      : { dimensions: { [by]: `$.${by}` } }),
  })
}

/** Adds a metric that counts throttling by DynamoDB, for tables of any generation: it finds the names of the errors. */
export const addThrottleMetric = (
  scope: Construct,
  stage: Stage,
  log_group: LogGroup,
  role: ServiceRole,
): void => {
  new MetricFilter(scope, 'Metric-throttles', {
    logGroup: log_group,
    filterPattern: FilterPattern.anyTerm(
      'ThrottlingException',
      'ProvisionedThroughputExceededException',
      'RequestLimitExceeded',
    ),
    metricNamespace: namespaceOf(stage),
    metricName: `throttles_${role}`,
    metricValue: '1',
    defaultValue: 0,
  })
}

/** The metric that `addLogMetric` or `addThrottleMetric` makes, with one value per minute. */
export const logMetric = (
  stage: Stage,
  name: string,
  statistic: string,
  dimensions: Record<string, string> = {},
): Metric =>
  new Metric({
    namespace: namespaceOf(stage),
    metricName: name,
    statistic,
    period: MINUTE,
    dimensionsMap: dimensions,
  })
