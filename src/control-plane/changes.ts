/**
 * Compares what an account should be with what it is. The difference is a list of changes: data that is shown to a person
 * before it is carried out, in the order in which it is carried out.
 */

import type { User } from '../permissions/users.js'
import {
  type AccountState,
  DEFAULT_LIMITS,
  type Desired,
  isSameSet,
  type LedgerUser,
  type Limits,
  type Rights,
  rightsOf,
} from './state.js'

export type AccountChange =
  | { readonly tag: 'create account'; readonly limits: Limits }
  | { readonly tag: 'set limits'; readonly from: Limits; readonly limits: Limits }
  | {
      readonly tag: 'set rights'
      readonly kind: User
      readonly from: Rights | undefined
      readonly rights: Rights
    }
  /** Its credentials count no more. */
  | { readonly tag: 'revoke user'; readonly user: LedgerUser }
  | { readonly tag: 'create user'; readonly user: LedgerUser }

const LIMITS = Object.keys(DEFAULT_LIMITS) as readonly (keyof Limits)[]

const isSameUser = (one: LedgerUser, other: LedgerUser): boolean =>
  one.name === other.name && one.kind === other.kind && isSameSet(one.customers, other.customers)

const isSameRights = (one: Rights | undefined, other: Rights): boolean =>
  one !== undefined && isSameSet(one.publish, other.publish) && isSameSet(one.subscribe, other.subscribe)

/** The changes that make of `found` what is desired; `found` is undefined when there is no such account. */
export const changesOf = (
  { limits, deployment, users }: Desired,
  found: AccountState | undefined,
): readonly AccountChange[] => {
  const has_limits = found !== undefined && LIMITS.every(name => found.limits[name] === limits[name])
  const kinds = [...new Set(users.map(({ kind }) => kind))]
  const before = found?.users ?? []
  const of_account: readonly AccountChange[] =
    found === undefined
      ? [{ tag: 'create account', limits }]
      : has_limits
        ? []
        : [{ tag: 'set limits', from: found.limits, limits }]
  const of_rights = kinds.flatMap((kind): readonly AccountChange[] => {
    const [from, rights] = [found?.rights.get(kind), rightsOf(kind, deployment)]
    return isSameRights(from, rights) ? [] : [{ tag: 'set rights', kind, from, rights }]
  })
  const lacking = (
    list: readonly LedgerUser[],
    tag: 'revoke user' | 'create user',
    of: readonly LedgerUser[],
  ) =>
    of
      .filter(user => !list.some(other => isSameUser(user, other)))
      .map((user): AccountChange => ({ tag, user }))
  // a user whose kind or customers differ is revoked and made anew, under the same name
  return [
    ...of_account,
    ...of_rights,
    ...lacking(users, 'revoke user', before),
    ...lacking(before, 'create user', users),
  ]
}

const limitText = (n: number): string => (n === -1 ? 'no limit' : String(n))

const limitLines = (limits: Limits): readonly string[] =>
  LIMITS.map(name => `    + ${name} ${limitText(limits[name])}`)

const listLines = (verb: string, from: readonly string[], to: readonly string[]): readonly string[] => [
  ...to.filter(subject => !from.includes(subject)).map(subject => `    + ${verb} ${subject}`),
  ...from.filter(subject => !to.includes(subject)).map(subject => `    - ${verb} ${subject}`),
]

const rightsLines = (from: Rights | undefined, to: Rights): readonly string[] => [
  ...listLines('publish', from?.publish ?? [], to.publish),
  ...listLines('subscribe', from?.subscribe ?? [], to.subscribe),
]

/** A user as a text, e.g. `shop (publisher of 4711)`. */
export const userText = ({ name, kind, customers }: LedgerUser): string => {
  const of = customers.length === 0 ? '' : ` of ${customers.join(', ')}`
  return name === kind && of === '' ? name : `${name} (${kind}${of})`
}

const linesOf = (account: string, change: AccountChange): readonly string[] => {
  switch (change.tag) {
    case 'create account':
      return [`+ account ${account}`, ...limitLines(change.limits)]
    case 'set limits':
      return [
        `~ limits of ${account}`,
        ...LIMITS.filter(name => change.from[name] !== change.limits[name]).map(
          name => `    ~ ${name} ${limitText(change.from[name])} -> ${limitText(change.limits[name])}`,
        ),
      ]
    case 'set rights': {
      const { kind, from, rights } = change
      const { publish, subscribe } = rights
      return from === undefined
        ? [
            `+ rights of ${kind}: ${publish.length} subjects to publish, ${subscribe.length} to subscribe to ("jetledger permissions json" lists them)`,
          ]
        : [`~ rights of ${kind}`, ...rightsLines(from, rights)]
    }
    case 'revoke user':
      return [`- user ${userText(change.user)}: its credentials count no more`]
    case 'create user':
      return [`+ user ${userText(change.user)}`]
  }
}

/** The changes for a person, one line each, with indented lines that say more. */
export const describeChanges = (account: string, changes: readonly AccountChange[]): readonly string[] =>
  changes.flatMap(change => linesOf(account, change))
