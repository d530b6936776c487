import { headers, type NatsConnection } from 'nats'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { left, right, startTestStream, type TestStream } from '../../test/support/ledger.js'
import { manager } from '../stream/provision.js'
import { publish } from '../stream/publish.js'
import { nextRecorded } from '../stream/read.js'
import type { Recorded } from '../stream/recorded.js'
import { DEAD_LETTER_STREAM, LEDGER_STREAM, LEDGER_SUBJECTS } from '../stream/settings.js'
import { countDeadLetters, findDeadLetter, keepDeadLetter, listDeadLetters } from './letters.js'

let stream: TestStream
let nc: NatsConnection

beforeAll(async () => {
  stream = await startTestStream()
  nc = stream.nc
})
afterAll(() => stream.stop())

const stored = async (
  token: string,
  body: string | Uint8Array = 'the body',
  more: Partial<Recorded> = {},
): Promise<Recorded> => {
  const { seq } = await right(publish(nc, { subject: `customer.balance.${token}`, body }, 5_000))
  const found = await right(nextRecorded(await right(manager(nc)), LEDGER_STREAM, LEDGER_SUBJECTS, seq))
  if (found === undefined) throw new Error(`there is no event ${seq}`)
  return { ...found, ...more }
}

const publishLetter = (subject: string, body: string | Uint8Array, own: Record<string, string> = {}) =>
  right(publish(nc, { subject, body, headers: own }, 5_000))

const lettersOf = (client_id: string) => right(listDeadLetters(nc, { client_id, limit: 10 }))

const REASON = { reason: 'MALFORMED', detail: 'not JSON:\r\n\tunexpected' } as const

describe('a dead letter', () => {
  it('is kept once for ever, however often it is asked for', async () => {
    const event = await stored('once')
    for (let times = 0; times < 3; times += 1) await right(keepDeadLetter(nc, event, REASON))
    expect(await lettersOf('once')).toHaveLength(1)
  })

  it('holds the event whole, with headers that mean nothing to JetStream any more', async () => {
    const h = headers()
    h.set('Nats-Msg-Id', 'id-1')
    h.set('Nats-Expected-Last-Subject-Sequence', '99')
    h.append('Trace', 'a')
    h.append('Trace', 'b')
    const event = await stored('whole', 'the body', { headers: h })
    await right(keepDeadLetter(nc, event, REASON))
    expect(await right(findDeadLetter(nc, event.seq))).toEqual({
      letter_seq: expect.any(Number),
      letter_subject: `customer.dead-letter.whole.${event.seq}`,
      state: 'open',
      seq: event.seq,
      subject: 'customer.balance.whole',
      reason: 'MALFORMED',
      detail: 'not JSON: unexpected',
      at: event.at.toISOString(),
      headers: { 'Nats-Msg-Id': 'id-1', 'Nats-Expected-Last-Subject-Sequence': '99', Trace: 'a, b' },
      body: 'the body',
    })
  })

  it('of an event without a valid client id is filed under _, whatever its subject holds', async () => {
    for (const token of ['a.b', 'a%41', 'a\u001b]0;pwned\u0007', 'ü\u00a0']) {
      const event = await stored(token)
      for (let times = 0; times < 2; times += 1) await right(keepDeadLetter(nc, event, REASON))
      expect(await right(findDeadLetter(nc, event.seq))).toMatchObject({ subject: event.subject })
    }
    expect(await lettersOf('_')).toHaveLength(4)
  })

  it('may be of the largest event that the ledger takes', async () => {
    const h = headers()
    for (let i = 0; i < 1_000; i += 1) h.set(`h${i}`, 'v')
    const event = await stored('large', new Uint8Array(50_000), { headers: h })
    await right(keepDeadLetter(nc, event, REASON))
    expect(Object.keys((await right(findDeadLetter(nc, event.seq)))?.headers ?? {})).toHaveLength(1_000)
  })

  it('leaves the body in the ledger where the stream takes less, and is read with it', async () => {
    const jsm = await right(manager(nc))
    const { config } = await jsm.streams.info(DEAD_LETTER_STREAM)
    await jsm.streams.update(DEAD_LETTER_STREAM, { ...config, max_msg_size: 1_000 })
    const event = await stored('referred', 'x'.repeat(2_000))
    for (let times = 0; times < 2; times += 1) await right(keepDeadLetter(nc, event, REASON))
    await jsm.streams.update(DEAD_LETTER_STREAM, config)
    expect(await lettersOf('referred')).toMatchObject([{ seq: event.seq, body: 'x'.repeat(2_000) }])
  })

  it('lists as many as were asked for, oldest first', async () => {
    const letters = await right(listDeadLetters(nc, { limit: 2 }))
    expect(letters.map(({ subject }) => subject)).toEqual(['customer.balance.once', 'customer.balance.whole'])
  })

  it('is not found where there is none', async () => {
    expect(await right(findDeadLetter(nc, 999))).toBeUndefined()
  })
})

