/** `npm run fuzz -- --minutes 10 --seed 1` runs the fuzzer for the given time; it prints its seeds. */

import { expect, it } from 'vitest'
import { fuzz } from './fuzz/fuzz.js'

const MINUTES = Number(process.env.FUZZ_MINUTES ?? 10)
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000)
const MS_PER_MINUTE = 60_000

it(`${MINUTES} minutes of made-up inputs, from seed ${SEED}: no 500, no hang, no stopped projection`, async () => {
  const say = (line: string): void => {
    process.stdout.write(`${line}\n`)
  }
  const options = {
    seed: SEED,
    for_ms: MINUTES * MS_PER_MINUTE,
    epoch_ms: MS_PER_MINUTE,
    batches_max: Number.POSITIVE_INFINITY,
    shrink_ms: 300_000,
    say,
  }
  const report = await fuzz(options)
  say(JSON.stringify(report))
  expect(report.failure).toBeUndefined()
  expect(report.inputs).toBeGreaterThan(0)
})
