import { headers, type NatsConnection } from 'nats'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { left, right, startTestStream, type TestStream } from '../../test/support/ledger.js'
import { until } from '../../test/support/servers.js'
import { applySettings, manager } from '../stream/provision.js'
import { publish } from '../stream/publish.js'
import { nextRecorded, readRange } from '../stream/read.js'
import type { Recorded } from '../stream/recorded.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../stream/settings.js'
import { discardDeadLetter, retryDeadLetter } from './actions.js'
import { countDeadLetters, findDeadLetter, keepDeadLetter, listDeadLetters } from './letters.js'
import { type Mark, readMark, writeMark } from './marks.js'

let stream: TestStream
let nc: NatsConnection

beforeAll(async () => {
  stream = await startTestStream()
  nc = stream.nc
})
afterAll(() => stream.stop())

const BY = { by: 'ann@desk' }
const REFUSED = { reason: 'INSUFFICIENT_FUNDS', detail: 'amount 5 against a balance of 0' } as const
const DEBIT = { type: 'debit', amount: 5, reference: 'order 7', metadata: { a: [1] }, transaction_id: 'old' }

/** Stores an event and its letter; gives its sequence. */
const refuse = async (token: string, body: unknown): Promise<number> => {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const subject = `customer.balance.${token}`
  const { seq } = await right(publish(nc, { subject, body: text }, 5_000))
  const h = headers()
  h.set('Trace', 'abc')
  h.set('Nats-Msg-Id', 'old')
  h.set('Nats-Expected-Last-Msg-Id', 'nope')
  h.set('nats-trace-dest', 'customer.balance.other')
  h.set('traceparent', '00-1')
  h.set('Ledger-By', 'token:shop')
  await right(keepDeadLetter(nc, { ...(await storedAt(seq)), headers: h }, REFUSED))
  return seq
}

const storedAt = async (seq: number): Promise<Recorded> => {
  const jsm = await right(manager(nc))
  const found = await right(nextRecorded(jsm, LEDGER_STREAM, LEDGER_SUBJECTS, seq))
  if (found === undefined) throw new Error(`there is no event ${seq}`)
  return found
}

const eventsOf = async (token: string): Promise<Recorded[]> => {
  const events = []
  const range = { stream: LEDGER_STREAM, subject: `customer.balance.${token}`, from_seq: 1, to_seq: 1e9 }
  for await (const event of readRange(nc, range)) events.push(event)
  return events
}

const bodyOf = ({ body }: Recorded) => JSON.parse(new TextDecoder().decode(body)) as Record<string, unknown>

const marksOf = async (seq: number) => {
  const { letter_subject = '' } = (await right(findDeadLetter(nc, seq))) ?? {}
  return { letter_subject, marked: await right(readMark(nc, await right(manager(nc)), letter_subject)) }
}

/** The mark of a retry that was killed right after it had begun. */
const beginOnly = async (seq: number, subject: string, transaction_id: string): Promise<Mark> => {
  const { letter_subject, marked } = await marksOf(seq)
  const body = JSON.stringify({ type: 'credit', amount: 1, transaction_id })
  const mark: Mark = {
    state: 'retrying',
    transaction_id,
    subject,
    body,
    headers: {},
    ledger_seq: seq,
    by: 'bob@desk',
    at: '2026-01-01T00:00:00.000Z',
  }
  await right(writeMark(nc, letter_subject, mark, marked))
  return mark
}

