/** `jetledger control-plane accounts list|create`: the accounts of a provider. */

import type { Command } from 'commander'
import { carryOut, FOUND_ALREADY, findAccount } from '../../control-plane/carry-out.js'
import type { Provider } from '../../control-plane/provider.js'
import { DEFAULT_LIMITS, type NatsAccount } from '../../control-plane/state.js'
import { Failure, orFail } from '../../process/failure.js'
import { print, printJson } from '../../process/output.js'
import { name } from './names.js'
import { type ProviderOptions, withProvider, withProviderOptions } from './open.js'

type Options = ProviderOptions & { readonly json?: true }

/** Prints one account on a line: its name, its id, and whether it is the system account. */
const printAccount = ({ name, id, is_system }: NatsAccount): void =>
  print(`${name}  ${id}${is_system ? '  (system account)' : ''}`)

/** Lists the accounts of a provider. */
export const listAccounts = async (provider: Provider, json: boolean): Promise<void> => {
  const accounts = await orFail(provider.accounts())
  if (json) printJson(accounts)
  else for (const account of accounts.toSorted((a, b) => a.name.localeCompare(b.name))) printAccount(account)
}

/** Makes an account with the limits that a ledger needs, and no users. */
export const createAccount = async (provider: Provider, account: string, json: boolean): Promise<void> => {
  const found = await orFail(findAccount(provider, account))
  if (found !== undefined) throw new Failure(FOUND_ALREADY(account))
  const changes = [{ tag: 'create account', limits: DEFAULT_LIMITS }] as const
  const made = await orFail(carryOut(provider, account, undefined, changes))
  if (json) printJson(made)
  else printAccount(made)
}

export const accountsCommand = (parent: Command): void => {
  const accounts = parent.command('accounts').description('the accounts of the provider')
  withProviderOptions(accounts.command('list'))
    .description('list the accounts, with their ids')
    .option('--json', 'print them as JSON')
    .action(({ json, ...options }: Options) =>
      withProvider(options, provider => listAccounts(provider, json === true)),
    )
  withProviderOptions(accounts.command('create'))
    .description('make an account with the limits of a ledger, and without users ("apply" sets other limits)')
    .argument('<account>', 'its name', name)
    .option('--json', 'print it as JSON')
    .action((account: string, { json, ...options }: Options) =>
      withProvider(options, provider => createAccount(provider, account, json === true)),
    )
}
