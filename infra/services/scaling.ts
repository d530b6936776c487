/**
 * More tasks when they are busy: by CPU, and by the requests that each has in flight (a metric made from the log, as a
 * task waits for NATS and DynamoDB more than it computes).
 */

import { Duration } from 'aws-cdk-lib'
import type { Metric } from 'aws-cdk-lib/aws-cloudwatch'
import type { FargateService } from 'aws-cdk-lib/aws-ecs'
import type { Size } from '../config.js'

const CPU_PERCENT = 60
/** Well below JETLEDGER_MAX_IN_FLIGHT, beyond which a task answers BUSY. */
const IN_FLIGHT = 1_000

/** Scales between the role's `min` and `max`; `in_flight` is the average over the tasks. */
export const scale = (service: FargateService, { min, max }: Size, in_flight?: Metric): void => {
  if (max === min) return
  const scaling = service.autoScaleTaskCount({ minCapacity: min, maxCapacity: max })
  const cooldowns = { scaleInCooldown: Duration.minutes(5), scaleOutCooldown: Duration.minutes(1) }
  scaling.scaleOnCpuUtilization('Cpu', { targetUtilizationPercent: CPU_PERCENT, ...cooldowns })
  if (in_flight !== undefined) {
    scaling.scaleToTrackCustomMetric('InFlight', { metric: in_flight, targetValue: IN_FLIGHT, ...cooldowns })
  }
}
