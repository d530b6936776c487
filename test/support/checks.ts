/** Expectations that must hold after every fault. */

import type { NatsConnection } from 'nats'
import { expect } from 'vitest'
import { type Opinion, readEvents } from './independent-fold.js'
import type { Acknowledged } from './load.js'
import { readStream } from './read-stream.js'

const DEAD_LETTERS = 'customer-dead-letters'

/** Expects every acknowledged event in the stream, at the sequence of its acknowledgement and only there. */
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

/** Expects one dead letter with the right reason for each event that the fold refused, and none for other events. */
export const expectLetters = async (nc: NatsConnection, { refused }: Opinion): Promise<void> => {
  const letters = (await readStream(nc, DEAD_LETTERS)).map(({ subject, headers }): [number, string] => [
    Number(subject.split('.').at(-1)),
    headers?.get('Ledger-Reason') ?? '',
  ])
  expect(letters.toSorted(([a], [b]) => a - b)).toEqual([...refused])
}
