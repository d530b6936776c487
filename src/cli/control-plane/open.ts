/** Opens the provider that the options of a subcommand name, and the options themselves. */

import type { Command } from 'commander'
import type { Provider } from '../../control-plane/provider.js'
import { openSelfHosted } from '../../control-plane/self-hosted/open.js'
import { openSynadia } from '../../control-plane/synadia/provider.js'
import { environmentConfig } from '../../process/environment.js'
import { Failure, orFail } from '../../process/failure.js'
import { connectOnce } from '../../process/nats.js'
import { type Secret, secret } from '../../process/secret.js'
import { readTextFile } from '../../process/text-file.js'

export const DEFAULT_KEYS = 'control-plane'
const DEFAULT_BASE_URL = 'https://cloud.synadia.com'
/** Where the predecessor's program had its token. */
const DEFAULT_TOKEN_FILE = 'cdk/config/control-plane-agent.token'

export type ProviderOptions = {
  readonly keys: string
  readonly systemId?: string
  readonly baseUrl?: string
  readonly tokenFile?: string
}

/** Adds the options that say which provider is meant. */
export const withProviderOptions = (command: Command): Command =>
  command
    .option('--keys <folder>', 'the folder of keys that "init" made, for servers of your own', DEFAULT_KEYS)
    .option('--system-id <id>', 'the system of Synadia Cloud; without it, servers of your own are meant')
    .option('--base-url <url>', `where Synadia's control plane is (default: ${DEFAULT_BASE_URL})`)
    .option(
      '--token-file <file>',
      `its access token (default: the variable SYNADIA_TOKEN, or ${DEFAULT_TOKEN_FILE})`,
    )

/** The access token, which is never an argument: every user of a machine can read those. */
const tokenOf = (file: string | undefined): Secret => {
  const text =
    file === undefined && process.env.SYNADIA_TOKEN
      ? process.env.SYNADIA_TOKEN
      : readTextFile('the access token', file ?? DEFAULT_TOKEN_FILE)
  const token = text.trim()
  // fetch would show the whole header in its error
  if (!/^[\x21-\x7e]+$/.test(token))
    throw new Failure('the access token: it is empty or not one word', { exit_code: 2 })
  return secret(token)
}

const openKeysFolder = (keys: string): ReturnType<ReturnType<typeof openSelfHosted>> => {
  const config = environmentConfig()
  // the environment says where the servers are; who comes to them is said by the folder of keys
  const connect = (creds: string, inbox_prefix: string | undefined) =>
    connectOnce({
      ...config,
      NATS_INBOX_PREFIX: inbox_prefix,
      nats: { ...config.nats, login: { tag: 'creds', variable: `--keys ${keys}`, text: secret(creds) } },
    })
  return openSelfHosted(keys, connect)()
}

/** Opens the provider, does `work`, and ends the connection also when the work fails. Throws `Failure`. */
export const withProvider = async <A>(
  { keys, systemId, baseUrl, tokenFile }: ProviderOptions,
  work: (provider: Provider) => Promise<A>,
): Promise<A> => {
  if (systemId !== undefined) {
    const options = { base_url: baseUrl ?? DEFAULT_BASE_URL, token: tokenOf(tokenFile) }
    return work(await orFail(openSynadia(systemId, options)))
  }
  if (baseUrl !== undefined || tokenFile !== undefined)
    throw new Failure('--base-url, --token-file: they need --system-id', { exit_code: 2 })
  const { provider, close } = await orFail(() => openKeysFolder(keys))
  try {
    return await work(provider)
  } finally {
    await close()
  }
}
