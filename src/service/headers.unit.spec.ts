import { MsgHdrsImpl } from 'nats'
import { describe, expect, it } from 'vitest'
import { errorHeaders, replyHeaders } from './headers.js'

const onTheWire = (headers: unknown): string => {
  if (!(headers instanceof MsgHdrsImpl)) throw new Error('no headers')
  return new TextDecoder().decode(headers.encode())
}

describe('reply headers', () => {
  it('are written as they are given', () => {
    expect(onTheWire(replyHeaders({ 'Ledger-Version': '12', 'Ledger-Source': 'table' }))).toBe(
      'NATS/1.0\r\nLedger-Version: 12\r\nLedger-Source: table\r\n\r\n',
    )
  })

  it('are none when there is none to write', () => {
    expect(replyHeaders(undefined)).toBeUndefined()
    expect(replyHeaders({})).toBeUndefined()
  })

  it('cannot smuggle in a header by a line break in a value', () => {
    expect(onTheWire(replyHeaders({ A: 'x\r\nNats-Service-Error-Code: 200' }))).toBe(
      'NATS/1.0\r\nA: x Nats-Service-Error-Code: 200\r\n\r\n',
    )
  })

  it.each(['', 'a b', 'a:b', 'a\r\nb', 'ä'])('refuse %j as a name', name => {
    expect(() => replyHeaders({ [name]: 'x' })).toThrow('is no name for a header')
  })

  it('of an error carry its status and its code on one line', () => {
    expect(onTheWire(errorHeaders({ status: 403, code: 'BAD\nREQUEST', body: '' }))).toBe(
      'NATS/1.0\r\nNats-Service-Error-Code: 403\r\nNats-Service-Error: BAD REQUEST\r\n\r\n',
    )
  })
})
