import { createInbox, type NatsConnection } from 'nats'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { left, right, startTestStream, type TestStream } from '../../test/support/ledger.js'
import { manager, streamInfo } from './provision.js'
import { type BatchMessage, publish, publishBatch } from './publish.js'
import { lastSequences, nextRecorded, readRange } from './read.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from './settings.js'

let stream: TestStream
let nc: NatsConnection

beforeAll(async () => {
  stream = await startTestStream()
  nc = stream.nc
})
afterAll(() => stream.stop())

const TIMEOUT_MS = 5_000
const message = (id: string, more: Partial<BatchMessage> = {}): BatchMessage => ({
  subject: `customer.balance.${id}`,
  body: '{}',
  ...more,
})
const lastSeq = async (): Promise<number> => (await right(streamInfo(nc, LEDGER_STREAM))).state.last_seq

describe('an atomic batch', () => {
  it('is stored whole, with neighbouring sequences', async () => {
    const before = await lastSeq()
    const batch = Array.from({ length: 1_000 }, (_, i) => message(`whole-${i}`))
    expect((await right(publishBatch(nc, batch, TIMEOUT_MS))).seq).toBe(before + 1_000)
    const found = []
    const range = {
      stream: LEDGER_STREAM,
      subject: LEDGER_SUBJECTS,
      from_seq: before + 1,
      to_seq: before + 1_000,
    }
    for await (const { subject } of readRange(nc, range)) found.push(subject)
    expect(found).toEqual(batch.map(({ subject }) => subject))
  })

  it('tells no id from which the inboxes of its process can be guessed', async () => {
    const { seq } = await right(publishBatch(nc, [message('no-inbox'), message('no-inbox')], TIMEOUT_MS))
    const stored = await right(nextRecorded(await right(manager(nc)), LEDGER_STREAM, LEDGER_SUBJECTS, seq))
    // the part that all inboxes of a process share
    const secret = createInbox().slice('_INBOX.'.length, '_INBOX.'.length + 12)
    expect(stored?.headers?.get('Nats-Batch-Id')).not.toBe('')
    expect(stored?.headers?.get('Nats-Batch-Id').startsWith(secret)).toBe(false)
  })

  describe('of one message', () => {
    it('is a plain message of the stream', async () => {
      const before = await lastSeq()
      expect((await right(publishBatch(nc, [message('single')], TIMEOUT_MS))).seq).toBe(before + 1)
      const jsm = await right(manager(nc))
      const stored = await right(nextRecorded(jsm, LEDGER_STREAM, LEDGER_SUBJECTS, before + 1))
      expect(stored?.headers?.has('Nats-Batch-Id') ?? false).toBe(false)
    })

    it('is refused for a known message id, like any other batch, and for an expectation that does not hold', async () => {
      await right(publish(nc, message('lone', { msg_id: 'lone-1' }), TIMEOUT_MS))
      const before = await lastSeq()
      const known = message('lone', { msg_id: 'lone-1', expected_last_subject_seq: before })
      expect(await left(publishBatch(nc, [known], TIMEOUT_MS))).toMatchObject({ tag: 'Duplicate' })
      const late = message('lone', { msg_id: 'lone-2', expected_last_subject_seq: 0 })
      expect(await left(publishBatch(nc, [late], TIMEOUT_MS))).toMatchObject({ tag: 'Conflict' })
      expect(await lastSeq()).toBe(before)
    })
  })

  it('leaves nothing behind when one expectation does not hold', async () => {
    await right(publish(nc, message('taken'), TIMEOUT_MS))
    const before = await lastSeq()
    const batch = [
      message('free', { expected_last_subject_seq: 0 }),
      message('taken', { expected_last_subject_seq: 0 }),
    ]
    expect(await left(publishBatch(nc, batch, TIMEOUT_MS))).toMatchObject({ tag: 'Conflict' })
    expect(await lastSeq()).toBe(before)
  })

  it('leaves nothing behind when a message id is known', async () => {
    await right(publish(nc, message('known', { msg_id: 'known-1' }), TIMEOUT_MS))
    const before = await lastSeq()
    const batch = [message('other'), message('known', { msg_id: 'known-1' })]
    expect(await left(publishBatch(nc, batch, TIMEOUT_MS))).toMatchObject({ tag: 'Duplicate', code: 10201 })
    expect(await lastSeq()).toBe(before)
  })

  it('of nothing, or of more than the server takes, is refused here', async () => {
    const tooMany = Array.from({ length: 1_001 }, () => message('many'))
    expect(await left(publishBatch(nc, [], TIMEOUT_MS))).toMatchObject({ tag: 'BatchRefused' })
    expect(await left(publishBatch(nc, tooMany, TIMEOUT_MS))).toMatchObject({ tag: 'BatchRefused' })
  })

  it('of two writers to one subject has one winner', async () => {
    const results = await Promise.all(
      Array.from({ length: 20 }, () =>
        publishBatch(nc, [message('raced', { expected_last_subject_seq: 0 })], TIMEOUT_MS)(),
      ),
    )
    expect(results.filter(({ _tag }) => _tag === 'Right')).toHaveLength(1)
    for (const result of results) if (result._tag === 'Left') expect(result.left.tag).toBe('Conflict')
  })
})

