/** Starts a ledger as the target of hostile inputs: the built program with all its roles, and raw connections to it. */

import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
// the tests read their messages back with the client, which would throw at the headers of the corpus without this import
import '../../src/headers.js'
import { CATALOGUE } from '../../src/service/catalogue.js'
import { type Dev, openWorkbench, type Workbench } from '../support/program.js'
import { until } from '../support/servers.js'
import type { Known } from './inputs.js'
import { askRaw, type RawAnswer, type RawRequest, requestBytes } from './raw-http.js'
import { connectRaw, type RawMessage, type RawNats } from './raw-nats.js'

export const WRITER = 'writer-of-this-test'
export const READER = 'reader-of-this-test'
/** The time limit of an answer: the longest deadline of an endpoint is 10 s. */
const ANSWER_MS_MAX = 15_000
const CAUGHT_UP_MS_MAX = 60_000

export type HostileLedger = {
  readonly bench: Workbench
  readonly dev: Dev
  readonly raw: RawNats
  /** The URL of the HTTP gateway. */
  readonly url: string
  readonly ask: (
    subject: string,
    body?: string | Uint8Array,
    header?: string | Uint8Array,
  ) => Promise<RawMessage | undefined>
  readonly askHttp: (request: RawRequest) => Promise<RawAnswer | undefined>
  /** Waits until the projection has handled all events that the stream holds now. */
  readonly untilCaughtUp: (deadline_ms?: number) => Promise<void>
  readonly stop: () => Promise<void>
}

const tokensFile = (folder: string): string => {
  const path = join(folder, 'tokens.json')
  const entry = (name: string, token: string, scopes: readonly string[]) => ({
    name,
    sha256: createHash('sha256').update(token).digest('hex'),
    scopes,
  })
  const tokens = [entry('reader', READER, ['read']), entry('writer', WRITER, ['read', 'write'])]
  writeFileSync(path, JSON.stringify({ tokens }))
  return path
}

/** Asks JetStream's API and returns the sequence that `pattern` finds in the answer. */
const askSeq = async (raw: RawNats, subject: string, pattern: RegExp): Promise<number> => {
  const answer = await raw.request({ subject }, ANSWER_MS_MAX)
  const [, seq] = pattern.exec(answer?.body.toString() ?? '') ?? []
  if (seq === undefined) throw new Error(`${subject} answers ${answer?.body.toString() ?? 'nothing'}`)
  return Number(seq)
}

/** The last sequence of the ledger's stream. */
const lastSeq = (raw: RawNats): Promise<number> =>
  askSeq(raw, '$JS.API.STREAM.INFO.customer-balances', /"last_seq":(\d+)/)

/** The sequence up to which the projection has handled every event. */
const handledSeq = (raw: RawNats): Promise<number> =>
  askSeq(
    raw,
    '$JS.API.CONSUMER.INFO.customer-balances.ledger',
    /"ack_floor":\{"consumer_seq":\d+,"stream_seq":(\d+)/,
  )

const caughtUp = async (raw: RawNats, deadline_ms: number): Promise<void> => {
  const seq = await lastSeq(raw)
  await until(async () => (await handledSeq(raw)) >= seq, {
    deadline_ms,
    what: `the projection to handle sequence ${seq}`,
  })
}

/** Starts the ledger in a folder of its own: no other test can use a ledger that got hostile events. */
export const startHostileLedger = async (answer_ms_max = ANSWER_MS_MAX): Promise<HostileLedger> => {
  const bench = openWorkbench()
  try {
    const env = { HTTP_TOKENS_FILE: tokensFile(bench.folder), HTTP_RATE_LIMIT: '0', LOG_LEVEL: 'warn' }
    const dev = await bench.devWith(env)
    const raw = await connectRaw(dev.nats_url)
    bench.atEnd(() => raw.close())
    const { origin, host } = new URL(dev.health_url)
    return {
      bench,
      dev,
      raw,
      url: origin,
      ask: (subject, body = '', header) =>
        raw.request({ subject, body, ...(header === undefined ? {} : { header }) }, answer_ms_max),
      askHttp: request => askRaw(origin, requestBytes(host, request), answer_ms_max),
      untilCaughtUp: (deadline_ms = CAUGHT_UP_MS_MAX) => caughtUp(raw, deadline_ms),
      stop: bench.end,
    }
  } catch (error) {
    await bench.end()
    throw error
  }
}

/** The code of a service error; '' for a success. */
export const codeOf = ({ header }: RawMessage): string =>
  /^Nats-Service-Error: (.*)$/m.exec(header)?.[1]?.trim() ?? ''

/** Checks the rules of docs/errors.md that hold for every answer. Returns a text about a difference, or undefined. */
export const objectionTo = (message: RawMessage | undefined): string | undefined => {
  if (message === undefined) return 'no answer in time'
  const code = codeOf(message)
  const status = /^Nats-Service-Error-Code: (\d+)/m.exec(message.header)?.[1]
  if (code === '') return status === undefined ? undefined : `the status ${status} without a code`
  const entry = Object.entries(CATALOGUE).find(([name]) => name === code)?.[1]
  if (code === 'INTERNAL_ERROR' || entry === undefined)
    return `the error ${code}: ${message.body.toString().slice(0, 300)}`
  return String(entry.status) === status ? undefined : `the status ${status} for ${code}`
}

const cursorFrom = async ({ ask }: HostileLedger, subject: string, body: string): Promise<string> => {
  const cursor = /"cursor":"([^"]+)"/.exec((await ask(subject, body))?.body.toString() ?? '')?.[1]
  if (cursor === undefined) throw new Error(`${subject} gives no cursor`)
  return cursor
}

/** Collects the facts that a caller can learn about the ledger beforehand. */
export const learn = async (ledger: HostileLedger): Promise<Known> => {
  // a statement of two events has a second page
  await ledger.ask('customer.credit', '{"client_id":"1","amount":1}')
  await ledger.untilCaughtUp()
  return {
    cursors: {
      list: await cursorFrom(ledger, 'customer.list', '{"limit":1}'),
      ranking: await cursorFrom(ledger, 'customer.ranking', '{"limit":1}'),
      statement: await cursorFrom(ledger, 'customer.statement', '{"client_id":"1","limit":1}'),
    },
    next_seq: (await lastSeq(ledger.raw)) + 1,
  }
}
