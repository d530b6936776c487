/**
 * Scales a service by CPU and by the requests in flight per task. The latter is a metric made from the log; CPU alone
 * is not enough, because a task waits for NATS and DynamoDB more than it computes.
 */

import { Duration } from 'aws-cdk-lib'
import type { Metric } from 'aws-cdk-lib/aws-cloudwatch'
import type { FargateService } from 'aws-cdk-lib/aws-ecs'
import type { Size } from '../config.js'

const CPU_PERCENT = 60
/** The target of requests in flight per task: well below JETLEDGER_MAX_IN_FLIGHT, beyond which a task answers BUSY. */
const IN_FLIGHT = 1_000

/**
 * Scales a service between `min` and `max` tasks; `tasks` gives the least number at present. `in_flight` is the metric of
 * requests in flight, averaged over the tasks.
 */
export const scale = (
  service: FargateService,
  { min, max }: Size,
  tasks: (wanted: number) => number,
  in_flight?: Metric,
): void => {
  if (max === min) return
  const scaling = service.autoScaleTaskCount({ minCapacity: tasks(min), maxCapacity: max })
  const cooldowns = { scaleInCooldown: Duration.minutes(5), scaleOutCooldown: Duration.minutes(1) }
  scaling.scaleOnCpuUtilization('Cpu', { targetUtilizationPercent: CPU_PERCENT, ...cooldowns })
  if (in_flight !== undefined) {
    scaling.scaleToTrackCustomMetric('InFlight', { metric: in_flight, targetValue: IN_FLIGHT, ...cooldowns })
  }
}
