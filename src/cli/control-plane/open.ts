/** Opens the provider that the options of a subcommand name, and the options themselves. */

import type { Command } from 'commander'
import type { Provider } from '../../control-plane/provider.js'
import { openSelfHosted } from '../../control-plane/self-hosted/open.js'
import { environmentConfig } from '../../process/environment.js'
import { orFail } from '../../process/failure.js'
import { connectOnce } from '../../process/nats.js'
import { secret } from '../../process/secret.js'

export const DEFAULT_KEYS = 'control-plane'

export type ProviderOptions = { readonly keys: string }

/** Adds the options that say which provider is meant. */
export const withProviderOptions = (command: Command): Command =>
  command.option(
    '--keys <folder>',
    'the folder of keys that "init" made, for servers of your own',
    DEFAULT_KEYS,
  )

/** Opens the provider, does `work`, and ends the connection also when the work fails. Throws `Failure`. */
export const withProvider = async <A>(
  { keys }: ProviderOptions,
  work: (provider: Provider) => Promise<A>,
): Promise<A> => {
  const config = environmentConfig()
  // the environment says where the servers are; who comes to them is said by the folder of keys
  const connect = (creds: string, inbox_prefix: string | undefined) =>
    connectOnce({
      ...config,
      NATS_INBOX_PREFIX: inbox_prefix,
      nats: { ...config.nats, login: { tag: 'creds', variable: `--keys ${keys}`, text: secret(creds) } },
    })
  const { provider, close } = await orFail(openSelfHosted(keys, connect))
  try {
    return await work(provider)
  } finally {
    await close()
  }
}
