/**
 * Simulates a machine that dies and loses the newest events, or dies in the middle of a batch: the newest block of the stream
 * ends there.
 * nats-server 2.14 flushes every message separately, and never flushes the staged messages of the batch (docs/adr/0032).
 */

import { readdirSync, rmSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import type { NatsConnection } from 'nats'
import { type BatchMessage, publishBatch } from '../../src/stream/publish.js'
import { LEDGER_STREAM } from '../../src/stream/settings.js'
import { right } from './ledger.js'
import { type TestNats, until } from './servers.js'

const RETURN_MS_MAX = 20_000

const streamFolder = ({ store_dir }: TestNats): string =>
  join(store_dir, 'jetstream', '$G', 'streams', LEDGER_STREAM)

const newestBlock = (nats: TestNats): string => {
  const folder = join(streamFolder(nats), 'msgs')
  const blocks = readdirSync(folder).filter(name => name.endsWith('.blk'))
  return join(folder, blocks.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10)).at(-1) ?? '')
}

/** The size of the newest block, once the server writes nothing more into it. */
const restingBytes = async (nats: TestNats): Promise<number> => {
  let before = -1
  const isAtRest = async (): Promise<boolean> => {
    const { size } = statSync(newestBlock(nats))
    const is_at_rest = size === before
    before = size
    return is_at_rest
  }
  await until(isAtRest, { deadline_ms: RETURN_MS_MAX, what: 'the server to write what it has stored' })
  return before
}

/** Kills the server, and cuts the newest block on its disk after `bytes` bytes, as a power failure may do. */
const dieWith = async (nats: TestNats, nc: NatsConnection, bytes: number): Promise<void> => {
  const { pid } = nats
  truncateSync(newestBlock(nats), bytes)
  rmSync(join(streamFolder(nats), 'msgs', 'index.db'), { force: true })
  rmSync(join(streamFolder(nats), 'batches'), { recursive: true, force: true })
  process.kill(pid, 'SIGKILL')
  const isBack = async () => nats.pid !== pid && (await nc.request('$JS.API.INFO')).data.length > 0
  await until(isBack, { deadline_ms: RETURN_MS_MAX, what: 'the server to come back' })
}

/**
 * Publishes messages of equal size as a batch, lets the machine die so that only the first `kept` of them are left, and waits
 * for the server, which comes back by itself. `nc` has to reconnect.
 */
export const dieAmidBatch = async (
  nats: TestNats,
  nc: NatsConnection,
  messages: readonly BatchMessage[],
  kept: number,
): Promise<void> => {
  const before_bytes = statSync(newestBlock(nats)).size
  await right(publishBatch(nc, messages, 5_000))
  const batch_bytes = statSync(newestBlock(nats)).size - before_bytes
  await dieWith(nats, nc, before_bytes + Math.floor((batch_bytes * (kept + 0.5)) / messages.length))
}

/** Lets the machine die so that all that `store` has stored is lost, and waits for the server. `nc` has to reconnect. */
export const dieWithout = async (
  nats: TestNats,
  nc: NatsConnection,
  store: () => Promise<void>,
): Promise<void> => {
  const before_bytes = await restingBytes(nats)
  await store()
  await restingBytes(nats)
  await dieWith(nats, nc, before_bytes)
}
