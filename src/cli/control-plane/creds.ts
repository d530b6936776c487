/** `jetledger control-plane creds`: hands a user's credentials over, into a file or into AWS Secrets Manager. */

import type { Command } from 'commander'
import { needAccount } from '../../control-plane/carry-out.js'
import { putSecret, writeCreds } from '../../control-plane/hand-over.js'
import { Failure, orFail } from '../../process/failure.js'
import { print, printJson } from '../../process/output.js'
import { name } from './names.js'
import { type ProviderOptions, withProvider, withProviderOptions } from './open.js'

type Options = ProviderOptions & {
  readonly out?: string
  readonly secret?: string
  readonly replace?: true
  readonly json?: true
}

const creds = (
  account: string,
  user: string,
  { out, secret, replace, json, ...options }: Options,
): Promise<void> => {
  if ((out === undefined) === (secret === undefined))
    throw new Failure('say where the credentials go: --out <file> or --secret <id>', { exit_code: 2 })
  return withProvider(options, async provider => {
    const found = await orFail(needAccount(provider, account))
    const text = await orFail(provider.creds(found, user))
    if (out !== undefined) await orFail(writeCreds(out, text, replace === true))
    if (secret !== undefined) await orFail(putSecret(secret, text))
    if (json)
      printJson({ user, ...(out === undefined ? {} : { out }), ...(secret === undefined ? {} : { secret }) })
    else print(out ?? `secret ${secret}`)
  })
}

export const credsCommand = (parent: Command): void => {
  withProviderOptions(parent.command('creds'))
    .description("hand over a user's credentials; they are printed nowhere")
    .argument('<account>', 'the name of the account', name)
    .argument('<user>', 'the name of the user', name)
    .option('--out <file>', 'the .creds file to be written (mode 0600)')
    .option('--replace', 'a file of that name may be replaced')
    .option('--secret <id>', 'the secret of AWS Secrets Manager to be given a new value, by the AWS CLI')
    .option('--json', 'print where they went as JSON')
    .action(creds)
}
