/** The projectors as processes, and replays beside them: killed, too many, interrupted. */

import { afterEach, beforeEach, expect, it } from 'vitest'
import { openWorkbench, type Workbench } from '../support/program.js'
import { runTakeovers } from '../support/takeovers.js'

/** 5 s are promised; the rest is what a busy machine may add. */
const TAKEOVER_MS_MAX = 8_000

let bench: Workbench
beforeEach(() => {
  bench = openWorkbench()
})
afterEach(() => bench.end())

it('of two projectors the active one is killed with -9 again and again: the other takes over, and the tables are exact', async () => {
  const { took_ms } = await runTakeovers(bench, { events_per_s: 300, for_ms: 12_000, kill_every_ms: 2_000 })
  expect(Math.max(...took_ms)).toBeLessThan(TAKEOVER_MS_MAX)
})
