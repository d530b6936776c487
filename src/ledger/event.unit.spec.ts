import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toJson } from './amount.js'
import { claimedAfter, decodeParsed, type LedgerEvent } from './event.js'
import { almost, amount, arbitraryEvent } from './testing/arbitrary.js'
import { decodePlain, encodePlain } from './testing/plain.js'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const decode = (value: unknown) => decodePlain(bytes(JSON.stringify(value)))
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
  schema: [1, 1, 1, 0, 2, 3, '1', null],
  type: ['credit', 'debit', 'declined', 'gift'],
  amount: [1, 40, '40', '9223372036854775807', 2 ** 53 - 1, 2 ** 53, 0, -1, 1.5, '01'],
  transaction_id: ['a', 'x'.repeat(135), 'x'.repeat(136), '', 'a b', 'é'],
  transfer: [{ counterparty: 'b' }, { counterparty: 'a.b' }, { counterparty: 'b', more: 1 }, {}, []],
  declined: [declined, { ...declined, code: 'X' }, { ...declined, balance: '-7' }],
  after: [{ balance: 1, version: 2 }, 'anything'],
}

const asWritten = (event: LedgerEvent): unknown =>
  JSON.parse(
    JSON.stringify({ schema: 1, ...event }, (_, value) =>
      typeof value === 'bigint' ? toJson(value) : value,
    ),
  )

describe('encoding an event', () => {
  it('writes every field of it, and amounts in their JSON forms', () => {
    fc.assert(
      fc.property(arbitraryEvent, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (event, balance) => {
        for (const after of [undefined, { balance, version: 3 }, { balance: 'forged' }]) {
          const whole = { ...event, ...(after === undefined ? {} : { after }) }
          expect(JSON.parse(encodePlain(whole))).toEqual(asWritten(whole))
        }
        const refused = { command: 'debit', code: 'BALANCE_LIMIT', client_id: 'a', balance }
        const frozen = { ...event, type: 'declined', declined: refused } as LedgerEvent
        expect(JSON.parse(encodePlain(frozen))).toEqual(asWritten(frozen))
      }),
    )
  })
})

describe('decoding an event', () => {
  it('gives back every event that this program writes', () => {
    fc.assert(
      fc.property(arbitraryEvent, event => {
        const decoded = decodePlain(bytes(encodePlain(event)))
        expect(decoded.tag).toBe('event')
        if (decoded.tag === 'event') expect(decoded.event).toMatchObject(event)
      }),
    )
  })

  it('is what the codec makes of it, for usual events as for everything that is nearly one', () => {
    fc.assert(
      fc.property(almost(fc.constantFrom(...EVENT_FIELDS), EVENT_VALUES), fields => {
        const text = JSON.stringify(fields)
        expect(decodePlain(bytes(text))).toStrictEqual(decodeParsed(JSON.parse(text)))
      }),
      { numRuns: 2_000 },
    )
  })

  it('is total: any bytes are an event, malformed, or of the future', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.json().map(bytes)), body => {
        expect(['event', 'malformed', 'future']).toContain(decodePlain(body).tag)
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
    const decoded = decodePlain(bytes('{"type":"credit","amount":9007199254740993}'))
    expect(decoded.tag).toBe('malformed')
  })

  it('says of bytes that are not JSON, and not even text, that they are not', () => {
    expect(decodePlain(bytes('{"type"'))).toMatchObject({
      tag: 'malformed',
      reason: expect.stringMatching(/^not JSON/),
    })
    expect(decodePlain(Uint8Array.of(0xff, 0xfe))).toMatchObject({ tag: 'malformed' })
  })

  it('recognises a schema from the future whatever else it holds', () => {
    expect(decode({ schema: 3, kind: 'something new' })).toEqual({ tag: 'future', schema: 3 })
    expect(decodePlain(bytes('{"schema":99,"amount":1e400,"amount":1}'))).toEqual({
      tag: 'future',
      schema: 99,
    })
  })

  it('ignores fields that it does not know', () => {
    expect(decode({ type: 'credit', amount: 1, colour: 'red' }).tag).toBe('event')
  })

  it('never takes a field from a prototype, whatever names the body has', () => {
    for (const name of ['__proto__', 'constructor', 'prototype']) {
      const hidden = '{"transaction_id":1,"transfer":{"counterparty":"a.b"},"after":1,"reference":5}'
      const decoded = decodePlain(bytes(`{"type":"credit","amount":1,"${name}":${hidden}}`))
      expect(decoded).toStrictEqual({ tag: 'event', event: { type: 'credit', amount: 1n } })
      if (decoded.tag === 'event') {
        expect(decoded.event.transaction_id).toBeUndefined()
        expect(Object.getPrototypeOf(decoded.event)).toBe(Object.prototype)
      }
      expect(decodePlain(bytes(`{"${name}":{"type":"credit","amount":1}}`)).tag).toBe('malformed')
    }
  })
})

