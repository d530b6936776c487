// this spec has servers of its own, because it overwrites chunks of the checkpoint
import fc from 'fast-check'
import { connect } from 'nats'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startConfiguredNats } from '../../test/support/configured-nats.js'
import { right, startTestLedger, type TestLedger } from '../../test/support/ledger.js'
import { until } from '../../test/support/servers.js'
import { followKnownIds } from '../commands/idempotency/known-ids.js'
import { chunkNameAfter, IdChunk } from '../known-ids/id-chunk.js'
import { hashText } from '../known-ids/id-hash.js'
import { manager } from '../stream/provision.js'
import { publish } from '../stream/publish.js'
import { LEDGER_STREAM, TRANSACTION_IDS_PREFIX, TRANSACTION_IDS_STREAM } from '../stream/settings.js'
import { HASH_BYTES, writeHash } from './checkpoint-chunk.js'
import { createDifferences } from './difference.js'
import { createKnownIdsCheck } from './known-ids-check.js'
import { type Report, type VerifyOptions, verify } from './verify.js'

const CHUNK_EVENTS = 8
const CHUNKS = 4
const EVENTS = CHUNKS * CHUNK_EVENTS + 3

let ledger: TestLedger
/** The chunks as the command side has written them, by their places. */
const written: { readonly subject: string; readonly body: Uint8Array }[] = []

const check = (options: Partial<VerifyOptions> = {}): Promise<Report> =>
  verify(
    ledger,
    {
      totals: false,
      timeout_ms: 20_000,
      differences_max: 100,
      chunk_events: CHUNK_EVENTS,
      ...options,
    },
    () => undefined,
    new AbortController().signal,
  )

const subjects = async (): Promise<string[]> => {
  const query = { subjects_filter: `${TRANSACTION_IDS_PREFIX}>` }
  const info = await ledger.jsm.streams.info(TRANSACTION_IDS_STREAM, query).catch(() => undefined)
  return Object.keys(info?.state.subjects ?? {})
}

const put = async (subject: string, body: Uint8Array): Promise<void> => {
  await right(publish(ledger.nc, { subject, body }, 5_000))
}

/** Changes a copy of the body of a chunk, and puts it in the place of the chunk. */
const change = async (index: number, edit: (hashes: DataView) => void): Promise<string> => {
  const { subject = '', body } = written[index] ?? {}
  const copy = Uint8Array.from(body ?? [])
  edit(new DataView(copy.buffer))
  await put(subject, copy)
  return subject
}

const erase =
  (place: number) =>
  (hashes: DataView): void =>
    hashes.setBigUint64(place * HASH_BYTES, 0n)

beforeAll(async () => {
  ledger = await startTestLedger()
  for (let seq = 1; seq <= EVENTS; seq += 1) {
    // every fifth event has no id
    const ids = seq % 5 === 0 ? {} : { transaction_id: `t-${seq}` }
    // an event of a later schema has an id that this program does not read
    const event = seq === 9 ? { schema: 9, ...ids } : { type: 'credit', amount: 1, ...ids }
    await ledger.emit(`c${seq % 3}`, event)
  }
  ledger.project()
  await ledger.caughtUp()
  expect(await check()).toMatchObject({ known_ids: undefined, not_compared: [], differences: [] })
  const known = followKnownIds(ledger, CHUNK_EVENTS)
  await until(async () => (await subjects()).length === CHUNKS, {
    deadline_ms: 30_000,
    what: 'all chunks to be written',
  })
  await known.stop()
  for (const subject of (await subjects()).toSorted()) {
    const message = await ledger.jsm.streams.getMessage(TRANSACTION_IDS_STREAM, { last_by_subj: subject })
    if (message !== null) written.push({ subject, body: message.data })
  }
})
afterAll(() => ledger.stop())

beforeEach(async () => {
  await ledger.jsm.streams.purge(TRANSACTION_IDS_STREAM)
  for (const { subject, body } of written) await put(subject, body)
})

