/**
 * Tests that the specs of accounts find real faults: each fault is put into the program once, and a spec has to fail. Start it
 * with `npm run soak -- law-mutants`; add `-t "closed"` for one of them.
 */

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, it } from 'vitest'
import { LAW_MUTANT, LAW_MUTANTS } from '../support/law-mutants.js'
import { ROOT } from '../support/source-tree.js'

type Result = { readonly numFailedTests: number; readonly numPassedTests: number }

/** Runs the spec of a fault; `undefined` is a run without any. */
const runSpec = async (index: number): Promise<Result> => {
  const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs')
  const config = join(ROOT, 'test', 'support', 'law-mutant.vitest.ts')
  const child = spawn(process.execPath, [vitest, 'run', '--config', config, '--reporter', 'json'], {
    cwd: ROOT,
    env: { ...process.env, [LAW_MUTANT]: String(index) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const said = await text(child.stdout)
  return JSON.parse(said.slice(said.indexOf('{'))) as Result
}

it.each(LAW_MUTANTS.map(({ fault, seen_by }, index) => ({ fault, seen_by, index })))(
  '$seen_by sees that $fault',
  async ({ index }) => {
    const { numFailedTests } = await runSpec(index)
    expect(numFailedTests).toBeGreaterThan(0)
  },
)
