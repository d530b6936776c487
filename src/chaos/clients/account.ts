/** The accounts of a run's customers, by the names that events, questions and answers give them. */

/** A customer's id, and after a slash the asset, unless it is the default one. The subjects of events have these names. */
export type AccountName = string

const SLASH = '/'

const assetOf = (account: AccountName): string | undefined => account.split(SLASH)[1]

export const customerOf = (account: AccountName): string => account.split(SLASH)[0] ?? account

export const isOfAsset = (account: AccountName): boolean => assetOf(account) !== undefined

/** The fields by which a question names the account. */
export const namesOf = (account: AccountName): { readonly client_id: string; readonly asset?: string } => {
  const asset = assetOf(account)
  return { client_id: customerOf(account), ...(asset === undefined ? {} : { asset }) }
}

/** The account that an answer names. */
export const accountOf = (client_id: string, asset: unknown): AccountName =>
  typeof asset === 'string' ? `${client_id}${SLASH}${asset}` : client_id
