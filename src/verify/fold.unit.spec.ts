import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { EventPlace } from '../ledger/account.js'
import { type AccountId, accountOn } from '../ledger/account-id.js'
import { decodeEvent } from '../ledger/event.js'
import { type Customer, NEW_CUSTOMER, step } from '../ledger/fold.js'
import { rulesDigest, rulesText } from '../ledger/rules-text.js'
import { almost, arbitraryEvent, placeAt } from '../ledger/testing/arbitrary.js'
import {
  arbitraryHistory,
  arbitraryLeapingHistory,
  arbitrarySteadyHistory,
} from '../ledger/testing/histories.js'
import { heldOf } from './account.js'
import { customerOf, readEvent } from './event.js'
import { createFold, type Standing } from './fold.js'
import { digestOf, rulesTextOf } from './rules-text.js'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

const take = (...events: readonly [id: string, body: string][]) => {
  const fold = createFold()
  const outcomes = events.map(
    ([id, body], i) =>
      fold.take({ ...placeAt(i + 1), subject: `customer.balance.${id}`, body: bytes(body) }).outcome,
  )
  return { outcomes, customers: Object.fromEntries(fold.customers) }
}

describe('the fold of verify', () => {
  it('adds credits, subtracts debits down to nothing, and gives what is not allowed no effect', () => {
    const { outcomes, customers } = take(
      ['a', '{"type":"credit","amount":100}'],
      ['a', '{"type":"debit","amount":101}'],
      ['a', '{"type":"debit","amount":"40","schema":1}'],
      ['a', '{"type":"declined","amount":5}'],
      ['a', '{"type":"credit","amount":"9223372036854775748"}'],
      ['a', '{"type":"debit","amount":60}'],
      ['a.b', '{"type":"credit","amount":1}'],
      ['b', '{"type":"credit","amount":1.5}'],
      ['b', 'not JSON'],
      ['b', '{"type":"credit","amount":"9223372036854775807"}'],
    )
    expect(customers).toEqual({
      a: { balance: 0n, version: 3, seq: 6 },
      b: { balance: 9_223_372_036_854_775_807n, version: 1, seq: 10 },
    })
    expect(outcomes).toEqual([
      'applied',
      'INSUFFICIENT_FUNDS',
      'applied',
      'applied',
      'BALANCE_LIMIT',
      'applied',
      'MALFORMED',
      'MALFORMED',
      'MALFORMED',
      'applied',
    ])
  })

  it('leaves a customer where it was before its first event from the future', () => {
    const { outcomes, customers } = take(
      ['a', '{"type":"credit","amount":1}'],
      ['a', '{"schema":3}'],
      ['a', '{"type":"credit","amount":1}'],
      ['a', 'not JSON'],
      ['b', '{"type":"credit","amount":1}'],
    )
    expect(customers).toEqual({
      a: { balance: 1n, version: 1, seq: 1, parked_seq: 2, parked_schema: 3, parked_last_seq: 4 },
      b: { balance: 1n, version: 1, seq: 5 },
    })
    expect(outcomes).toEqual(['applied', 'left out', 'left out', 'left out', 'applied'])
  })
})

const FIELDS = [
  'schema',
  'type',
  'amount',
  'transaction_id',
  'reference',
  'metadata',
  'transfer',
  'declined',
  'after',
  'colour',
]
const declined = { command: 'debit', code: 'INSUFFICIENT_FUNDS', client_id: 'a', balance: 5 }
const VALUES = {
  schema: [1, 1, 1, 2, 2, 2, 0, 3, '1', null, 1.5],
  type: ['credit', 'debit', 'declined', 'gift', 'toString'],
  amount: [
    1,
    40,
    '40',
    '9223372036854775807',
    '9223372036854775808',
    2 ** 53 - 1,
    2 ** 53,
    0,
    -1,
    1.5,
    '01',
    '-0',
  ],
  transaction_id: ['a', 'x'.repeat(135), 'x'.repeat(136), '', 'a b', '\u00e9', null],
  reference: ['', 'text', 7, null],
  metadata: [{}, { a: [1] }, [], null, 'x'],
  transfer: [{ counterparty: 'b' }, { counterparty: 'a.b' }, { counterparty: 'b', more: 1 }, {}, [], null],
  declined: [
    declined,
    { ...declined, code: 'X' },
    { ...declined, balance: '-7' },
    { ...declined, balance: '-9223372036854775809' },
    { ...declined, command: 'gift' },
    { ...declined, client_id: '' },
    null,
  ],
  after: [{ balance: 1, version: 2 }, 'anything'],
}

const withTypeAndAmount = almost(fc.constantFrom(...FIELDS), VALUES).map(fields => ({
  type: 'credit',
  amount: 5,
  ...fields,
}))

