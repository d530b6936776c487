/**
 * `jetledger control-plane cp`: the program `control-plane` of the predecessor, with its options and its texts. Behind
 * `npm run cp-list`, `cp-create` and `cp-delete`.
 */

import { type Command, InvalidArgumentError, Option } from 'commander'
import { findAccount } from '../../control-plane/carry-out.js'
import type { Provider } from '../../control-plane/provider.js'
import { Failure, orFail } from '../../process/failure.js'
import { createAccount, listAccounts } from './accounts.js'
import { type DeleteOptions, deleteAccount } from './delete.js'
import { type ProviderOptions, withProvider, withProviderOptions } from './open.js'

const ACTIONS = ['list', 'create', 'delete'] as const

type Options = ProviderOptions &
  DeleteOptions & {
    readonly action: (typeof ACTIONS)[number]
    readonly initials: string
    readonly json?: true
  }

const initials = (text: string): string => {
  if (!/^[A-Za-z0-9]{2,3}$/.test(text)) throw new InvalidArgumentError('must be 2 or 3 letters.')
  return text
}

const act = async (provider: Provider, options: Options): Promise<void> => {
  const { action, initials, json } = options
  const account = `POC-${initials}`
  switch (action) {
    case 'list':
      return listAccounts(provider, json === true)
    case 'create':
      if ((await orFail(findAccount(provider, account))) !== undefined)
        throw new Failure(`Account with name ${account} already exists found`)
      return createAccount(provider, account, json === true)
    case 'delete':
      return deleteAccount(provider, account, options)
  }
}

export const cpCommand = (parent: Command): void => {
  withProviderOptions(parent.command('cp'))
    .description(
      "list accounts, or make or delete the account POC-<initials>, as the predecessor's program did",
    )
    .addOption(new Option('--action <action>', 'what to do').choices(ACTIONS).default('list'))
    .requiredOption('--initials <letters>', 'the 2 or 3 letters of the developer', initials)
    .option('--systemId <id>', 'the same as --system-id')
    .option('--baseUrl <url>', 'the same as --base-url')
    .option('--force <account>', 'delete the account also with its messages: its name')
    .option('--yes', 'do not ask before deleting')
    .option('--json', 'print accounts as JSON')
    .action((options: Options) => withProvider(options, provider => act(provider, options)))
}
