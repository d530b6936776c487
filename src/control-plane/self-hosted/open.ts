/** Opens the provider of one's own servers: the folder of keys, and a connection as the system account's user. */

import { attempt } from '../../fp.js'
import type { Provider, ProviderError, Task } from '../provider.js'
import { openKeys } from './keys.js'
import { initOperator } from './operator.js'
import { selfHosted } from './provider.js'
import type { Connect } from './visit.js'

export type OpenProvider = { readonly provider: Provider; readonly close: () => Promise<void> }

const toError = (cause: unknown): ProviderError => ({
  tag: 'Unreachable',
  message: cause instanceof Error ? cause.message : String(cause),
  cause,
})

/** Opens the folder that `init` made, and connects. */
export const openSelfHosted = (folder: string, connect: Connect): Task<OpenProvider> =>
  attempt(async () => {
    const keys = openKeys(folder)
    const system = await connect(keys.system_creds, undefined)
    return { provider: selfHosted({ keys, system, connect }), close: () => system.close() }
  }, toError)

/**
 * Makes the folder with all keys of a new operator; left when it is there already. `accounts_dir` is the folder in which
 * the servers are to keep the accounts.
 */
export const initSelfHosted = (folder: string, name: string, accounts_dir: string): Task<void> =>
  attempt(async () => initOperator(folder, name, accounts_dir), toError)
