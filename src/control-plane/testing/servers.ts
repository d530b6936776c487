/** Starts a nats-server that takes accounts from the control plane, and opens the control plane on it. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, credsAuthenticator, type NatsConnection } from 'nats'
import { type ConfiguredNats, startConfiguredNats } from '../../../test/support/configured-nats.js'
import { newFolder, removeFolder } from '../../../test/support/servers.js'
import { run } from '../../fp.js'
import type { Provider } from '../provider.js'
import { type Keys, openKeys } from '../self-hosted/keys.js'
import { initSelfHosted } from '../self-hosted/open.js'
import { selfHosted } from '../self-hosted/provider.js'
import type { Connect } from '../self-hosted/visit.js'

export type OperatorNats = {
  readonly nats: ConfiguredNats
  /** The folder of keys. */
  readonly folder: string
  readonly keys: Keys
  /** A connection of the system account's user. */
  readonly system: NatsConnection
  readonly connect: Connect
  readonly provider: Provider
  readonly stop: () => Promise<void>
}

/** Starts the server with an operator of its own. */
export const startOperatorNats = async (): Promise<OperatorNats> => {
  const parent = newFolder()
  const folder = join(parent, 'keys')
  await run(initSelfHosted(folder, 'test', join(parent, 'accounts')))
  const keys = openKeys(folder)
  const conf = readFileSync(join(folder, 'operator.conf'), 'utf8')
  const system_creds = credsAuthenticator(Buffer.from(keys.system_creds))
  const nats = await startConfiguredNats(`${conf}\njetstream { store_dir: "$STORE" }`, {
    authenticator: system_creds,
  })
  const connectAs: Connect = (creds, inbox_prefix) =>
    connect({
      servers: nats.url,
      authenticator: credsAuthenticator(Buffer.from(creds)),
      reconnect: false,
      ...(inbox_prefix === undefined ? {} : { inboxPrefix: inbox_prefix }),
    })
  const system = await connectAs(keys.system_creds, undefined)
  return {
    nats,
    folder,
    keys,
    system,
    connect: connectAs,
    provider: selfHosted({ keys, system, connect: connectAs }),
    stop: async () => {
      await system.close()
      await nats.stop()
      removeFolder(parent)
    },
  }
}
