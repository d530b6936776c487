import { describe, expect, it } from 'vitest'
import { errorLines, headerLines } from './headers.js'

describe('reply headers', () => {
  it('are written as they are given', () => {
    expect(headerLines({ 'Ledger-Version': '12', 'Ledger-Source': 'table' })).toBe(
      'Ledger-Version: 12\r\nLedger-Source: table\r\n',
    )
  })

  it('are none when there is none to write', () => {
    expect(headerLines({})).toBe('')
  })

  it('cannot smuggle in a header by a line break in a value', () => {
    expect(headerLines({ A: 'x\r\nNats-Service-Error-Code: 200' })).toBe(
      'A: x Nats-Service-Error-Code: 200\r\n',
    )
  })

  it.each(['', 'a b', 'a:b', 'a\r\nb', 'ä'])('refuse %j as a name', name => {
    expect(() => headerLines({ [name]: 'x' })).toThrow('is no name for a header')
  })

  it('of an error carry its status and its code on one line', () => {
    expect(errorLines({ status: 403, code: 'BAD\nREQUEST', body: '' })).toBe(
      'Nats-Service-Error-Code: 403\r\nNats-Service-Error: BAD REQUEST\r\n',
    )
  })
})
