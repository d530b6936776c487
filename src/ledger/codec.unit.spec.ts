import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { E, t } from '../fp.js'
import { describeErrors, exactFieldsOf, fieldsOf, recordOf } from './codec.js'

const inner = fieldsOf({ city: t.string }, { zip: t.number })
const codecs = {
  tolerant: fieldsOf({ id: t.string }, { inner, note: t.string }),
  exact: exactFieldsOf({ id: t.string }, { inner, note: t.string }),
}
const said = (codec: t.Decoder<unknown, unknown>, value: unknown): string => {
  const decoded = codec.decode(value)
  return E.isLeft(decoded) ? describeErrors(decoded.left) : JSON.stringify(decoded.right)
}
const HOSTILE = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']

describe('fields', () => {
  it('become a new object of exactly those that are named', () => {
    const given = { id: 'a', inner: { city: 'b', more: 1 }, more: 2 }
    expect(codecs.tolerant.decode(given)).toEqual(E.right({ id: 'a', inner: { city: 'b' } }))
    expect(codecs.tolerant.decode({ id: 'a', note: undefined })).toEqual(E.right({ id: 'a' }))
  })

  it('are never those of a prototype, of the input or of the result', () => {
    const given: unknown = JSON.parse(
      '{"id":"a","__proto__":{"note":1,"inner":{}},"inner":{"city":"b","__proto__":{"zip":"x"}}}',
    )
    const decoded = codecs.tolerant.decode(given)
    if (E.isLeft(decoded)) throw new Error(describeErrors(decoded.left))
    expect(decoded.right.note).toBeUndefined()
    expect(decoded.right.inner?.zip).toBeUndefined()
    expect(Object.getPrototypeOf(decoded.right)).toBe(Object.prototype)
    const inherited: unknown = Object.create({ id: 'a' })
    expect(said(codecs.tolerant, inherited)).toBe('id: is missing')
  })

  it.each([
    [{ note: 5 }, 'id: is missing; note: must be string'],
    [{ id: 'a', inner: {} }, 'inner.city: is missing'],
    [{ id: 'a', inner: [] }, 'inner: must be an object'],
    [{ id: 'a', inner: null }, 'inner: must be an object'],
    [[], 'must be an object'],
    ['a', 'must be an object'],
  ])('that are wrong are named: %j', (value, text) => {
    expect(said(codecs.tolerant, value)).toBe(text)
    expect(said(codecs.exact, value)).toBe(text)
  })

  it('are named whatever they are called, and places in lists and unions are not', () => {
    expect(said(codecs.exact, { id: 'a', 0: 1 })).toBe('0: is no field of this request')
    expect(said(codecs.exact, { id: 'a', '': 1 })).toBe('"": is no field of this request')
    const list = fieldsOf({ cities: t.array(inner) })
    expect(said(list, { cities: [{ city: 'a' }, { city: 1 }] })).toBe('cities.city: must be string')
    const either = fieldsOf({ place: t.union([inner, t.number]) })
    expect(said(either, { place: { city: 1 } })).toMatch(/^place\.city: must be string; place: must be/)
  })

  it('that are unknown are refused by name where a codec is exact, and left out where it is not', () => {
    const given: unknown = JSON.parse('{"id":"a","noteX":1,"__proto__":{},"bad\\u001bname":null}')
    expect(said(codecs.exact, given)).toBe(
      'noteX: is no field of this request; __proto__: is no field of this request; bad?name: is no field of this request',
    )
    expect(said(codecs.tolerant, given)).toBe('{"id":"a"}')
    const many = Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`f${i}`, 1]))
    expect(said(codecs.exact, { id: 'a', ...many }).split(';')).toHaveLength(10)
  })

  it('are encoded as they were decoded', () => {
    const At = new t.Type<number, string, unknown>('at', t.number.is, u => t.success(Number(u)), String)
    const codec = fieldsOf({ at: At }, { note: t.string })
    expect(codec.encode({ at: 5, note: 'n' })).toEqual({ at: '5', note: 'n' })
    expect(codec.encode({ at: 5 })).toEqual({ at: '5' })
    expect(codec.is({ at: 5 })).toBe(true)
    expect(codec.is({ note: 'n' })).toBe(false)
  })
})

describe('a record', () => {
  it('keeps every name as data of its own', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.oneof(fc.string(), fc.constantFrom(...HOSTILE)), fc.integer()), record => {
        const decoded = recordOf(t.number).decode(JSON.parse(JSON.stringify(record)))
        if (E.isLeft(decoded)) throw new Error(describeErrors(decoded.left))
        expect(Object.entries(decoded.right)).toEqual(Object.entries(record))
        expect(Object.getPrototypeOf(decoded.right)).toBe(Object.prototype)
      }),
    )
  })

  it('names the entry that is wrong', () => {
    expect(said(recordOf(t.string), { a: 'x', b: 1 })).toBe('b: must be string')
    expect(said(recordOf(t.string), [])).toBe('must be an object')
  })
})
