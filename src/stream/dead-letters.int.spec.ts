import { connect, headers, type NatsConnection } from 'nats'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { right } from '../../test/support/ledger.js'
import { startTestNats, type TestNats } from '../../test/support/servers.js'
import { findDeadLetter, keepDeadLetter, listDeadLetters } from './dead-letters.js'
import { provision } from './provision.js'
import type { Recorded } from './recorded.js'

let nats: TestNats
let nc: NatsConnection

beforeAll(async () => {
  nats = await startTestNats()
  nc = await connect({ servers: nats.url })
  await right(provision(nc, { replicas: 1 }))
})

afterAll(async () => {
  await nc.close()
  await nats.stop()
})

const event = (seq: number, token: string, more: Partial<Recorded> = {}): Recorded => ({
  seq,
  subject: `customer.balance.${token}`,
  body: new TextEncoder().encode('the body'),
  at: new Date('2026-01-02T03:04:05.678Z'),
  ...more,
})

const REASON = { reason: 'MALFORMED', detail: 'not JSON:\r\n\tunexpected' } as const

describe('a dead letter', () => {
  it('is kept once for ever, however often it is asked for', async () => {
    for (let times = 0; times < 3; times += 1) await right(keepDeadLetter(nc, event(1, 'once'), REASON))
    expect(await right(listDeadLetters(nc, { client_id: 'once', limit: 10 }))).toHaveLength(1)
  })

  it('holds the event whole, with headers that mean nothing to JetStream any more', async () => {
    const h = headers()
    h.set('Nats-Msg-Id', 'id-1')
    h.set('Nats-Expected-Last-Subject-Sequence', '99')
    h.append('Trace', 'a')
    h.append('Trace', 'b')
    await right(keepDeadLetter(nc, event(2, 'whole', { headers: h }), REASON))
    expect(await right(findDeadLetter(nc, 2))).toEqual({
      letter_seq: expect.any(Number),
      letter_subject: 'customer.dead-letter.whole.2',
      state: 'open',
      seq: 2,
      subject: 'customer.balance.whole',
      reason: 'MALFORMED',
      detail: 'not JSON: unexpected',
      at: '2026-01-02T03:04:05.678Z',
      headers: { 'Nats-Msg-Id': 'id-1', 'Nats-Expected-Last-Subject-Sequence': '99', Trace: 'a, b' },
      body: 'the body',
    })
  })

  it('of an event without a valid client id is filed under _', async () => {
    await right(keepDeadLetter(nc, event(3, 'a.b'), REASON))
    expect(await right(listDeadLetters(nc, { client_id: '_', limit: 10 }))).toMatchObject([{ seq: 3 }])
  })

  it('may be of the largest event that the ledger takes', async () => {
    const h = headers()
    for (let i = 0; i < 1_000; i += 1) h.set(`h${i}`, 'v')
    const body = new Uint8Array(50_000)
    await right(keepDeadLetter(nc, event(4, 'large', { headers: h, body }), REASON))
    expect(Object.keys((await right(findDeadLetter(nc, 4)))?.headers ?? {})).toHaveLength(1_000)
  })

  it('lists as many as were asked for, oldest first', async () => {
    const letters = await right(listDeadLetters(nc, { limit: 2 }))
    expect(letters.map(({ seq }) => seq)).toEqual([1, 2])
  })

  it('is not found where there is none', async () => {
    expect(await right(findDeadLetter(nc, 999))).toBeUndefined()
  })
})
