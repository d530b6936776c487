/** The logins of all roles are renewed while people work: nobody notices, and nothing is paid twice or lost. */

import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type LedgerWithUsers, startLedgerWithUsers } from '../support/ledger-with-users.js'

const ROLES = ['commands', 'queries', 'projections', 'gateway']
const CALLERS = 16
const BETWEEN_MS = 1_500
const CALL_MS_MAX = 15_000

let ledger: LedgerWithUsers

beforeAll(async () => {
  ledger = await startLedgerWithUsers(() => ({ HTTP_RATE_LIMIT: '0' }))
})
afterAll(() => ledger?.stop())

type Sums = { credits: number; reads: number; readonly failures: string[]; slowest_ms: number }

const call = async (path: string, init: RequestInit, sums: Sums): Promise<boolean> => {
  const began_ms = performance.now()
  try {
    const answer = await fetch(ledger.http_url + path, { ...init, signal: AbortSignal.timeout(CALL_MS_MAX) })
    const text = await answer.text()
    if (!answer.ok) sums.failures.push(`${init.method ?? 'GET'} ${answer.status} ${text}`)
    return answer.ok
  } catch (thrown) {
    sums.failures.push(`${init.method ?? 'GET'} ${String(thrown)}`)
    return false
  } finally {
    sums.slowest_ms = Math.max(sums.slowest_ms, performance.now() - began_ms)
  }
}

/** One caller of the gateway: a credit, then a read, until it is told to end. */
const work = async (caller: number, sums: Sums, hasEnded: () => boolean): Promise<void> => {
  for (let n = 0; !hasEnded(); n += 1) {
    const headers = { 'content-type': 'application/json', 'idempotency-key': `c${caller}-${n}` }
    const credit = { method: 'POST', headers, body: '{"amount":1}' }
    if (await call(`/v1/customers/c${caller}/credits`, credit, sums)) sums.credits += 1
    if (await call(`/v1/customers/c${caller}/balance`, {}, sums)) sums.reads += 1
  }
}

it('renewing the login of each role under load fails no request', async () => {
  const sums: Sums = { credits: 0, reads: 0, failures: [], slowest_ms: 0 }
  let has_ended = false
  const callers = Array.from({ length: CALLERS }, (_, i) => work(i, sums, () => has_ended))
  for (const role of ROLES) {
    await sleep(BETWEEN_MS)
    await ledger.renew(role)
  }
  await sleep(BETWEEN_MS)
  has_ended = true
  await Promise.all(callers)
  expect(sums.failures).toEqual([])
  expect(sums.credits).toBeGreaterThan(ROLES.length * CALLERS)
  const nc = await ledger.connectAs('reader')
  const balances = await Promise.all(
    callers.map(async (_, i) => {
      const body = JSON.stringify({ client_id: `c${i}`, consistency: 'strong' })
      const answer = await nc.request('customer.balance', body, { timeout: CALL_MS_MAX })
      return answer.json<{ readonly balance: number }>().balance
    }),
  )
  expect(balances.reduce((sum, balance) => sum + balance, 0)).toBe(sums.credits)
})
