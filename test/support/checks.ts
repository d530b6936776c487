/** What has to hold after every fault, as expectations. */

import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { expect } from 'vitest'
import { type Opinion, readEvents } from './independent-fold.js'
import type { Acknowledged } from './load.js'

const DEAD_LETTERS = 'customer-dead-letters'

/** Every acknowledged event is in the stream, where its acknowledgement said, and only there. */
export const expectStored = async (
  nc: NatsConnection,
  acknowledged: readonly Acknowledged[],
): Promise<void> => {
  const seqs = new Map<string, number[]>()
  for (const { msg_id, seq } of await readEvents(nc)) seqs.set(msg_id, [...(seqs.get(msg_id) ?? []), seq])
  const wrong = acknowledged
    .map(({ msg_id, seq }) => ({ msg_id, said: [seq], found: seqs.get(msg_id) }))
    .filter(({ said, found }) => String(found) !== String(said))
  expect(wrong).toEqual([])
}

/** Each event that the fold refused has one dead letter with the right reason, and no other event has one. */
export const expectLetters = async (nc: NatsConnection, { refused }: Opinion): Promise<void> => {
  const { state } = await (await jetstreamManager(nc, { checkAPI: false })).streams.info(DEAD_LETTERS)
  const letters: [number, string][] = []
  const consumer = await jetstream(nc).consumers.get(DEAD_LETTERS)
  for (let read = 0; read < state.messages; read += 1) {
    const letter = await consumer.next({ expires: 5_000 })
    if (letter === null) break
    letters.push([Number(letter.subject.split('.').at(-1)), letter.headers?.get('Ledger-Reason') ?? ''])
  }
  expect(letters.toSorted(([a], [b]) => a - b)).toEqual([...refused])
}
