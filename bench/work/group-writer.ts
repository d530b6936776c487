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

/**
 * The returned function stores the events of one command, together, and resolves with the sequence of the first one. One batch is
 * under way at a time: two or four gave 0.73 to 1.0 of that.
 */
export const createGroupWriter = (
  nc: NatsConnection,
): ((events: readonly GroupEvent[]) => Promise<number>) => {
  const last_seqs = new Map<string, number>()
  const waiting: Group[] = []
  let is_writing = false

  /** Takes the first groups, as many as fit into one batch. */
  const take = (): Group[] => {
    let messages = 0
    const end = waiting.findIndex(({ events }) => {
      messages += events.length
      return messages > BATCH_MESSAGES_MAX
    })
    return waiting.splice(0, end === -1 ? waiting.length : end)
  }

  const store = async (groups: readonly Group[]): Promise<void> => {
    const seen = new Set<string>()
    const messages = groups
      .flatMap(({ events }) => events)
      .map(({ subject, id }) => {
        const expected = seen.has(subject) ? undefined : (last_seqs.get(subject) ?? 0)
        seen.add(subject)
        return guardedEvent(subject, id, expected)
      })
    const stored = await publishBatch(nc, messages, REQUEST_TIMEOUT_MS)()
    if (E.isLeft(stored)) {
      for (const { reject } of groups) reject(stored.left)
      return
    }
    let seq = stored.right.seq - messages.length + 1
    for (const { events, resolve } of groups) {
      resolve(seq)
      for (const { subject } of events) last_seqs.set(subject, seq++)
    }
  }

  const write = async (): Promise<void> => {
    while (waiting.length > 0) {
      // after this turn's input, so that commands which arrive together share a batch
      await new Promise(resolve => setImmediate(resolve))
      await store(take())
    }
    is_writing = false
  }

  return events =>
    new Promise((resolve, reject) => {
      waiting.push({ events, resolve, reject })
      if (is_writing) return
      is_writing = true
      void write()
    })
}
