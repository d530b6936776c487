/** A DynamoDB server without a supervisor: once killed, it is away until the test starts it again. */

import { join } from 'node:path'
import { findServerBinary } from '../../src/embedded/binaries.js'
import { type Child, startChild } from '../../src/embedded/child.js'
import { dynamodbServer } from '../../src/embedded/dynamodb.js'
import { identityOf } from '../../src/embedded/process-identity.js'
import { startReaper } from '../../src/embedded/reaper.js'
import { ownPort } from './ports.js'
import { killNow } from './program.js'

export type DynamodbProcess = {
  readonly endpoint: string
  /** Kills the server with -9 and waits for its end. */
  readonly kill: () => Promise<void>
  /** Starts the server again on the same port and data; resolves when it is ready. */
  readonly start: () => Promise<void>
}

/** Starts the server with its data and log in `folder`; the caller kills it at the end. */
export const startDynamodbProcess = async (folder: string): Promise<DynamodbProcess> => {
  const port = await ownPort()
  const [data, log] = [join(folder, 'dynamodb.db'), join(folder, 'dynamodb.log')]
  const spec = dynamodbServer(data, port, findServerBinary('dynoxide'), log)
  // the reaper ends the server when the test process itself dies, for example from lack of memory
  const reaper = startReaper(() => undefined)
  let child: Child | undefined
  const start = async (): Promise<void> => {
    child = await startChild(spec, () => {}, new AbortController().signal)
    reaper.add(child.pid, identityOf(child.pid) ?? '')
  }
  await start()
  return {
    endpoint: `http://127.0.0.1:${port}`,
    start,
    kill: async () => {
      if (child === undefined) return
      killNow(child.pid)
      await child.exited
      reaper.remove(child.pid)
      // the pid may belong to another process from now on
      child = undefined
    },
  }
}
