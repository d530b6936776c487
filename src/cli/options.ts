/**
 * Parsers of command line options. Each throws `InvalidArgumentError` for a text that it does not accept.
 */

import { InvalidArgumentError } from 'commander'
import { isPublicNkey } from '../chain/nkey.js'
import { E } from '../fp.js'
import { DAY_PATTERN, INSTANT_RULE, parseInstant } from '../instant.js'
import { type AccountId, ASSET_RULE, Asset, isAccountId } from '../ledger/account-id.js'
import { CLIENT_ID_RULE, ClientId } from '../ledger/client-id.js'
import { describeErrors } from '../ledger/codec.js'

const PORT_MAX = 65_535

/** A TCP port; 0 asks for a free one. */
export const port = (text: string): number => {
  const n = Number(text)
  if (!/^\d+$/.test(text) || n > PORT_MAX) throw new InvalidArgumentError(`must be 0 to ${PORT_MAX}.`)
  return n
}

/** A count of at least 1. */
export const count = (text: string): number => {
  const n = Number(text)
  if (!/^\d+$/.test(text) || n < 1 || !Number.isSafeInteger(n)) {
    throw new InvalidArgumentError('must be a whole number of at least 1.')
  }
  return n
}

/** When nats-server flushes to disk: `always`, or a duration that it understands. */
export const syncInterval = (text: string): string => {
  if (!/^(always|\d+(ms|s|m|h))$/.test(text)) {
    throw new InvalidArgumentError('must be "always" or a duration such as 100ms, 10s or 2m.')
  }
  return text
}

/** A customer's id. */
export const clientId = (text: string): ClientId => {
  const decoded = ClientId.decode(text)
  if (E.isLeft(decoded)) throw new InvalidArgumentError(describeErrors(decoded.left))
  return decoded.right
}

/** An account: a customer's id, or `<client_id>/<ASSET>`. */
export const accountId = (text: string): AccountId => {
  if (!isAccountId(text))
    throw new InvalidArgumentError(`${CLIENT_ID_RULE}; an asset follows after a slash, such as 678/EUR.`)
  return text
}

/** The name of an asset, such as EUR. */
export const asset = (text: string): string => {
  const decoded = Asset.decode(text)
  if (E.isLeft(decoded)) throw new InvalidArgumentError(`${ASSET_RULE}.`)
  return decoded.right
}

/** A public nkey, added to those that were given before it. */
export const publicKeys = (text: string, before: readonly string[]): readonly string[] => {
  if (!isPublicNkey(text))
    throw new InvalidArgumentError('must be a public nkey, such as "jetledger heads key" prints.')
  return [...before, text]
}

const DAY = new RegExp(DAY_PATTERN)

/** A point in time, in nanoseconds since 1970; a day alone is its midnight in UTC. */
export const instant = (text: string): bigint => {
  const found = parseInstant(DAY.test(text) ? `${text}T00:00:00Z` : text)
  if (found === undefined) throw new InvalidArgumentError(`${INSTANT_RULE}, or a day.`)
  return found
}
