/** A process believes a table by what it has seen of it, whatever the order in which reads end. */

import { afterAll, beforeAll, expect, it } from 'vitest'
import { right, startTestLedger, type TestLedger } from '../../test/support/ledger.js'
import { until } from '../../test/support/servers.js'
import { consumerName } from '../projections/target.js'
import { tableName } from '../tables/definition.js'
import { readTrusted } from '../tables/heads.js'
import type { Identity } from '../tables/identity.js'
import { type Belief, createBelief } from './belief.js'

let ledger: TestLedger
let belief: Belief
let table: string

beforeAll(async () => {
  ledger = await startTestLedger()
  ledger.project()
  table = tableName(ledger.base_table, 'ledger', 1)
  const { jsm, tables } = ledger
  const place = {
    jsm,
    tables,
    table,
    projection: { name: 'ledger' },
    consumer: consumerName('ledger', 1),
  } as const
  belief = createBelief(async () => place, ledger.log)
})
afterAll(async () => {
  belief.stop()
  await ledger.stop()
})

/** Stores an event, and reads the identity of the table once the event is in it. */
const identityAfterEvent = async (): Promise<Identity | undefined> => {
  await ledger.emit('ann', { type: 'credit', amount: 1 })
  await ledger.caughtUp()
  const { identity } = await right(readTrusted(ledger.tables, table, [], () => undefined))
  return identity
}

it('a read that began before another one, and ends after it, is not taken for a table that was set back', async () => {
  const before = await identityAfterEvent()
  await until(async () => (await belief.about(table)) === undefined, {
    deadline_ms: 30_000,
    what: 'a look at the table',
  })
  const [early, early_whole] = [belief.trust(table), belief.trustWhole(table, before?.newest.seq ?? 0)]
  const after = await identityAfterEvent()
  expect(after?.newest.seq).toBeGreaterThan(before?.newest.seq ?? 0)
  expect(belief.trust(table)(after)).toBeUndefined()
  expect([early(before), early_whole(before)]).toEqual([undefined, undefined])
  // the same state, read by somebody who begins now, is older than the table was
  expect(belief.trust(table)(before)).toContain('was set back to')
})
