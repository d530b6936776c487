/**
 * Many processes move money among a few accounts, through two command instances over a three-node cluster whose leader
 * steps down repeatedly. Start it with `npm run soak -- transfers`; SOAK_TRANSFERS is the total number of transfers.
 */

import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { runClientProcess } from '../support/client-process.js'
import { answerFrom, bodyOfRequest, type Exchange, expectExact } from '../support/clients.js'
import { ACCOUNTS, environment, FUNDS, fund, nth, serve } from '../support/command-load.js'
import type { Request } from '../support/model.js'
import { openWorkbench, type Workbench } from '../support/program.js'
import { startTestCluster } from '../support/servers.js'

const PROCESSES = 8
const TRANSFERS = Number(process.env.SOAK_TRANSFERS ?? 20_000)
const STEP_DOWN_EVERY_MS = 3_000

let bench: Workbench
beforeEach(() => {
  bench = openWorkbench()
})
afterEach(() => bench.end())

/** Runs one client process with its share of the transfers. */
const runProcess = async (url: string, requests: readonly Request[]): Promise<Exchange[]> => {
  const asked = requests.map(request => ({
    subject: `customer.${request.type}`,
    body: bodyOfRequest(request),
  }))
  const answers = await runClientProcess(bench, url, asked)
  return requests.map((request, i) => ({ request, answer: answerFrom(request, answers[i] ?? '{}') }))
}

it(`${TRANSFERS} transfers by ${PROCESSES} processes while the leader steps down: the total is exact`, async () => {
  const cluster = await startTestCluster()
  bench.atEnd(() => cluster.stop())
  const { env } = await environment(bench, cluster.url, 3)
  await serve(bench, env, 'projections')
  await Promise.all([serve(bench, env, 'commands'), serve(bench, env, 'commands')])
  const nc = await bench.connect(cluster.url)
  const exchanges: Exchange[] = []
  await fund([nc], exchanges)

  const shares: Request[][] = Array.from({ length: PROCESSES }, () => [])
  for (let n = 0; n < TRANSFERS; n += 1) shares[n % PROCESSES]?.push(nth(n, ['transfer']))
  const began_ms = performance.now()
  const running = Promise.all(shares.map(share => runProcess(cluster.url, share)))
  let [isOver, step_downs] = [false, 0]
  const stepping = (async () => {
    while (!isOver) {
      await pause(STEP_DOWN_EVERY_MS)
      const stepped = await nc
        .request('$JS.API.STREAM.LEADER.STEPDOWN.customer-balances', undefined, { timeout: 5_000 })
        .then(
          () => true,
          // during an election there is no leader to step down
          () => false,
        )
      if (stepped) step_downs += 1
    }
  })()
  exchanges.push(...(await running).flat())
  isOver = true
  await stepping

  const { balances } = await expectExact(nc, exchanges)
  expect([...balances.values()].reduce((sum, balance) => sum + balance, 0n)).toBe(FUNDS * BigInt(ACCOUNTS))
  const codes: Record<string, number> = {}
  for (const { answer } of exchanges) codes[answer.code] = (codes[answer.code] ?? 0) + 1
  expect(Object.keys(codes).toSorted()).toEqual(['INSUFFICIENT_FUNDS', 'done'])
  expect(step_downs).toBeGreaterThan(0)
  const seconds = Math.round((performance.now() - began_ms) / 1_000)
  process.stdout.write(`\n${JSON.stringify({ ...codes, step_downs, seconds })}\n`)
})
