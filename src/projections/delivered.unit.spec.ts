import type { JsMsg } from '@nats-io/jetstream'
import { expect, it } from 'vitest'
import { createDeliveryReader } from './delivered.js'

const message = (reply: string): JsMsg =>
  ({ reply, subject: 'customer.balance.a', data: new Uint8Array(3), headers: undefined }) as unknown as JsMsg

const AT = Date.parse('2026-11-28T12:00:00.999Z')

it('has the place, the time and the number of deliveries of its message', () => {
  const read = createDeliveryReader()
  const to = (deliveries: number, seq: number) =>
    read(message(`$JS.ACK.customer-balances.ledger.${deliveries}.${seq}.9.${AT}999999.0`))
  expect(to(1, 41)).toMatchObject({
    seq: 41,
    redelivered: false,
    at: new Date(AT),
    subject: 'customer.balance.a',
  })
  expect(to(2, 40)).toMatchObject({ seq: 40, redelivered: true })
  expect(to(1, 42)).toMatchObject({ seq: 42, redelivered: false })
})

it('is no message that came without a place', () => {
  const read = createDeliveryReader()
  for (const reply of ['', '_INBOX.abc', '$JS.API.STREAM.INFO.x'])
    expect(() => read(message(reply))).toThrow('is no delivery')
})
