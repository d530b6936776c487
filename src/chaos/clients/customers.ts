/**
 * Chooses the customers of a run: a few that all clients write to, many that are seldom used, one with a huge balance, and
 * some whose credit limit and restriction change.
 */

import type { Random } from './random.js'

/** There are so few busy customers that writes of several clients conflict. */
const BUSY = ['busy-1', 'busy-2', 'busy-3', 'busy-4']
const BUSY_SHARE = 0.6
/** The amounts and the balance of this customer are larger than the numbers that are exact in JSON. */
export const RICH = 'rich-1'

const RULED = ['ruled-1', 'ruled-2']
const RULED_SHARE = 0.1

export type Customers = {
  /** A customer whose limit and restriction may be changed. */
  readonly pickRuled: (random: Random) => string
  readonly pick: (random: Random) => string
  readonly pair: (random: Random) => readonly [from: string, to: string]
}

export const createCustomers = (many: number): Customers => {
  const pickRuled = (random: Random): string => random.pick(RULED)
  const pick = (random: Random): string => {
    if (random.chance(RULED_SHARE)) return pickRuled(random)
    return many === 0 || random.chance(BUSY_SHARE) ? random.pick(BUSY) : `c-${random.whole(1, many)}`
  }
  return {
    pickRuled,
    pick,
    pair: random => {
      const from = pick(random)
      const others = BUSY.filter(id => id !== from)
      const to = pick(random)
      return [from, to === from ? random.pick(others) : to]
    },
  }
}
