/**
 * Stored transactions: the event that is stored under a transaction id, and the answer that it stands for.
 *
 * The answer is folded from the customer's events up to the stored one. The `after` that the event carries is not believed,
 * because every program that may publish could have forged it.
 */

import { E, unwrap } from '../../fp.js'
import type { Account } from '../../ledger/account.js'
import { type AccountId, accountOn, eventSubject } from '../../ledger/account-id.js'
import { apply } from '../../ledger/apply.js'
import { callerIn } from '../../ledger/caller.js'
import {
  type Command,
  creditLegId,
  customersOfCommand,
  hasTwoLegs,
  receiverOf,
} from '../../ledger/command.js'
import { claimedAfter, decodeEvent, type LedgerEvent } from '../../ledger/event.js'
import { rulesDigest } from '../../ledger/rules-text.js'
import { inParallel, within } from '../../parallel.js'
import { type Folded, FROM_THE_BEGINNING, foldSubject } from '../../stream/fold-subject.js'
import { leadershipOf } from '../../stream/leadership.js'
import { nextKnown } from '../../stream/read.js'
import type { Recorded } from '../../stream/recorded.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../../stream/settings.js'
import { lastSavepoint } from '../../tables/savepoints.js'
import type { CommandDeps } from '../deps.js'
import { expiryOf, failed, type Outcome, type Position, positionOf, replyOf } from '../outcome.js'
import { commandOfEvent, differsFromStored } from './stored-command.js'

/** An account right after an event, as far as a reply tells it. */
type State = Omit<Position, 'client_id' | 'seq'>

/** The stored event of a transaction: its only one, the first one of a transfer, or the one that records a refusal. */
export type StoredTransaction = {
  readonly seq: number
  readonly id: AccountId
  readonly event: LedgerEvent
  /** The caller of the first command with the id. */
  readonly by?: string | undefined
  /** The account after the event, and for a transfer also the receiver's, if a projection has folded them already. */
  readonly folded?: readonly State[]
  /** The fold did not refuse the event, nor the second one of a transfer, by its projection and by its writer's claim. */
  readonly has_counted?: true
}

/** A stored message as the event of a transaction; undefined for a message that cannot be one. */
export const storedFrom = ({
  seq,
  subject,
  body,
  headers,
}: Omit<Recorded, 'at'>): StoredTransaction | undefined => {
  const id = accountOn(subject)
  if (E.isLeft(id)) return undefined
  const decoded = decodeEvent(body, id.right)
  return decoded.tag === 'event'
    ? { seq, id: id.right, event: decoded.event, by: callerIn(headers) }
    : undefined
}

/**
 * The message at `seq`; undefined when the stream ends before it. Rejects when neither is certain: a leader that was cut off
 * may not have the message, and a replica may be behind.
 */
const messageAt = async (deps: CommandDeps, seq: number): Promise<Recorded | undefined> => {
  const found = unwrap(await nextKnown(deps.nc, LEDGER_STREAM, LEDGER_SUBJECTS, seq)())
  if (found?.seq === seq) return found
  const { last_seq } = unwrap(await leadershipOf(deps.nc).prove()())
  if (last_seq < seq) return undefined
  throw new Error(`event ${seq} cannot be read at the moment`)
}

/** The event at `seq` as that of a transaction; undefined for an event that cannot be one. */
export const storedAt = async (deps: CommandDeps, seq: number): Promise<StoredTransaction | undefined> => {
  const found = await messageAt(deps, seq)
  return found === undefined ? undefined : storedFrom(found)
}

/** The command that a stored transaction stands for; undefined when it stands for none. */
export const commandOf = ({ id, event }: StoredTransaction, transaction_id: string): Command | undefined =>
  commandOfEvent(id, event, transaction_id)

/** The first field in which `command` is another one than what is stored; undefined when it is the same. */
export const differingField = (command: Command, known: StoredTransaction): string | undefined => {
  const stored = commandOf(known, command.transaction_id)
  return stored === undefined ? 'type' : differsFromStored(command, stored)
}

/** The largest number of events that are folded for the answer of one transaction. */
const FOLD_EVENTS_MAX = 100_000_000

/** The longest wait for a row, without which more events have to be folded. */
const ROW_MS_MAX = 250

/**
 * A state of the account before `seq` to fold on from: at a row of the table, if the event of the row claims the same account,
 * else before all events. A row alone counts for nothing, because anybody may have written into the table.
 */
const baseBefore = async (deps: CommandDeps, id: AccountId, seq: number): Promise<Folded> => {
  const table = await deps.table()
  if (E.isLeft(table)) return FROM_THE_BEGINNING
  const account = await within(ROW_MS_MAX, lastSavepoint(deps.tables, table.right, id, seq - 1))
  if (account === undefined || account.seq === 0) return FROM_THE_BEGINNING
  const stored = await storedAt(deps, account.seq)
  const claim = stored?.id === id ? claimedAfter(stored.event) : undefined
  const is_claimed =
    claim?.balance === account.balance &&
    claim.version === account.version &&
    claim.rules === rulesDigest(account.rules)
  return is_claimed ? { customer: { account }, last_seq: account.seq } : FROM_THE_BEGINNING
}

