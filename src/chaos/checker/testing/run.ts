/**
 * Provides a small hand-made run in which every promise holds and every check has a case to look at. Each test changes one
 * thing in it.
 */

import type { Call, End } from '../calls.js'
import type { Entry } from '../event.js'
import { digestOf } from '../terms.js'

/** A run that a test changes in place. */
export type Run = { readonly calls: Call[]; readonly entries: Entry[] }

const US_PER_MS = 1_000
/** The time between a question and its answer, and between two questions. */
const ANSWER_MS = 5
const NEXT_MS = 10
export const BEGIN_NS = 1_790_000_000_000_000_000n
const NS_PER_MS = 1_000_000n

export const answered = (
  at_us: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): End => ({
  tag: 'answer',
  at_us,
  headers: new Map(Object.entries(headers)),
  body: typeof body === 'string' ? body : JSON.stringify(body),
})

export const refusedWith = (at_us: number, code: string, details: object = {}): End =>
  answered(at_us, { error: { code, message: 'no', ...details } }, { 'Nats-Service-Error': code })

/** The times of call `op` in microseconds: it is asked at `10 * op` ms and answered 5 ms later. */
export const askedAt = (op: number): number => op * NEXT_MS * US_PER_MS
export const answeredAt = (op: number): number => askedAt(op) + ANSWER_MS * US_PER_MS

