/** Runs once before tests that start servers: prints the nats-server version, because most tests support several versions. */

import { findServerBinary, versionOf } from '../../src/embedded/binaries.js'

const line = (): string => {
  try {
    const path = findServerBinary('nats-server')
    return `nats-server ${versionOf(path)} (${path})`
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

export const setup = (): void => {
  process.stdout.write(`${line()}\n`)
}
