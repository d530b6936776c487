/**
 * Metrics made of the services' log lines, so that no task needs rights or a way to CloudWatch's metrics.
 */

import { Duration } from 'aws-cdk-lib'
import { Metric } from 'aws-cdk-lib/aws-cloudwatch'
import { FilterPattern, type ILogGroup, type LogGroup, MetricFilter } from 'aws-cdk-lib/aws-logs'
import type { Construct } from 'constructs'
import type { Stage } from '../config.js'
import type { ServiceRole } from '../names.js'

const MINUTE = Duration.minutes(1)

/** What the program calls a line that is counted. */
export const LINES = {
  dead_letter: { field: '$.msg', value: 'an event is a dead letter' },
  fold_mismatch: { field: '$.metric', value: 'fold_mismatch' },
  projection_lag: { field: '$.metric', value: 'projection_lag' },
  in_flight: { field: '$.metric', value: 'in_flight' },
  nats_node: { field: '$.metric', value: 'nats_node' },
} as const

export type LogMetric = {
  readonly name: string
  readonly line: keyof typeof LINES
  /** The field that is the value; each line counts 1 when absent. */
  readonly value?: string
  /** The field by whose values the metric is kept apart, e.g. `projection`. */
  readonly by?: string
}

const namespaceOf = (stage: Stage): string => `Jetledger/${stage}`

/** Makes the metric from the log group's lines. */
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
    // a default is not allowed beside dimensions, and would be wrong for a value
    ...(by === undefined
      ? value === undefined
        ? { defaultValue: 0 }
        : {}
      : { dimensions: { [by]: `$.${by}` } }),
  })
}

/** DynamoDB's refusals, of tables of any generation: their errors carry the name. */
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

/** Reads a metric that was made so, minute by minute. */
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
