import { expect, it } from 'vitest'
import { interleaving } from './testing/hot-set-model.js'

/** This is an int spec only because it takes long: the unit spec runs a fiftieth of it. */
const INTERLEAVINGS = 1_000_000
const STEPS_MAX = 60
const TEST_MS_MAX = 300_000

it(
  'the hot set never gives what the stream did not hold, and never goes back, in 1,000,000 interleavings',
  () => {
    const seed = Math.floor(Math.random() * 2 ** 31)
    let wrong: string | undefined
    for (let i = 0; i < INTERLEAVINGS && wrong === undefined; i += 1) {
      const steps = 10 + (i % (STEPS_MAX - 9))
      const found = interleaving(seed + i, steps)
      if (found !== undefined) wrong = `seed ${seed + i}, ${steps} steps: ${found}`
    }
    expect(wrong).toBeUndefined()
  },
  TEST_MS_MAX,
)
