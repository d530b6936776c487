/**
 * What the control plane asks of a provider of NATS accounts. There are two: servers of one's own, whose accounts this
 * program signs (self-hosted/), and Synadia Cloud, whose REST API makes them (synadia/).
 */

import type { TaskEither } from '../fp.js'
import type { User } from '../permissions/users.js'
import type { AccountState, LedgerUser, Limits, NatsAccount, Rights } from './state.js'

export type ProviderError = {
  readonly tag:
    | 'Unreachable'
    /** The provider does not accept the token or the key. */
    | 'Denied'
    | 'NotFound'
    /** The provider, or this program before it asks, refuses what is wanted. Nothing was changed. */
    | 'Refused'
    /** Nobody knows whether the change was carried out; it may be asked for again. */
    | 'Unclear'
    /** The answer has not the documented form. */
    | 'BadAnswer'
  readonly message: string
  readonly cause?: unknown
}

export type Task<A> = TaskEither<ProviderError, A>

/** A stream of an account and how many messages it holds. */
export type Holding = { readonly stream: string; readonly messages: number }

export type Provider = {
  readonly accounts: () => Task<readonly NatsAccount[]>
  readonly read: (account: NatsAccount) => Task<AccountState>
  /** Makes an account without users; the caller has looked that there is none of the name. */
  readonly create: (name: string, limits: Limits) => Task<NatsAccount>
  readonly setLimits: (account: NatsAccount, limits: Limits) => Task<void>
  /** Makes the scoped signing key of a kind, or changes what its users may do. */
  readonly setRights: (account: NatsAccount, kind: User, rights: Rights) => Task<void>
  /** Makes a user of a kind that has rights. */
  readonly createUser: (account: NatsAccount, user: LedgerUser) => Task<void>
  /** Ends the user: its connections, too. */
  readonly revokeUser: (account: NatsAccount, name: string) => Task<void>
  /** The text of the user's .creds file, which is a secret. */
  readonly creds: (account: NatsAccount, name: string) => Task<string>
  /**
   * Deletes the account with its streams. Refuses while a stream holds messages, unless `is_forced`.
   */
  readonly remove: (account: NatsAccount, is_forced: boolean) => Task<void>
}

/** Left: why an account is not deleted; the text names the streams with messages. Undefined: nothing is in the way. */
export const refusalOf = (account: NatsAccount, holdings: readonly Holding[]): ProviderError | undefined => {
  const full = holdings.filter(({ messages }) => messages > 0)
  if (full.length === 0) return undefined
  const named = full.map(({ stream, messages }) => `${stream} (${messages} messages)`).join(', ')
  return {
    tag: 'Refused',
    message: `the account ${account.name} holds ${named}: it is deleted, with all of that and for good, by --force ${account.name}`,
  }
}
