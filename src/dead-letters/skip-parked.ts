/**
 * Publishes the decision of a person that a parked customer goes on without the event that this program cannot read.
 *
 * The decision is published on the customer's own subject, on condition that no event was added since the subject was
 * read. So when two people decide at once, one of them finds the other's decision.
 */

import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream'
import type { NatsConnection } from 'nats'
import { type BackOff, pause } from '../back-off.js'
import { E, Failed, run, type TaskEither } from '../fp.js'
import { type AccountId, accountOn, eventSubject } from '../ledger/account-id.js'
import { CALLER_HEADER } from '../ledger/caller.js'
import { decodeEvent } from '../ledger/event.js'
import { encodeSkip, type Skip } from '../ledger/skip.js'
import { tryStream } from '../stream/errors.js'
import { FROM_THE_BEGINNING, foldSubject } from '../stream/fold-subject.js'
import { leadershipOf } from '../stream/leadership.js'
import { API_TIMEOUT_MS } from '../stream/provision.js'
import { publish } from '../stream/publish.js'
import { nextProved, type Reader, readRange } from '../stream/read.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../stream/settings.js'
import { type ActionError, action, refused } from './action.js'

export type Decided = {
  readonly client_id: AccountId
  /** The sequence of the event that is skipped. */
  readonly seq: number
  /** The sequence of the decision. `is_repeated` is true when it was taken before this call. */
  readonly decision_seq: number
  readonly is_repeated: boolean
}

const PUBLISH_TIMEOUT_MS = 5_000
const EVENTS_MAX = 100_000_000
const TRIES_MAX = 20
const BACK_OFF: BackOff = { first_ms: 5, max_ms: 200 }
const never = new AbortController().signal

/** The customer whose event is at `seq`. */
const customerAt = async (reader: Reader, seq: number): Promise<AccountId> => {
  const found = await run(nextProved(reader, LEDGER_SUBJECTS, seq))
  if (found?.seq !== seq) throw new Failed(refused(`the ledger holds no event at sequence ${seq}`))
  const id = accountOn(found.subject)
  if (E.isLeft(id)) throw new Failed(refused(`the event at sequence ${seq} is no customer's`))
  return id.right
}

/** The sequence of the decision about the event at `seq`; undefined when there is none. */
const decisionAbout = async (nc: NatsConnection, id: AccountId, seq: number): Promise<number | undefined> => {
  const { last_seq: to_seq } = await run(leadershipOf(nc).prove())
  const range = { stream: LEDGER_STREAM, subject: eventSubject(id), from_seq: seq, to_seq }
  let is_unknown = false
  for await (const record of readRange(nc, range)) {
    const decoded = decodeEvent(record.body, id)
    if (record.seq === seq) is_unknown = decoded.tag === 'future'
    else if (is_unknown && decoded.tag === 'skip' && decoded.skip.seq === seq) return record.seq
  }
  return undefined
}

const lastOf = async (jsm: JetStreamManager, id: AccountId): Promise<number> => {
  const query = { last_by_subj: eventSubject(id) }
  const found = await run(
    tryStream(`last event of ${id}`, () => jsm.streams.getMessage(LEDGER_STREAM, query)),
  )
  return found?.seq ?? 0
}

/**
 * Tries once to decide. Undefined when another event came first, or the outcome is unknown: then another try is due.
 */
const tryToDecide = async (
  nc: NatsConnection,
  jsm: JetStreamManager,
  id: AccountId,
  skip: Skip,
  caller: string | undefined,
): Promise<Decided | undefined> => {
  const { seq } = skip
  // the subject's end is asked for before the subject is read, so that any later event makes the expectation fail
  const last_seq = await lastOf(jsm, id)
  const known_seq = await decisionAbout(nc, id, seq)
  if (known_seq !== undefined) return { client_id: id, seq, decision_seq: known_seq, is_repeated: true }
  const options = { to_seq: Number.POSITIVE_INFINITY, events_max: EVENTS_MAX }
  const { parked } = (await run(foldSubject({ nc, jsm }, id, FROM_THE_BEGINNING, options))).customer
  if (parked === undefined)
    throw new Failed(
      refused(`the customer ${id} is not parked: the event at sequence ${seq} holds up nobody`),
    )
  if (parked.seq !== seq)
    throw new Failed(
      refused(`the customer ${id} waits at the event at sequence ${parked.seq}, not at ${seq}`),
    )
  const message = {
    subject: eventSubject(id),
    body: encodeSkip(skip),
    expected_last_subject_seq: last_seq,
    headers: caller === undefined ? undefined : { [CALLER_HEADER]: caller },
  }
  const stored = await publish(nc, message, PUBLISH_TIMEOUT_MS)()
  if (E.isRight(stored)) return { client_id: id, seq, decision_seq: stored.right.seq, is_repeated: false }
  if (stored.left.tag !== 'Conflict' && stored.left.tag !== 'TryAgain') throw new Failed(stored.left)
  return undefined
}

/**
 * Decides that the event at `skip.seq`, at which its customer waits, is skipped. A second call does nothing and gives
 * the first decision. `caller` is the user of the connection, where it is known. `Refused` says why there is nothing to
 * decide.
 */
export const skipParked = (
  nc: NatsConnection,
  skip: Skip,
  caller?: string,
): TaskEither<ActionError, Decided> =>
  action(async () => {
    const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: API_TIMEOUT_MS })
    const id = await customerAt({ nc, jsm }, skip.seq)
    for (let attempt = 1; attempt <= TRIES_MAX; attempt += 1) {
      const decided = await tryToDecide(nc, jsm, id, skip, caller)
      if (decided !== undefined) return decided
      await pause(BACK_OFF, attempt, never)
    }
    throw new Failed({ tag: 'Conflict', message: `events of ${id} keep coming: try again` })
  })