// this test has to be the first of the file: the server forgets message ids at the pace of the duplicate window that it
// had when the first id came
describe('a retry', () => {
  it('that was killed after it had published does not publish again, long after the duplicate window', async () => {
    const jsm = await right(manager(nc))
    await jsm.streams.update(LEDGER_STREAM, { duplicate_window: 100_000_000 })
    const seq = await refuse('published', DEBIT)
    const { subject, body } = (await beginOnly(seq, 'customer.balance.published', 'published-1')) as Mark & {
      subject: string
      body: string
    }
    const stored = await right(publish(nc, { subject, body, msg_id: 'published-1' }, 5_000))
    await right(publish(nc, { subject, body: '{"type":"credit","amount":9}' }, 5_000))
    const probe = { subject: 'customer.balance.probe', body: '{}', msg_id: 'probe-1' }
    await right(publish(nc, probe, 5_000))
    await until(async () => !(await right(publish(nc, probe, 5_000))).duplicate, {
      deadline_ms: 30_000,
      what: 'the duplicate window to end',
    })
    expect(await right(retryDeadLetter(nc, seq, {}, BY))).toEqual({
      transaction_id: 'published-1',
      seq: stored.seq,
    })
    expect(await eventsOf('published')).toHaveLength(3)
    await right(applySettings(nc, { replicas: 1 }))
  })

  it('publishes the event anew under a new id, keeps what it says, and marks the letter', async () => {
    const seq = await refuse('kept', { ...DEBIT, after: { balance: 1, version: 1 } })
    const retried = await right(retryDeadLetter(nc, seq, {}, { ...BY, reason: 'funded now' }))
    const [, event] = await eventsOf('kept')
    expect(event?.seq).toBe(retried.seq)
    expect(bodyOf(event as Recorded)).toEqual({ ...DEBIT, transaction_id: retried.transaction_id })
    expect(retried.transaction_id).not.toBe('old')
    expect(event?.headers?.get('Nats-Msg-Id')).toBe(retried.transaction_id)
    expect(event?.headers?.get('Ledger-Retry-Of')).toBe(String(seq))
    // the event's own headers that have a meaning for the server are not copied
    const names = ['Ledger-Retry-Of', 'Nats-Expected-Last-Subject-Sequence', 'Nats-Msg-Id', 'Trace']
    expect(event?.headers?.keys().toSorted()).toEqual(names)
    expect(event?.headers?.get('Trace')).toBe('abc')
    const letter = await right(findDeadLetter(nc, seq))
    expect(letter?.state).toBe('retried')
    expect(letter?.mark).toMatchObject({ ...retried, by: 'ann@desk', reason: 'funded now' })
  })

  it('may correct the event and its customer', async () => {
    const seq = await refuse('wrong.token', 'not JSON')
    expect(await left(retryDeadLetter(nc, seq, {}, BY))).toMatchObject({ tag: 'Refused' })
    expect((await left(retryDeadLetter(nc, seq, { client_id: 'right' }, BY))).message).toContain('not JSON')
    const body = '{"type":"credit","amount":3}'
    await right(retryDeadLetter(nc, seq, { client_id: 'right', body }, BY))
    expect((await eventsOf('right')).map(bodyOf)).toMatchObject([{ type: 'credit', amount: 3 }])
  })

  it.each([
    ['that would be a dead letter again', { body: '{"type":"credit","amount":0}' }, 'amount'],
    ['of a schema that nobody knows', { body: '{"schema":9,"type":"credit","amount":1}' }, 'schema 9'],
    [
      'of one side of a transfer',
      { body: JSON.stringify({ ...DEBIT, transfer: { counterparty: 'b' } }) },
      'transfer',
    ],
    ['with a name twice', { body: '{"type":"credit","amount":1,"amount":2}' }, 'amount: is there twice'],
    ['with a rounded amount', { body: '{"type":"credit","amount":0.99999999999999999999}' }, 'amount: 0.999'],
    ['of a customer that cannot be', { client_id: 'a.b' }, 'must be 1 to 64 characters'],
  ])('of an event %s is refused, and nothing is marked', async (_, correction, said) => {
    const seq = await refuse('again', DEBIT)
    const error = await left(retryDeadLetter(nc, seq, correction, BY))
    expect(error.tag).toBe('Refused')
    expect(error.message).toContain(said)
    expect((await right(findDeadLetter(nc, seq)))?.state).toBe('open')
  })

  it('does not make a valid event of one that was read as none', async () => {
    const seq = await refuse('read-as-none', '{"schema":2,"type":"credit","amount":1,"amount":2}')
    expect((await left(retryDeadLetter(nc, seq, {}, BY))).message).toContain('amount: is there twice')
    expect(await eventsOf('read-as-none')).toHaveLength(1)
  })

  it('has one effect when ten people start it at once', async () => {
    const seq = await refuse('ten', DEBIT)
    const results = await Promise.all(
      Array.from({ length: 10 }, (_, i) => retryDeadLetter(nc, seq, {}, { by: `person ${i}` })()),
    )
    expect(await eventsOf('ten')).toHaveLength(2)
    const stored = results.flatMap(result => (result._tag === 'Right' ? [result.right] : []))
    expect(new Set(stored.map(({ transaction_id }) => transaction_id)).size).toBe(1)
    expect(stored.length).toBeGreaterThan(0)
    for (const result of results)
      if (result._tag === 'Left') expect(result.left.message).toContain('was retried already')
  })

  it('that was killed after it had begun is ended as it was begun', async () => {
    const seq = await refuse('begun', DEBIT)
    await beginOnly(seq, 'customer.balance.begun', 'begun-1')
    expect(await left(retryDeadLetter(nc, seq, { body: '{}' }, BY))).toMatchObject({ tag: 'Refused' })
    expect(await left(discardDeadLetter(nc, seq, { ...BY, reason: 'no' }))).toMatchObject({ tag: 'Refused' })
    expect(await right(listDeadLetters(nc, { client_id: 'begun', limit: 9 }))).toMatchObject([
      { state: 'retrying' },
    ])
    expect(await right(retryDeadLetter(nc, seq, {}, BY))).toMatchObject({ transaction_id: 'begun-1' })
    expect((await eventsOf('begun')).map(bodyOf).at(-1)).toMatchObject({
      type: 'credit',
      transaction_id: 'begun-1',
    })
  })

  it('goes through although others keep writing to the customer', async () => {
    const seq = await refuse('busy', DEBIT)
    let writing = true
    const others = (async () => {
      while (writing) await right(publish(nc, { subject: 'customer.balance.busy', body: '{}' }, 5_000))
    })()
    const { transaction_id } = await right(retryDeadLetter(nc, seq, {}, BY))
    writing = false
    await others
    const ids = (await eventsOf('busy')).map(event => event.headers?.get('Nats-Msg-Id'))
    expect(ids.filter(id => id === transaction_id)).toHaveLength(1)
  })
})

