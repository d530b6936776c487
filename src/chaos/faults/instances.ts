/** Lists the faults of the Jetledger instances: of their processes, their clocks and their connections. */

import { setTimeout as pause } from 'node:timers/promises'
import { NODE_NAMES } from '../cluster.js'
import { INSTANCE_NAMES, type InstanceName, type ManagedInstance, type Running } from '../instance.js'
import { DYNAMODB_PLACE, type System } from '../system.js'
import type { EndFault, Fault, FaultContext } from './fault.js'

const HOUR_MS = 3_600_000
const READY_MS_MAX = 30_000
const LOOK_EVERY_MS = 100

const pickInstance = ({ random }: FaultContext): InstanceName => random.pick(INSTANCE_NAMES)

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
const restart = async ({ instances }: System, name: InstanceName, running?: Running): Promise<void> => {
  await instances[name].end()
  await instances[name].start(running)
  await untilReady(instances[name])
}

const restartBoth = async (system: System, runningOf: (name: InstanceName) => Running): Promise<void> => {
  for (const name of INSTANCE_NAMES) await restart(system, name, runningOf(name))
}

/**
 * During this fault no instance folds into the table, so that instances have to find paid transactions in the stream. A
 * separate projector folds until both instances run without the role `projections`, and is then killed.
 */
const shiftClock =
  (by_ms: number) =>
  async ({ system, random }: FaultContext): Promise<EndFault> => {
    const wrong = random.pick(INSTANCE_NAMES)
    const roles = 'commands,queries'
    await system.projector.start({ roles: 'projections' })
    await untilReady(system.projector)
    await restartBoth(system, name => (name === wrong ? { roles, clock_ms: by_ms } : { roles }))
    await system.projector.kill()
    return () => restartBoth(system, () => ({}))
  }

/** With another build, old and new run side by side for a while. The clients work all the time. */
const rollingRestart = async ({ system, for_ms }: FaultContext): Promise<EndFault> => {
  const { other_dist: dist } = system
  const roll = async (): Promise<void> => {
    if (dist === undefined) return restartBoth(system, () => ({}))
    await restart(system, 'instance-1', { dist })
    await pause(for_ms / 2)
    await restart(system, 'instance-2', { dist })
  }
  const rolling = roll()
  // a failure is reported at the end of the fault; until then nothing awaits this promise
  rolling.catch(() => undefined)
  return async () => {
    try {
      await rolling
    } finally {
      if (dist !== undefined) await restartBoth(system, () => ({}))
    }
  }
}

export const INSTANCE_FAULTS: readonly Fault[] = [
  {
    name: 'kill-instance',
    what: 'an instance is killed with -9, and started again later',
    for_ms: [5_000, 8_000],
    begin: async context => {
      await context.system.instances[pickInstance(context)].kill()
      return undefined
    },
  },
  {
    name: 'freeze-instance',
    what: 'an instance is stopped with SIGSTOP, and goes on later as if nothing had happened',
    for_ms: [8_000, 15_000],
    begin: async context => {
      context.system.instances[pickInstance(context)].freeze()
      return undefined
    },
  },
  {
    name: 'partition-instance',
    what: 'an instance is cut off from every nats-server and from DynamoDB',
    for_ms: [8_000, 15_000],
    begin: async context => {
      const name = pickInstance(context)
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
