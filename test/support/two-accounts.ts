/** Starts a nats-server with the ledger's account, and two accounts that import subjects of the ledger. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'nats'
import { findServerBinary } from '../../src/embedded/index.js'
import { freePort } from '../../src/embedded/ports.js'
import { newFolder, removeFolder, until } from './servers.js'

export type TwoAccounts = { readonly url: string; readonly stop: () => Promise<void> }

/**
 * Users, all with the password `x`: `ledger` may do everything in the ledger's account, `limited` may publish
 * `customer.event.678` there and nothing else. `publisher` lives in an account of its own, which imports `customer.event.*`
 * as `customer.balance.*`, and `gateway` in another one, which imports `customer.credit`. Both share who they are.
 */
export const startTwoAccounts = async (): Promise<TwoAccounts> => {
  const folder = newFolder()
  const file = join(folder, 'nats.conf')
  const port = await freePort()
  writeFileSync(
    file,
    `listen: "127.0.0.1:${port}"
jetstream { store_dir: ${JSON.stringify(join(folder, 'js'))} }
accounts {
  LEDGER {
    jetstream: enabled
    users: [
      { user: ledger, password: x }
      { user: limited, password: x,
        permissions: { publish: { allow: ["customer.event.678"] }, subscribe: { allow: ["_INBOX.>"] } } }
    ]
    exports: [ { service: "customer.event.*" }, { service: "customer.credit" } ]
  }
  PUBLISHER {
    users: [ { user: publisher, password: x } ]
    imports: [
      { service: { account: LEDGER, subject: "customer.event.*" }, to: "customer.balance.*", share: true }
    ]
  }
  GATEWAY {
    users: [ { user: gateway, password: x } ]
    imports: [ { service: { account: LEDGER, subject: "customer.credit" }, share: true } ]
  }
}`,
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
    await until(
      async () => {
        const nc = await connect({ servers: url, user: 'ledger', pass: 'x', reconnect: false })
        return nc.close().then(() => true)
      },
      { deadline_ms: 30_000, what: 'a server with two accounts' },
    )
  } catch (error) {
    await stop()
    throw error
  }
  return { url, stop }
}
