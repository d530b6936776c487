// this spec has servers of its own, because it overwrites parts of the index of transaction ids
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { right, startTestLedger, type TestLedger } from '../../test/support/ledger.js'
import { until } from '../../test/support/servers.js'
import { followKnownIds } from '../commands/idempotency/known-ids.js'
import { publish, publishBatch } from '../stream/publish.js'
import { TRANSACTION_IDS_PREFIX, TRANSACTION_IDS_STREAM } from '../stream/settings.js'
import { type Report, verify } from './verify.js'

const CHUNK_EVENTS = 128
/** A row of 16 chunks, and a few events more. */
const EVENTS = 16 * CHUNK_EVENTS + 50
const BUCKETS = 2
const ENTRY_BYTES = 12

let ledger: TestLedger
/** The index as the command side has written it. */
const written: { readonly subject: string; readonly body: Uint8Array }[] = []

const check = (client_id?: string): Promise<Report> =>
  verify(
    ledger,
    { totals: false, timeout_ms: 20_000, differences_max: 100, chunk_events: CHUNK_EVENTS, client_id },
    () => undefined,
    new AbortController().signal,
  )

const put = async (subject: string, body: Uint8Array): Promise<void> => {
  await right(publish(ledger.nc, { subject, body }, 5_000))
}

const indexSubjects = async (): Promise<string[]> => {
  const query = { subjects_filter: `${TRANSACTION_IDS_PREFIX}row.>` }
  const info = await ledger.jsm.streams.info(TRANSACTION_IDS_STREAM, query).catch(() => undefined)
  return Object.keys(info?.state.subjects ?? {}).toSorted()
}

beforeAll(async () => {
  ledger = await startTestLedger()
  const messages = Array.from({ length: EVENTS }, (_, i) => ({
    subject: `customer.balance.c${i % 7}`,
    // every fifth event has no id
    body: JSON.stringify({
      type: 'credit',
      amount: 1,
      ...(i % 5 === 0 ? {} : { transaction_id: `t-${i + 1}` }),
    }),
  }))
  for (let from = 0; from < EVENTS; from += 1_000)
    await right(publishBatch(ledger.nc, messages.slice(from, from + 1_000), 10_000))
  ledger.project()
  await ledger.caughtUp()
  const known = followKnownIds(ledger, CHUNK_EVENTS)
  await until(async () => (await indexSubjects()).length === BUCKETS, {
    deadline_ms: 30_000,
    what: 'the index to be written',
  })
  await known.stop()
  for (const subject of await indexSubjects()) {
    const message = await ledger.jsm.streams.getMessage(TRANSACTION_IDS_STREAM, { last_by_subj: subject })
    if (message !== null) written.push({ subject, body: message.data })
  }
})
afterAll(() => ledger.stop())
beforeEach(async () => {
  for (const { subject, body } of written) await put(subject, body)
})

it('agrees with the index that the command side has written, and with one of which a part is missing', async () => {
  expect(written.map(({ body }) => body.length > 500 * ENTRY_BYTES)).toEqual([true, true])
  expect(await check()).toMatchObject({ known_ids: { compared: 16, differences: 0 }, differences: [] })
  await ledger.jsm.streams.purge(TRANSACTION_IDS_STREAM, { filter: written[0]?.subject ?? '' })
  expect(await check()).toMatchObject({ known_ids: { differences: 0 }, differences: [] })
})

it.each([
  ['that was left out', (body: Uint8Array) => body.slice(ENTRY_BYTES)],
  ['with another hash', (body: Uint8Array) => body.with(1, (body[1] ?? 0) ^ 1)],
  ['at another place', (body: Uint8Array) => body.with(9, (body[9] ?? 0) ^ 1)],
])('finds one id %s', async (_, change) => {
  const { subject, body } = written[1] ?? { subject: '', body: new Uint8Array() }
  await put(subject, change(body))
  const { differences } = await check()
  expect(differences).toEqual([
    {
      where: 'known-ids',
      kind: 'differs',
      id: subject,
      detail: expect.stringContaining('a bucket of the index'),
    },
  ])
  // for one customer it cannot be told
  expect((await check('c1')).differences).toEqual([])
})
