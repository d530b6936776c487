/** Lists the faults of the Jetledger instances: of their processes, their clocks and their connections. */

import { setTimeout as pause } from 'node:timers/promises'
import { NODE_NAMES } from '../cluster.js'
import type { ManagedInstance, Running } from '../instance.js'
import { DYNAMODB_PLACE } from '../system.js'
import type { EndFault, Fault, FaultContext } from './fault.js'

const HOUR_MS = 3_600_000
const READY_MS_MAX = 30_000
const LOOK_EVERY_MS = 100

const pickInstance = ({ random, system }: FaultContext): ManagedInstance => random.pick(system.instances)

/** Waits a limited time until an instance is ready; the run goes on if it is not. Throws when the instance ended by itself. */
const untilReady = async (instance: ManagedInstance): Promise<void> => {
  const deadline = performance.now() + READY_MS_MAX
  while (!(await instance.isReady()) && performance.now() < deadline) {
    // another build may refuse the data of this one
    if (!instance.isRunning()) throw new Error(`an instance ended by itself: see ${instance.log_file}`)
    await pause(LOOK_EVERY_MS)
  }
}

/** Stops an instance as an operator does, starts it again, and waits until it is ready. */
const restart = async (instance: ManagedInstance, running?: Running): Promise<void> => {
  await instance.end()
  await instance.start(running)
  await untilReady(instance)
}

/** Restarts instances one after the other. */
const restartAll = async (
  instances: readonly ManagedInstance[],
  runningOf: (instance: ManagedInstance) => Running,
): Promise<void> => {
  for (const instance of instances) await restart(instance, runningOf(instance))
}

/**
 * During this fault no instance folds into the table, so that instances have to find paid transactions in the stream. A
 * separate projector folds until all instances run without the role `projections`, and is then killed.
 */
const shiftClock =
  (by_ms: number) =>
  async (context: FaultContext): Promise<EndFault> => {
    const { system } = context
    const wrong = pickInstance(context)
    const roles = 'commands,queries'
    await system.projector.start({ roles: 'projections' })
    await untilReady(system.projector)
    await restartAll(system.instances, each => (each === wrong ? { roles, clock_ms: by_ms } : { roles }))
    await system.projector.kill()
    return () => restartAll(system.instances, () => ({}))
  }

/** With another build, old and new run side by side for a while. The clients work all the time. */
const rollingRestart = async ({ system, for_ms }: FaultContext): Promise<EndFault> => {
  const { other_dist: dist, instances } = system
  const roll = async (): Promise<void> => {
    if (dist === undefined) return restartAll(instances, () => ({}))
    await restartAll(instances.slice(0, 1), () => ({ dist }))
    await pause(for_ms / 2)
    await restartAll(instances.slice(1), () => ({ dist }))
  }
  const rolling = roll()
  // a failure is reported at the end of the fault; until then nothing awaits this promise
  rolling.catch(() => undefined)
  return async () => {
    try {
      await rolling
    } finally {
      if (dist !== undefined) await restartAll(instances, () => ({}))
    }
  }
}

export const INSTANCE_FAULTS: readonly Fault[] = [
  {
    name: 'kill-instance',
    what: 'an instance is killed with -9, and started again later',
    for_ms: [5_000, 8_000],
    begin: async context => {
      await pickInstance(context).kill()
      return undefined
    },
  },
  {
    name: 'freeze-instance',
    what: 'an instance is stopped with SIGSTOP, and goes on later as if nothing had happened',
    for_ms: [8_000, 15_000],
    begin: async context => {
      pickInstance(context).freeze()
      return undefined
    },
  },
  {
    name: 'partition-instance',
    what: 'an instance is cut off from every nats-server and from DynamoDB',
    for_ms: [8_000, 15_000],
    begin: async context => {
      const { name } = pickInstance(context)
      for (const place of [...NODE_NAMES, DYNAMODB_PLACE]) context.system.network.part(name, place)
      return undefined
    },
  },
  {
    name: 'clock-ahead',
    what: 'the clock of an instance is an hour ahead, while nobody folds into the table',
    for_ms: [10_000, 15_000],
    begin: shiftClock(HOUR_MS),
  },
  {
    name: 'clock-behind',
    what: 'the clock of an instance is an hour behind, while nobody folds into the table',
    for_ms: [10_000, 15_000],
    begin: shiftClock(-HOUR_MS),
  },
  {
    name: 'restart-instances',
    what: 'the instances are restarted one after the other, another build beside this one where it is given',
    for_ms: [10_000, 15_000],
    begin: rollingRestart,
  },
]
