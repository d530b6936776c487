import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { E } from '../fp.js'
import { arbitraryClientId } from '../ledger/testing/arbitrary.js'
import { decodeBalanceRequest, usualClientId } from './balance-request.js'

/** Requests, and things that look like one: edges of the usual form, cut, doubled, with one byte that is another. */
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
        if (id !== undefined) expect(decodeBalanceRequest(body)).toEqual(E.right({ client_id: id }))
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
})
