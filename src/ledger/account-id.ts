/**
 * Account ids, and the event subjects made of them. An account is a customer's balance in one asset: its id is the client id
 * for the default asset, and `<client_id>/<ASSET>` for any other one. No client id holds a slash, so the two cannot be
 * confused (docs/adr/0058-assets.md). An account is one exact subject, `customer.balance.<account id>`.
 */

import { E, type Either, t } from '../fp.js'
import { type AccountIdBrand, CLIENT_ID_RULE, type ClientId, isClientId } from './client-id.js'

/** The id of an account; a client id is the id of the customer's account in the default asset. */
export type AccountId = string & AccountIdBrand

const SLASH = '/'
const ASSET = /^[A-Z][A-Z0-9]{0,15}$/
const ASSET_CHARS_MAX = 16
/** The most decimals that an asset's minor unit may have, for people: no amount is computed with them. */
export const ASSET_SCALE_MAX = 18
export const ASSET_RULE = `must be 1 to ${ASSET_CHARS_MAX} characters of A-Z 0-9 that begin with a letter`

/** Whether `u` is the name of an asset. */
const isAsset = (u: unknown): u is string => typeof u === 'string' && ASSET.test(u)

/** Decodes the name of an asset, such as `EUR`. The failure's message states the rule. */
export const Asset = new t.Type<string, string, unknown>(
  'Asset',
  isAsset,
  (u, context) => (isAsset(u) ? t.success(u) : t.failure(u, context, ASSET_RULE)),
  String,
)

/** Whether `u` is the id of an account. */
export const isAccountId = (u: unknown): u is AccountId => {
  if (isClientId(u)) return true
  if (typeof u !== 'string') return false
  const at = u.indexOf(SLASH)
  return at > 0 && isClientId(u.slice(0, at)) && isAsset(u.slice(at + 1))
}

/** Decodes the id of an account. The failure's message states the rule of client ids, which most of them are. */
export const AccountId = new t.Type<AccountId, string, unknown>(
  'AccountId',
  isAccountId,
  (u, context) => (isAccountId(u) ? t.success(u) : t.failure(u, context, CLIENT_ID_RULE)),
  String,
)

/** The customer's account in an asset; undefined is the default asset. */
export const accountIdOf = (customer: ClientId, asset: string | undefined): AccountId =>
  asset === undefined ? customer : (`${customer}${SLASH}${asset}` as AccountId)

/** Whether an account is one of another asset than the default one. */
export const isOfAsset = (id: AccountId): boolean => id.includes(SLASH)

/** The asset of an account; undefined for the default asset. */
export const assetOf = (id: AccountId): string | undefined => {
  const at = id.indexOf(SLASH)
  return at < 0 ? undefined : id.slice(at + 1)
}

/** The customer whose account it is. */
export const customerOf = (id: AccountId): ClientId => {
  const at = id.indexOf(SLASH)
  return (at < 0 ? id : id.slice(0, at)) as ClientId
}

/**
 * The name outside of the account on the other side of an event of `id`: the customer, since a transfer is within one asset.
 * An event of another publisher may name any account.
 */
export const otherSide = (id: AccountId, counterparty: AccountId): string =>
  assetOf(id) === assetOf(counterparty) ? customerOf(counterparty) : counterparty

/** The fields that name an account outside: `client_id`, and `asset` unless it is the default one. */
export type AccountNames = { readonly client_id: ClientId; readonly asset?: string }

export const namesOf = (id: AccountId): AccountNames => {
  const asset = assetOf(id)
  return { client_id: customerOf(id), ...(asset === undefined ? {} : { asset }) }
}

/** The inverse of `namesOf` on a decoded object: the account's id in the place of its names. */
export const ofAccount = <A extends { readonly client_id: ClientId; readonly asset?: string | undefined }>({
  client_id,
  asset,
  ...more
}: A): Omit<A, 'client_id' | 'asset'> & { readonly client_id: AccountId } => ({
  client_id: accountIdOf(client_id, asset),
  ...more,
})

/** The same fields as the JSON of an object's fields. JSON escapes no character of an account id. */
export const namesJson = (id: AccountId): string => {
  const at = id.indexOf(SLASH)
  return at < 0 ? `"client_id":"${id}"` : `"client_id":"${id.slice(0, at)}","asset":"${id.slice(at + 1)}"`
}

/** Everything before an account's id in an event's subject. */
const EVENT_SUBJECT_PREFIX = 'customer.balance.'

/** The exact subject that carries every event of one account. */
export const eventSubject = (id: AccountId): string => EVENT_SUBJECT_PREFIX + id

/** The account whose events are on `subject`; left is a sentence that says why the subject is no account's. */
export const accountOn = (subject: string): Either<string, AccountId> => {
  const id = subject.slice(EVENT_SUBJECT_PREFIX.length)
  return subject.startsWith(EVENT_SUBJECT_PREFIX) && isAccountId(id)
    ? E.right(id)
    : E.left(`subject ${subject}: the client id ${CLIENT_ID_RULE}`)
}
