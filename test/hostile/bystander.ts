/**
 * Runs a well-meaning client beside the hostile ones. It must lose nothing, and hardly wait longer than without them.
 *
 * Windows with and without hostile inputs alternate, so that other work of the machine affects both alike.
 */

import { setTimeout as pause } from 'node:timers/promises'
import type { NatsConnection } from 'nats'

const WORKERS = 4
/** The pause between two requests: the client measures response times, and must not be the load itself. */
const PACE_MS = 4
const ANSWER_MS_MAX = 10_000
const HTTP_EVERY = 5

type Window = 'quiet' | 'beside'

export type Bystander = {
  /** The number of requests so far. */
  readonly asked: () => number
  /** Does `work`, and counts the requests made meanwhile in this window. */
  readonly during: <A>(window: Window, work: () => Promise<A>) => Promise<A>
  /** Stops the client, and returns its observations. */
  readonly end: () => Promise<{
    readonly samples: Readonly<Record<Window, number>>
    readonly p99_ms: Readonly<Record<Window, number>>
    /** One text for each wrong answer. */
    readonly wrong: readonly string[]
    /** The balance that each of its customers must have now. */
    readonly balances: ReadonlyMap<string, number>
  }>
}

const percentile = (samples: readonly number[], part: number): number => {
  const sorted = samples.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
}

type Worker = { readonly id: string; credited: number }
type Ask = (worker: Worker) => Promise<string | undefined>

const text = (value: unknown): string => JSON.stringify(value).slice(0, 300)

/** Requests that credit and read their own write, over NATS and over HTTP. Each returns a text when something was wrong. */
const asksOf = (nc: NatsConnection, url: string, token: string): readonly Ask[] => {
  const request = async (subject: string, fields: Record<string, unknown>): Promise<unknown> =>
    (await nc.request(subject, JSON.stringify(fields), { timeout: ANSWER_MS_MAX })).json()

  const credit: Ask = async worker => {
    const transaction_id = `${worker.id}-${worker.credited + 1}`
    const fields = { client_id: worker.id, amount: 1, transaction_id }
    const reply = (await request('customer.credit', fields)) as Record<string, unknown>
    worker.credited += 1
    return reply.balance === worker.credited && reply.replayed === undefined
      ? undefined
      : `credit ${transaction_id} got ${text(reply)}`
  }
  const read: Ask = async ({ id, credited }) => {
    const reply = await request('customer.balance', { client_id: id, min_version: credited })
    return text(reply) === text({ balance: credited }) ? undefined : `balance ${id} got ${text(reply)}`
  }
  const get: Ask = async ({ id, credited }) => {
    const answer = await fetch(`${url}/v1/customers/${id}/balance?min_version=${credited}`, {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    })
    const body = (await answer.json()) as { balance?: unknown }
    return answer.status === 200 && body.balance === credited ? undefined : `GET ${id} got ${text(body)}`
  }
  return [credit, read, get]
}

export const startBystander = (nc: NatsConnection, url: string, token: string): Bystander => {
  const [credit, read, get] = asksOf(nc, url, token) as [Ask, Ask, Ask]
  const workers = Array.from({ length: WORKERS }, (_, i): Worker => ({ id: `good-${i}`, credited: 0 }))
  const samples: Record<Window, number[]> = { quiet: [], beside: [] }
  const wrong: string[] = []
  let window: Window | undefined
  let isEnded = false
  let asked = 0

  const timed = async (ask: Ask, worker: Worker): Promise<void> => {
    const counted = window
    asked += 1
    const began_ms = performance.now()
    try {
      const problem = await ask(worker)
      if (problem !== undefined) wrong.push(problem)
    } catch (error) {
      wrong.push(`${worker.id}: ${error instanceof Error ? error.message : String(error)}`)
    }
    if (counted !== undefined) samples[counted].push(performance.now() - began_ms)
    await pause(PACE_MS)
  }

  const run = async (worker: Worker): Promise<void> => {
    for (let n = 0; !isEnded; n += 1) {
      await timed(credit, worker)
      await timed(read, worker)
      if (n % HTTP_EVERY === 0) await timed(get, worker)
    }
  }
  const running = workers.map(run)

  return {
    asked: () => asked,
    during: async (counted, work) => {
      window = counted
      try {
        return await work()
      } finally {
        window = undefined
      }
    },
    end: async () => {
      isEnded = true
      await Promise.all(running)
      return {
        samples: { quiet: samples.quiet.length, beside: samples.beside.length },
        p99_ms: { quiet: percentile(samples.quiet, 0.99), beside: percentile(samples.beside, 0.99) },
        wrong,
        balances: new Map(workers.map(({ id, credited }) => [id, credited])),
      }
    },
  }
}
