/** A DynamoDB server that nobody starts again: it is away until the test says otherwise. */

import { join } from 'node:path'
import { findServerBinary } from '../../src/embedded/binaries.js'
import { type Child, startChild } from '../../src/embedded/child.js'
import { dynamodbServer } from '../../src/embedded/dynamodb.js'
import { freePort } from '../../src/embedded/ports.js'
import { identityOf } from '../../src/embedded/process-identity.js'
import { startReaper } from '../../src/embedded/reaper.js'
import { killNow } from './program.js'

export type DynamodbProcess = {
  readonly endpoint: string
  /** Ends it with -9 and waits for the end. */
  readonly kill: () => Promise<void>
  /** Starts it again on the same port and data; resolves when it is ready. */
  readonly start: () => Promise<void>
}

/** Starts it with its data and log in `folder`; the caller kills it at the end. */
export const startDynamodbProcess = async (folder: string): Promise<DynamodbProcess> => {
  const port = await freePort()
  const [data, log] = [join(folder, 'dynamodb.db'), join(folder, 'dynamodb.log')]
  const spec = dynamodbServer(data, port, findServerBinary('dynoxide'), log)
  // a test process that dies itself, of its memory for example, cannot end it
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
      // its pid may be another's from now on
      child = undefined
    },
  }
}