const time = '2026-11-27T10:00:00.000Z'
const TIMES = [
  ...[time, time, '1970-01-01T00:00:00.000Z', '1969-12-31T23:59:59.999Z', '2026-02-29T10:00:00.000Z'],
  ...[
    '2024-02-29T10:00:00.000Z',
    '2026-11-31T10:00:00.000Z',
    '2026-11-27T24:00:00.000Z',
    '9999-12-31T23:59:59.999Z',
  ],
  ...['2026-11-27T10:00:00Z', '2026-11-27T10:00:00.000+00:00', '2026-11-27T10:00:60.000Z', ' ', null, 5],
]
const SOME_WHOLE = [0, 5, '9223372036854775807', '9223372036854775808', -1, 0.5]
const IDS = ['h1', ...[128, 129, 135, 136, 149, 150].map(length => 'x'.repeat(length)), ...['a b', '', null]]
const record = { ...declined, code: 'HOLD_EXCEEDED', command: 'capture', remaining: 5 }

/** The fields of schema 2 that are not of every event, with values that its types take or refuse. */
const VALUES_2 = {
  ...VALUES,
  transaction_id: IDS,
  at: TIMES,
  reverses: IDS,
  reversal_id: IDS,
  hold: IDS,
  final: [true, false, null, 'true'],
  expired: [true, false, 1],
  expires_at: TIMES,
  limit: SOME_WHOLE,
  state: ['active', 'no_debit', 'no_credit', 'frozen', 'closed', 'gone', 'toString', 5],
  reason: ['r', 'x'.repeat(256), 'x'.repeat(257), '', '\u2028', null],
  until: TIMES,
  declined: [
    ...VALUES.declined,
    record,
    { ...record, remaining: 0 },
    { ...record, held: '9223372036854775807', available: '-5', state: 'frozen', reason: 'r' },
    { ...record, held: '9223372036854775808' },
    { ...record, state: 'active' },
    { ...record, state: 5, reason: '' },
    { ...record, command: 'reverse', code: 'NOT_EMPTY' },
    { ...record, command: 'reverse', code: 'REVERSAL_EXCEEDED' },
    { ...record, draws: [] },
  ],
}

const SHARED_2 = [
  'transaction_id',
  'reference',
  'metadata',
  'transfer',
  'after',
  'at',
  'reverses',
  'reversal_id',
]
/** Each type of schema 2: what it needs, and what else it may have. */
const TYPES_2: readonly (readonly [needed: object, may_have: readonly string[]])[] = [
  [{ type: 'credit', amount: 5 }, ['amount', 'declined']],
  [{ type: 'debit', amount: 5 }, ['amount', 'declined', 'final']],
  [{ type: 'debit', amount: 5, hold: 'h1' }, ['hold', 'final']],
  [{ type: 'hold', amount: 5, transaction_id: 'h1', expires_at: time }, ['amount', 'expires_at']],
  [{ type: 'release', hold: 'h1' }, ['hold', 'amount', 'expired']],
  [{ type: 'limit', limit: 5 }, ['limit']],
  [{ type: 'state', state: 'frozen', reason: 'r' }, ['state', 'reason', 'until']],
  [{ type: 'state', state: 'active', reason: 'r' }, ['until']],
  [
    { type: 'declined' },
    ['amount', 'declined', 'hold', 'final', 'expires_at', 'limit', 'state', 'reason', 'until'],
  ],
  [{ type: 5 }, ['amount', 'declined', 'hold', 'expired']],
  [{}, ['type', 'amount', 'hold', 'limit', 'expired']],
]

const body2 = fc
  .tuple(fc.constantFrom(...TYPES_2), fc.integer({ min: 0, max: 19 }))
  .chain(([[needed, may_have], odds]) => {
    // now and then a field of another type
    const names = odds === 0 ? Object.keys(VALUES_2) : [...SHARED_2, ...may_have, ...may_have]
    return almost(fc.constantFrom(...names), VALUES_2).map(fields => ({ schema: 2, ...needed, ...fields }))
  })

const toText = (value: unknown): string =>
  JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? String(inner) : inner))

/** Ends of a JSON object that readers may read differently: a name twice, a number that cannot be represented. */
const ODD_ENDS = ['}', '}', '}', ',"amount":5}', ',"x":1e400}', ',"metadata":{"a":0.99999999999999999999}}']

const anyBody: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(withTypeAndAmount, fc.constantFrom(...ODD_ENDS))
      .map(([fields, end]) => toText(fields).replace(/\}$/, end)),
  },
  { weight: 6, arbitrary: body2.map(toText) },
  { weight: 3, arbitrary: arbitraryEvent.map(toText) },
  { weight: 1, arbitrary: fc.oneof(fc.string(), fc.json()) },
)

const standingOf = ({ account: { rules: _, ...account }, parked }: Customer): Standing => ({
  ...account,
  ...(parked === undefined
    ? {}
    : { parked_seq: parked.seq, parked_schema: parked.schema, parked_last_seq: parked.last_seq }),
})

/** The fields of an event that schema 1 does not have, in the names that both readers give them. */
const NEW_FIELDS = [
  ...([
    'hold',
    'final',
    'expired',
    'expires_ms',
    'limit',
    'state',
    'reason',
    'until_ms',
    'at_ms',
    'reverses',
    'reversal_id',
  ] as const),
]

/** The record of a refusal with its amounts as texts, which are kept in several forms. */
const textsOf = (declined: object | undefined): object | undefined =>
  declined && Object.fromEntries(Object.entries(declined).map(([name, value]) => [name, String(value)]))

