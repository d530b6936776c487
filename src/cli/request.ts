/**
 * `jetledger request`: sends one NATS request and prints the reply as `nats req --raw` does, but with control
 * characters escaped.
 */

import type { Command } from 'commander'
import { errors, type Msg } from 'nats'
import { Failure, NO_ANSWER_CODE } from '../process/failure.js'
import { printJson, printText } from '../process/output.js'
import { requestUnrefused } from '../service/refusals.js'
import { withNats } from './command.js'
import { count } from './options.js'

type RequestOptions = { readonly timeout?: number; readonly json?: true }

const TIMEOUT_MS = 5_000

const headersOf = ({ headers }: Msg): Record<string, string> =>
  Object.fromEntries((headers?.keys() ?? []).map(name => [name, headers?.get(name) ?? '']))

const explain = (subject: string, timeout_ms: number, cause: unknown): Failure => {
  if (cause instanceof errors.RequestError && cause.isNoResponders()) {
    const message = `nobody answers on ${subject}: is the ledger running?`
    return new Failure(message, { cause, exit_code: NO_ANSWER_CODE })
  }
  const late = cause instanceof errors.TimeoutError
  if (late)
    return new Failure(`no answer on ${subject} within ${timeout_ms} ms`, {
      cause,
      exit_code: NO_ANSWER_CODE,
    })
  return new Failure(cause instanceof Error ? cause.message : String(cause), { cause })
}

/**
 * Sends one request, prints the reply and returns it. A service error is printed too, and then thrown as a `Failure`.
 */
const sendRequest = (
  subject: string,
  body: string,
  { timeout = TIMEOUT_MS, json }: RequestOptions,
): Promise<string> =>
  withNats(async ({ nc }) => {
    let reply: Msg
    try {
      reply = await requestUnrefused(nc, subject, body, { timeout })
    } catch (cause) {
      throw explain(subject, timeout, cause)
    }
    if (json) printJson({ headers: headersOf(reply), body: reply.string() })
    else printText(reply.string())
    const code = reply.headers?.get('Nats-Service-Error-Code')
    if (code) throw new Failure(`service error ${code}: ${reply.headers?.get('Nats-Service-Error')}`)
    return reply.string()
  })

export const requestCommand = (program: Command): void => {
  program
    .command('request <subject> <body>')
    .description(`send one request and print the reply, e.g. request customer.balance '{"client_id":"678"}'`)
    .option('--timeout <ms>', 'how long to wait for the reply', count, TIMEOUT_MS)
    .option('--json', 'print headers and body as JSON')
    .action(async (subject: string, body: string, options: RequestOptions) => {
      await sendRequest(subject, body, options)
    })
}
