import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { E } from '../fp.js'
import {
  type AccountId,
  accountIdOf,
  accountOn,
  assetOf,
  customerOf,
  eventSubject,
  isAccountId,
  isOfAsset,
  namesJson,
  namesOf,
  otherSide,
} from './account-id.js'
import { type ClientId, isClientId } from './client-id.js'
import { decodeEvent, decodeMovement, encodeEvent } from './event.js'
import { arbitraryEvent } from './testing/arbitrary.js'

const customers = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_:@-]{0,63}$/) as fc.Arbitrary<ClientId>
const assets = fc.option(fc.stringMatching(/^[A-Z][A-Z0-9]{0,15}$/), { nil: undefined })
const accounts = fc.tuple(customers, assets).map(([customer, asset]) => accountIdOf(customer, asset))
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const EUR = '678/EUR' as AccountId

describe('an account id', () => {
  it('is made of a customer and an asset, gives both back, and is the token of its subject', () => {
    fc.assert(
      fc.property(customers, assets, (customer, asset) => {
        const id = accountIdOf(customer, asset)
        expect(isAccountId(id)).toBe(true)
        expect([customerOf(id), assetOf(id), isOfAsset(id)]).toEqual([customer, asset, asset !== undefined])
        expect(accountOn(eventSubject(id))).toEqual(E.right(id))
        expect(JSON.parse(`{${namesJson(id)}}`)).toEqual(namesOf(id))
      }),
    )
  })

  it('is a client id where the asset is the default one, and never otherwise', () => {
    fc.assert(fc.property(accounts, id => isClientId(id) === !isOfAsset(id)))
  })

  it.each([
    ...['678/', '/EUR', '678/eur', '678/EUR/USD', '678//EUR', '678/1EUR', '678/E-R', '678 /EUR', '678/EUR '],
    ...[
      `678/${'E'.repeat(17)}`,
      '_/EUR',
      '',
      '678/ÉUR',
      '678\n/EUR',
      '678.EUR',
      '678/EUR.1',
      '678/*',
      '678/>',
    ],
  ])('is not %j', text => {
    expect(isAccountId(text)).toBe(false)
    expect(E.isLeft(accountOn(`customer.balance.${text}`))).toBe(true)
  })

  it('names the other side by its customer, unless that is of another asset', () => {
    expect(otherSide(EUR, '9/EUR' as AccountId)).toBe('9')
    expect(otherSide('8' as AccountId, '9' as AccountId)).toBe('9')
    expect(otherSide(EUR, '9/USD' as AccountId)).toBe('9/USD')
    expect(otherSide(EUR, '9' as AccountId)).toBe('9')
  })
})

describe('an event of an asset', () => {
  it('is written in schema 2, and read as it was', () => {
    fc.assert(
      fc.property(arbitraryEvent, accounts, (event, id) => {
        const body = bytes(encodeEvent(event, id))
        const text = new TextDecoder().decode(body)
        if (isOfAsset(id)) expect(text.startsWith('{"schema":2,')).toBe(true)
        const [one, other] = [decodeEvent(body, id), decodeMovement(body, id)]
        expect([one.tag, other.tag]).toEqual(['event', 'event'])
        const again = one.tag === 'event' ? encodeEvent(one.event, id) : ''
        expect(again).toBe(text)
      }),
    )
  })

  it('is malformed in schema 1, for both readers, for ever', () => {
    for (const text of [
      '{"type":"credit","amount":5}',
      '{"schema":1,"type":"credit","amount":5}',
      '{"schema":1,"type":"declined","amount":5,"colour":"red"}',
    ]) {
      for (const decode of [decodeEvent, decodeMovement]) {
        expect(decode(bytes(text), EUR)).toEqual({
          tag: 'malformed',
          reason: 'schema: must be 2 on the subject of an asset',
        })
        expect(decode(bytes(text), '678' as AccountId).tag).toBe('event')
      }
    }
  })

  it('waits for a later program like any other when its schema is newer', () => {
    const body = bytes('{"schema":3,"type":"credit","amount":5}')
    expect(decodeEvent(body, EUR)).toEqual({ tag: 'future', schema: 3 })
  })

  it('may have an account of an asset on its other side in schema 2 only', () => {
    const transfer = '"type":"debit","amount":5,"transaction_id":"t","transfer":{"counterparty":"9/EUR"}'
    expect(decodeEvent(bytes(`{"schema":2,${transfer}}`), '678' as AccountId).tag).toBe('event')
    expect(decodeEvent(bytes(`{${transfer}}`), '678' as AccountId).tag).toBe('malformed')
  })
})