describe('what is no letter of this ledger', () => {
  /** Headers of a letter that is about `event`. */
  const claimed = ({ seq, subject, at }: Recorded) => ({
    'Ledger-Reason': 'MALFORMED',
    'Ledger-Detail': '',
    'Ledger-Subject': subject,
    'Ledger-Seq': String(seq),
    'Ledger-At': at.toISOString(),
  })

  it.each<[string, (event: Recorded) => readonly [Uint8Array | string, Record<string, string>]]>([
    ['an answer to a request whose reply subject it was', () => ['{"balance":0}', { 'Ledger-Version': '0' }]],
    ['nothing at all', () => ['', {}]],
    ['a letter of a tail that was lost', e => [e.body, claimed({ ...e, at: new Date('2020-01-01') })]],
    ['a letter of another subject', e => [e.body, claimed({ ...e, subject: 'customer.balance.other' })]],
    ['a letter of another event', e => [e.body, claimed({ ...e, seq: e.seq + 1 })]],
    ['a letter with another body', e => ['{"type":"credit","amount":9}', claimed(e)]],
    ['a letter that gives another reason', e => [e.body, { ...claimed(e), 'Ledger-Reason': 'UNSTORABLE' }]],
    ['a letter without a time', e => [e.body, { ...claimed(e), 'Ledger-At': 'never' }]],
  ])('%s is never taken for the letter, and is passed over', async (_, forge) => {
    const before = await right(countDeadLetters(nc))
    const event = await stored('forged')
    const subject = `customer.dead-letter.forged.${event.seq}`
    const [body, own] = forge(event)
    await publishLetter(subject, body, own)
    expect(await right(findDeadLetter(nc, event.seq))).toBeUndefined()
    await right(keepDeadLetter(nc, event, REASON))
    await publishLetter(subject, body, own)
    await right(keepDeadLetter(nc, event, REASON))
    expect(await right(findDeadLetter(nc, event.seq))).toMatchObject({ body: 'the body', state: 'open' })
    const after = await right(countDeadLetters(nc))
    expect(after).toMatchObject({ open: before.open + 1, total: before.total + 1, junk: before.junk + 2 })
    expect((await lettersOf('forged')).filter(({ seq }) => seq === event.seq)).toHaveLength(1)
  })

  it('is told by its place among the letters, and no list fails of it', async () => {
    const { seq } = await publishLetter('customer.dead-letter.odd', 'junk')
    const junk: number[] = []
    await right(listDeadLetters(nc, { limit: 1_000 }, at => junk.push(at)))
    expect(junk).toContain(seq)
  })
})

describe('a stream of letters without room', () => {
  it('says so, and is no conflict', async () => {
    const jsm = await right(manager(nc))
    const { config } = await jsm.streams.info(DEAD_LETTER_STREAM)
    await jsm.streams.update(DEAD_LETTER_STREAM, { ...config, max_bytes: 2_000 })
    expect(await left(keepDeadLetter(nc, await stored('full'), REASON))).toMatchObject({ tag: 'StreamFull' })
    await jsm.streams.update(DEAD_LETTER_STREAM, config)
  })
})
