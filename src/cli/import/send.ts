/**
 * Sends rows as `customer.batch`, each command by itself, until the outcome of every one is final. A row that is sent again has
 * the same transaction id, so it has one effect.
 */

import type { NatsConnection } from 'nats'
import { type BackOff, pause } from '../../back-off.js'
import { E, t } from '../../fp.js'
import { ask, type Question } from '../../gateway/ask.js'
import { describeErrors, fieldsOf } from '../../ledger/codec.js'
import { Failure, NO_ANSWER_CODE } from '../../process/failure.js'
import { tell } from '../../process/output.js'
import { CATALOGUE, type ErrorCode } from '../../service/catalogue.js'
import type { CommandRow, Reject } from './rows.js'

/** The final outcome of a row that was sent. `known`: an earlier try had carried it out. */
export type Sent = { readonly tag: 'done' | 'known' } | { readonly tag: 'refused'; readonly reject: Reject }

export type Sender = {
  /** Sends rows in their order, as many at once as a request may hold. Throws `Failure` when the ledger does not take them. */
  readonly send: (rows: readonly CommandRow[], onSent: (sent: readonly Sent[]) => void) => Promise<void>
}

const SUBJECT = 'customer.batch'
const BATCH_COMMANDS_MAX = 1_000
/** What a request needs beside its commands, and what the service counts for one result. */
const FRAME_BYTES = 1_024
const RESULT_BYTES = 900
/** The payload of a server that does not say its limit. */
const PAYLOAD_BYTES = 1_048_576

/** The longest time for one request; after it the batch is sent again. */
const TRY_MS_MAX = 30_000
const BETWEEN_TRIES: BackOff = { first_ms: 100, max_ms: 5_000 }

const ResultError = fieldsOf({ code: t.string }, { message: t.string })
const Result = fieldsOf({}, { replayed: t.boolean, error: ResultError })
const Results = fieldsOf({ results: t.array(Result) })
type Result = t.TypeOf<typeof Result>

/** Why a row is not settled: the code and the text of the service. */
type Why = { readonly code: string; readonly message?: string | undefined }

const whyText = ({ code, message }: Why): string => (message === undefined ? code : `${code}: ${message}`)

const isCode = (text: string): text is ErrorCode => Object.hasOwn(CATALOGUE, text)

/** Whether an error passes, so that the row is sent again. Of a full stream an operator can raise the limit meanwhile. */
const isPassing = (code: string): boolean => code === 'STREAM_FULL' || (isCode(code) && CATALOGUE[code].retry)

const sentOf = ({ row, original }: CommandRow, { error, replayed }: Result): Sent => {
  if (error === undefined) return { tag: replayed === true ? 'known' : 'done' }
  const { code, message = isCode(code) ? CATALOGUE[code].message : code } = error
  return { tag: 'refused', reject: { row, original, code, message } }
}

const HOW_TO_GO_ON = 'The same import again goes on, and no row has a second effect.'

/** The problems of a whole request that no other try solves. */
const HOPELESS: ReadonlySet<ErrorCode> = new Set(['FORBIDDEN', 'INVALID_REQUEST', 'PAYLOAD_TOO_LARGE'])

/** The reasons that tell nothing about the rows: nobody answered, or nobody could. */
const NO_ANSWER: ReadonlySet<string> = new Set(['OUTCOME_UNKNOWN', 'TIMEOUT', 'UNAVAILABLE'])

const gaveUp = (why: Why, timeout_ms: number): Failure =>
  new Failure(`no row was settled for ${timeout_ms} ms (${whyText(why)}). ${HOW_TO_GO_ON}`, {
    exit_code: NO_ANSWER.has(why.code) ? NO_ANSWER_CODE : 1,
  })

const bytesOf = ({ json }: CommandRow): number => Buffer.byteLength(json) + 1