export const callOf = (
  op: number,
  kind: Call['kind'],
  subject: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Omit<Call, 'end'> => ({
  ...{ op, at_us: askedAt(op), client: 0, via: 'one', kind, subject },
  headers: new Map(Object.entries(headers)),
  body: typeof body === 'string' ? body : JSON.stringify(body),
})

/** The entry at `seq`, stored as part of call `op`. */
export const entryOf = (
  seq: number,
  op: number,
  token: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Entry => ({
  ...{ seq, subject: `customer.balance.${token}` },
  time_ns: BEGIN_NS + BigInt(op * NEXT_MS + 2) * NS_PER_MS,
  headers: new Map(Object.entries(headers)),
  body: typeof body === 'string' ? body : JSON.stringify(body),
})

export const inBatch = (id: string, place: number, is_last: boolean): Readonly<Record<string, string>> => ({
  'Nats-Batch-Id': id,
  'Nats-Batch-Sequence': String(place),
  ...(is_last ? { 'Nats-Batch-Commit': '1' } : {}),
})

export const state = (client_id: string, balance: number, version: number, seq: number) => ({
  ...{ client_id, balance, version, seq },
})

const read = (
  op: number,
  kind: Call['kind'],
  question: object,
  balance: number,
  version: number,
  seq: number,
): Call => ({
  ...callOf(op, kind, 'customer.balance', question),
  end: answered(
    answeredAt(op),
    { balance },
    { 'Ledger-Version': String(version), 'Ledger-Seq': String(seq) },
  ),
})

const fate = (op: number, transaction_id: string, answer: object): Call => ({
  ...callOf(op, 'transaction', 'customer.transaction', { transaction_id }),
  end: answered(answeredAt(op), answer),
})

/** The numbers of the calls of `goodRun`, by what each call does. */
export const OPS = {
  credit: 1,
  frozen_refusal: 2,
  open_refusal: 3,
  transfer: 4,
  unavailable: 5,
  bad: 6,
  event: 7,
  unknown: 8,
  again: 9,
  overdraw: 10,
  committed: 11,
  declined: 12,
  never: 13,
  plain: 14,
  strong: 15,
  min_version: 16,
  as_of_seq: 17,
  as_of: 18,
  statement: 19,
  list: 20,
  money: 21,
  hold: 22,
  part: 23,
  rest: 24,
  closed_refusal: 25,
  reversal: 28,
  too_much_reversed: 29,
} as const

const WRITES = (): Call[] => {
  const credit = { client_id: 'a', amount: 100, reference: 'k1', transaction_id: 'id-k1' }
  const too_much = { client_id: 'a', amount: 500, reference: 'k2', transaction_id: 'id-k2' }
  const open = { client_id: 'a', amount: 500, reference: 'k3' }
  const transfer = { from: 'a', to: 'b', amount: 40, reference: 'k4', transaction_id: 'id-k4' }
  const busy = { client_id: 'b', amount: 5, reference: 'k5', transaction_id: 'id-k5' }
  const unknown = { client_id: 'a', amount: 1, reference: 'k8', transaction_id: 'id-k8' }
  const poor = { client_id: 'a', balance: 100, amount: 500 }
  const overdraw = { type: 'debit', amount: 10 ** 12, reference: 'k10' }
  return [
    {
      ...callOf(1, 'credit', 'customer.credit', credit),
      end: answered(answeredAt(1), { transaction_id: 'id-k1', ...state('a', 100, 1, 1) }),
    },
    {
      ...callOf(2, 'debit', 'customer.debit', too_much),
      end: refusedWith(answeredAt(2), 'INSUFFICIENT_FUNDS', { transaction_id: 'id-k2', ...poor }),
    },
    {
      ...callOf(3, 'debit', 'customer.debit', open),
      end: refusedWith(answeredAt(3), 'INSUFFICIENT_FUNDS', poor),
    },
    {
      ...callOf(4, 'transfer', 'customer.transfer', transfer),
      end: answered(answeredAt(4), {
        ...{ transaction_id: 'id-k4', from: state('a', 60, 2, 3), to: state('b', 40, 1, 4) },
      }),
    },
    { ...callOf(5, 'credit', 'customer.credit', busy), end: refusedWith(answeredAt(5), 'UNAVAILABLE') },
    {
      ...callOf(6, 'raw', 'customer.balance.b', 'no JSON: k6', { 'Chaos-Key': 'k6' }),
      end: answered(answeredAt(6), { stream: 'customer-balances', seq: 5 }),
    },
    {
      ...callOf(7, 'event', 'customer.event.b', { type: 'credit', amount: 7, reference: 'k7' }),
      end: answered(answeredAt(7), { stream: 'customer-balances', seq: 6 }),
    },
    {
      ...callOf(8, 'credit', 'customer.credit', unknown),
      end: { tag: 'failure', at_us: answeredAt(8), reason: 'timeout' },
    },
    {
      ...callOf(9, 'credit', 'customer.credit', unknown),
      end: answered(answeredAt(9), { transaction_id: 'id-k8', ...state('a', 61, 3, 7), replayed: true }),
    },
    {
      ...callOf(10, 'raw', 'customer.balance.b', overdraw, { 'Chaos-Key': 'k10' }),
      end: answered(answeredAt(10), { stream: 'customer-balances', seq: 8 }),
    },
  ]
}

/** A customer of its own: 50 come in, 30 are held, and 20 and 10 of them captured. */
const HOLD_WRITES = (): Call[] => {
  const ids = (key: string) => ({ client_id: 'h', reference: key, transaction_id: `id-${key}` })
  const use = (key: string, more: object = {}) => ({ ...ids(key), hold: 'id-k22', ...more })
  const done = (op: number, balance: number, version: number, seq: number): End =>
    answered(answeredAt(op), { transaction_id: `id-k${op}`, ...state('h', balance, version, seq) })
  return [
    {
      ...callOf(21, 'credit', 'customer.credit', { ...ids('k21'), amount: 50 }),
      end: done(21, 50, 1, 9),
    },
    {
      ...callOf(22, 'hold', 'customer.hold', { ...ids('k22'), amount: 30, expires_in: 60 }),
      end: done(22, 50, 2, 10),
    },
    {
      ...callOf(23, 'capture', 'customer.capture', use('k23', { amount: 20, final: false })),
      end: done(23, 30, 3, 11),
    },
    { ...callOf(24, 'capture', 'customer.capture', use('k24')), end: done(24, 20, 4, 12) },
    {
      ...callOf(25, 'capture', 'customer.capture', use('k25', { amount: 5 })),
      end: refusedWith(answeredAt(25), 'HOLD_NOT_OPEN', {
        ...{ transaction_id: 'id-k25', client_id: 'h', balance: 20, amount: 5 },
      }),
    },
  ]
}

const msOf = (op: number): number => Number(BEGIN_NS / NS_PER_MS) + op * NEXT_MS

const HOLD_ENTRIES = (): Entry[] => {
  const [key, at] = [(op: number) => `k${op}`, (op: number) => new Date(msOf(op)).toISOString()]
  const ids = (op: number) => ({ transaction_id: `id-${key(op)}`, reference: key(op) })
  const expires_ms = msOf(22) + 60_000
  const rules = (op: number, amount: bigint) =>
    digestOf({
      ...{ time_ms: msOf(op), limit: 0n, restriction: undefined },
      holds: [{ id: 'id-k22', amount, expires_ms }],
    })
  const hold = { schema: 2, type: 'hold', amount: 30, expires_at: new Date(expires_ms).toISOString() }
  const capture = { schema: 2, type: 'debit', hold: 'id-k22' }
  const declined = { command: 'capture', code: 'HOLD_NOT_OPEN', client_id: 'h', balance: 20 }
  const bodies: readonly (readonly [op: number, body: object])[] = [
    [21, { schema: 1, type: 'credit', amount: 50, after: { balance: 50, version: 1 } }],
    [22, { ...hold, at: at(22), after: { balance: 50, version: 2, rules: rules(22, 30n) } }],
    [
      23,
      {
        ...{ ...capture, amount: 20, final: false, at: at(23) },
        after: { balance: 30, version: 3, rules: rules(23, 10n) },
      },
    ],
    [24, { ...capture, amount: 10, final: true, at: at(24), after: { balance: 20, version: 4 } }],
    [
      25,
      {
        ...{ schema: 2, type: 'declined', amount: 5, hold: 'id-k22', final: true, declined },
        after: { balance: 20, version: 4 },
      },
    ],
  ]
  return bodies.map(([op, body], index) =>
    entryOf(9 + index, op, 'h', { ...body, ...ids(op) }, inBatch(`h${op}`, 1, true)),
  )
}

const READS = (): Call[] => {
  const committed = { status: 'committed', reply: { transaction_id: 'id-k1', ...state('a', 100, 1, 1) } }
  const row = { client_id: 'b', balance: 47, version: 2 }
  const as_of = new Date(Number(BEGIN_NS / NS_PER_MS) + 5 * NEXT_MS).toISOString()
  const entries = [
    { type: 'credit', amount: 1, balance: 61, version: 3, seq: 7 },
    { type: 'debit', amount: 40, balance: 60, version: 2, seq: 3 },
    { type: 'declined', amount: 500, balance: 100, version: 1, seq: 2 },
    { type: 'credit', amount: 100, balance: 100, version: 1, seq: 1 },
  ]
  return [
    fate(11, 'id-k1', committed),
    fate(12, 'id-k2', { status: 'declined', error: { code: 'INSUFFICIENT_FUNDS' } }),
    fate(13, 'id-k5', { status: 'unknown' }),
    read(14, 'balance', { client_id: 'a' }, 61, 3, 7),
    read(15, 'strong', { client_id: 'a', consistency: 'strong' }, 61, 3, 7),
    read(16, 'min_version', { client_id: 'a', min_version: 3 }, 61, 3, 7),
    read(17, 'as_of', { client_id: 'a', as_of_seq: 4 }, 60, 2, 3),
    read(18, 'as_of', { client_id: 'a', as_of }, 60, 2, 3),
    {
      ...callOf(19, 'statement', 'customer.statement', { client_id: 'a', limit: 10 }),
      end: answered(answeredAt(19), { client_id: 'a', entries }),
    },
    {
      ...callOf(20, 'list', 'customer.list', { limit: 10 }),
      end: answered(answeredAt(20), { customers: [row] }),
    },
  ]
}

const ENTRIES = (): Entry[] => {
  const after = (balance: number, version: number) => ({ balance, version })
  const declined = { command: 'debit', code: 'INSUFFICIENT_FUNDS', client_id: 'a', balance: 100 }
  const command = (type: string, amount: number, key: string, leg = '') => ({
    ...{ schema: 1, type, amount, transaction_id: `id-${key}${leg}`, reference: key },
  })
  const debit = { ...command('debit', 40, 'k4'), transfer: { counterparty: 'b' }, after: after(60, 2) }
  const credit = {
    ...command('credit', 40, 'k4', ':credit'),
    ...{ transfer: { counterparty: 'a' }, after: after(40, 1) },
  }
  const overdraw = { type: 'debit', amount: 10 ** 12, reference: 'k10' }
  return [
    entryOf(1, 1, 'a', { ...command('credit', 100, 'k1'), after: after(100, 1) }, inBatch('x', 1, true)),
    entryOf(
      2,
      2,
      'a',
      { ...command('declined', 500, 'k2'), declined, after: after(100, 1) },
      inBatch('y', 1, true),
    ),
    entryOf(3, 4, 'a', debit, inBatch('z', 1, false)),
    entryOf(4, 4, 'b', credit, inBatch('z', 2, true)),
    entryOf(5, 6, 'b', 'no JSON: k6', { 'Chaos-Key': 'k6' }),
    entryOf(6, 7, 'b', { schema: 1, type: 'credit', amount: 7, reference: 'k7' }),
    entryOf(7, 8, 'a', { ...command('credit', 1, 'k8'), after: after(61, 3) }, inBatch('w', 1, true)),
    entryOf(8, 10, 'b', overdraw, { 'Chaos-Key': 'k10' }),
  ]
}

/** Makes a run in which every promise holds. */
export const goodRun = (): Run => ({ calls: [...WRITES(), ...READS()], entries: ENTRIES() })

/** The same run, and after it one customer's hold. */
export const goodRunWithHold = (): Run => {
  const { calls, entries } = goodRun()
  return { calls: [...calls, ...HOLD_WRITES()], entries: [...entries, ...HOLD_ENTRIES()] }
}

/** Replaces some parts of call `op` in place. */
export const changeCall = ({ calls }: Run, op: number, change: (call: Call) => Partial<Call>): void => {
  const index = calls.findIndex(call => call.op === op)
  const call = calls[index]
  if (call === undefined) throw new Error(`the run has no call ${op}`)
  calls[index] = { ...call, ...change(call) }
}

/** Replaces some parts of the entry at `seq` in place. */
export const changeEntry = (
  { entries }: Run,
  seq: number,
  change: (entry: Entry) => Partial<Entry>,
): void => {
  const entry = entries[seq - 1]
  if (entry === undefined) throw new Error(`the run has no entry ${seq}`)
  entries[seq - 1] = { ...entry, ...change(entry) }
}

/** Adds a copy of the entry at `seq` at the end of the stream. */
export const storeAgain = (run: Run, seq: number): void => {
  const entry = run.entries[seq - 1]
  if (entry === undefined) throw new Error(`the run has no entry ${seq}`)
  run.entries.push({ ...entry, seq: run.entries.length + 1 })
}