describe('verify of the checkpoint of known ids', () => {
  it('agrees with the chunks that the command side has written, also where a later program wrote one', async () => {
    await change(1, hashes => writeHash(hashes, 0, 't-9'))
    expect(await check()).toMatchObject({
      known_ids: { compared: CHUNKS, not_believed: 0, differences: 0 },
      differences: [],
    })
  })

  it('finds one id that was left out, one that is another, and one that no event has', async () => {
    const subject = await change(2, hashes => {
      erase(0)(hashes)
      writeHash(hashes, 1, 't-0')
      // event 20 has no id
      writeHash(hashes, 3, 't-20')
    })
    const about = { where: 'known-ids', detail: `chunk ${subject}` }
    const { differences, known_ids } = await check()
    expect(differences).toEqual([
      { ...about, kind: 'missing', id: 't-17', seq: 17 },
      { ...about, kind: 'differs', id: 't-18', seq: 18 },
      { ...about, kind: 'stray', id: '', seq: 20 },
    ])
    expect(known_ids).toEqual({ compared: CHUNKS, not_believed: 0, differences: 3 })
  })

  it('of one customer looks at the ids of that customer', async () => {
    await change(2, erase(0))
    expect((await check({ client_id: 'c2' })).differences).toMatchObject([{ kind: 'missing', id: 't-17' }])
    expect((await check({ client_id: 'c1' })).differences).toEqual([])
  })

  it('finds a chunk of another length', async () => {
    const { subject = '' } = written[1] ?? {}
    await put(subject, new Uint8Array(HASH_BYTES))
    const bytes = { field: 'bytes', is: String(HASH_BYTES), should_be: String(CHUNK_EVENTS * HASH_BYTES) }
    expect((await check()).differences).toMatchObject([{ where: 'known-ids', id: subject, ...bytes }])
  })

  it('finds a wrong chunk that is believed only because the chunk after it names it', async () => {
    const forged = 'A'.repeat(22)
    const seq = 3 * CHUNK_EVENTS
    const last = await ledger.jsm.streams.getMessage(LEDGER_STREAM, { seq })
    if (last === null) throw new Error(`no event ${seq}`)
    const own = chunkNameAfter(forged, { seq, subject: last.subject, body: last.data, at: last.time })
    const body = (index: number) => written[index]?.body ?? new Uint8Array()
    // nobody names this one, so that it is not believed
    const left_out = Uint8Array.from(body(1))
    erase(2)(new DataView(left_out.buffer))
    await put(`${TRANSACTION_IDS_PREFIX}1.0.${forged}`, left_out)
    expect(await check()).toMatchObject({ known_ids: { not_believed: 1, differences: 0 } })
    await put(`${TRANSACTION_IDS_PREFIX}2.${forged}.${own}`, body(2))
    expect(await check()).toMatchObject({
      known_ids: { compared: CHUNKS + 2, not_believed: 0, differences: 1 },
      differences: [{ where: 'known-ids', kind: 'missing', id: 't-11', seq: 11 }],
    })
  })
})

it('a checkpoint that the user may not read is not compared, and the missing right is named', async () => {
  const right_to = `$JS.API.STREAM.INFO.${TRANSACTION_IDS_STREAM}`
  const users = `authorization { users: [
    { user: all, password: secret }
    { user: some, password: secret, permissions: { publish: { deny: "${right_to}" } } }
  ] }`
  const [all, some] = ['all', 'some'].map(user => ({ user, pass: 'secret' }))
  const nats = await startConfiguredNats(`jetstream { store_dir: "$STORE" }\n${users}`, all)
  const nc = await connect({ servers: nats.url, ...some })
  try {
    const run = {
      ...ledger,
      nc,
      jsm: await right(manager(nc)),
      signal: new AbortController().signal,
      onProgress: () => undefined,
      differences: createDifferences(1),
      client_id: undefined,
    }
    const check = await createKnownIdsCheck(run, CHUNK_EVENTS)
    expect(check.end()).toBeUndefined()
    expect(check.not_compared).toEqual([expect.stringContaining(right_to)])
  } finally {
    await nc.close()
    await nats.stop()
  }
})

it('the hash of an id is that of the command side, written a second time', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[\x21-\x7e]{1,135}$/), id => {
      const own = new DataView(new ArrayBuffer(HASH_BYTES))
      writeHash(own, 0, id)
      const chunk = IdChunk.empty(0, 1)
      chunk.set(1, hashText(id, { low: 0, high: 0 }))
      expect(new Uint8Array(own.buffer)).toEqual(chunk.body)
    }),
  )
})
