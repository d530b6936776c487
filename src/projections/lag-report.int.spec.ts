import { afterAll, beforeAll, expect, it } from 'vitest'
import { startTestLedger, type TestLedger } from '../../test/support/ledger.js'
import { until } from '../../test/support/servers.js'
import { memoryLog } from '../service/testing/harness.js'
import { dropConsumer, ensureConsumer } from '../stream/consumer.js'
import { PROJECTIONS } from './definitions/ledger.js'
import { reportLag } from './lag-report.js'

let ledger: TestLedger

beforeAll(async () => {
  ledger = await startTestLedger()
})
afterAll(() => ledger.stop())

it('logs what the server says, also while nobody handles anything', async () => {
  const { log, lines } = memoryLog()
  const ending = new AbortController()
  const figures = () => lines.filter(line => (line as { metric?: string }).metric === 'projection_lag')
  await ensureConsumer(ledger.nc, 'ledger')()
  const reporting = reportLag({ ...ledger, log }, PROJECTIONS.ledger, ending.signal, {
    look_ms: 10,
    log_ms: 20,
  })
  await until(() => figures().length > 0, { deadline_ms: 30_000, what: 'the first figure' })
  expect(figures().at(-1)).toMatchObject({ projection: 'ledger', seq: 0, lag_events: 0, lag_ms: 0 })
  for (let i = 0; i < 3; i += 1) await ledger.emit('stuck', { type: 'credit', amount: 1 })
  const behind = (): boolean => (figures().at(-1) as { lag_events?: number }).lag_events === 3
  await until(behind, { deadline_ms: 30_000, what: 'the figure of a projection that is stuck' })
  expect(figures().at(-1)).toMatchObject({ lag_ms: expect.any(Number) })
  // when the servers cannot give the figure, the last one is not repeated
  await dropConsumer(ledger.nc, 'ledger')()
  await until(() => lines.at(-1)?.msg.includes('cannot be asked'), {
    deadline_ms: 30_000,
    what: 'the word that nothing is known',
  })
  const known = figures().length
  await until(() => lines.filter(({ msg }) => msg.includes('cannot be asked')).length > 3, {
    deadline_ms: 30_000,
    what: 'it to be said again',
  })
  expect(figures()).toHaveLength(known)
  ending.abort()
  await reporting
})