const lineOf = (outcome: string, position: object, ...rules: readonly unknown[]): string =>
  `${outcome} ${Object.values(position).join(' ')} ${rules.join(' ')}`

/** An outcome and a customer of the second opinion in one line, to be compared with that of the law. */
const lineOfOpinion = (outcome: string, { terms, ...standing }: Standing): string =>
  lineOf(
    outcome,
    standing,
    ...(terms === undefined ? [] : [rulesTextOf(terms), digestOf(terms), heldOf(terms)]),
  )

const lineOfLaw = (outcome: string, customer: Customer): string => {
  const { rules } = customer.account
  const shown = rules === undefined ? [] : [rulesText(rules), rulesDigest(rules), rules.held]
  return lineOf(outcome, standingOf(customer), ...shown)
}

describe('the second opinion and the law', () => {
  it('read every body alike', () => {
    fc.assert(
      fc.property(anyBody, fc.constantFrom('678', '678/EUR'), (text, id) => {
        const [law, opinion] = [decodeEvent(bytes(text), id as AccountId), readEvent(bytes(text), id)]
        expect(opinion.tag).toBe(law.tag)
        if (law.tag !== 'event' || opinion.tag !== 'event') return
        const { type, amount, transaction_id, reference, metadata, transfer, after } = law.event
        const counterparty = transfer?.counterparty
        expect(opinion.event).toMatchObject({
          type,
          amount,
          transaction_id,
          reference,
          metadata,
          counterparty,
          after,
        })
        const declined = 'declined' in law.event ? law.event.declined : undefined
        expect(textsOf(opinion.event.declined)).toEqual(textsOf(declined))
        for (const name of NEW_FIELDS)
          expect(opinion.event[name]).toBe(name in law.event ? { ...law.event }[name as never] : undefined)
      }),
      { numRuns: 3_000 },
    )
  })

  it.each(['1', '2'])('read the golden bodies of schema %s alike', schema => {
    const file = readFileSync(new URL(`../ledger/golden/schema-${schema}.json`, import.meta.url), 'utf8')
    for (const golden of JSON.parse(file) as { body?: unknown; text?: string }[]) {
      const body = bytes(golden.text ?? JSON.stringify(golden.body))
      for (const id of ['678', '678/EUR'])
        expect(readEvent(body, id).tag, toText(golden)).toBe(decodeEvent(body, id as AccountId).tag)
    }
  })

  it('read every subject alike', () => {
    const token = fc.oneof(fc.string(), fc.stringMatching(/^[A-Za-z0-9_:@.-]{0,66}$/))
    fc.assert(
      fc.property(token, text => {
        for (const subject of [`customer.balance.${text}`, text]) {
          const law = accountOn(subject)
          expect(customerOf(subject)).toBe(law._tag === 'Right' ? law.right : undefined)
        }
      }),
    )
  })

  /** The outcome of one step of `src/ledger`, in the words that verify's fold uses. */
  const lawOf = (
    customers: Map<string, Customer>,
    id: string,
    stored: EventPlace,
    body: Uint8Array,
  ): string => {
    if (id.includes('.')) return 'MALFORMED'
    const result = step(customers.get(id) ?? NEW_CUSTOMER, stored, decodeEvent(body, id as AccountId))
    if (result.tag === 'applied' || result.tag === 'parked') customers.set(id, result.customer)
    if (result.tag === 'dead') return result.reason
    return result.tag === 'parked' ? 'left out' : result.tag
  }

  /** Folds entries twice and compares the outcome of each, and its customer afterwards. */
  const compare = (entries: readonly { id: string; stored: EventPlace; text: string }[]): void => {
    const fold = createFold()
    const customers = new Map<string, Customer>()
    const lines = entries.map(({ id, stored, text }) => {
      const body = bytes(text)
      const { outcome, after } = fold.take({ ...stored, subject: `customer.balance.${id}`, body })
      const outcome_of_law = lawOf(customers, id, stored, body)
      const customer = customers.get(id) ?? NEW_CUSTOMER
      return [lineOfOpinion(outcome, after), lineOfLaw(outcome_of_law, customer)] as const
    })
    expect(lines.map(([opinion]) => opinion)).toEqual(lines.map(([, law]) => law))
    expect([...fold.customers.keys()]).toEqual([...customers.keys()])
  }

  it.each([
    ['that may go back', arbitraryHistory],
    ['that never goes back', arbitrarySteadyHistory],
    ['that stands still or leaps', arbitraryLeapingHistory],
  ])('come to the same holds, limits and restrictions at every event, by a clock %s', (_, histories) => {
    fc.assert(
      fc.property(histories, history => {
        compare(history.map(({ id, seq, at, text }) => ({ id, stored: { seq, at }, text })))
      }),
      { numRuns: 1_000 },
    )
  })

  it('come to the same customers, and refuse the same events for the same reasons', () => {
    const event = fc.tuple(fc.constantFrom('a', 'b', 'c.d'), anyBody)
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), events => {
        compare(events.map(([id, text], i) => ({ id, stored: placeAt(i + 1), text })))
      }),
    )
  })
})
