/**
 * Runs every fault of `jetledger chaos` for a long time, in pieces of ten minutes, each with its own seed. Start it with
 * `npm run soak -- chaos`; SOAK_MINUTES is the total time, SOAK_SEED the first seed.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openWorkbench, type Workbench } from '../support/program.js'
import { until } from '../support/servers.js'

const MINUTES = Number(process.env.SOAK_MINUTES ?? 60)
const FIRST_SEED = Number(process.env.SOAK_SEED ?? 1)
const PIECE_MINUTES = 10
/** The time limit of a piece, with room for healing, checking and a slow machine. */
const PIECE_MS_MAX = 3 * PIECE_MINUTES * 60_000

let bench: Workbench
beforeEach(() => {
  bench = openWorkbench()
})
afterEach(() => bench.end())

const seeds = Array.from({ length: Math.ceil(MINUTES / PIECE_MINUTES) }, (_, i) => FIRST_SEED + i)

it.each(seeds)(
  'seed %i: every promise holds under every fault',
  async seed => {
    const folder = join(bench.folder, 'run')
    const minutes = Math.min(PIECE_MINUTES, MINUTES)
    const args = ['chaos', '--seed', `${seed}`, '--duration', `${minutes}m`, '--keep', folder]
    const program = bench.start(args)
    await until(() => !program.running(), { deadline_ms: PIECE_MS_MAX, what: 'the end of the chaos run' })
    process.stdout.write(`\n${program.stdout()}\n`)
    expect((await program.end('SIGKILL')).code, program.stderr()).toBe(0)
    expect(readFileSync(join(folder, 'report.txt'), 'utf8')).toContain(`seed ${seed}`)
  },
  PIECE_MS_MAX,
)
