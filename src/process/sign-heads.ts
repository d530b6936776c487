/** Starts to sign heads of the ledger, where a key is configured. */

import { type Keeper, type KeeperDeps, startKeeper } from '../chain/keeper.js'
import type { Config } from './config.js'
import { configuredSigner } from './head-key.js'

/** Starts to sign; undefined, with one line in the log, when no key is configured. */
export const startHeads = (config: Config, deps: KeeperDeps): Keeper | undefined => {
  const signer = configuredSigner(config)
  if (signer !== undefined) return startKeeper(deps, signer)
  deps.log.info('no heads are signed: JETLEDGER_HEAD_SEED_FILE is not set')
  return undefined
}
