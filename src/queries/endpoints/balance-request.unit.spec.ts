import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { E } from '../../fp.js'
import { arbitraryClientId } from '../../ledger/testing/arbitrary.js'
import { decodeBalanceRequest, usualClientId } from './balance-request.js'

/** Requests, and bodies that look like one: at the edges of the usual form, cut, doubled, or with one byte changed. */
const arbitraryBody = fc
  .record({
    id: fc.oneof(arbitraryClientId, fc.string({ maxLength: 70 }), fc.stringMatching(/^[\x20-\x7e]{0,70}$/)),
    before: fc.constantFrom('', ' ', '{'),
    after: fc.constantFrom('', ' ', '}', ',"min_version":3}'),
    byte: fc.option(fc.record({ at: fc.nat(90), value: fc.integer({ min: 0, max: 255 }) }), {
      nil: undefined,
    }),
    cut: fc.option(fc.nat(90), { nil: undefined }),
  })
  .map(({ id, before, after, byte, cut }) => {
    const body = Buffer.from(`${before}{"client_id":"${id}"}${after}`)
    if (byte !== undefined && byte.at < body.length) body[byte.at] = byte.value
    return cut === undefined ? body : body.subarray(0, cut)
  })

describe('the request of customer.balance', () => {
  it('is read by hand as the codec reads it, or not at all', () => {
    fc.assert(
      fc.property(arbitraryBody, body => {
        const id = usualClientId(body)
        if (id !== undefined)
          expect(decodeBalanceRequest(body)).toEqual(E.right({ request: { client_id: id }, ignored: [] }))
      }),
      { numRuns: 20_000 },
    )
  })

  it('is read by hand whenever it is of the usual form', () => {
    fc.assert(
      fc.property(arbitraryClientId, id => {
        expect(usualClientId(Buffer.from(JSON.stringify({ client_id: id })))).toBe(id)
      }),
    )
  })

  it.each([
    '',
    '{"client_id":""}',
    `{"client_id":"${'a'.repeat(65)}"}`,
    '{"client_id":"-a"}',
    '{"client_id":"ä"}',
  ])('is left to the codec when it is %j', body => {
    expect(usualClientId(Buffer.from(body))).toBeUndefined()
    expect(E.isLeft(decodeBalanceRequest(Buffer.from(body)))).toBe(true)
  })

  it.each<[string, readonly string[]]>([
    ['{"client_id":"678"}', []],
    ['{"client_id":"678","min_version":3}', []],
    ['{"customer_id":"678"}', []],
    ['{"client_id":null,"customer_id":"678"}', ['client_id']],
    ['{"client_id":"678","customer_id":"9"}', ['customer_id']],
    ['{"client_id":"9","client_id":"678"}', []],
    ['{"client_id":"678","min_verison":3,"x":{"y":[1]}}', ['min_verison', 'x']],
    ['{"client_id":"678","__proto__":{"min_version":3},"constructor":1}', ['__proto__', 'constructor']],
    ['{"__proto__":{"client_id":"9"},"client_id":"678"}', ['__proto__']],
    ['{"client_id":"678","x":1,"x":9007199254740993}', ['x']],
  ])('%s is answered as ever, and what had no say in it is named: %j', (body, ignored) => {
    const decoded = decodeBalanceRequest(Buffer.from(body))
    expect(E.isRight(decoded) ? decoded.right : decoded.left).toMatchObject({
      request: { client_id: '678' },
      ignored,
    })
  })

  it.each([
    ['{"__proto__":{"client_id":"678"}}', 'client_id: is missing'],
    ['{"client_id":"678","min_version":1,"min_version":2}', 'min_version: is there twice'],
    ['{"client_id":"678","as_of_seq":0.99999999999999999999}', 'as_of_seq: 0.99999999999999999999 cannot'],
    ['{"client_id":"678","as_of_seq":1e400}', 'as_of_seq'],
    ['{"client_id":"678","as_of":"2300-01-01T00:00:00Z"}', 'as_of: must be a time'],
    ['[]', 'must be a JSON object'],
    ['null', 'must be a JSON object'],
  ])('%s is refused with a text that names the field: %s', (body, text) => {
    const decoded = decodeBalanceRequest(Buffer.from(body))
    expect(E.isLeft(decoded) ? decoded.left : decoded.right).toMatchObject({
      status: 400,
      body: expect.stringContaining(text),
    })
  })
})
