/** Generates random numbers from a seed, so that a run can be repeated. */

export type Random = {
  /** At least 0, less than 1. */
  readonly next: () => number
  /** A whole number from `from` to `to`, both included. */
  readonly whole: (from: number, to: number) => number
  readonly pick: <A>(list: readonly A[]) => A
  readonly chance: (probability: number) => boolean
}

/** Marsaglia's xorshift over 32 bits. The seed is scrambled first, so that neighbouring seeds give different numbers. */
export const createRandom = (seed: number): Random => {
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) | 1
  const next = (): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 0x1_0000_0000
  }
  for (let i = 0; i < 8; i += 1) next()
  const whole = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1))
  return {
    next,
    whole,
    pick: list => {
      const picked = list[whole(0, list.length - 1)]
      if (picked === undefined) throw new Error('nothing to pick from')
      return picked
    },
    chance: probability => next() < probability,
  }
}
