import { describe, it } from 'vitest'
import { interleaving } from '../testing/hot-set-model.js'

const INTERLEAVINGS = 20_000
const STEPS = 60

describe('the hot set', () => {
  it('never gives what the stream did not hold, and never goes back', () => {
    const seed = Math.floor(Math.random() * 2 ** 31)
    for (let i = 0; i < INTERLEAVINGS; i += 1) {
      const wrong = interleaving(seed + i, STEPS)
      if (wrong !== undefined) throw new Error(`seed ${seed + i}, ${STEPS} steps: ${wrong}`)
    }
  })
})
