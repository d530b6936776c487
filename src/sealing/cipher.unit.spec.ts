import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KEY_BYTES, openTexts, type PersonKey, sealTexts } from './cipher.js'
import { metadataOf, type Sealed, sealedIn, type Texts } from './form.js'

const keyOf = (name: string): PersonKey => ({ name, bytes: randomBytes(KEY_BYTES) })
const [ann, bob] = [keyOf('ann.1'), keyOf('bob.1')]

const seal = (texts: Texts, keys: readonly PersonKey[] = [ann], id = 't-1'): Sealed => {
  const sealed = sealedIn(sealTexts(texts, keys, id))
  if (sealed === undefined) throw new Error('it should have the sealed form')
  return sealed
}

const texts: fc.Arbitrary<Texts> = fc.record(
  {
    reference: fc.string({ unit: 'grapheme' }),
    metadata: fc.dictionary(
      fc.string(),
      fc.jsonValue({ maxDepth: 3, noUnicodeString: false }),
    ) as fc.Arbitrary<Record<string, unknown>>,
  },
  { requiredKeys: [] },
)
const someTexts = texts.filter(({ reference, metadata }) => reference !== undefined || metadata !== undefined)

describe('texts that are sealed', () => {
  it('are opened by the keys that sealed them, whatever they are', () => {
    fc.assert(
      fc.property(someTexts, fc.boolean(), (written, is_transfer) => {
        const keys = is_transfer ? [ann, bob] : [ann]
        // -0 has no JSON of its own
        const plain = JSON.parse(JSON.stringify(written)) as Texts
        expect(openTexts(seal(written, keys), keys)).toEqual(plain)
      }),
    )
  })

  it('keep a name that is __proto__ as data', () => {
    const metadata = JSON.parse('{"__proto__":{"polluted":true},"a":1}') as Record<string, unknown>
    const opened = openTexts(seal({ metadata }), [ann])?.metadata
    expect(JSON.stringify(opened)).toBe('{"__proto__":{"polluted":true},"a":1}')
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })

  it('are the same bytes for the same command, however its metadata are written', () => {
    const one = seal({ reference: 'r', metadata: { a: 1, b: { c: 2, d: [3, { e: 4, f: 5 }] } } })
    const other = seal({ reference: 'r', metadata: { b: { d: [3, { f: 5, e: 4 }], c: 2 }, a: 1 } })
    expect(other).toEqual(one)
  })

  it('share nothing with those of another command, another text or another field', () => {
    const { reference } = seal({ reference: 'same' })
    const others = [
      seal({ reference: 'same' }, [ann], 't-2').reference,
      seal({ reference: 'samf' }).reference,
      seal({ reference: 'same' }, [bob]).reference,
      seal({ reference: 'same' }, [ann, bob]).reference,
      seal({ metadata: { same: 'same' } }).metadata,
    ]
    const beginning = reference?.slice(0, 12)
    for (const other of others) expect(other?.slice(0, 12)).not.toBe(beginning)
  })

  it('do not show what they say', () => {
    const text = JSON.stringify(
      sealTexts({ reference: 'Mrs Miller', metadata: { phone: '0171' } }, [ann], 't-1'),
    )
    expect(text).not.toMatch(/Miller|phone|0171/)
    expect(Buffer.from(text, 'base64').toString('latin1')).not.toMatch(/Miller|phone|0171/)
  })

  it('are opened by no other key, not without one of two, and not by both in the other order', () => {
    const of_both = seal({ reference: 'r' }, [ann, bob])
    expect(openTexts(of_both, [ann])).toBeUndefined()
    expect(openTexts(of_both, [bob, ann])).toBeUndefined()
    expect(openTexts(of_both, [{ ...ann, bytes: randomBytes(KEY_BYTES) }, bob])).toBeUndefined()
    expect(openTexts(seal({ reference: 'r' }), [{ ...ann, name: 'ann.2' }])).toBeUndefined()
  })

  it('are opened no more when a byte is changed, cut off or moved into the other field', () => {
    const { keys, reference = '' } = seal({ reference: 'a reference' })
    const bytes = Buffer.from(reference, 'base64')
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ 1
      expect(openTexts({ keys, reference: changed.toString('base64') }, [ann])).toBeUndefined()
      expect(openTexts({ keys, reference: bytes.subarray(0, at).toString('base64') }, [ann])).toBeUndefined()
    }
    expect(openTexts({ keys, metadata: reference }, [ann])).toBeUndefined()
  })
})

describe('the sealed form', () => {
  it.each([
    undefined,
    null,
    'sealed',
    [],
    {},
    { sealed: true },
    { sealed: {} },
    { sealed: { keys: ['a.1'] } },
    { sealed: { keys: [], reference: 'x' } },
    { sealed: { keys: ['a.1', 'b.1', 'c.1'], reference: 'x' } },
    { sealed: { keys: [1], reference: 'x' } },
    { sealed: { keys: 'a.1', reference: 'x' } },
    { sealed: { keys: ['a.1'], reference: 7 } },
    { sealed: { keys: ['a.1'], reference: 'x', more: 'y' } },
    { sealed: { keys: ['a.1'], reference: 'x' }, more: 1 },
  ])('is not %j', metadata => {
    expect(sealedIn(metadata)).toBeUndefined()
  })

  it('is read as it was written', () => {
    const sealed = { keys: ['a.1', 'b.1'], reference: 'x', metadata: 'y' }
    expect(sealedIn(metadataOf(sealed))).toEqual(sealed)
    expect(sealedIn(metadataOf({ keys: ['a.1'], metadata: 'y' }))).toEqual({ keys: ['a.1'], metadata: 'y' })
  })
})
