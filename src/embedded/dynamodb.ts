/** Runs dynoxide, a DynamoDB-compatible server that keeps its tables in one SQLite file. */

import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { ServerSpec } from './child.js'
import { givesOk } from './http-probe.js'
import { LOOPBACK } from './ports.js'
import type { ToolLink } from './private-tables/tool-link.js'

const READY_TIMEOUT_MS = 10_000
const STOP_TIMEOUT_MS = 5_000

/** Returns how to run the DynamoDB server on `db_file`, which is created when missing. */
export const dynamodbServer = (
  db_file: string,
  port: number,
  binary: string,
  log_file: string,
): ServerSpec => {
  mkdirSync(dirname(db_file), { recursive: true })
  return {
    name: 'dynamodb',
    binary,
    args: ['--host', LOOPBACK, '--port', `${port}`, '--db-path', db_file],
    log_file,
    isReady: () => givesOk(port, '/'),
    ready_timeout_ms: READY_TIMEOUT_MS,
    stop_timeout_ms: STOP_TIMEOUT_MS,
  }
}

/** The same for a server that listens nowhere, and is called over its pipes. */
export const privateDynamodbServer = (
  db_file: string,
  link: ToolLink,
  binary: string,
  log_file: string,
): ServerSpec => {
  mkdirSync(dirname(db_file), { recursive: true })
  return {
    name: 'dynamodb',
    binary,
    args: ['mcp', '--db-path', db_file],
    log_file,
    onPipes: link.attach,
    isReady: link.isReady,
    ready_timeout_ms: READY_TIMEOUT_MS,
    stop_timeout_ms: STOP_TIMEOUT_MS,
  }
}
