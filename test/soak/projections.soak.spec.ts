/**
 * Runs two projectors under 1,000 events/s, and kills the active one with -9 every few seconds. Start it with
 * `npm run soak -- projections`; SOAK_SECONDS is the time.
 */

import { afterEach, beforeEach, expect, it } from 'vitest'
import { openWorkbench, type Workbench } from '../support/program.js'
import { runTakeovers } from '../support/takeovers.js'

const SECONDS = Number(process.env.SOAK_SECONDS ?? 120)
const EVENTS_PER_S = 1_000
const TAKEOVER_MS_MAX = 5_000

let bench: Workbench
beforeEach(() => {
  bench = openWorkbench()
})
afterEach(() => bench.end())

it(`${EVENTS_PER_S} events/s for ${SECONDS} s while projectors are killed: every table is exact`, async () => {
  const options = { events_per_s: EVENTS_PER_S, for_ms: SECONDS * 1_000, kill_every_ms: 4_000 }
  const { events, took_ms } = await runTakeovers(bench, options)
  process.stdout.write(`${events} events, take-overs within ${took_ms.join(', ')} ms\n`)
  expect(events).toBeGreaterThan(0.9 * EVENTS_PER_S * SECONDS)
  expect(Math.max(...took_ms)).toBeLessThan(TAKEOVER_MS_MAX)
})
