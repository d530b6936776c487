/**
 * Tests that the checker of chaos runs finds real defects. Each safeguard of the program is removed once, in a changed copy of
 * the compiled program, and a run with the fault that exposes the defect must break the promise that needs the safeguard.
 *
 * `npm run soak -- mutants` runs all mutants; add `-t "leadership"` for one of them. SOAK_SEED is the seed of the runs.
 */

import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ChaosReport } from '../../src/chaos/report.js'
import { runChaos } from '../../src/chaos/run.js'
import { buildMutant, MUTANTS, removeMutants } from '../support/mutants.js'
import { newFolder, removeFolder } from '../support/servers.js'

const SEED = Number(process.env.SOAK_SEED ?? 1)
const CLIENTS = 4
/** So few customers that both instances write to each of them, and that a read comes soon after a write. */
const CUSTOMERS = 20
/** A rate that a busy machine can answer too: a retry that is refused proves nothing. */
const RATE_PER_S = 15
/** Long enough for a fault to happen twice, because chance decides which clients are on the wrong side of a cut. */
const DURATION_MS = 70_000

const never = new AbortController().signal

let folder: string
beforeAll(() => {
  folder = newFolder()
})
afterAll(() => {
  removeFolder(folder)
  removeMutants()
})

const run = (name: string, faults: readonly string[], dist?: string): Promise<ChaosReport> =>
  runChaos(
    {
      ...{ seed: SEED, duration_ms: DURATION_MS, faults, instances: 2, replicas: 3, journal: 'every-event' },
      ...{ clients: CLIENTS, customers: CUSTOMERS, rate_per_s: RATE_PER_S },
      folder: join(folder, name),
      ...(dist === undefined ? {} : { dist }),
    },
    never,
    () => undefined,
  )

const brokenIn = ({ check: { checks } }: ChaosReport): readonly string[] =>
  checks.filter(({ violations }) => violations > 0).map(({ name }) => name)

describe('the checker', () => {
  it.each(MUTANTS.map((mutant, index) => ({ ...mutant, mutant, name: `mutant-${index + 1}` })))(
    'sees a program without $without',
    async ({ mutant, name, faults, seen_by }) => {
      const report = await run(name, faults, buildMutant(name, mutant))
      const broken = brokenIn(report)
      expect(
        broken.filter(check => seen_by.includes(check)),
        `broken: ${broken.join(', ') || 'nothing'}`,
      ).not.toEqual([])
    },
  )

  it('sees nothing where nothing is taken out, under the same faults', async () => {
    const faults = [...new Set(MUTANTS.flatMap(mutant => mutant.faults))]
    const report = await run('whole', faults)
    expect(report.check.violations).toEqual([])
  })
})
