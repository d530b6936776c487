/** `jetledger control-plane delete <account>`: deletes an account, which holds no messages or is forced by its name. */

import type { Command } from 'commander'
import { needAccount } from '../../control-plane/carry-out.js'
import type { Provider } from '../../control-plane/provider.js'
import { Failure, orFail } from '../../process/failure.js'
import { print, printJson } from '../../process/output.js'
import { confirm } from '../confirm.js'
import { name } from './names.js'
import { type ProviderOptions, withProvider, withProviderOptions } from './open.js'

export type DeleteOptions = { readonly yes?: true; readonly force?: string; readonly json?: true }

/** Deletes the account of this name, after asking. */
export const deleteAccount = async (
  provider: Provider,
  account: string,
  { yes, force, json }: DeleteOptions,
): Promise<void> => {
  if (force !== undefined && force !== account)
    throw new Failure(`--force: it must be the name of the account, ${account}`, { exit_code: 2 })
  const found = await orFail(needAccount(provider, account))
  const with_what = force === undefined ? 'its users' : 'its users, and all that its streams hold'
  if (!yes) await confirm(`The account ${account} (${found.id}) is deleted for good, with ${with_what}.`)
  await orFail(provider.remove(found, force !== undefined))
  if (json) printJson({ deleted: account })
  else print(`${account} is deleted`)
}

export const deleteCommand = (parent: Command): void => {
  withProviderOptions(parent.command('delete'))
    .description('delete an account and its users; refused while one of its streams holds messages')
    .argument('<account>', 'the name of the account', name)
    .option('--force <account>', 'also with the messages: the name of the account once more')
    .option('--yes', 'do not ask')
    .option('--json', 'print the name as JSON')
    .action((account: string, options: ProviderOptions & DeleteOptions) =>
      withProvider(options, provider => deleteAccount(provider, account, options)),
    )
}
