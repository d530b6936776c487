/** Instances of the command side in one process, each with a connection of its own, whose messages to the others can be disturbed. */

import { connect, type Msg, type NatsConnection, type Payload, type SubscriptionOptions } from 'nats'
import { createCoordinator, createTaker } from '../../src/commands/compose.js'
import type { CoordinatorOptions } from '../../src/commands/group-commit/ports.js'
import { Router } from '../../src/commands/routing/router.js'
import { manager } from '../../src/stream/provision.js'
import { right, type TestLedger } from './ledger.js'
import { until } from './servers.js'

const HEARD_MS_MAX = 10_000

/** What happens to messages between this instance and the others. */
type Links = {
  /** Whether a message of this instance to `subject` goes out. */
  sends: (subject: string) => boolean
  /** Whether this instance gets what others send to it on `subject` now; it is kept otherwise, and comes with `release`. */
  hears: (subject: string) => boolean
}

export type TestInstance = {
  readonly router: Router
  readonly links: Links
  /** The number of batches that it has sent to the stream. */
  readonly batches: () => number
  /** Hands over the messages that were kept. */
  readonly release: () => void
  /** Ends its connection, as kill -9 does. */
  readonly kill: () => Promise<void>
  /** Leaves, finishes and ends, as SIGTERM does. */
  readonly stop: () => Promise<void>
}

const isBetweenInstances = (subject: string): boolean => subject.startsWith('customer.instance.')

const disturbed = (target: NatsConnection, links: Links) => {
  const kept: (() => void)[] = []
  let batches = 0
  const publish: NatsConnection['publish'] = (subject, payload, options) => {
    if (!isBetweenInstances(subject) || links.sends(subject)) target.publish(subject, payload, options)
  }
  const request = (
    subject: string,
    payload?: Payload,
    options?: Parameters<NatsConnection['request']>[2],
  ) => {
    if (subject.startsWith('customer.balance.')) batches += 1
    return target.request(subject, payload, options)
  }
  const subscribe = (subject: string, options: SubscriptionOptions = {}) => {
    const { callback } = options
    if (callback === undefined || !isBetweenInstances(subject)) return target.subscribe(subject, options)
    return target.subscribe(subject, {
      ...options,
      callback: (error, msg: Msg) => {
        if (error !== null || links.hears(subject)) callback(error, msg)
        else kept.push(() => callback(null, msg))
      },
    })
  }
  const own: Readonly<Record<string | symbol, unknown>> = { publish, request, subscribe }
  const nc = new Proxy(target, {
    get: (_, name) => {
      if (Object.hasOwn(own, name)) return own[name]
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return {
    nc,
    batches: () => batches,
    release: () => {
      for (const hand of kept.splice(0)) hand()
    },
  }
}

const startInstance = async (ledger: TestLedger, options: CoordinatorOptions): Promise<TestInstance> => {
  const target = await connect({ servers: ledger.servers.nats.url })
  const links: Links = { sends: () => true, hears: () => true }
  const { nc, batches, release } = disturbed(target, links)
  const deps = { ...ledger, nc, jsm: await right(manager(nc)), mayDecide: () => true }
  const coordinator = createCoordinator(deps, options)
  const router = new Router(deps, createTaker(deps, coordinator, undefined, options), options)
  await router.start()
  return {
    router,
    links,
    batches,
    release,
    kill: async () => {
      await target.close()
      void router.stop()
      void coordinator.stop()
    },
    stop: async () => {
      router.leave()
      await router.stop()
      await coordinator.stop()
      await target.close()
    },
  }
}

export const OPTIONS: CoordinatorOptions = { queue_max: 10_000, timeout_ms: 3_000 }

/** Starts instances, and keeps a list of them, so that none outlives its test. */
export const instanceRoom = (ledger: () => TestLedger) => {
  const running = new Set<TestInstance>()
  const startHeard = async (options: CoordinatorOptions): Promise<TestInstance> => {
    const instance = await startInstance(ledger(), options)
    running.add(instance)
    const all = running.size
    await until(() => [...running].every(({ router }) => router.instances === all), {
      deadline_ms: HEARD_MS_MAX,
      what: 'the instances to hear each other',
    })
    if (all === 1 || !instance.router.is_deciding) return instance
    // the clock was set back between two starts, so this instance is the oldest one by its clock
    running.delete(instance)
    await instance.stop()
    return startHeard(options)
  }
  return {
    /** Starts an instance beside the running ones, and waits until all know each other. The first one decides. */
    start: async (options: CoordinatorOptions = OPTIONS): Promise<TestInstance> => {
      const instance = await startHeard(options)
      return {
        ...instance,
        kill: async () => {
          running.delete(instance)
          await instance.kill()
        },
        stop: async () => {
          running.delete(instance)
          await instance.stop()
        },
      }
    },
    stopAll: async (): Promise<void> => {
      for (const instance of running) {
        instance.links.sends = () => true
        instance.links.hears = () => true
        instance.release()
        await instance.stop()
      }
      running.clear()
    },
  }
}
