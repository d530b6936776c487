/** What a client makes of an answer: whether to go on asking. The checker judges answers by itself. */

import { E } from '../../fp.js'
import { isJsonObject, readJson } from '../../json.js'
import type { Heard } from './ask.js'
import type { Memory } from './memory.js'

/** `done`: there is an answer that stays; `nothing`: nothing was stored this time; `unknown`: it may be stored. */
export type Verdict = 'done' | 'nothing' | 'unknown'

const ERROR_CODE = 'Nats-Service-Error'
const FOR_GOOD = ['INSUFFICIENT_FUNDS', 'BALANCE_LIMIT', 'TRANSACTION_ID_REUSED', 'INVALID_REQUEST']
const NOTHING = ['UNAVAILABLE', 'BUSY', 'CONFLICT', 'STREAM_FULL']

const verdictOfCode = (code: string): Verdict => {
  if (FOR_GOOD.includes(code)) return 'done'
  return NOTHING.includes(code) ? 'nothing' : 'unknown'
}

const parsed = (body: string): Readonly<Record<string, unknown>> => {
  const read = readJson(body)
  return E.isRight(read) && isJsonObject(read.right) ? read.right : {}
}

const verdictOfResult = (result: unknown): Verdict => {
  if (!isJsonObject(result)) return 'unknown'
  if (result.error === undefined) return 'done'
  return isJsonObject(result.error) && typeof result.error.code === 'string'
    ? verdictOfCode(result.error.code)
    : 'unknown'
}

/** What became of a write, as far as this answer says. */
export const verdictOf = (heard: Heard): Verdict => {
  if (heard.tag === 'failure') return heard.reason === 'no responders' ? 'nothing' : 'unknown'
  const code = heard.headers[ERROR_CODE]
  if (code !== undefined) return verdictOfCode(code)
  const body = parsed(heard.body)
  // JetStream itself answered, whose errors say nothing of what other servers may do with the message
  if (body.error !== undefined) return 'unknown'
  if (!Array.isArray(body.results)) return 'done'
  const verdicts = body.results.map(verdictOfResult)
  if (verdicts.includes('unknown')) return 'unknown'
  return verdicts.includes('nothing') ? 'nothing' : 'done'
}

/** Whether `customer.transaction` has said for good what became of a command. */
export const isSettled = (heard: Heard): boolean =>
  heard.tag === 'answer' && ['committed', 'declined'].includes(String(parsed(heard.body).status))

const rememberState = (memory: Memory, state: unknown): void => {
  if (!isJsonObject(state)) return
  const { client_id, version, seq } = state
  if (typeof client_id === 'string' && typeof version === 'number' && typeof seq === 'number')
    memory.tell(client_id, { version, seq })
}

/** Keeps the states of customers that the answer to a command tells of. */
export const remember = (memory: Memory, heard: Heard): void => {
  if (heard.tag === 'failure') return
  const body = parsed(heard.body)
  for (const one of Array.isArray(body.results) ? body.results : [body]) {
    if (!isJsonObject(one)) continue
    for (const state of [one, one.from, one.to]) rememberState(memory, state)
  }
}
