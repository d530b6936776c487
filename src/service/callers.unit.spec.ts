import { headers, Match, type MsgHdrs } from 'nats'
import { describe, expect, it } from 'vitest'
import { type CallerOptions, createCallerOf } from './callers.js'

type Line = readonly [name: string, value: string]

const headersOf = (lines: readonly Line[]): MsgHdrs => {
  const h = headers()
  for (const [name, value] of lines) h.append(name, value, Match.Exact)
  return h
}
const IMPORT_REPLY = '_R_.Xb4vQz.c0QMLW'
const INFO = (acc: string, user?: string): Line => [
  'Nats-Request-Info',
  JSON.stringify({ acc, rtt: 1, ...(user === undefined ? {} : { user, kind: 'Client' }) }),
]
const ID: Line = ['Ledger-Request-Id', '01a1fbee-6e39-7dbe-ae97-b6d39726ef36']
const SHOP: Line = ['Ledger-Caller', 'token:shop']

const caller = (options: CallerOptions | undefined, reply: string, ...lines: readonly Line[]) =>
  createCallerOf(options)({ reply, headers: headersOf(lines) })

describe('without a configuration', () => {
  it('nobody is known, whatever a request says of itself', () => {
    expect(caller(undefined, IMPORT_REPLY, SHOP, ID, INFO('SHOP', 'ada'))).toEqual({})
  })
})

describe('where the gateway vouches', () => {
  const options = { vouched_by: 'gateway' } as const

  it('its header is the caller', () => {
    expect(caller(options, '_INBOX.a.b', SHOP, ID)).toEqual({ by: 'token:shop', request_id: ID[1] })
    expect(caller(options, '_INBOX.a.b')).toEqual({})
    expect(createCallerOf(options)({ reply: '_INBOX.a', headers: undefined })).toEqual({})
  })

  it.each<[readonly Line[]]>([
    [[['Ledger-Caller', 'nats:A/b']]],
    [[['Ledger-Caller', 'operator:A/b']]],
    [[['Ledger-Caller', 'shop']]],
    [[['Ledger-Caller', 'token:a b']]],
    [[SHOP, SHOP]],
    [[['ledger-caller', 'token:shop']]],
    [[['Ledger-Request-Id', 'a b']]],
    [[['Ledger-Request-Id', 'x'.repeat(65)]]],
  ])('it is not what %j says', lines => {
    expect(caller(options, '_INBOX.a', ...lines)).toEqual({})
  })
})

describe('where nats-server vouches', () => {
  const options = { vouched_by: 'request-info', gateway_account: 'GW' } as const

  it('the caller is the account and the user that it names', () => {
    expect(caller(options, IMPORT_REPLY, INFO('SHOP', 'ada'))).toEqual({ by: 'nats:SHOP/ada' })
    expect(caller(options, `_GR_.c1.h1.${IMPORT_REPLY}`, INFO('SHOP', 'ada'))).toEqual({
      by: 'nats:SHOP/ada',
    })
    expect(caller(options, IMPORT_REPLY, INFO('SHOP'))).toEqual({ by: 'nats:SHOP' })
    expect(caller(options, IMPORT_REPLY, INFO('SHOP', 'Ada L.'))).toEqual({ by: 'nats:SHOP/Ada%20L.' })
  })

  it('a client of the own account cannot say it: its reply subject is no import', () => {
    for (const reply of ['_INBOX.a.b', '', '_INBOX._R_.a', 'x._R_.a'])
      expect(caller(options, reply, INFO('SHOP', 'root'), SHOP)).toEqual({})
  })

  it('of several such headers the last one counts, which the server has added', () => {
    expect(caller(options, IMPORT_REPLY, INFO('SHOP', 'root'), INFO('SHOP', 'ada')).by).toBe('nats:SHOP/ada')
  })

  it('the gateway is believed only from its own account', () => {
    const found = caller(options, IMPORT_REPLY, SHOP, ID, INFO('GW', 'gateway'))
    expect(found).toEqual({ by: 'token:shop', request_id: ID[1] })
    expect(caller(options, IMPORT_REPLY, SHOP, ID, INFO('SHOP', 'ada'))).toEqual({ by: 'nats:SHOP/ada' })
    expect(caller(options, IMPORT_REPLY, INFO('GW', 'gateway')).by).toBe('nats:GW/gateway')
  })

  it.each(['', 'no json', '[]', '{"acc":7}', '{"user":"ada"}', '{"acc":"","user":""}'])(
    'nobody is known by %j',
    info => {
      expect(caller(options, IMPORT_REPLY, ['Nats-Request-Info', info]).by).toBeUndefined()
    },
  )
})
