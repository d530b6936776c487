/** `jetledger control-plane users list|create|revoke`: the users of an account. */

import type { Command } from 'commander'
import { carryOut, needAccount } from '../../control-plane/carry-out.js'
import { type AccountChange, userText } from '../../control-plane/changes.js'
import type { Provider } from '../../control-plane/provider.js'
import { addUser, type LedgerUser, rightsOf } from '../../control-plane/state.js'
import { E } from '../../fp.js'
import type { User } from '../../permissions/users.js'
import { Failure, orFail } from '../../process/failure.js'
import { print, printJson } from '../../process/output.js'
import { confirm } from '../confirm.js'
import { clientId } from '../options.js'
import { kinds, name } from './names.js'
import { type ProviderOptions, withProvider, withProviderOptions } from './open.js'

type ListOptions = ProviderOptions & { readonly json?: true }
type CreateOptions = ListOptions & { readonly name?: string; readonly customer: readonly string[] }
type RevokeOptions = ListOptions & { readonly yes?: true }

const EVERY_CUSTOMER = '*'

const customers = (text: string, before: readonly string[]): readonly string[] => [
  ...before,
  text === EVERY_CUSTOMER ? text : clientId(text),
]

const list = (account: string, { json, ...options }: ListOptions): Promise<void> =>
  withProvider(options, async provider => {
    const { users, others } = await orFail(provider.read(await orFail(needAccount(provider, account))))
    if (json) return printJson({ users, others })
    for (const user of users) print(userText(user))
    for (const other of others) print(`${other}  (not made for a ledger)`)
  })

/** The changes that make one more user, and the users that there are then. */
const changesFor = async (
  provider: Provider,
  account: string,
  wanted: readonly LedgerUser[],
): Promise<readonly AccountChange[]> => {
  const found = await orFail(provider.read(await orFail(needAccount(provider, account))))
  let users = found.users
  for (const user of wanted) {
    const added = addUser(users, user)
    if (E.isLeft(added)) throw new Failure(added.left, { exit_code: 2 })
    users = added.right
  }
  const without_rights = [...new Set(wanted.map(({ kind }) => kind))].filter(kind => !found.rights.has(kind))
  return [
    ...without_rights.map((kind): AccountChange => {
      return { tag: 'set rights', kind, from: undefined, rights: rightsOf(kind, {}) }
    }),
    ...wanted.map((user): AccountChange => ({ tag: 'create user', user })),
  ]
}

const create = (
  account: string,
  of_kinds: readonly User[],
  { name: given, customer, json, ...options }: CreateOptions,
): Promise<void> =>
  withProvider(options, async provider => {
    if (given !== undefined && of_kinds.length > 1)
      throw new Failure('--name: it is the name of one user, and there are several kinds', { exit_code: 2 })
    if (customer.length > 0 && !of_kinds.includes('publisher'))
      throw new Failure('--customer: only a publisher has customers', { exit_code: 2 })
    const wanted = of_kinds.map(kind => ({
      kind,
      name: given ?? kind,
      customers: kind === 'publisher' ? customer : [],
    }))
    const changes = await changesFor(provider, account, wanted)
    await orFail(carryOut(provider, account, await orFail(needAccount(provider, account)), changes))
    if (json) return printJson({ users: wanted })
    for (const user of wanted) print(userText(user))
  })

const revoke = (account: string, user: string, { yes, json, ...options }: RevokeOptions): Promise<void> =>
  withProvider(options, async provider => {
    const found = await orFail(needAccount(provider, account))
    if (!yes) await confirm(`The credentials of ${user} in the account ${account} count no more after this.`)
    await orFail(provider.revokeUser(found, user))
    if (json) printJson({ revoked: user })
    else print(`${user} is revoked`)
  })

export const usersCommand = (parent: Command): void => {
  const users = parent.command('users').description('the users of an account')
  withProviderOptions(users.command('list'))
    .description('list the users with their kinds')
    .argument('<account>', 'the name of the account', name)
    .option('--json', 'print them as JSON')
    .action(list)
  withProviderOptions(users.command('create'))
    .description('make users; "creds" hands out their credentials')
    .argument('<account>', 'the name of the account', name)
    .argument('<kind...>', 'what the user is for, as "jetledger permissions json" lists them', kinds)
    .option(
      '--name <name>',
      'its name, for a reader, a client, a publisher or a consumer (default: the kind)',
      name,
    )
    .option('--customer <id>', 'a customer of a publisher ("*" is every one); may be repeated', customers, [])
    .option('--json', 'print the users as JSON')
    .action(create)
  withProviderOptions(users.command('revoke'))
    .description('end a user: its credentials count no more, and its connections end')
    .argument('<account>', 'the name of the account', name)
    .argument('<user>', 'the name of the user', name)
    .option('--yes', 'do not ask')
    .option('--json', 'print the name as JSON')
    .action(revoke)
}
