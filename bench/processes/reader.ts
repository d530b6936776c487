/**
 * Reads the whole stream, as a baseline for rebuilds. `range` is the reader that a rebuild uses, and `consumer` is the NATS
 * client's own ordered consumer with a callback; both do nothing with what they read. `fold` is the reader of a rebuild with
 * the least that any rebuild does: it parses each event, and keeps what that claims of its account. Nothing is checked or written.
 */

import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { connect, type NatsConnection } from 'nats'
import { readPages } from '../../src/stream/read.js'
import { LEDGER_STREAM, LEDGER_SUBJECTS } from '../../src/stream/settings.js'

/** The message that a reader sends at its end. */
export type ReadReport = {
  readonly tag: 'read'
  readonly events: number
  readonly took_ms: number
  /** The CPU time of the reading alone. */
  readonly cpu_ms: number
}

/** Large enough that the server never waits for the reader; a larger value made no difference. */
const READ_AHEAD_MESSAGES = 20_000

const US_PER_MS = 1_000

type Read = (nc: NatsConnection, last_seq: number) => Promise<number>

type Claim = { readonly balance: number; readonly version: number }

const pagesOf = (nc: NatsConnection, to_seq: number) =>
  readPages(nc, {
    stream: LEDGER_STREAM,
    subject: LEDGER_SUBJECTS,
    from_seq: 1,
    to_seq,
    may_consume: true,
  })

const range: Read = async (nc, last_seq) => {
  let events = 0
  for await (const page of pagesOf(nc, last_seq)) events += page.length
  return events
}

const fold: Read = async (nc, last_seq) => {
  let events = 0
  const accounts = new Map<string, Claim & { readonly seq: number }>()
  for await (const page of pagesOf(nc, last_seq)) {
    for (const { subject, seq, body } of page) {
      const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString()
      const { after } = JSON.parse(text) as { readonly after: Claim }
      accounts.set(subject, { ...after, seq })
    }
    events += page.length
  }
  return events
}

const consumer: Read = async (nc, last_seq) => {
  let events = 0
  const ordered = await jetstream(nc).consumers.get(LEDGER_STREAM)
  await new Promise<void>((resolve, reject) => {
    const callback = ({ seq }: { seq: number }): void => {
      events += 1
      if (seq >= last_seq) resolve()
    }
    ordered.consume({ max_messages: READ_AHEAD_MESSAGES, callback }).catch(reject)
  })
  return events
}

const READERS: Readonly<Record<string, Read>> = { range, consumer, fold }

process.on('disconnect', () => process.exit(0))

const [, , nats_url = '', name = ''] = process.argv
const nc = await connect({ servers: nats_url.split(','), name: 'jetledger-bench-reader', reconnect: false })
const read = READERS[name]
if (read === undefined) throw new Error(`there is no reader ${name}`)
const { state } = await (await jetstreamManager(nc)).streams.info(LEDGER_STREAM)
const began_ms = performance.now()
const before = process.cpuUsage()
const events = await read(nc, state.last_seq)
const { user, system } = process.cpuUsage(before)
const report: ReadReport = {
  tag: 'read',
  events,
  took_ms: performance.now() - began_ms,
  cpu_ms: (user + system) / US_PER_MS,
}
process.send?.(report, () => process.exit(0))
