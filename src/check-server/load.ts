/** Writes events with several writers until it is stopped, and remembers the acknowledged ones. */

import { setTimeout as pause } from 'node:timers/promises'
import type { NatsConnection } from 'nats'
import { eventsOf, titleOf } from './event.js'
import { write } from './stream.js'

const WRITERS = 4
const BATCH_EVENTS_MAX = 64
/** One write in this number is a batch. */
const BATCH_EVERY = 3
const PAUSE_MS = 5
const PAUSE_AFTER_FAILURE_MS = 200
/** The largest number of acknowledged events, all of which are kept in memory. */
const EVENTS_MAX = 500_000

export type Load = {
  /** The title of each acknowledged event, by its sequence. */
  readonly acknowledged: ReadonlyMap<number, string>
  /** Sequences that were acknowledged for two events. */
  readonly twice: readonly number[]
  /** Writes until `signal` is aborted. The events of a failed write are never written again. */
  readonly run: (nc: NatsConnection, signal: AbortSignal) => Promise<void>
  /** Writes once, and resolves with the sequence of the last event; rejects when it is not acknowledged. */
  readonly writeOnce: (nc: NatsConnection) => Promise<number>
}

/** The number of events in a write. The sizes differ, but are not random, so that two checks write the same events. */
const sizeOf = (write: number): number =>
  write % BATCH_EVERY === 0 ? 2 + ((write * 7) % (BATCH_EVENTS_MAX - 1)) : 1

export const createLoad = (): Load => {
  const acknowledged = new Map<number, string>()
  const twice: number[] = []
  const writes = Array.from({ length: WRITERS }, () => 0)

  const writeNext = async (nc: NatsConnection, writer: number): Promise<number> => {
    const number = (writes[writer] ?? 0) + 1
    writes[writer] = number
    const events = eventsOf(writer, number, sizeOf(number))
    const last_seq = await write(nc, events)
    for (const [i, event] of events.entries()) {
      const seq = last_seq - events.length + 1 + i
      if (acknowledged.has(seq)) twice.push(seq)
      acknowledged.set(seq, titleOf(event))
    }
    return last_seq
  }

  const writeUntilStopped = async (
    nc: NatsConnection,
    writer: number,
    signal: AbortSignal,
  ): Promise<void> => {
    while (!signal.aborted && acknowledged.size < EVENTS_MAX) {
      const is_acknowledged = await writeNext(nc, writer).then(
        () => true,
        () => false,
      )
      await pause(is_acknowledged ? PAUSE_MS : PAUSE_AFTER_FAILURE_MS)
    }
  }

  return {
    acknowledged,
    twice,
    run: async (nc, signal) => {
      await Promise.all(writes.map((_, writer) => writeUntilStopped(nc, writer, signal)))
    },
    writeOnce: nc => writeNext(nc, 0),
  }
}
