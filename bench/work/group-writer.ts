/**
 * Stores events in atomic batches, as many as wait, with a message id and an expected sequence each: what every ledger on JetStream
 * has to do for a group of commands, and nothing else.
 */

import type { NatsConnection } from 'nats'
import { E } from '../../src/fp.js'
import { BATCH_MESSAGES_MAX, publishBatch } from '../../src/stream/publish.js'
import { REQUEST_TIMEOUT_MS } from './client-request.js'
import { guardedEvent } from './guarded.js'

export type GroupEvent = { readonly subject: string; readonly id: string }

type Group = {
  readonly events: readonly GroupEvent[]
  readonly resolve: (first_seq: number) => void
  readonly reject: (cause: unknown) => void
}

/** More did not make it faster. Two batches never have a subject in common, since their expectations would not hold. */
const IN_FLIGHT_MAX = 2

/** The returned function stores the events of one command, together, and resolves with the sequence of the first one. */
export const createGroupWriter = (
  nc: NatsConnection,
): ((events: readonly GroupEvent[]) => Promise<number>) => {
  const last_seqs = new Map<string, number>()
  const in_flight = new Set<string>()
  let batches = 0
  let waiting: Group[] = []
  let is_scheduled = false

  /** Takes the groups that no batch in flight stands in the way of. */
  const take = (): Group[] => {
    const taken: Group[] = []
    const left: Group[] = []
    const blocked = new Set(in_flight)
    let messages = 0
    for (const group of waiting) {
      const fits = messages + group.events.length <= BATCH_MESSAGES_MAX
      if (fits && group.events.every(({ subject }) => !blocked.has(subject))) {
        taken.push(group)
        messages += group.events.length
      } else {
        left.push(group)
        for (const { subject } of group.events) blocked.add(subject)
      }
    }
    waiting = left
    return taken
  }

  const store = async (groups: readonly Group[]): Promise<void> => {
    const events = groups.flatMap(group => group.events)
    const seen = new Set<string>()
    const messages = events.map(({ subject, id }) => {
      const expected = seen.has(subject) ? undefined : (last_seqs.get(subject) ?? 0)
      seen.add(subject)
      return guardedEvent(subject, id, expected)
    })
    for (const subject of seen) in_flight.add(subject)
    batches += 1
    const stored = await publishBatch(nc, messages, REQUEST_TIMEOUT_MS)()
    batches -= 1
    for (const subject of seen) in_flight.delete(subject)
    schedule()
    if (E.isLeft(stored)) {
      for (const { reject } of groups) reject(stored.left)
      return
    }
    let seq = stored.right.seq - messages.length + 1
    for (const { events: own, resolve } of groups) {
      resolve(seq)
      for (const { subject } of own) last_seqs.set(subject, seq++)
    }
  }

  const flush = (): void => {
    is_scheduled = false
    while (batches < IN_FLIGHT_MAX) {
      const groups = take()
      if (groups.length === 0) return
      void store(groups)
    }
  }

  const schedule = (): void => {
    if (is_scheduled || waiting.length === 0) return
    is_scheduled = true
    // after this turn's input, so that commands which arrive together share a batch
    setImmediate(flush)
  }

  return events =>
    new Promise((resolve, reject) => {
      waiting.push({ events, resolve, reject })
      schedule()
    })
}
