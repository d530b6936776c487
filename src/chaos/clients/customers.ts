/**
 * Chooses the accounts of a run: a few that all clients write to, many that are seldom used, one with a huge balance, some
 * whose credit limit and restriction change, and some of another asset.
 */

import { type AccountName, isOfAsset } from './account.js'
import type { Random } from './random.js'

/** There are so few busy customers that writes of several clients conflict. */
const BUSY = ['busy-1', 'busy-2', 'busy-3', 'busy-4']
const BUSY_SHARE = 0.6
/** The amounts and the balance of this customer are larger than the numbers that are exact in JSON. */
export const RICH = 'rich-1'

const RULED = ['ruled-1', 'ruled-2']
const RULED_SHARE = 0.1

/** The asset that the run declares, beside the default one. */
export const ASSET = 'EUR'
/** One of them has an account in the default asset too. */
const OF_ASSET = [`busy-1/${ASSET}`, `euro-1/${ASSET}`, `euro-2/${ASSET}`]
const OF_ASSET_SHARE = 0.12

export type Customers = {
  /** A customer whose limit and restriction may be changed. */
  readonly pickRuled: (random: Random) => AccountName
  readonly pick: (random: Random) => AccountName
  readonly pair: (random: Random) => readonly [from: AccountName, to: AccountName]
  /** Another account in the same asset. */
  readonly other: (random: Random, than: AccountName) => AccountName
}

export const createCustomers = (many: number): Customers => {
  const pickRuled = (random: Random): AccountName => random.pick(RULED)
  const pickDefault = (random: Random): AccountName => {
    if (random.chance(RULED_SHARE)) return pickRuled(random)
    return many === 0 || random.chance(BUSY_SHARE) ? random.pick(BUSY) : `c-${random.whole(1, many)}`
  }
  const pick = (random: Random): AccountName =>
    random.chance(OF_ASSET_SHARE) ? random.pick(OF_ASSET) : pickDefault(random)
  const other = (random: Random, than: AccountName): AccountName => {
    const is_of_asset = isOfAsset(than)
    const found = is_of_asset ? random.pick(OF_ASSET) : pickDefault(random)
    return found === than ? random.pick((is_of_asset ? OF_ASSET : BUSY).filter(id => id !== than)) : found
  }
  return {
    pickRuled,
    pick,
    other,
    pair: random => {
      const from = pick(random)
      return [from, other(random, from)]
    },
  }
}