describe('an event of schema 1', () => {
  it.each([
    ['{"type":"credit","type":"debit","amount":1,"amount":2}', { type: 'debit', amount: 2n }],
    ['{"schema":2,"schema":1,"type":"credit","amount":1}', { schema: 1, type: 'credit', amount: 1n }],
    ['{"type":"credit","amount":0.99999999999999999999}', { type: 'credit', amount: 1n }],
    ['{"type":"credit","amount":4503599627370497.5}', { type: 'credit', amount: 4503599627370498n }],
    ['{"type":"credit","amount":1.0}', { type: 'credit', amount: 1n }],
  ])('is read as JSON.parse reads it, for ever: %s', (text, event) => {
    expect(decodePlain(bytes(text))).toStrictEqual({ tag: 'event', event })
  })

  it('may be as deep as JSON.parse can go', () => {
    const deep = `${'['.repeat(30_000)}${']'.repeat(30_000)}`
    expect(decodePlain(bytes(`{"type":"credit","amount":1,"metadata":{"a":${deep}}}`)).tag).toBe('event')
    expect(decodePlain(bytes(`{"type":"credit","amount":1,"x":${deep}}`)).tag).toBe('event')
  })
})

describe('an event of schema 2', () => {
  const two = (rest: string) => decodePlain(bytes(`{"schema":2,${rest}}`))
  const deep = (levels: number) => `{"a":${'['.repeat(levels)}${']'.repeat(levels)}}`

  it.each<[string, unknown]>([
    ['"type":"credit","amount":1', { type: 'credit', amount: 1n }],
    ['"type":"debit","amount":"9007199254740993"', { type: 'debit', amount: 9007199254740993n }],
    ['"type":"credit","amount":1e2', { type: 'credit', amount: 100n }],
    [
      '"type":"declined","amount":5,"declined":{"command":"debit","code":"INSUFFICIENT_FUNDS","client_id":"a","balance":0}',
      {
        type: 'declined',
        amount: 5n,
        declined: { command: 'debit', code: 'INSUFFICIENT_FUNDS', client_id: 'a', balance: 0n },
      },
    ],
    [
      '"type":"debit","amount":1,"transfer":{"counterparty":"b"},"metadata":{"lot":{}},"after":{"any":1}',
      {
        type: 'debit',
        amount: 1n,
        transfer: { counterparty: 'b' },
        metadata: { lot: {} },
        after: { any: 1 },
      },
    ],
  ])('of a kind that is known is an event: %s', (rest, event) => {
    expect(two(rest)).toEqual({ tag: 'event', event })
  })

  it.each([
    '"type":"credit","amount":1,"amount":1',
    '"schema":2,"type":"credit","amount":1',
    '"type":"credit","amount":0.99999999999999999999',
    '"type":"credit","amount":1.0000000000000000001',
    '"type":"credit","amount":9007199254740993',
    '"type":"credit","amount":1e400',
    '"type":"hold","amount":1,"hold":"a","hold":"a"',
    `"type":"credit","amount":1,"metadata":${deep(31)}`,
    '"type":"credit","amount":0',
    '"type":"credit"',
    '"amount":1',
    '"type":5,"amount":1',
    '"type":"credit","amount":1,"transfer":[]',
    '"type":"declined","amount":1,"declined":{"command":"debit","code":5,"client_id":"a","balance":0}',
  ])('that is not strict JSON, or wrong, is malformed: %s', rest => {
    expect(two(rest).tag).toBe('malformed')
  })

  it.each([
    '"type":"lapse","amount":1,"lot":"x"',
    '"type":"limit","limit":5,"currency":"EUR"',
    '"type":"state","state":"dormant","reason":"r"',
    '"type":"__proto__","amount":1',
    '"type":"credit","amount":1,"lot":{"kind":"promo"}',
    '"type":"credit","amount":1,"__proto__":{"a":1}',
    '"type":"credit","amount":0,"constructor":1',
    '"type":"debit","amount":1,"transfer":{"counterparty":"b","carry":true}',
    '"type":"declined","amount":1,"declined":{"command":"expire","code":"INSUFFICIENT_FUNDS","client_id":"a","balance":0}',
    '"type":"declined","amount":1,"declined":{"command":"debit","code":"LOT_EXPIRED","client_id":"a","balance":0}',
    '"type":"declined","amount":1,"declined":{"command":"debit","code":"BALANCE_LIMIT","client_id":"a","balance":0,"pending":1}',
  ])('that says more than this program knows is of the future: %s', rest => {
    expect(two(rest)).toEqual({ tag: 'future', schema: 2 })
  })

  it('is strict from the number that says so on', () => {
    expect(decodePlain(bytes('{"schema":2.0,"type":"credit","amount":1}')).tag).toBe('event')
    expect(decodePlain(bytes('{"schema":2.00000000000000000001,"type":"credit","amount":1}')).tag).toBe(
      'malformed',
    )
    expect(decodePlain(bytes('{"schema":1,"schema":2,"type":"credit","amount":1}')).tag).toBe('malformed')
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
