/** Sends the fuzzer's inputs, and checks the answers. */

import type { createReferee } from '../../support/openapi-arbitrary.js'
import { objectionToHttp } from '../judge.js'
import { codeOf, type HostileLedger, objectionTo, WRITER } from '../ledger.js'
import { type FuzzInput, LOUD, WAITING_SEQ } from './arbitrary.js'
import type { Worth } from './json-text.js'

type Referee = ReturnType<typeof createReferee>

/** The error codes that a valid request may get. */
const REFUSALS = ['INSUFFICIENT_FUNDS', 'BALANCE_LIMIT', 'TRANSACTION_ID_REUSED', 'CONFLICT']
/** The error codes that no request may get, because the ledger is healthy. */
const NEVER = ['TIMEOUT', 'OUTCOME_UNKNOWN', 'BUSY', 'STREAM_FULL']

/**
 * True when a text may name a customer that may be parked; an escaped character may hide the name. Nothing is called unknown
 * in an explanation while anybody is parked.
 */
const mayBeParked = (text: string): boolean =>
  text.includes(LOUD) || text.includes('\\u00') || /explain/.test(text)

const isAllowed = (worth: Worth, code: string, about: string): boolean => {
  if (code === 'UNAVAILABLE') return mayBeParked(about)
  switch (worth) {
    case 'good':
      return code === '' || REFUSALS.includes(code)
    case 'bad':
      return code === 'INVALID_REQUEST'
    case 'any':
      return !NEVER.includes(code)
  }
}

/** The number of answers of each kind: a run with one kind only would prove little. */
export type Seen = Map<string, number>

const see = (seen: Seen, what: string): void => {
  seen.set(what, (seen.get(what) ?? 0) + 1)
}

type Of<Via extends FuzzInput['via']> = Extract<FuzzInput, { readonly via: Via }>

const sendRequest = async (
  { ask }: HostileLedger,
  seen: Seen,
  input: Of<'request'>,
): Promise<string | undefined> => {
  const { subject, body, header, worth } = input
  const answer = await ask(subject, body, header === undefined ? undefined : Buffer.from(header, 'latin1'))
  const objection = objectionTo(answer)
  if (answer === undefined || objection !== undefined) return objection
  if (answer.header.startsWith('NATS/1.0 503')) return 'nobody serves it'
  const code = codeOf(answer)
  see(seen, `${worth} request: ${code || 'a success'}`)
  return isAllowed(worth, code, `${subject} ${body}`)
    ? undefined
    : `${code || 'a success'} for what is ${worth}: ${answer.body.toString().slice(0, 300)}`
}

const FUTURE = /"schema"\s*:\s*99\b/
const waiting = new WeakMap<HostileLedger, Map<string, number[]>>()

/** The sequences of the events at which a customer may wait, oldest first. */
const waitingOf = (ledger: HostileLedger, token: string): number[] => {
  const all = waiting.get(ledger) ?? new Map<string, number[]>()
  waiting.set(ledger, all)
  const own = all.get(token) ?? []
  all.set(token, own)
  return own
}

const decided = (ledger: HostileLedger, token: string, body: string): string => {
  const [seq] = waitingOf(ledger, token)
  if (seq === undefined || !body.includes(WAITING_SEQ)) return body
  waitingOf(ledger, token).shift()
  return body.replace(WAITING_SEQ, String(seq))
}

const sendEvent = async (
  ledger: HostileLedger,
  seen: Seen,
  input: Of<'event'>,
): Promise<string | undefined> => {
  const { token, header } = input
  const body = decided(ledger, token, input.body)
  const bytes = header === undefined ? undefined : Buffer.from(header, 'latin1')
  const answer = await ledger.ask(`customer.balance.${token}`, body, bytes)
  if (answer === undefined) return 'JetStream does not acknowledge it'
  const seq = Number(/"seq":(\d+)/.exec(answer.body.toString())?.[1])
  if (seq > 0 && FUTURE.test(body)) waitingOf(ledger, token).push(seq)
  if (body !== input.body) see(seen, 'event: a decision')
  see(seen, answer.body.includes('"error"') ? 'event: refused by the server' : 'event: stored')
  return undefined
}

const WITH_TOKEN = `Authorization: Bearer ${WRITER}`

const sendHttp = async (
  { askHttp }: HostileLedger,
  referee: Referee,
  seen: Seen,
  input: Of<'http'>,
): Promise<string | undefined> => {
  const { method, target, headers, body, documented } = input
  const answer = await askHttp({
    method,
    target,
    headers: [WITH_TOKEN, ...headers],
    ...(body === undefined ? {} : { body }),
  })
  if (answer === undefined) return 'no answer'
  const { status, text } = answer
  see(seen, `HTTP: ${status}`)
  // an answer to HEAD has no body to check
  const objection = method === 'HEAD' ? undefined : objectionToHttp(answer)
  if (objection !== undefined || status === 500) return objection ?? '500'
  const about = `${target} ${body ?? ''}`
  // a request for a short time-out may get a 504
  if (status === 504 && !target.includes('timeout=')) return `504: ${text}`
  if (status === 503 && !mayBeParked(about)) return `503: ${text}`
  return documented === undefined
    ? undefined
    : referee(documented, status, answer.headers['content-type'] ?? '', text)
}

/** Sends one input. Returns a text about a wrong answer; undefined when the answer is allowed. */
export const sendInput = async (
  ledger: HostileLedger,
  referee: Referee,
  seen: Seen,
  input: FuzzInput,
): Promise<string | undefined> => {
  switch (input.via) {
    case 'request':
      return sendRequest(ledger, seen, input)
    case 'event':
      return sendEvent(ledger, seen, input)
    case 'http':
      return sendHttp(ledger, referee, seen, input)
    case 'deputy':
      ledger.raw.publish(input)
      return undefined
  }
}