/** The number of rows, the first ones, that one request can hold; at least one. */
const countFor = (rows: readonly CommandRow[], max_payload: number): number => {
  const rows_max = Math.min(BATCH_COMMANDS_MAX, Math.max(1, Math.floor(max_payload / RESULT_BYTES)))
  let bytes = FRAME_BYTES
  let count = 0
  for (const row of rows.slice(0, rows_max)) {
    bytes += bytesOf(row)
    if (bytes > max_payload && count > 0) break
    count += 1
  }
  return count
}

const questionFor = (rows: readonly CommandRow[], timeout_ms: number): Question => ({
  subject: SUBJECT,
  body: `{"mode":"each","commands":[${rows.map(({ json }) => json).join(',')}]}`,
  effect: 'write',
  check: body => {
    const decoded = Results.decode(body)
    if (E.isLeft(decoded)) return E.left(describeErrors(decoded.left))
    return decoded.right.results.length === rows.length
      ? decoded
      : E.left('the number of results is not that of the commands')
  },
  timeout_ms,
  // this connection publishes to no other subject, so a refusal of the server is about every request
  is_alone: true,
})

/** One try: the results of the rows, none of them when there was no answer, and why a row is not settled. */
type Tried = { readonly results: readonly Result[]; readonly why: Why | undefined }

const tryOnce = async (
  nc: NatsConnection,
  rows: readonly CommandRow[],
  timeout_ms: number,
): Promise<Tried> => {
  const answer = await ask({ nc }, questionFor(rows, timeout_ms))()
  if (E.isLeft(answer)) {
    const { code, detail: message, cause } = answer.left
    if (HOPELESS.has(code)) throw new Failure(`${whyText({ code, message })}. ${HOW_TO_GO_ON}`, { cause })
    return { results: [], why: { code, message } }
  }
  const { results } = answer.right.body as t.TypeOf<typeof Results>
  return { results, why: results.find(({ error }) => error !== undefined && isPassing(error.code))?.error }
}

/** Makes the sender of an import. It gives up when no row of a request was settled for `timeout_ms`. */
export const createSender = (nc: NatsConnection, timeout_ms: number): Sender => {
  const max_payload = nc.info?.max_payload ?? PAYLOAD_BYTES
  const { signal } = new AbortController()
  let is_waiting = false

  /** Waits before the next try, and says why once for each time of waiting, so that a person knows. */
  const wait = async (attempt: number, why: Why): Promise<void> => {
    if (!is_waiting) tell(`the ledger does not take all rows at the moment (${whyText(why)}): trying again`)
    is_waiting = true
    await pause(BETWEEN_TRIES, attempt, signal)
  }

  const sendBatch = async (rows: readonly CommandRow[], onSent: (sent: readonly Sent[]) => void) => {
    let open = rows
    let until_ms = performance.now() + timeout_ms
    for (let attempt = 1; ; attempt += 1) {
      const left_ms = Math.max(1, Math.ceil(until_ms - performance.now()))
      const { results, why } = await tryOnce(nc, open, Math.min(left_ms, TRY_MS_MAX))
      const isOpen = (at: number): boolean => {
        const result = results[at]
        return result === undefined || (result.error !== undefined && isPassing(result.error.code))
      }
      const settled = open.flatMap((row, at) => (isOpen(at) ? [] : [sentOf(row, results[at] ?? {})]))
      onSent(settled)
      open = open.filter((_, at) => isOpen(at))
      if (why === undefined) break
      if (settled.length > 0) until_ms = performance.now() + timeout_ms
      if (performance.now() >= until_ms) throw gaveUp(why, timeout_ms)
      await wait(attempt, why)
    }
    is_waiting = false
  }

  return {
    send: async (rows, onSent) => {
      for (let at = 0; at < rows.length; ) {
        const count = countFor(rows.slice(at, at + BATCH_COMMANDS_MAX), max_payload)
        await sendBatch(rows.slice(at, at + count), onSent)
        at += count
      }
    },
  }
}
