/**
 * Finds accounts by name, and carries changes out one after the other. Every change can be carried out again: what a run
 * that was ended has done is not in the next run's changes any more.
 */

import { E, pipe, TE } from '../fp.js'
import type { AccountChange } from './changes.js'
import type { Provider, Task } from './provider.js'
import type { NatsAccount } from './state.js'

/** The accounts of a provider of which exactly one is meant. The texts are those of the predecessor's program. */
export const NOT_FOUND = (name: string): string => `Account with name ${name} not found`
export const FOUND_ALREADY = (name: string): string => `Account with name ${name} already exists`
const FOUND_SEVERAL = (name: string): string => `Found multiple accounts with name ${name}, aborting`

/** The account of this name, undefined when there is none. Left when there are several: names need not be unique. */
export const findAccount = (provider: Provider, name: string): Task<NatsAccount | undefined> =>
  pipe(
    provider.accounts(),
    TE.chainEitherK(accounts => {
      const [found, ...others] = accounts.filter(account => account.name === name)
      return others.length > 0
        ? E.left({ tag: 'Refused' as const, message: FOUND_SEVERAL(name) })
        : E.right(found)
    }),
  )

/** The same, but left when there is none. */
export const needAccount = (provider: Provider, name: string): Task<NatsAccount> =>
  pipe(
    findAccount(provider, name),
    TE.chainEitherK(found =>
      found === undefined ? E.left({ tag: 'NotFound' as const, message: NOT_FOUND(name) }) : E.right(found),
    ),
  )

const carryOutOn = (provider: Provider, account: NatsAccount, change: AccountChange): Task<void> => {
  switch (change.tag) {
    case 'create account':
      return TE.right(undefined)
    case 'set limits':
      return provider.setLimits(account, change.limits)
    case 'set rights':
      return provider.setRights(account, change.kind, change.rights)
    case 'revoke user':
      return provider.revokeUser(account, change.user.name)
    case 'create user':
      return provider.createUser(account, change.user)
  }
}

/** Carries out the changes of the account `name`, and resolves with the account. It ends at the first that fails. */
export const carryOut = (
  provider: Provider,
  name: string,
  found: NatsAccount | undefined,
  changes: readonly AccountChange[],
): Task<NatsAccount> =>
  pipe(
    found === undefined ? makeAccount(provider, name, changes) : TE.right(found),
    TE.chain(account => async () => {
      for (const change of changes) {
        const done = await carryOutOn(provider, account, change)()
        if (E.isLeft(done)) return done
      }
      return E.right(account)
    }),
  )

const makeAccount = (
  provider: Provider,
  name: string,
  changes: readonly AccountChange[],
): Task<NatsAccount> => {
  const [first] = changes
  return first?.tag === 'create account'
    ? provider.create(name, first.limits)
    : TE.left({ tag: 'NotFound', message: NOT_FOUND(name) })
}
