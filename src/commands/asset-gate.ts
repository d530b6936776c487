/**
 * Lets commands of declared assets pass only: a misspelt asset would make an account that nobody looks for. The declarations
 * are in the bucket `config` (`stream/assets.ts`).
 */

import { E } from '../fp.js'
import { assetOf } from '../ledger/account-id.js'
import { type AskedCommand, customersOfCommand } from '../ledger/command.js'
import type { DeclaredAssets, LookAtAssets } from '../stream/assets.js'
import type { Gate } from './gate.js'
import { failed } from './outcome.js'

/** The asset of a command; a reversal has the one of the transaction that it takes back. */
const assetIn = (command: AskedCommand): string | undefined =>
  command.type === 'reverse' ? undefined : assetOf(customersOfCommand(command)[0])

export type AssetGate = Gate & {
  /** The assets that are known to be declared; those known before when they cannot be read. */
  readonly declared: () => Promise<DeclaredAssets>
}

export const createAssetGate = (look: LookAtAssets): AssetGate => {
  let known: DeclaredAssets = new Map()
  let can_read = true
  const declared = async (): Promise<DeclaredAssets> => {
    const found = await look()
    can_read = E.isRight(found)
    if (E.isRight(found)) known = found.right
    return known
  }
  const isKnown = (asset: string | undefined): boolean => asset === undefined || known.has(asset)
  return {
    declared,
    passes: command => isKnown(assetIn(command)),
    look: async command => {
      await declared()
      return isKnown(assetIn(command))
    },
    refusal: command => {
      const { transaction_id } = command
      if (!can_read)
        return failed('UNAVAILABLE', { transaction_id, message: 'the declared assets cannot be read' })
      return failed('UNKNOWN_ASSET', { transaction_id, asset: assetIn(command) })
    },
  }
}
