/** Starts a nats-server with a test's own configuration; the servers of `servers.ts` allow everything to every user. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ConnectionOptions, connect } from 'nats'
import { findServerBinary } from '../../src/embedded/index.js'
import { freePort } from '../../src/embedded/ports.js'
import { newFolder, removeFolder, until } from './servers.js'

export type ConfiguredNats = {
  readonly url: string
  /** Makes the server read another configuration, as an operator does. */
  readonly reload: (config: string) => void
  readonly stop: () => Promise<void>
}

/** Starts a server with `config`, which needs no port and no store; `login` is a user and password that it accepts. */
export const startConfiguredNats = async (
  config: string,
  login: ConnectionOptions = {},
): Promise<ConfiguredNats> => {
  const folder = newFolder()
  const file = join(folder, 'nats.conf')
  const port = await freePort()
  const write = (text: string): void =>
    writeFileSync(file, `listen: "127.0.0.1:${port}"\n${text.replace('$STORE', join(folder, 'store'))}\n`)
  write(config)
  const server = spawn(findServerBinary('nats-server'), ['-c', file], { stdio: 'ignore' })
  const exited = once(server, 'exit')
  const url = `nats://127.0.0.1:${port}`
  const stop = async (): Promise<void> => {
    server.kill()
    await exited
    removeFolder(folder)
  }
  try {
    const answers = async () =>
      (await connect({ servers: url, reconnect: false, ...login })).close().then(() => true)
    await until(answers, { deadline_ms: 30_000, what: `a server with the configuration ${config}` })
  } catch (error) {
    await stop()
    throw error
  }
  return {
    url,
    reload: text => {
      write(text)
      server.kill('SIGHUP')
    },
    stop,
  }
}
