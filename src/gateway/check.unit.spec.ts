import { describe, expect, it } from 'vitest'
import { E } from '../fp.js'
import { checkQuery, checkWith } from './check.js'
import { AMOUNT, CLIENT_ID, exactObject, limit, METADATA } from './schema.js'

const check = checkWith(exactObject({ client_id: CLIENT_ID, amount: AMOUNT }, { metadata: METADATA }))
const query = checkQuery({ limit: limit(50), cursor: { type: 'string' } })

const said = (found: E.Either<string, unknown>): string => (E.isLeft(found) ? found.left : 'fits')

describe('a body', () => {
  it.each([1, 9007199254740991, '1', '9223372036854775807'])('may have the amount %j', amount => {
    expect(said(check({ client_id: '678', amount }))).toBe('fits')
  })

  it.each([0, -1, 1.5, 9007199254740992, '', '0', '01', '1e3', ' 1', '9'.repeat(20), null, true, [], {}])(
    'may not have the amount %j, and the sentence is about the amount only',
    amount => {
      expect(said(check({ client_id: '678', amount }))).toMatch(/^amount: must be a whole number[^;]*$/)
    },
  )

  it('is told every wrong field at once: missing, wrong and unknown ones', () => {
    const text = said(check({ client_id: 'a.b', refrence: 'x' }))
    expect(text).toContain('client_id: must be 1 to 64 characters')
    expect(text).toContain('amount: is missing')
    expect(text).toContain('refrence: is no field of this request')
  })

  it('is told of names that others chose in printable ASCII of a bounded length', () => {
    const text = said(check({ client_id: '1', amount: 1, [`\u001b${'x'.repeat(1_000)}`]: 1 }))
    expect(text).toBe(`?${'x'.repeat(63)}...: is no field of this request`)
  })

  it.each([null, undefined, 1, 'x', []])('that is %j is no object', body => {
    expect(said(check(body))).not.toBe('fits')
  })

  it('does not take the names of Object for fields', () => {
    expect(said(check(JSON.parse('{"client_id":"1","amount":1,"__proto__":{}}')))).toContain('is no field')
    expect(said(check({ client_id: '1', amount: 1, '': 1 }))).toBe('"": is no field of this request')
    expect(said(check({ client_id: '1', amount: 1, constructor: 1 }))).toContain('constructor: is no field')
  })
})

describe('a query', () => {
  it('has numbers where its schema says so, and texts elsewhere', () => {
    expect(query({ limit: '10', cursor: '10' })).toEqual(E.right({ limit: 10, cursor: '10' }))
  })

  it.each(['', '0', '1001', '-1', '1.5', '1e2', 'ten', ['1', '2']])('may not have the limit %j', value => {
    expect(said(query({ limit: value }))).toContain('limit: must be a whole number from 1 to 1000')
  })

  it('is told of a parameter that is not known', () => {
    expect(said(query({ limti: '1' }))).toBe('limti: is no parameter of this path')
  })
})