describe('a mark', () => {
  it('is written only after the one that was read', async () => {
    const seq = await refuse('marked', DEBIT)
    const { letter_subject, marked } = await marksOf(seq)
    const mark: Mark = { state: 'discarded', ...BY, at: '2026-01-01T00:00:00.000Z', reason: 'first' }
    await right(writeMark(nc, letter_subject, mark, marked))
    expect(await left(writeMark(nc, letter_subject, mark, marked))).toMatchObject({ tag: 'Conflict' })
  })
})

describe('junk on the subject of marks', () => {
  it('is passed over by lists and decisions, and a decision is written after it', async () => {
    const seq = await refuse('junk-mark', DEBIT)
    const { letter_subject } = await marksOf(seq)
    await right(publish(nc, { subject: `${letter_subject}.mark`, body: '{"balance":0}' }, 5_000))
    await right(publish(nc, { subject: 'customer.dead-letter.x.1.mark', body: '\u0000' }, 5_000))
    const listed = await right(listDeadLetters(nc, { client_id: 'junk-mark', limit: 9 }))
    expect(listed).toMatchObject([{ seq, state: 'open' }])
    await right(discardDeadLetter(nc, seq, { ...BY, reason: 'ours' }))
    await right(publish(nc, { subject: `${letter_subject}.mark`, body: 'junk again' }, 5_000))
    expect(await right(findDeadLetter(nc, seq))).toMatchObject({ state: 'discarded' })
    expect(await left(retryDeadLetter(nc, seq, { body: '{}' }, BY))).toMatchObject({ tag: 'Refused' })
  })

  it('that a newer program wrote is a decision that nobody here overrules', async () => {
    const seq = await refuse('newer-mark', DEBIT)
    const { letter_subject } = await marksOf(seq)
    const body = JSON.stringify({ state: 'forgiven', by: 'eve', at: '2030-01-01T00:00:00.000Z' })
    await right(publish(nc, { subject: `${letter_subject}.mark`, body }, 5_000))
    expect(await right(findDeadLetter(nc, seq))).toMatchObject({ state: 'unreadable' })
    for (const action of [
      retryDeadLetter(nc, seq, {}, BY),
      discardDeadLetter(nc, seq, { ...BY, reason: 'no' }),
    ])
      expect((await left<{ message: string }>(action)).message).toContain('a newer program decided')
  })
})

