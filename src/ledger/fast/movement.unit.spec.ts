import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Decoded, decodeParsed, type LedgerEvent } from '../event.js'
import { amount, arbitraryEvent } from '../testing/arbitrary.js'
import { decodePlainMovement, encodePlain } from '../testing/plain.js'
import { readMovement } from './movement.js'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Decodes a body with the codec alone, without any fast path. */
const law = (body: Uint8Array): Decoded | undefined => {
  let json: unknown
  try {
    json = JSON.parse(utf8.decode(body))
  } catch {
    return undefined
  }
  return decodeParsed(json, body)
}

const counted = ({ type, amount, transfer, transaction_id, after }: LedgerEvent): object => ({
  type,
  amount,
  ...(transfer === undefined ? {} : { transfer }),
  ...(transfer === undefined || transaction_id === undefined ? {} : { transaction_id }),
  ...(after === undefined ? {} : { after }),
})

/** Expects that the fast path reads a body as the codec does, or leaves it to the codec. */
const isLawful = (body: Uint8Array): void => {
  const movement = readMovement(body)
  if (movement === undefined) return
  const decoded = law(body)
  expect(decoded?.tag).toBe('event')
  if (decoded?.tag === 'event') expect(movement).toStrictEqual(counted(decoded.event))
}

const ODD = [
  ...['0', '-0', '-1', '01', '00', '1.0', '1e3', '1E400', '0x1', '+1', '1_0', 'Infinity', 'NaN', '１'],
  ...['999999999999999', '1000000000000000', '9007199254740991', '9007199254740993', '9'.repeat(400)],
  ...['"5"', '""', 'null', 'true', '[]', '{}', '[1', '{"a":{"b":[1,{"c":"}"}]}}', '"a":1,'],
  ...[',"type":"debit"', ',"amount":7', ',"schema":2', ',"schema":1', ',"colour":"red"', ',"__proto__":{}'],
  ...[',"metadata":{"a":1}', ',"after":{"balance":1,"version":2}', ',"after":{}', ',"transfer":{}'],
  ...['"counterparty":"b"', ',"transaction_id":"t"', ',"reference":"r"', ',', ':', '}', '{', '"', '}}'],
  ...[
    '\\',
    '\\"',
    '\\u0041',
    '\\u00',
    '\\n',
    '\n',
    '\t',
    ' ',
    '\u0000',
    '\u001f',
    '\u007f',
    '\u0080',
    'é',
    '€',
  ],
  ...['\ud83d\ude00', '\ufeff', 'credit', 'debit', 'declined', 'x'.repeat(140), '.', '*', '>'],
].map(bytes)
const NOT_UTF8 = [[0xff], [0xc3], [0xe2, 0x82], [0xed, 0xa0, 0x80], [0xc0, 0x80]].map(a => Uint8Array.from(a))

const splice = (body: Uint8Array, at: number, deleted: number, added: Uint8Array): Uint8Array =>
  Uint8Array.from([...body.subarray(0, at), ...added, ...body.subarray(at + deleted)])

const claims = fc.constantFrom(
  ...[undefined, { balance: 5n, version: 1 }, { balance: 2n ** 62n, version: 3 }],
  ...[{ balance: 0n, version: 0 }, { balance: -1n, version: 1 }, { balance: 'forged' }, 'anything', null],
)

/** A body as this program writes it. */
const written = fc.tuple(arbitraryEvent, claims).map(([event, after]) => {
  const { metadata, ...rest } = event
  const with_metadata = Object.keys(metadata ?? {}).length > 1
  return bytes(
    encodePlain({
      ...rest,
      ...(with_metadata ? { metadata } : {}),
      ...(after === undefined ? {} : { after }),
    }),
  )
})

const bare = arbitraryEvent.map(({ type, amount }) => bytes(`{"type":"${type}","amount":${amount}}`))

/** Damaged bodies: a part of them is replaced, left out, repeated or cut off. */
const mangled = fc
  .tuple(
    fc.oneof(written, bare),
    fc.array(
      fc.record({
        at: fc.double({ min: 0, max: 1, noNaN: true }),
        deleted: fc.constantFrom(0, 0, 1, 1, 2, 3, 20, 1_000),
        added: fc.oneof(
          fc.constantFrom(...ODD),
          fc.constantFrom(...NOT_UTF8),
          fc.uint8Array({ maxLength: 2 }),
        ),
        twice: fc.boolean(),
      }),
      { maxLength: 3 },
    ),
  )
  .map(([body, changes]) =>
    changes.reduce((now, { at, deleted, added, twice }) => {
      const place = Math.floor(at * now.length)
      return splice(now, place, deleted, twice ? now.subarray(place, place + 30) : added)
    }, body),
  )

/** Mostly `usual`, so that a body has one or two odd fields and not many. */
const mostly = (usual: string, ...odd: readonly string[]): fc.Arbitrary<string> =>
  fc.oneof({ weight: 8, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...odd) })

const ODD_TEXTS = ODD.map(odd => utf8.decode(odd))

