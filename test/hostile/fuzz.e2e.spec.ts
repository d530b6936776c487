/** Runs the fuzzer for a short time with fixed seeds; `npm run fuzz` is the long run. */

import { expect, it } from 'vitest'
import { fuzz } from './fuzz/fuzz.js'

const SEED = 20_261
/** A fixed number of batches takes some seconds; on a busy machine it takes longer, but has the same result. */
const BATCHES = 40
const MS_MAX = 120_000
const KINDS = [
  'good request: a success',
  'bad request: INVALID_REQUEST',
  'any request: a success',
  'any request: INVALID_REQUEST',
  'event: stored',
  'HTTP: 200',
  'HTTP: 201',
  'HTTP: 400',
]

it('made-up inputs of every kind: no 500, no hang, no stopped projection, and verify agrees', async () => {
  const say = (line: string): void => {
    process.stdout.write(`${line}\n`)
  }
  const options = {
    seed: SEED,
    for_ms: MS_MAX,
    batches_max: BATCHES,
    epoch_ms: MS_MAX,
    shrink_ms: 40_000,
    say,
  }
  const report = await fuzz(options)
  expect(report.failure).toBeUndefined()
  // without every kind of answer the run would prove little
  expect(Object.keys(report.seen)).toEqual(expect.arrayContaining(KINDS))
  expect(report.batches).toBe(BATCHES)
})
