/**
 * Runs one client: it begins writes and reads at its rate without waiting for earlier ones to end, as users do.
 */

import { remember, verdictOf } from './answers.js'
import { ASK_MS_MAX, type Ask, type ClientConnection } from './ask.js'
import type { Customers } from './customers.js'
import type { Memory, Repeatable } from './memory.js'
import { pursue } from './pursue.js'
import type { Random } from './random.js'
import { nextRead } from './reads.js'
import type { ClientWrite, Writes } from './writes.js'

export type ClientParts = {
  readonly ask: Ask
  readonly line: ClientConnection
  /** The connections of all clients: a repeated write goes over one of them at random. */
  readonly lines: readonly ClientConnection[]
  readonly random: Random
  readonly customers: Customers
  readonly memory: Memory
  readonly writes: Writes
  readonly rate_per_s: number
  readonly signal: AbortSignal
}

export type Client = {
  /** Resolves when every call that was begun has ended, with the writes whose outcome is still unknown. */
  readonly ended: Promise<readonly Repeatable[]>
}

const TICK_MS = 20
const WRITE_SHARE = 0.55
/** The share of writes that repeat an earlier, answered write. */
const ONCE_MORE_SHARE = 0.12
/** The share of "nothing stored" writes that are sent again. The other ones must never appear in the stream. */
const AGAIN_SHARE = 0.5
const TRIES_MAX = 20
/** The largest number of writes pursued at once. Without a limit, pursuits would be most of the calls during an outage. */
const PURSUITS_MAX = 8
/** JetStream remembers a message id for two minutes: raw messages are sent again well within them. */
const RAW_MS_MAX = 60_000
/** The largest number of unknown writes that are kept for the end of the run; further ones are forgotten. */
const OPEN_MAX = 10_000

/** Starts a client, which runs until `signal` aborts. */
export const startClient = (parts: ClientParts): Client => {
  const { ask, line, lines, random, customers, memory, writes, rate_per_s, signal } = parts
  const in_flight_max = Math.ceil(2 * rate_per_s * (ASK_MS_MAX / 1_000)) + 1
  const in_flight = new Set<Promise<void>>()
  const open: Repeatable[] = []
  let pursuits = 0

  const keepOpen = (write: ClientWrite): void => {
    if (write.is_lasting && open.length < OPEN_MAX) open.push(write)
  }

  const pursueWrite = async (write: ClientWrite): Promise<void> => {
    if (pursuits === PURSUITS_MAX) {
      keepOpen(write)
      return
    }
    pursuits += 1
    const until = write.is_lasting ? signal : AbortSignal.any([signal, AbortSignal.timeout(RAW_MS_MAX)])
    const is_known = await pursue({ ask, lines, random, tries_max: TRIES_MAX, signal: until }, write)
    pursuits -= 1
    if (!is_known) keepOpen(write)
    else if (write.is_lasting) memory.answered.add(write)
  }

  const send = async (write: ClientWrite): Promise<void> => {
    if (write.transaction_id !== undefined) memory.ids.add(write.transaction_id)
    const result = await ask(line, write.question)
    remember(memory, result)
    const verdict = verdictOf(result)
    if (!write.is_repeatable) return
    if (verdict === 'done') {
      if (write.is_lasting) memory.answered.add(write)
    } else if (verdict === 'unknown' || random.chance(AGAIN_SHARE)) await pursueWrite(write)
  }

  const sendOnceMore = async (): Promise<void> => {
    await ask(random.pick(lines), random.pick(memory.answered.all()).question)
  }

  const read = async (): Promise<void> => {
    await ask(line, nextRead(random, customers, memory, Date.now()))
  }

  const begin = (): Promise<void> => {
    if (!random.chance(WRITE_SHARE)) return read()
    if (random.chance(ONCE_MORE_SHARE) && memory.answered.all().length > 0) return sendOnceMore()
    return send(writes.next(Date.now()))
  }

  const launch = (): void => {
    const running = begin().finally(() => in_flight.delete(running))
    in_flight.add(running)
  }

  const ended = new Promise<readonly Repeatable[]>((resolve, reject) => {
    let [due, last_ms] = [0, performance.now()]
    const timer = setInterval(() => {
      const now_ms = performance.now()
      due = Math.min(due + (rate_per_s * (now_ms - last_ms)) / 1_000, 1 + rate_per_s)
      last_ms = now_ms
      for (; due >= 1; due -= 1) if (in_flight.size < in_flight_max) launch()
    }, TICK_MS)
    const end = (): void => {
      clearInterval(timer)
      Promise.all(in_flight).then(() => resolve(open), reject)
    }
    signal.addEventListener('abort', end, { once: true })
  })
  return { ended }
}