describe('a single message', () => {
  it('is stored once for one message id', async () => {
    const first = await right(publish(nc, message('once', { msg_id: 'once-1' }), TIMEOUT_MS))
    const second = await right(publish(nc, message('once', { msg_id: 'once-1' }), TIMEOUT_MS))
    expect(second).toEqual({ seq: first.seq, duplicate: true })
  })

  it('to a subject that no stream takes has an unknown outcome: try again', async () => {
    const stray = { subject: 'nobody.listens', body: '{}' }
    expect(await left(publish(nc, stray, TIMEOUT_MS))).toMatchObject({ tag: 'TryAgain' })
  })

  it('that is larger than the stream allows is refused', async () => {
    const large = message('large', { body: 'x'.repeat(100_000) })
    expect(await left(publish(nc, large, TIMEOUT_MS))).toMatchObject({ tag: 'TooLarge', code: 10054 })
  })
})

describe('reading', () => {
  it('finds the next message of a subject on the leader, and tells when there is none', async () => {
    const jsm = await right(manager(nc))
    const { seq } = await right(publish(nc, message('findable', { body: 'found' }), TIMEOUT_MS))
    const found = await right(nextRecorded(jsm, LEDGER_STREAM, 'customer.balance.findable', 1))
    expect(found).toMatchObject({ seq, subject: 'customer.balance.findable' })
    expect(new TextDecoder().decode(found?.body)).toBe('found')
    expect(
      await right(nextRecorded(jsm, LEDGER_STREAM, 'customer.balance.findable', seq + 1)),
    ).toBeUndefined()
  })

  it('gives the last sequence of each subject that has one', async () => {
    await right(publish(nc, message('last'), TIMEOUT_MS))
    const { seq } = await right(publish(nc, message('last'), TIMEOUT_MS))
    const subjects = ['customer.balance.last', 'customer.balance.never']
    expect(await right(lastSequences(nc, LEDGER_STREAM, subjects))).toEqual(
      new Map([['customer.balance.last', seq]]),
    )
    expect(await right(lastSequences(nc, LEDGER_STREAM, ['customer.balance.never']))).toEqual(new Map())
  })

  it('gives nothing for a range without messages of the subject, and ends', async () => {
    const range = {
      stream: LEDGER_STREAM,
      subject: 'customer.balance.never',
      from_seq: 1,
      to_seq: await lastSeq(),
    }
    for await (const { seq } of readRange(nc, range))
      throw new Error(`there should be nothing, but ${seq} came`)
  })
})
