import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { clientIdOf } from '../ledger/client-id.js'
import { decodeEvent } from '../ledger/event.js'
import type { Stored } from '../ledger/account.js'
import { type Customer, NEW_CUSTOMER, step } from '../ledger/fold.js'
import { rulesDigest, rulesText } from '../ledger/rules-text.js'
import { almost, arbitraryEvent, placeAt } from '../ledger/testing/arbitrary.js'
import { arbitraryHistory } from '../ledger/testing/histories.js'
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
  { weight: 3, arbitrary: arbitraryEvent.map(toText) },
  { weight: 1, arbitrary: fc.oneof(fc.string(), fc.json()) },
)

const standingOf = ({ account: { rules: _, ...account }, parked }: Customer): Standing => ({
  ...account,
  ...(parked === undefined
    ? {}
    : { parked_seq: parked.seq, parked_schema: parked.schema, parked_last_seq: parked.last_seq }),
})

const lineOf = (outcome: string, position: object, ...rules: readonly unknown[]): string =>
  `${outcome} ${Object.values(position).join(' ')} ${rules.join(' ')}`

describe('the second opinion and the law', () => {
  it('read every body alike', () => {
    fc.assert(
      fc.property(anyBody, text => {
        const [law, opinion] = [decodeEvent(bytes(text)), readEvent(bytes(text))]
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
        expect(opinion.event.declined === undefined).toBe(declined === undefined)
      }),
      { numRuns: 3_000 },
    )
  })

  it('read every subject alike', () => {
    const token = fc.oneof(fc.string(), fc.stringMatching(/^[A-Za-z0-9_:@.-]{0,66}$/))
    fc.assert(
      fc.property(token, text => {
        for (const subject of [`customer.balance.${text}`, text]) {
          const law = clientIdOf(subject)
          expect(customerOf(subject)).toBe(law._tag === 'Right' ? law.right : undefined)
        }
      }),
    )
  })

  /** The outcome of one step of `src/ledger`, in the words that verify's fold uses. */
  const lawOf = (customers: Map<string, Customer>, id: string, stored: Stored, body: Uint8Array): string => {
    if (id.includes('.')) return 'MALFORMED'
    const result = step(customers.get(id) ?? NEW_CUSTOMER, stored, decodeEvent(body))
    if (result.tag === 'applied' || result.tag === 'parked') customers.set(id, result.customer)
    if (result.tag === 'dead') return result.reason
    return result.tag === 'parked' ? 'left out' : result.tag
  }

  it('come to the same accounts with holds, limits and restrictions, at every event and time', () => {
    fc.assert(
      fc.property(arbitraryHistory, history => {
        const fold = createFold()
        const customers = new Map<string, Customer>()
        const lines = history.map(({ id, seq, at, text }) => {
          const entry = { seq, at, subject: `customer.balance.${id}`, body: bytes(text) }
          const { outcome, after } = fold.take(entry)
          const { terms, ...standing } = after
          const opinion = terms === undefined ? [] : [rulesTextOf(terms), digestOf(terms), heldOf(terms)]
          const outcome_of_law = lawOf(customers, id, entry, entry.body)
          const customer = customers.get(id) ?? NEW_CUSTOMER
          const { rules } = customer.account
          const law = rules === undefined ? [] : [rulesText(rules), rulesDigest(rules), rules.held]
          return [
            lineOf(outcome, standing, ...opinion),
            lineOf(outcome_of_law, standingOf(customer), ...law),
          ] as const
        })
        expect(lines.map(([opinion]) => opinion)).toEqual(lines.map(([, law]) => law))
      }),
      { numRuns: 3_000 },
    )
  })

  it('come to the same customers, and refuse the same events for the same reasons', () => {
    const event = fc.tuple(fc.constantFrom('a', 'b', 'c.d'), anyBody)
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), events => {
        const fold = createFold()
        const customers = new Map<string, Customer>()
        for (const [i, [id, text]] of events.entries()) {
          const entry = { ...placeAt(i + 1), subject: `customer.balance.${id}`, body: bytes(text) }
          expect(fold.take(entry).outcome).toBe(lawOf(customers, id, entry, entry.body))
        }
        const expected = [...customers].map(([id, customer]) => [id, standingOf(customer)])
        expect(Object.fromEntries(fold.customers)).toEqual(Object.fromEntries(expected))
      }),
    )
  })
})