/** The customer's account right after its event at `seq`, and whether that event counts. */
const foldTo = async (
  deps: CommandDeps,
  id: AccountId,
  seq: number,
): Promise<{ account: Account; counts: boolean; is_parked: boolean }> => {
  let applied_seq = 0
  const folded = await foldSubject(deps, id, await baseBefore(deps, id, seq), {
    to_seq: seq,
    events_max: FOLD_EVENTS_MAX,
    onApplied: record => {
      applied_seq = record.seq
    },
  })()
  const { customer, last_seq } = unwrap(folded)
  // the event is stored: a server that does not have it cannot say what became of it
  if (last_seq !== seq) throw new Error(`the events of ${id} could be read up to ${last_seq} of ${seq} only`)
  const is_parked = customer.parked !== undefined
  return { account: customer.account, counts: applied_seq === seq, is_parked }
}

const positionAt = async (deps: CommandDeps, id: AccountId, seq: number): Promise<Position> => {
  const { account } = await foldTo(deps, id, seq)
  return positionOf(id, account, seq)
}

/**
 * How much of what is stored for `command` the fold counted. `half`: it is the first half of a transfer, and the second one
 * is not there.
 */
export const countedOf = async (
  deps: CommandDeps,
  command: Command,
  { seq, has_counted }: StoredTransaction,
): Promise<'all' | 'some' | 'none' | 'half'> => {
  if (hasTwoLegs(command) && !(await isWhole(deps, command, seq))) return 'half'
  if (has_counted === true) return 'all'
  const places = customersOfCommand(command).map((client_id, i) => ({ client_id, seq: seq + i }))
  const folded = await inParallel(2, places, place => foldTo(deps, place.client_id, place.seq))
  // the events of a parked customer are not judged yet
  if (folded.some(({ counts, is_parked }) => is_parked && !counts))
    throw new Error(`event ${seq} cannot be judged now`)
  if (folded.every(({ counts }) => counts)) return 'all'
  return folded.some(({ counts }) => counts) ? 'some' : 'none'
}

/** Whether both events of a transfer are there: they are neighbours, because one atomic batch stored them. */
const isWhole = async (deps: CommandDeps, command: Command, seq: number): Promise<boolean> => {
  const found = await messageAt(deps, seq + 1)
  const to = receiverOf(command)
  if (to === undefined || found?.subject !== eventSubject(to)) return false
  const decoded = decodeEvent(found.body, to)
  return decoded.tag === 'event' && decoded.event.transaction_id === creditLegId(command.transaction_id)
}

const refusalOf = async (deps: CommandDeps, command: Command, known: StoredTransaction): Promise<Outcome> => {
  const { transaction_id } = command
  const { event, seq, id } = known
  if (event.type === 'declined' && event.declined !== undefined) {
    const { command: _, code, client_id, balance, ...more } = event.declined
    return failed(code, { transaction_id, client_id, balance, amount: command.amount, ...more })
  }
  // the fold rejected a direct event with this id, for a reason that the account before it tells
  const [{ account }, record] = await Promise.all([foldTo(deps, id, seq), messageAt(deps, seq)])
  const rejected = record === undefined ? undefined : apply(account, event, record)
  // the event of a parked customer is not judged yet
  if (rejected === undefined || E.isRight(rejected))
    throw new Error(`event ${seq} of ${id} cannot be judged now`)
  const { code, ...details } = rejected.left
  return failed(code, { transaction_id, client_id: id, ...details })
}

/** The positions of the answer to a committed command; undefined if half of a transfer is missing. */
const positionsOf = async (
  deps: CommandDeps,
  command: Command,
  { id, seq, folded = [] }: StoredTransaction,
): Promise<Position[] | undefined> => {
  const places = customersOfCommand(command).map((client_id, i) => ({ client_id, seq: seq + i }))
  if (folded.length === places.length) {
    return folded.map((state, i) => ({ client_id: places[i]?.client_id ?? id, ...state, seq: seq + i }))
  }
  if (hasTwoLegs(command) && !(await isWhole(deps, command, seq))) return undefined
  return inParallel(2, places, place => positionAt(deps, place.client_id, place.seq))
}

/** The answer to `command`, whose transaction id is stored already: the original one, or that the id was reused. */
export const answerFor = async (
  deps: CommandDeps,
  command: Command,
  known: StoredTransaction,
): Promise<Outcome> => {
  const { transaction_id } = command
  const field = differingField(command, known)
  if (field !== undefined) return failed('TRANSACTION_ID_REUSED', { transaction_id, field })
  if (known.event.type === 'declined') return refusalOf(deps, command, known)
  if (known.folded === undefined) {
    const { counts } = await foldTo(deps, known.id, known.seq)
    if (!counts) return refusalOf(deps, command, known)
  }
  const positions = await positionsOf(deps, command, known)
  // a direct event that looks like the first half of a transfer is another thing than a transfer
  return positions === undefined
    ? failed('TRANSACTION_ID_REUSED', { transaction_id, field: 'type' })
    : { tag: 'done', reply: replyOf(command, positions, expiryOf(known.event)), replayed: false }
}