/** Bodies with all fields, in which one or two have an unusual form. */
const fields = fc
  .record({
    schema: mostly('"schema":1,', '', '"schema":2,', '"schema":"1",', '"schema":01,', '"schema":1.0,'),
    type: mostly('credit', 'debit', 'declined', 'Credit', 'credit\\u0020', ''),
    amount: mostly('40', '100000000000000', ...ODD_TEXTS),
    id: mostly('t', 'x'.repeat(135), 'x'.repeat(136), '', 'a b', 'é', '\\u0041', 'a\\"b', '\u007f', '!~'),
    counterparty: mostly('b', 'x'.repeat(64), 'x'.repeat(65), '', 'a.b', '-a', 'a:@_-'),
    reference: mostly('r', '', 'order 5', 'é', '\\x', '\\/', '\\\\', '\u007f', '\u001f', '"', ...ODD_TEXTS),
    balance: mostly('5', '0', ...ODD_TEXTS),
    version: mostly('5', '0', '05', '1.0', '1e2', '-1', '"1"', 'null'),
    left_out: fc.subarray(['id', 'transfer', 'reference', 'after']),
    end: mostly('}', '} ', '', '}}', ',}', '}\n', '}\u0000'),
  })
  .map(({ schema, type, amount, id, counterparty, reference, balance, version, left_out, end }) => {
    const parts = [
      ['id', `,"transaction_id":"${id}"`],
      ['transfer', `,"transfer":{"counterparty":"${counterparty}"}`],
      ['reference', `,"reference":"${reference}"`],
      ['after', `,"after":{"balance":${balance},"version":${version}}`],
    ] as const
    const optional = parts.flatMap(([name, text]) => (left_out.includes(name) ? [] : [text])).join('')
    return bytes(`{${schema}"type":"${type}","amount":${amount}${optional}${end}`)
  })

describe('reading a movement', () => {
  it('gives what the codec gives, or leaves the body to it', () => {
    fc.assert(fc.property(written, isLawful), { numRuns: 1_000 })
    fc.assert(fc.property(mangled, isLawful), { numRuns: 10_000 })
    fc.assert(fc.property(fields, isLawful), { numRuns: 10_000 })
    fc.assert(fc.property(fc.uint8Array(), isLawful))
  })

  it('takes of all bytes only those that stand for themselves', () => {
    for (let byte = 0; byte < 256; byte += 1) {
      for (const field of ['transaction_id', 'reference']) {
        const body = bytes(`{"type":"credit","amount":1,"${field}":"a_b"}`)
        isLawful(body.with(body.indexOf(0x5f, body.length - 5), byte))
      }
    }
  })

  it('never takes a body that is cut off anywhere or goes on', () => {
    const whole = bytes(
      '{"schema":1,"type":"debit","amount":40,"transaction_id":"t","transfer":{"counterparty":"b"},"reference":"r","after":{"balance":5,"version":1}}',
    )
    expect(readMovement(whole)).toBeDefined()
    for (let end = 0; end < whole.length; end += 1) {
      // the bytes after `end` in the same buffer could belong to another message
      expect(readMovement(whole.subarray(0, end))).toBeUndefined()
    }
    expect(readMovement(splice(whole, whole.length, 0, bytes('}')))).toBeUndefined()
  })

  it.each([
    ['{"type":"credit","amount":100}', { type: 'credit', amount: 100n }],
    ['{"schema":1,"type":"debit","amount":7}', { type: 'debit', amount: 7n }],
    [
      '{"schema":1,"type":"credit","amount":1,"transaction_id":"018f-1","reference":"order 5","after":{"balance":5,"version":1}}',
      { type: 'credit', amount: 1n, after: { balance: 5, version: 1 } },
    ],
    [
      '{"schema":1,"type":"debit","amount":40,"transaction_id":"t","transfer":{"counterparty":"b"},"after":{"balance":0,"version":12}}',
      {
        type: 'debit',
        amount: 40n,
        transaction_id: 't',
        transfer: { counterparty: 'b' },
        after: { balance: 0, version: 12 },
      },
    ],
  ])('takes the usual form itself: %s', (text, movement) => {
    expect(readMovement(bytes(text))).toStrictEqual(movement)
  })

  it('takes what this program writes of an ordinary command', () => {
    const event = { type: 'credit', amount: amount(5), transaction_id: 't-1', reference: 'order 1' } as const
    const body = bytes(encodePlain({ ...event, after: { balance: 5n, version: 1 } }))
    expect(readMovement(body)).toStrictEqual({
      type: 'credit',
      amount: 5n,
      after: { balance: 5, version: 1 },
    })
  })

  it('leaves everything else to the codec, its errors included', () => {
    fc.assert(
      fc.property(mangled, body => {
        if (readMovement(body) !== undefined) return
        const decoded = law(body)
        if (decoded === undefined) expect(decodePlainMovement(body)).toMatchObject({ tag: 'malformed' })
        else expect(decodePlainMovement(body)).toStrictEqual(decoded)
      }),
      { numRuns: 2_000 },
    )
  })
})
