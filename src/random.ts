/**
 * Generates the same random numbers from the same seed on every machine, for the customers of a new ledger, for loads and
 * for tests. It is no source of secrets.
 */

/** The generator mulberry32, which has a published reference. Each call of the result gives a number from 0 to below 1. */
export const randomFrom = (seed: number): (() => number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The same generator for whole numbers: each call gives a number from 0 to below `below`. */
export const wholeRandomFrom = (seed: number): ((below: number) => number) => {
  const random = randomFrom(seed)
  return below => Math.floor(random() * below)
}
