import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toJson } from './amount.js'
import {
  claimedAfter,
  decodeEvent,
  decodeParsed,
  encodeEvent,
  type LedgerEvent,
  NEWEST_SCHEMA,
} from './event.js'
import { almost, amount, arbitraryEvent } from './testing/arbitrary.js'
import type { Json } from './upcast.js'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const decode = (value: unknown) => decodeEvent(bytes(JSON.stringify(value)))
const reasonOf = (value: unknown): string => {
  const decoded = decode(value)
  return decoded.tag === 'malformed' ? decoded.reason : `not malformed but ${decoded.tag}`
}

const EVENT_FIELDS = [
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
const EVENT_VALUES = {
  schema: [1, 1, 1, 0, 2, '1', null],
  type: ['credit', 'debit', 'declined', 'gift'],
  amount: [1, 40, '40', '9223372036854775807', 2 ** 53 - 1, 2 ** 53, 0, -1, 1.5, '01'],
  transaction_id: ['a', 'x'.repeat(135), 'x'.repeat(136), '', 'a b', 'é'],
  transfer: [{ counterparty: 'b' }, { counterparty: 'a.b' }, { counterparty: 'b', more: 1 }, {}, []],
  declined: [declined, { ...declined, code: 'X' }, { ...declined, balance: '-7' }],
  after: [{ balance: 1, version: 2 }, 'anything'],
}

const asWritten = (event: LedgerEvent): unknown =>
  JSON.parse(
    JSON.stringify({ schema: NEWEST_SCHEMA, ...event }, (_, value) =>
      typeof value === 'bigint' ? toJson(value) : value,
    ),
  )

describe('encoding an event', () => {
  it('writes every field of it, and amounts in their JSON forms', () => {
    fc.assert(
      fc.property(arbitraryEvent, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (event, balance) => {
        for (const after of [undefined, { balance, version: 3 }, { balance: 'forged' }]) {
          const whole = { ...event, ...(after === undefined ? {} : { after }) }
          expect(JSON.parse(encodeEvent(whole))).toEqual(asWritten(whole))
        }
        const refused = { command: 'debit', code: 'BALANCE_LIMIT', client_id: 'a', balance }
        const frozen = { ...event, declined: refused } as LedgerEvent
        expect(JSON.parse(encodeEvent(frozen))).toEqual(asWritten(frozen))
      }),
    )
  })
})

describe('decoding an event', () => {
  it('gives back every event that this program writes', () => {
    fc.assert(
      fc.property(arbitraryEvent, event => {
        const decoded = decodeEvent(bytes(encodeEvent(event)))
        expect(decoded.tag).toBe('event')
        if (decoded.tag === 'event') expect(decoded.event).toMatchObject(event)
      }),
    )
  })

  it('is what the codec makes of it, for usual events as for everything that is nearly one', () => {
    fc.assert(
      fc.property(almost(fc.constantFrom(...EVENT_FIELDS), EVENT_VALUES), fields => {
        const text = JSON.stringify(fields)
        expect(decodeEvent(bytes(text))).toStrictEqual(decodeParsed(JSON.parse(text)))
      }),
      { numRuns: 2_000 },
    )
  })

  it('is total: any bytes are an event, malformed, or of the future', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.json().map(bytes)), body => {
        expect(['event', 'malformed', 'future']).toContain(decodeEvent(body).tag)
      }),
    )
  })

  it.each<[unknown, RegExp]>([
    [{ type: 'credit' }, /^amount: /],
    [{ amount: 1 }, /^type: /],
    [{ type: 'gift', amount: 1 }, /^type: /],
    [{ type: 'credit', amount: 0 }, /^amount: must be a whole number of at least 1/],
    [{ type: 'credit', amount: -1 }, /^amount: /],
    [{ type: 'credit', amount: 1.5 }, /^amount: /],
    [{ type: 'credit', amount: 2 ** 53 }, /^amount: /],
    [{ type: 'credit', amount: '9223372036854775808' }, /^amount: /],
    [{ type: 'credit', amount: '01' }, /^amount: /],
    [{ type: 'credit', amount: ' 1' }, /^amount: /],
    [{ type: 'credit', amount: 1, transaction_id: '' }, /^transaction_id: /],
    [{ type: 'credit', amount: 1, transaction_id: 'a\nb' }, /^transaction_id: /],
    [{ type: 'credit', amount: 1, transfer: { counterparty: 'a.b' } }, /^transfer\.counterparty: /],
    [{ type: 'credit', amount: 1, schema: 0 }, /^schema: /],
    [{ type: 'credit', amount: 1, schema: '1' }, /^schema: /],
    [[1], /not a JSON object/],
    [null, /not a JSON object/],
  ])('names the field that is wrong in %j', (value, reason) => {
    expect(reasonOf(value)).toMatch(reason)
  })

  it('names every wrong field at once', () => {
    expect(reasonOf({ type: 'gift', amount: 0 })).toMatch(/type: .*; amount: /)
  })

  it('refuses a number that JSON.parse has rounded rather than move another amount', () => {
    const decoded = decodeEvent(bytes('{"type":"credit","amount":9007199254740993}'))
    expect(decoded.tag).toBe('malformed')
  })

  it('says of bytes that are not JSON, and not even text, that they are not', () => {
    expect(decodeEvent(bytes('{"type"'))).toMatchObject({
      tag: 'malformed',
      reason: expect.stringMatching(/^not JSON/),
    })
    expect(decodeEvent(Uint8Array.of(0xff, 0xfe))).toMatchObject({ tag: 'malformed' })
  })

  it('recognises a schema from the future whatever else it holds', () => {
    expect(decode({ schema: 2, kind: 'something new' })).toEqual({ tag: 'future', schema: 2 })
  })

  it('ignores fields that it does not know', () => {
    expect(decode({ type: 'credit', amount: 1, colour: 'red' }).tag).toBe('event')
  })

  it('lifts an old schema step by step to the newest', () => {
    const upcasters = [
      ({ amount_cents, ...rest }: Json): Json => ({ ...rest, amount: amount_cents }),
      ({ kind, ...rest }: Json): Json => ({ ...rest, type: kind }),
    ]
    const lift = (value: unknown) => decodeEvent(bytes(JSON.stringify(value)), upcasters)
    const event = { type: 'credit', amount: 5n } as LedgerEvent
    expect(lift({ kind: 'credit', amount_cents: 5 })).toMatchObject({ tag: 'event', event })
    expect(lift({ schema: 2, kind: 'credit', amount: 5 })).toMatchObject({ tag: 'event', event })
    expect(lift({ schema: 3, type: 'credit', amount: 5 })).toMatchObject({ tag: 'event', event })
    expect(lift({ schema: 4 })).toEqual({ tag: 'future', schema: 4 })
  })
})

describe('what a writer claims', () => {
  it.each<[unknown, unknown]>([
    [
      { balance: 5, version: 2 },
      { balance: 5n, version: 2 },
    ],
    [
      { balance: -5, version: 2, more: 'ignored' },
      { balance: -5n, version: 2 },
    ],
    [
      { balance: '5', version: 2 },
      { balance: 5n, version: 2 },
    ],
    [
      { balance: '9223372036854775807', version: 2 },
      { balance: 2n ** 63n - 1n, version: 2 },
    ],
    [
      { balance: 2 ** 53 - 1, version: 2 },
      { balance: 2n ** 53n - 1n, version: 2 },
    ],
    [{ balance: 2 ** 53, version: 2 }, undefined],
    [{ balance: 1.5, version: 2 }, undefined],
    [{ balance: 5, version: '2' }, undefined],
    [{ balance: 5 }, undefined],
    [{ version: 2 }, undefined],
    ['5', undefined],
    [null, undefined],
    [undefined, undefined],
  ])('of %j is read as its codec reads it', (after, claim) => {
    expect(claimedAfter({ type: 'credit', amount: amount(1), after })).toEqual(claim)
  })
})
