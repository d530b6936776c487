/** `jetledger control-plane init`: makes an operator with its keys. It connects to nothing. */

import { join } from 'node:path'
import type { Command } from 'commander'
import { initSelfHosted } from '../../control-plane/self-hosted/open.js'
import { orFail } from '../../process/failure.js'
import { print, printJson, tell } from '../../process/output.js'
import { name } from './names.js'
import { DEFAULT_KEYS } from './open.js'

type Options = {
  readonly keys: string
  readonly operator: string
  readonly accountsDir: string
  readonly json?: true
}

const init = async ({ keys, operator, accountsDir, json }: Options): Promise<void> => {
  await orFail(initSelfHosted(keys, operator, accountsDir))
  const file = join(keys, 'operator.conf')
  if (json) printJson({ file })
  else print(file)
  tell(
    `include that file in the configuration of every nats-server, beside "jetstream" with a store. Keep ${join(keys, 'keys', 'operator.nk')} offline: nothing here needs it again`,
  )
}

export const initCommand = (parent: Command): void => {
  parent
    .command('init')
    .description('make an operator for servers of your own: its keys, and the part of their configuration')
    .option('--keys <folder>', 'the folder to be made', DEFAULT_KEYS)
    .option('--operator <name>', 'the name of the operator', name, 'jetledger')
    .option('--accounts-dir <folder>', 'where the servers keep the accounts', 'accounts')
    .option('--json', 'print the path of that part as JSON')
    .action(init)
}
