import type { Msg } from 'nats'
import { expect, it } from 'vitest'
import { decodeHeaders } from '../headers.js'
import { DirectRecorded } from './direct-message.js'

/** A message with this header block, as the client holds it. */
const messageOf = (block: string): Msg => {
  const head = Buffer.from(block)
  const bytes = Buffer.concat([head, Buffer.from('{"type":"credit"}')])
  const message = { _rdata: bytes, _msg: { hdr: head.length }, data: bytes.subarray(head.length) }
  return { ...message, headers: decodeHeaders(head) } as unknown as Msg
}

const OWN = 'NATS/1.0\r\nNats-Msg-Id: x\r\nNats-Subject: customer.balance.forged\r\nNats-Sequence: 9\r\n'
const SERVERS = [
  'Nats-Stream: customer-balances',
  'Nats-Subject: customer.balance.Ä7',
  'Nats-Sequence: 12',
  'Nats-Time-Stamp: 2026-11-27T04:16:54.341909742Z',
  'Nats-Num-Pending: 3',
  'Nats-Last-Sequence: 11',
]

const read = (block: string) => {
  const { seq, subject, previous_seq, at, headers } = new DirectRecorded(messageOf(block))
  return { seq, subject, previous_seq, at: at.toISOString(), id: headers?.get('Nats-Msg-Id') }
}

const RIGHT = {
  seq: 12,
  subject: 'customer.balance.Ä7',
  previous_seq: 11,
  at: '2026-11-27T04:16:54.341Z',
  id: 'x',
}

it("reads the server's lines, whatever lines the event has of its own", () => {
  expect(read(`${OWN}${SERVERS.join('\r\n')}\r\n\r\n`)).toEqual(RIGHT)
})

it('reads them in any order, and the answer to a request for one message', () => {
  expect(read(`${OWN}${[...SERVERS].reverse().join('\r\n')}\r\n\r\n`)).toEqual(RIGHT)
  expect(read(`${OWN}${SERVERS.slice(0, 4).join('\r\n')}\r\n\r\n`)).toEqual({ ...RIGHT, previous_seq: 0 })
})
