/**
 * Measures, in this process, what an account with as many open holds as there may be costs: the decision of a command with its
 * event as it is stored, and the reading and folding of that event.
 */

import { E } from '../../src/fp.js'
import type { Account } from '../../src/ledger/account.js'
import type { ClientId } from '../../src/ledger/client-id.js'
import { type Command, decodeCommand } from '../../src/ledger/command.js'
import { decide } from '../../src/ledger/decide.js'
import { decodeEvent, encodeEvent } from '../../src/ledger/event.js'
import { type Customer, NEW_CUSTOMER, step } from '../../src/ledger/fold.js'
import { HOLDS_MAX } from '../../src/ledger/rules.js'
import { uuidv7 } from '../../src/uuid.js'
import { median } from '../measure/run.js'

const ID = 'bench-full' as ClientId
const EVENTS_PER_ROUND = 2_000
const ROUNDS = 9
const US_PER_MS = 1_000
const AMOUNT = 1_000

/** The medians, in microseconds an event, and the largest text of an account. */
export type FullAccountCost = { readonly decide_us: number; readonly fold_us: number }

type Fields = Readonly<Record<string, unknown>>

const commandOf = (type: Parameters<typeof decodeCommand>[0], fields: Fields): Command => {
  const decoded = decodeCommand(type, { client_id: ID, transaction_id: uuidv7(), ...fields }, '')
  if (E.isLeft(decoded)) throw new Error(decoded.left)
  return decoded.right
}

/** Decides a command and encodes its event, as the command side does. */
const write = (account: Account, command: Command, now: Date): string => {
  const decided = decide(command, () => account, now)
  if (E.isLeft(decided)) throw new Error(`a command of the benchmark is refused: ${decided.left.code}`)
  const [leg] = decided.right
  if (leg === undefined) throw new Error('a command of the benchmark has no event')
  return encodeEvent(leg.event, ID)
}

/** Reads an event and folds it, as every reader of the stream does. */
const read = (customer: Customer, body: string, seq: number, at: Date): Customer => {
  const stepped = step(customer, { seq, at }, decodeEvent(Buffer.from(body), ID))
  if (stepped.tag !== 'applied') throw new Error(`an event of the benchmark is ${stepped.tag}`)
  return stepped.customer
}

/** In turn: a credit, a debit, a part of a hold, the rest of it, and another hold in its place. */
const nthCommand = (n: number, holds: readonly { readonly id: string }[]): Command => {
  const hold = holds[(n * 7) % holds.length]?.id ?? ''
  switch (n % 5) {
    case 0:
      return commandOf('credit', { amount: AMOUNT })
    case 1:
      return commandOf('debit', { amount: 1 })
    case 2:
      return commandOf('capture', { hold, amount: 1, final: false })
    case 3:
      return commandOf('capture', { hold })
    default:
      return commandOf('hold', { amount: AMOUNT })
  }
}

export const measureFullAccount = (): FullAccountCost => {
  let [customer, seq] = [NEW_CUSTOMER, 0]
  const now = new Date()
  const times = { decide_ms: 0, fold_ms: 0 }
  const tell = (command: Command): void => {
    const began_ms = performance.now()
    const body = write(customer.account, command, now)
    const written_ms = performance.now()
    seq += 1
    customer = read(customer, body, seq, now)
    times.decide_ms += written_ms - began_ms
    times.fold_ms += performance.now() - written_ms
  }
  tell(commandOf('credit', { amount: AMOUNT * EVENTS_PER_ROUND * ROUNDS }))
  for (let i = 0; i < HOLDS_MAX; i += 1) tell(commandOf('hold', { amount: AMOUNT }))
  const rounds = Array.from({ length: ROUNDS }, () => {
    Object.assign(times, { decide_ms: 0, fold_ms: 0 })
    for (let n = 0; n < EVENTS_PER_ROUND; n += 1) tell(nthCommand(n, customer.account.rules?.holds ?? []))
    return { ...times }
  })
  const medianUs = (name: keyof typeof times): number =>
    ((median(rounds.map(round => round[name])) ?? 0) / EVENTS_PER_ROUND) * US_PER_MS
  return { decide_us: medianUs('decide_ms'), fold_us: medianUs('fold_ms') }
}
