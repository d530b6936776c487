/**
 * Runs the projections of a process in a thread of their own, beside the roles that answer callers.
 *
 * A projection folds, encodes and signs for as long as there are events. In one thread with the commands and the gateway
 * it takes half of that thread, and every answer waits for it (docs/adr/0046). The thread has connections of its own to
 * NATS and DynamoDB. It reports health, metrics and log lines as if it were a part of the process, and it ends with it.
 */

import { Worker } from 'node:worker_threads'
import type { Logger } from 'pino'
import type { Health, HealthEntry } from '../health.js'
import { type Family, metrics } from '../metrics.js'
import type { Config } from './config.js'
import type { Environment } from './environment.js'
import type { RunningPart } from './projections-part.js'

/** The thread's settings, which it needs before it knows its ledger. */
export type ThreadData = { readonly log_level: string; readonly is_pretty: boolean }

/** A message to the thread. */
export type Order =
  | { readonly tag: 'start'; readonly environment: Environment }
  | { readonly tag: 'stop' }
  | { readonly tag: 'metrics' }

/** A message from the thread. */
export type Notice =
  | { readonly tag: 'health'; readonly part: string; readonly entry: HealthEntry }
  | { readonly tag: 'gave-up'; readonly part: string; readonly detail: string }
  | { readonly tag: 'stopped' }
  | { readonly tag: 'metrics'; readonly families: readonly Family[] }

const MODULE = new URL('./projections-worker.js', import.meta.url)
const PART = 'projections'
/**
 * The young part of the thread's heap is four times as large as usual. What a run folds and writes lives until DynamoDB has
 * answered, and a collection in between copies all of it: with the usual size they took a fifth of the thread's time.
 */
const RESOURCE_LIMITS = { maxYoungGenerationSizeMb: 192 } as const
/** A thread that is busy answers between two of its runs. Without an answer its metrics are left out. */
const METRICS_MS_MAX = 2_000

/** Whether the projections of a process have other roles beside them. Alone they have the thread of the process. */
export const sharesItsProcess = ({ JETLEDGER_ROLES: roles }: Config): boolean =>
  roles.includes('projections') && roles.length > 1

export type ProjectionsThread = {
  /** Starts the projections on a ledger that may be used. They can be started again once they are stopped. */
  readonly start: (environment: Environment) => RunningPart
  /** Ends the thread, whatever it does. */
  readonly end: () => Promise<void>
}

type ThreadOptions = {
  readonly log: Logger
  readonly health: Health
  /** The module that the thread runs; a test gives another one. */
  readonly module?: URL
}

/** Begins the thread, which loads its modules at once. A thread that ends by itself ends the process. */
export const createProjectionsThread = ({
  log,
  health,
  module = MODULE,
}: ThreadOptions): ProjectionsThread => {
  const workerData: ThreadData = { log_level: log.level, is_pretty: process.stderr.isTTY }
  const worker = new Worker(module, { name: PART, workerData, resourceLimits: RESOURCE_LIMITS })
  // only the main thread decides how long the process lives
  worker.unref()
  const send = (order: Order): void => worker.postMessage(order)
  let is_ended = false
  let is_gone = false
  let onStopped = (): void => undefined
  const waiting = new Set<(families: readonly Family[]) => void>()

  const giveUp = (why: string, err?: unknown): void => {
    is_gone = true
    onStopped()
    if (is_ended) return
    log.error({ err }, `the thread of the projections ${why}`)
    health.giveUp(PART, `the thread of the projections ${why}`)
  }
  worker.on('error', err => giveUp(`failed: ${err instanceof Error ? err.message : String(err)}`, err))
  worker.on('exit', code => giveUp(`ended with code ${code}`))
  worker.on('message', (notice: Notice) => {
    if (notice.tag === 'health') health.report(notice.part, notice.entry.state, notice.entry.detail)
    if (notice.tag === 'gave-up') health.giveUp(notice.part, notice.detail)
    if (notice.tag === 'metrics') for (const answer of waiting) answer(notice.families)
    if (notice.tag === 'stopped') onStopped()
  })

  const askFamilies = async (): Promise<readonly Family[]> => {
    if (is_gone) return []
    let resolve: (families: readonly Family[]) => void = () => undefined
    const answer = new Promise<readonly Family[]>(settle => {
      resolve = settle
    })
    waiting.add(resolve)
    const timer = setTimeout(resolve, METRICS_MS_MAX, [])
    send({ tag: 'metrics' })
    try {
      return await answer
    } finally {
      clearTimeout(timer)
      waiting.delete(resolve)
    }
  }
  const exclude = metrics.include(askFamilies)

  return {
    start: environment => {
      send({ tag: 'start', environment })
      return {
        stop: async () => {
          if (is_gone) return
          const stopped = new Promise<void>(resolve => {
            onStopped = resolve
          })
          send({ tag: 'stop' })
          await stopped
        },
      }
    },
    end: async () => {
      is_ended = true
      exclude()
      await worker.terminate()
    },
  }
}
