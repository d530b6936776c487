import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodePlain } from '../ledger/testing/plain.js'
import { METADATA_BYTES_MAX, omittedOf, omittedText, REFERENCE_BYTES_MAX, rowTexts } from './row-texts.js'

const ROW_BYTES_MAX = 400 * 1024

const textsOf = (body: string) => {
  const decoded = decodePlain(Buffer.from(body))
  return decoded.tag === 'event' ? rowTexts(decoded.event) : undefined
}

/** JSON text of any depth and with numbers of any form, which `JSON.stringify` could not write. */
const wildJson = fc.oneof(
  fc.json({ maxDepth: 8 }),
  fc.nat(40_000).map(levels => `${'['.repeat(levels)}1E20${']'.repeat(levels)}`),
  fc.nat(9_000).map(levels => `${'{"x":'.repeat(levels)}1${'}'.repeat(levels)}`),
  fc.nat(13_000).map(count => `[${Array(count).fill('1e20').join(',')}0]`),
  fc.constantFrom('1e400', '-0', '"\\ud800"', '"\\u0000"', '""', '{}', '[]', 'null'),
)

describe('the texts of a row', () => {
  it('fit into an item whatever the event holds, and say what is left out', () => {
    const event = fc.record({
      name: fc.constantFrom('a', '__proto__', ''),
      json: wildJson,
      reference: fc.string(),
    })
    fc.assert(
      fc.property(event, ({ name, json, reference }) => {
        const fields = `"reference":${JSON.stringify(reference)},"metadata":{"${name}":${json}}`
        const texts = textsOf(`{"type":"credit","amount":1,${fields}}`)
        if (texts === undefined) throw new Error('it is an event, and should be decoded')
        const { omitted, ...rest } = texts
        expect(Buffer.byteLength(Object.values(rest).join(''))).toBeLessThan(ROW_BYTES_MAX)
        expect(rest.metadata === undefined).toBe(omitted.includes('metadata'))
        expect(omittedOf(omittedText(omitted))).toEqual(omitted)
      }),
      { numRuns: 300 },
    )
  })

  it.each([
    ['metadata', METADATA_BYTES_MAX - 8, []],
    ['metadata', METADATA_BYTES_MAX - 7, ['metadata']],
  ])('of %s of %d characters and their frame leave out %j', (_, chars, omitted) => {
    const texts = textsOf(`{"type":"credit","amount":1,"metadata":{"a":"${'x'.repeat(chars)}"}}`)
    expect(texts?.omitted).toEqual(omitted)
  })

  it.each([
    ['x', REFERENCE_BYTES_MAX, []],
    ['x', REFERENCE_BYTES_MAX + 1, ['reference']],
    ['ü', REFERENCE_BYTES_MAX / 2 + 1, ['reference']],
  ])('of a reference of %s, %d times, leave out %j', (char, times, omitted) => {
    const texts = textsOf(`{"type":"credit","amount":1,"reference":"${char.repeat(times)}"}`)
    expect(texts?.omitted).toEqual(omitted)
  })
})