describe('a letter of an item that no table took', () => {
  it('lies beside the letters of events, may be discarded, and is never published anew', async () => {
    const { seq } = await right(publish(nc, { subject: 'customer.balance.unstorable', body: '{}' }, 5_000))
    const verdict = {
      reason: 'UNSTORABLE',
      detail: 'ValidationException',
      projection: 'ledger',
      table: 'j',
    } as const
    for (let times = 0; times < 2; times += 1) await right(keepDeadLetter(nc, await storedAt(seq), verdict))
    const filter = { client_id: 'unstorable', limit: 9 }
    expect(await right(listDeadLetters(nc, filter))).toMatchObject([
      { seq, reason: 'UNSTORABLE', projection: 'ledger', table: 'j', state: 'open', body: '{}' },
    ])
    expect((await right(countDeadLetters(nc))).unstorable).toEqual({ ledger: 1 })
    expect((await left(retryDeadLetter(nc, seq, {}, BY))).message).toContain('the event counts')
    await right(discardDeadLetter(nc, seq, { ...BY, reason: 'seen' }))
    expect(await right(listDeadLetters(nc, filter))).toEqual([])
    expect((await right(countDeadLetters(nc))).unstorable).toEqual({})
  })
})

describe('a letter', () => {
  it('that is discarded stays, with who and why, and is listed only when asked for', async () => {
    const seq = await refuse('gone', DEBIT)
    await right(discardDeadLetter(nc, seq, { ...BY, reason: 'a test of ours' }))
    expect(await right(listDeadLetters(nc, { client_id: 'gone', limit: 9 }))).toEqual([])
    const [letter] = await right(listDeadLetters(nc, { client_id: 'gone', settled: true, limit: 9 }))
    expect(letter).toMatchObject({ state: 'discarded', mark: { by: 'ann@desk', reason: 'a test of ours' } })
    expect((await left(discardDeadLetter(nc, seq, { ...BY, reason: 'again' }))).message).toContain(
      'a test of ours',
    )
  })

  it('that was retried cannot be retried or discarded', async () => {
    const seq = await refuse('twice', DEBIT)
    const { transaction_id } = await right(retryDeadLetter(nc, seq, {}, BY))
    for (const action of [
      retryDeadLetter(nc, seq, {}, BY),
      discardDeadLetter(nc, seq, { ...BY, reason: 'no' }),
    ]) {
      expect((await left<{ message: string }>(action)).message).toContain(transaction_id)
    }
    expect(await eventsOf('twice')).toHaveLength(2)
  })

  it('that was discarded may be retried after all', async () => {
    const seq = await refuse('after-all', DEBIT)
    await right(discardDeadLetter(nc, seq, { ...BY, reason: 'a mistake' }))
    await right(retryDeadLetter(nc, seq, {}, BY))
    expect((await right(findDeadLetter(nc, seq)))?.state).toBe('retried')
  })

  it('is kept once although it has marks, and is counted', async () => {
    const before = await right(countDeadLetters(nc))
    const seq = await refuse('counted', DEBIT)
    expect(await right(countDeadLetters(nc))).toMatchObject({
      open: before.open + 1,
      total: before.total + 1,
    })
    await right(discardDeadLetter(nc, seq, { ...BY, reason: 'counted' }))
    await right(keepDeadLetter(nc, await storedAt(seq), REFUSED))
    expect(await right(countDeadLetters(nc))).toMatchObject({ open: before.open, total: before.total + 1 })
  })

  it('that does not exist cannot be acted on', async () => {
    expect(await left(retryDeadLetter(nc, 999_999, {}, BY))).toMatchObject({ tag: 'Refused' })
    expect(await left(discardDeadLetter(nc, 999_999, { ...BY, reason: 'x' }))).toMatchObject({
      tag: 'Refused',
    })
  })
})

it('a retry names the user who did it, and not the caller of the event that had no effect', async () => {
  const seq = await refuse('who', { ...DEBIT, type: 'credit' })
  const actor = { by: 'operator:LEDGER/ada (ada@desk)', caller: 'operator:LEDGER/ada' }
  const retried = await right(retryDeadLetter(nc, seq, {}, actor))
  const event = (await eventsOf('who')).at(-1)
  expect([event?.seq, event?.headers?.values('Ledger-By')]).toEqual([retried.seq, ['operator:LEDGER/ada']])
  expect((await right(findDeadLetter(nc, seq)))?.mark).toMatchObject({ by: actor.by })
})
