/** Events whose headers break the rules, against everything that reads the stream. */

import { afterAll, beforeAll, expect, it } from 'vitest'
import { right, startTestLedger, type TestLedger } from '../../test/support/ledger.js'
import { ODD_HEADERS } from '../../test/support/odd-headers.js'
import { publishRaw } from '../../test/support/raw-publisher.js'
import { until } from '../../test/support/servers.js'
import { countDeadLetters, listDeadLetters } from '../dead-letters/letters.js'
import { unpin } from '../stream/consumer.js'
import { nextRecorded, readAhead, readRange } from '../stream/read.js'
import type { Recorded } from '../stream/recorded.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../stream/settings.js'
import { readItems } from '../tables/heads.js'
import type { Projector } from './runner.js'

const KINDS = Object.entries(ODD_HEADERS)
const credit = JSON.stringify({ type: 'credit', amount: 1 })
/** A debit of a customer without money, so that the event is a dead letter. */
const debit = JSON.stringify({ type: 'debit', amount: 1 })

let ledger: TestLedger
let projector: Projector

let published = 0
const publishAll = async (): Promise<void> => {
  published += 3 * KINDS.length
  await publishRaw(
    ledger.servers.nats.url,
    KINDS.flatMap(([, headers], i) => [
      { subject: `customer.balance.rich-${i}`, headers, body: credit },
      { subject: `customer.balance.poor-${i}`, headers, body: debit },
      { subject: `customer.balance.empty-${i}`, headers, body: '' },
    ]),
  )
}

beforeAll(async () => {
  ledger = await startTestLedger()
  // the first event that a projector ever gets is an odd one
  await publishAll()
  projector = ledger.project()
})
afterAll(() => ledger.stop())

const settled = (): Promise<true> =>
  until(
    async () => {
      const { state } = await ledger.jsm.streams.info(LEDGER_STREAM)
      if (state.last_seq < published) return false
      const { ack_floor } = await ledger.jsm.consumers.info(LEDGER_STREAM, 'ledger')
      return ack_floor.stream_seq >= state.last_seq
    },
    { deadline_ms: 30_000, what: 'the projection to be caught up' },
  )

/** The number of events in each rich customer's item. */
const versions = async (): Promise<unknown[]> => {
  const ids = KINDS.map((_, i) => `rich-${i}`)
  const items = await right(readItems(ledger.tables, ledger.first_table, ids))
  return items.map(item => (item as { readonly version?: unknown } | undefined)?.version)
}

it('the projection applies them like any other', async () => {
  await settled()
  expect(await versions()).toEqual(KINDS.map(() => 1n))
  // first the projector is active; then the consumer loses its active client, and more events come
  await publishAll()
  await settled()
  await right(unpin(ledger.jsm, 'ledger'))
  await publishAll()
  await settled()
  await projector.stop()
  await publishAll()
  projector = ledger.project()
  await settled()
  expect(await versions()).toEqual(KINDS.map(() => 4n))
})

it('those without effect are dead letters that can be listed', async () => {
  const { total } = await right(countDeadLetters(ledger.nc))
  expect(total).toBe(4 * 2 * KINDS.length)
  const letters = await right(listDeadLetters(ledger.nc, { limit: 10_000 }))
  expect(JSON.stringify(letters).match(/"reason":"INSUFFICIENT_FUNDS"/g)).toHaveLength(4 * KINDS.length)
})

it('every way of reading gives all of them, with the server’s word on where they are', async () => {
  const { state } = await ledger.jsm.streams.info(LEDGER_STREAM)
  const last = state.last_seq
  const place = ({ seq, subject, body }: Recorded) => `${seq} ${subject} ${Buffer.from(body)}`
  const ranged: Recorded[] = []
  const range = { stream: LEDGER_STREAM, subject: LEDGER_SUBJECTS, from_seq: 1, to_seq: last }
  for await (const record of readRange(ledger.nc, range)) ranged.push(record)
  expect(ranged.map(({ seq }) => seq)).toEqual(Array.from({ length: last }, (_, i) => i + 1))
  const together: Recorded[] = []
  while (together.length < last)
    together.push(...(await right(readAhead(ledger.nc, LEDGER_STREAM, together.length + 1, last + 1))))
  expect(together.map(place)).toEqual(ranged.map(place))
  for (const record of ranged.slice(0, 3 * KINDS.length)) {
    const found = await right(nextRecorded(ledger.jsm, LEDGER_STREAM, LEDGER_SUBJECTS, record.seq))
    expect(found && place(found)).toBe(place(record))
    expect(found?.headers?.keys().length ?? 0).toBe(record.headers?.keys().length ?? 0)
    expect(found?.at.getTime()).toBe(record.at.getTime())
    const direct = await ledger.jsm.direct.getMessage(LEDGER_STREAM, { seq: record.seq })
    expect(direct?.seq).toBe(record.seq)
    expect(direct?.subject).toBe(record.subject)
  }
})
