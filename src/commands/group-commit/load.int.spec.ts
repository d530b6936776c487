/** What loading many customers asks of the stream while the table does not answer. */

import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type FaultyDynamodb, startFaultyDynamodb } from '../../../test/support/faulty-dynamodb.js'
import { LOCAL, startTestLedger, type TestLedger } from '../../../test/support/ledger.js'
import { clientId } from '../../ledger/testing/arbitrary.js'
import { leadershipOf } from '../../stream/leadership.js'
import { createTablesClient } from '../../tables/client.js'
import { AccountLoader, isLoaded } from './load.js'

const CUSTOMERS = 400
/** Several times as many as are folded at once, because the server is stopped only after some of them; and far fewer than wait. */
const FOLDED_MAX = CUSTOMERS / 2

let ledger: TestLedger
let hanging: FaultyDynamodb
let tables: ReturnType<typeof createTablesClient>
const ids = Array.from({ length: CUSTOMERS }, (_, nth) => clientId(`cold-${nth}`))

beforeAll(async () => {
  ledger = await startTestLedger({ has_table: true })
  hanging = await startFaultyDynamodb(ledger.servers.dynamodb.endpoint, { faults: ['late'], late_ms: 60_000 })
  hanging.setShare(1)
  tables = createTablesClient({ ...LOCAL, endpoint: hanging.endpoint })
  for (const id of ids) await ledger.emit(id, { type: 'credit', amount: 7 })
  await leadershipOf(ledger.nc).prove()()
})
afterAll(async () => {
  tables?.destroy()
  await hanging?.stop()
  await ledger?.stop()
})

it('customers for whom nobody waits any more are not folded: a slow moment is not made longer', async () => {
  const asked = new Set<string>()
  const { pid } = ledger.servers.nats
  let is_stopped = false
  ledger.nc.subscribe('$JS.API.DIRECT.GET.customer-balances', {
    callback: (_, message) => {
      const [, id] = /"next_by_subj":"customer\.balance\.(cold-\d+)"/.exec(message.string()) ?? []
      if (id === undefined) return
      asked.add(id)
      if (!is_stopped) process.kill(pid, 'SIGSTOP')
      is_stopped = true
    },
  })
  const loaded = await new AccountLoader({ ...ledger, tables }).load(ids, false)
  expect([...loaded.values()].filter(one => !isLoaded(one)).length).toBeGreaterThan(CUSTOMERS / 4)
  process.kill(pid, 'SIGCONT')
  await sleep(2_000)
  await ledger.nc.flush()
  expect(is_stopped).toBe(true)
  expect(asked.size).toBeLessThan(FOLDED_MAX)
})

it('all of them are loaded when the stream answers, whatever the table does', async () => {
  const loaded = await new AccountLoader({ ...ledger, tables }).load(ids, false)
  const balances = [...loaded.values()].map(one => (isLoaded(one) ? one.customer.account.balance : one))
  expect(balances).toEqual(ids.map(() => 7n))
})
