/** Decides from an answer whether a client goes on asking. The checker judges answers on its own, without this file. */

import { E } from '../../fp.js'
import { isJsonObject, readJson } from '../../json.js'
import { accountOf } from './account.js'
import type { CallResult } from './ask.js'
import type { Memory } from './memory.js'

/** `done`: the answer is final; `nothing`: this attempt stored nothing; `unknown`: the write may be stored. */
export type WriteVerdict = 'done' | 'nothing' | 'unknown'

const ERROR_CODE = 'Nats-Service-Error'
const FOR_GOOD = [
  ...['INSUFFICIENT_FUNDS', 'BALANCE_LIMIT', 'TRANSACTION_ID_REUSED', 'INVALID_REQUEST'],
  ...['HOLD_EXISTS', 'HOLD_NOT_OPEN', 'HOLD_EXCEEDED', 'LIMIT_REACHED', 'ACCOUNT_RESTRICTED', 'NOT_EMPTY'],
  // a transaction that is not found may come later, but nobody waits for it
  ...['NOT_FOUND', 'NOT_REVERSIBLE', 'ALREADY_REVERSED', 'REVERSAL_EXCEEDED'],
]
const NOTHING = ['UNAVAILABLE', 'BUSY', 'CONFLICT', 'STREAM_FULL']

const verdictOfCode = (code: string): WriteVerdict => {
  if (FOR_GOOD.includes(code)) return 'done'
  return NOTHING.includes(code) ? 'nothing' : 'unknown'
}

const parsed = (body: string): Readonly<Record<string, unknown>> => {
  const read = readJson(body)
  return E.isRight(read) && isJsonObject(read.right) ? read.right : {}
}

const verdictOfResult = (result: unknown): WriteVerdict => {
  if (!isJsonObject(result)) return 'unknown'
  if (result.error === undefined) return 'done'
  return isJsonObject(result.error) && typeof result.error.code === 'string'
    ? verdictOfCode(result.error.code)
    : 'unknown'
}

/** The verdict of one answer on a write. */
export const verdictOf = (result: CallResult): WriteVerdict => {
  if (result.tag === 'failure') return result.reason === 'no responders' ? 'nothing' : 'unknown'
  const code = result.headers[ERROR_CODE]
  if (code !== undefined) return verdictOfCode(code)
  const body = parsed(result.body)
  // JetStream itself answered; its error does not tell whether another server still stores the message
  if (body.error !== undefined) return 'unknown'
  if (!Array.isArray(body.results)) return 'done'
  const verdicts = body.results.map(verdictOfResult)
  if (verdicts.includes('unknown')) return 'unknown'
  return verdicts.includes('nothing') ? 'nothing' : 'done'
}

/** True when an answer of `customer.transaction` is final. */
export const isSettled = (result: CallResult): boolean =>
  result.tag === 'answer' && ['committed', 'declined'].includes(String(parsed(result.body).status))

const rememberState = (memory: Memory, state: unknown): void => {
  if (!isJsonObject(state)) return
  const { client_id, asset, version, seq } = state
  if (typeof client_id !== 'string' || typeof version !== 'number' || typeof seq !== 'number') return
  memory.learnState(accountOf(client_id, asset), { version, seq })
}

/** Remembers the states of customers in the answer to a command. */
export const remember = (memory: Memory, result: CallResult): void => {
  if (result.tag === 'failure') return
  const body = parsed(result.body)
  for (const one of Array.isArray(body.results) ? body.results : [body]) {
    if (!isJsonObject(one)) continue
    for (const state of [one, one.from, one.to]) rememberState(memory, state)
  }
}
