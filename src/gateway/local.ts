/**
 * Asks the roles of this same process, without NATS between: a gateway that has the commands or the queries beside it
 * gives them most of its requests (docs/adr/0047).
 *
 * They serve such a request as if it had come over NATS: within the same limits, counted in the same STATS.
 */

import { errors, headers, Match, type MsgHdrs } from 'nats'
import type { LocalRequest } from '../service/endpoint.js'

/** The endpoints of this process. `take` is false for a subject that none of them serves. */
export type Local = { readonly take: (request: LocalRequest) => boolean }

/** An answer of the service, from another process or from this one. */
export type Answer = {
  readonly body: Uint8Array | string
  /** The first value of a header; undefined when it is not there. */
  readonly header: (name: string) => string | undefined
}

const LINE_END = '\r\n'

/** The header lines of a request as the service reads them; undefined when there are none. */
const headersOf = (lines: string): MsgHdrs | undefined => {
  if (lines === '') return undefined
  const found = headers()
  for (const line of lines.split(LINE_END)) {
    const colon = line.indexOf(':')
    if (colon > 0) found.append(line.slice(0, colon), line.slice(colon + 1).trim(), Match.Exact)
  }
  return found
}

/** The first value of `name` among header lines, as `headerLines` writes them. */
const valueIn = (lines: string, name: string): string | undefined => {
  const line = `${LINE_END}${name}: `
  const at = lines.startsWith(line.slice(LINE_END.length)) ? -LINE_END.length : lines.indexOf(line)
  if (at === -1) return undefined
  const from = at + line.length
  const end = lines.indexOf(LINE_END, from)
  return lines.slice(from, end === -1 ? undefined : end)
}

/**
 * Gives answers together, after everything that was received with their requests is read. An answer by itself is written to
 * its client at once and wakes it, which costs more than the rest of the request; answers that are written one after the
 * other find their clients awake.
 */
const createTogether = () => {
  let waiting: (() => void)[] = []
  const giveAll = (): void => {
    const now = waiting
    waiting = []
    for (const give of now) give()
  }
  return (give: () => void): void => {
    if (waiting.push(give) === 1) setImmediate(giveAll)
  }
}

const together = createTogether()

/**
 * Asks this process. The promise rejects with the client's `TimeoutError` after `timeout_ms`; undefined when no role of
 * this process serves the subject, and then nothing was done.
 */
export const askLocal = (
  local: Local,
  { subject, body, lines = '' }: { readonly subject: string; readonly body: string; readonly lines?: string },
  timeout_ms: number,
): Promise<Answer> | undefined => {
  let finish: (answer: Answer) => void = () => undefined
  let fail: (error: Error) => void = () => undefined
  const answer = new Promise<Answer>((resolve, reject) => {
    finish = resolve
    fail = reject
  })
  let timer: NodeJS.Timeout | undefined
  let is_answered = false
  const is_taken = local.take({
    subject,
    body: Buffer.from(body),
    headers: headersOf(lines),
    onAnswer: (reply, reply_lines) => {
      is_answered = true
      clearTimeout(timer)
      together(() =>
        finish({
          body: reply,
          header: name => (reply_lines === '' ? undefined : valueIn(reply_lines, name)),
        }),
      )
    },
  })
  if (!is_taken) return undefined
  // a balance from memory is there already, and a timer for each costs as much as to find it
  if (!is_answered) timer = setTimeout(() => fail(new errors.TimeoutError()), timeout_ms)
  return answer
}
