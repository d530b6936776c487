/** `jetledger control-plane apply <file>`: makes an account what a file says, after showing what that changes. */

import type { Command } from 'commander'
import { carryOut, findAccount } from '../../control-plane/carry-out.js'
import { changesOf, describeChanges } from '../../control-plane/changes.js'
import { readDesired } from '../../control-plane/state.js'
import { E } from '../../fp.js'
import { Failure, orFail } from '../../process/failure.js'
import { print, printJson } from '../../process/output.js'
import { readTextFile } from '../../process/text-file.js'
import { confirm } from '../confirm.js'
import { type ProviderOptions, withProvider, withProviderOptions } from './open.js'

type Options = ProviderOptions & { readonly yes?: true; readonly dryRun?: true; readonly json?: true }

const apply = (file: string, { yes, dryRun, json, ...options }: Options): Promise<void> => {
  const read = readDesired(readTextFile(file, file))
  if (E.isLeft(read)) throw new Failure(`${file}: ${read.left}`, { exit_code: 2 })
  const desired = read.right
  return withProvider(options, async provider => {
    const found = await orFail(findAccount(provider, desired.account))
    const state = found === undefined ? undefined : await orFail(provider.read(found))
    const changes = changesOf(desired, state)
    if (json) printJson(changes)
    else for (const line of describeChanges(desired.account, changes)) print(line)
    if (changes.length === 0) {
      if (!json) print('nothing to change')
      return
    }
    if (dryRun) return
    if (!yes) await confirm(`These are ${changes.length} changes of the account ${desired.account}.`)
    await orFail(carryOut(provider, desired.account, found, changes))
    if (!json) print('done')
  })
}

const APPLY_HELP = `
The file: {"account":"POC-DO","limits":{"connections":64,...},"rights":{"reply_prefixes":[],"has_imports":false,"domain":"hub"},
"users":[{"kind":"commands"},{"kind":"publisher","name":"shop","customers":["4711"]}]}. "limits" and "rights" may be left out.
A user that is not in it is revoked. A run that was ended is finished by another one.`

export const applyCommand = (parent: Command): void => {
  withProviderOptions(parent.command('apply'))
    .description('make an account what a file says: show the changes, ask, and carry them out')
    .argument('<file>', 'JSON (docs/control-plane.md)')
    .option('--yes', 'do not ask')
    .option('--dry-run', 'show the changes only')
    .option('--json', 'show them as JSON')
    .addHelpText('after', APPLY_HELP)
    .action(apply)
}
