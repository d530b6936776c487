/** A nats-server that denies subscriptions: the servers of `test/support` allow everything to everybody. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'nats'
import { newFolder, removeFolder, until } from '../../../test/support/servers.js'
import { findServerBinary } from '../../embedded/index.js'
import { freePort } from '../../embedded/ports.js'

/** Starts a server where nobody may subscribe to `denied`; everything else is allowed without a login. */
export const startRestrictedNats = async (
  denied: string,
): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> => {
  const folder = newFolder()
  const file = join(folder, 'nats.conf')
  const port = await freePort()
  writeFileSync(
    file,
    `listen: "127.0.0.1:${port}"
no_auth_user: anybody
authorization { users: [ { user: anybody, password: x, permissions: { subscribe: { deny: ${JSON.stringify(denied)} } } } ] }`,
  )
  const server = spawn(findServerBinary('nats-server'), ['-c', file], { stdio: 'ignore' })
  const exited = once(server, 'exit')
  const url = `nats://127.0.0.1:${port}`
  const stop = async (): Promise<void> => {
    server.kill()
    await exited
    removeFolder(folder)
  }
  try {
    await until(async () => (await connect({ servers: url, reconnect: false })).close().then(() => true), {
      deadline_ms: 10_000,
      what: `a server that denies ${denied}`,
    })
  } catch (error) {
    await stop()
    throw error
  }
  return { url, stop }
}
