/**
 * Finds the dead letters whose events the ledger does not hold: their events were in a lost tail, or in another stream.
 */

import type { JetStreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { E, Failed } from '../fp.js'
import { nextProved, type Reader, readRange } from '../stream/read.js'
import type { Recorded } from '../stream/recorded.js'
import { DEAD_LETTER_PREFIX, DEAD_LETTER_STREAM, LEDGER_SUBJECTS } from '../stream/settings.js'
import { type Claims, isAbout, readClaims } from './form.js'
import { isMarkSubject } from './marks.js'

/** The claims and the body of a letter whose event is not in the ledger. */
export type LostLetter = Pick<Claims, 'seq' | 'subject' | 'reason' | 'detail' | 'at'> & {
  readonly letter_seq: number
  readonly body: string
}

const isBorneOut = async (reader: Reader, claims: Claims, letter: Recorded): Promise<boolean> => {
  const found = await nextProved(reader, LEDGER_SUBJECTS, claims.seq)()
  if (E.isLeft(found)) {
    if (found.left.tag === 'NotFound') return false
    throw new Failed(found.left)
  }
  const event = found.right
  return event?.seq === claims.seq && isAbout(claims, letter.body, event)
}

/** Every letter whose event is not in the ledger, oldest first. Throws the client's error when reading fails. */
export async function* lostLetters(nc: NatsConnection, jsm: JetStreamManager): AsyncGenerator<LostLetter> {
  const { state } = await jsm.streams.info(DEAD_LETTER_STREAM)
  const range = { stream: DEAD_LETTER_STREAM, subject: `${DEAD_LETTER_PREFIX}>`, from_seq: 1 }
  for await (const letter of readRange(nc, { ...range, to_seq: state.last_seq })) {
    if (isMarkSubject(letter.subject)) continue
    const claims = readClaims(letter)
    if (claims === undefined || (await isBorneOut({ nc, jsm }, claims, letter))) continue
    const { seq, subject, reason, detail, at } = claims
    const body = new TextDecoder().decode(letter.body)
    yield { letter_seq: letter.seq, seq, subject, reason, detail, at, body }
  }
}
