/**
 * Stored transactions: the event that is stored under a transaction id, and the answer that it stands for.
 *
 * The answer is folded from the customer's events up to the stored one. The `after` that the event carries is not believed,
 * because every program that may publish could have forged it.
 */

import { E, unwrap } from '../../fp.js'
import { isJsonObject } from '../../json.js'
import type { Account } from '../../ledger/account.js'
import { callerIn } from '../../ledger/caller.js'
import { type ClientId, clientIdOf, eventSubject } from '../../ledger/client-id.js'
import { type Command, creditLegId, customersOfCommand, type Transfer } from '../../ledger/command.js'
import { decodeEvent, type LedgerEvent } from '../../ledger/event.js'
import { inParallel } from '../../parallel.js'
import { FROM_THE_BEGINNING, foldSubject } from '../../stream/fold-subject.js'
import { leadershipOf } from '../../stream/leadership.js'
import { nextKnown } from '../../stream/read.js'
import type { Recorded } from '../../stream/recorded.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../../stream/settings.js'
import type { CommandDeps } from '../deps.js'
import { failed, type Outcome, type Position, replyOf } from '../outcome.js'

/** An account right after an event. */
type State = { readonly balance: bigint; readonly version: number }

/** The stored event of a transaction: its only one, the first one of a transfer, or the one that records a refusal. */
export type StoredTransaction = {
  readonly seq: number
  readonly id: ClientId
  readonly event: LedgerEvent
  /** The caller of the first command with the id. */
  readonly by?: string | undefined
  /** The account after the event, and for a transfer also the receiver's, if a projection has folded them already. */
  readonly folded?: readonly State[]
}

/** A stored message as the event of a transaction; undefined for a message that cannot be one. */
export const storedFrom = ({
  seq,
  subject,
  body,
  headers,
}: Omit<Recorded, 'at'>): StoredTransaction | undefined => {
  const id = clientIdOf(subject)
  const decoded = decodeEvent(body)
  return E.isRight(id) && decoded.tag === 'event'
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

/** The type of the command that was stored. A direct event with a transaction id counts as the command that it looks like. */
export const typeOf = ({ event }: StoredTransaction): Command['type'] | undefined => {
  if (event.type === 'declined') return event.declined?.command
  // the second event of a transfer is no command: no caller can bring its id
  if (event.transfer !== undefined) return event.type === 'debit' ? 'transfer' : undefined
  return event.type
}

/** Whether two JSON values are equal. The comparison goes no deeper than the shallower one, and a command's is shallow. */
const sameJson = (a: unknown, b: unknown): boolean => {
  // an event that is compared with itself may be nested deeper than any stack
  if (a === b) return true
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((one, index) => sameJson(one, b[index]))
  }
  if (!isJsonObject(a) || !isJsonObject(b)) return a === b
  const names = Object.keys(a)
  return (
    names.length === Object.keys(b).length &&
    names.every(name => Object.hasOwn(b, name) && sameJson(a[name], b[name]))
  )
}

/** The first field in which two commands of one transaction id differ. */
export const differsFrom = (a: Command, b: Command): string | undefined =>
  (['type', 'client_id', 'from', 'to', 'amount', 'reference', 'metadata'] as const).find(
    field => !sameJson(fieldOf(a, field), fieldOf(b, field)),
  )

const fieldOf = (command: Command, field: string): unknown => {
  const value = Object.entries(command).find(([name]) => name === field)?.[1]
  return typeof value === 'bigint' ? value.toString() : value
}

/** The first field in which `command` is another one than what is stored; undefined when it is the same. */
export const differingField = (command: Command, known: StoredTransaction): string | undefined => {
  const [id] = customersOfCommand(command)
  const { event } = known
  if (typeOf(known) !== command.type) return 'type'
  if (known.id !== id) return command.type === 'transfer' ? 'from' : 'client_id'
  if (command.type === 'transfer' && event.transfer?.counterparty !== command.to) return 'to'
  if (event.amount !== command.amount) return 'amount'
  if (event.reference !== command.reference) return 'reference'
  return sameJson(event.metadata, command.metadata) ? undefined : 'metadata'
}

/** The largest number of events that are folded for the answer of one transaction. */
const FOLD_EVENTS_MAX = 100_000_000

/** The customer's account right after its event at `seq`, and whether that event counts. */
const foldTo = async (
  deps: CommandDeps,
  id: ClientId,
  seq: number,
): Promise<{ account: Account; counts: boolean }> => {
  let applied_seq = 0
  const folded = await foldSubject(deps, id, FROM_THE_BEGINNING, {
    to_seq: seq,
    events_max: FOLD_EVENTS_MAX,
    onApplied: record => {
      applied_seq = record.seq
    },
  })()
  const { customer, last_seq } = unwrap(folded)
  // the event is stored: a server that does not have it cannot say what became of it
  if (last_seq !== seq) throw new Error(`the events of ${id} could be read up to ${last_seq} of ${seq} only`)
  return { account: customer.account, counts: applied_seq === seq }
}

const positionAt = async (deps: CommandDeps, id: ClientId, seq: number): Promise<Position> => {
  const { balance, version } = (await foldTo(deps, id, seq)).account
  return { client_id: id, balance, version, seq }
}

/** Whether both events of a transfer are there: they are neighbours, because one atomic batch stored them. */
const isWhole = async (
  deps: CommandDeps,
  { transaction_id, to }: Transfer,
  seq: number,
): Promise<boolean> => {
  const found = await messageAt(deps, seq + 1)
  if (found?.subject !== eventSubject(to)) return false
  const decoded = decodeEvent(found.body)
  return decoded.tag === 'event' && decoded.event.transaction_id === creditLegId(transaction_id)
}

const refusalOf = async (
  deps: CommandDeps,
  command: Command,
  { event, seq, id }: StoredTransaction,
): Promise<Outcome> => {
  const { transaction_id } = command
  if (event.type === 'declined' && event.declined !== undefined) {
    const { code, client_id, balance } = event.declined
    return failed(code, { transaction_id, client_id, balance, amount: command.amount })
  }
  // the fold rejected a direct event with this id
  const { account } = await foldTo(deps, id, seq)
  const { balance } = account
  return failed(event.type === 'debit' ? 'INSUFFICIENT_FUNDS' : 'BALANCE_LIMIT', {
    transaction_id,
    client_id: id,
    balance,
    amount: command.amount,
  })
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
  if (command.type === 'transfer' && !(await isWhole(deps, command, seq))) return undefined
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
    : { tag: 'done', reply: replyOf(command, positions), replayed: false }
}
