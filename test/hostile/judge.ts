/** Compares outcomes with the documentation. Each function returns a text about the difference, or undefined. */

import { CATALOGUE } from '../../src/service/catalogue.js'
import type { EventOutcome, ExpectedAnswer, HttpAnswer } from './inputs.js'
import { codeOf, objectionTo } from './ledger.js'
import type { RawAnswer } from './raw-http.js'
import type { RawMessage } from './raw-nats.js'

const SHOWN_CHARS_MAX = 300

const lacks = (text: string, holds: readonly string[]): string | undefined => {
  const missing = holds.filter(part => !text.includes(part))
  return missing.length === 0
    ? undefined
    : `${missing.join(' and ')} not in: ${text.slice(0, SHOWN_CHARS_MAX)}`
}

const isNobody = ({ header }: RawMessage): boolean => header.startsWith('NATS/1.0 503')

/** The kind of an answer: `done`, `nobody`, or the code of its error. */
const kindOf = (message: RawMessage): string => (isNobody(message) ? 'nobody' : codeOf(message) || 'done')

const kindsOf = (gives: ExpectedAnswer): readonly string[] => {
  switch (gives.tag) {
    case 'error':
      return [gives.code]
    case 'either':
      return ['done', ...gives.codes]
    default:
      return [gives.tag]
  }
}

/** Judges an answer over NATS. */
export const judgeAnswer = (gives: ExpectedAnswer, message: RawMessage | undefined): string | undefined => {
  const objection = objectionTo(message)
  if (message === undefined || objection !== undefined) return objection
  const [kind, text] = [kindOf(message), message.body.toString()]
  if (!kindsOf(gives).includes(kind)) return `got ${kind}: ${text.slice(0, SHOWN_CHARS_MAX)}`
  return 'holds' in gives ? lacks(`${text}\n${message.header}`, gives.holds) : undefined
}

type Problem = { readonly code?: string; readonly status?: number }

/** Checks the rules that hold for every answer over HTTP, for any request. */
export const objectionToHttp = (answer: RawAnswer | undefined): string | undefined => {
  if (answer === undefined) return 'no answer'
  const { status, headers, text } = answer
  const shown = `${status}: ${text.slice(0, SHOWN_CHARS_MAX)}`
  if (status === 500) return shown
  if (status < 400) return undefined
  if (!headers['content-type']?.startsWith('application/problem+json')) return `no problem+json: ${shown}`
  const problem = JSON.parse(text) as Problem
  const entry = Object.entries(CATALOGUE).find(([name]) => name === problem.code)?.[1]
  if (entry === undefined) return `an unknown code: ${shown}`
  return entry.http_status === status && problem.status === status ? undefined : `another status: ${shown}`
}

/** Judges an answer over HTTP. */
export const judgeHttp = (gives: HttpAnswer, answer: RawAnswer | undefined): string | undefined => {
  const objection = objectionToHttp(answer)
  if (answer === undefined || objection !== undefined) return objection
  const { status, text } = answer
  const code = status < 400 ? undefined : (JSON.parse(text) as Problem).code
  const isExpected =
    [gives.status].flat().includes(status) && (gives.code === undefined || gives.code === code)
  return isExpected ? lacks(text, gives.holds ?? []) : `got ${status}: ${text.slice(0, SHOWN_CHARS_MAX)}`
}

/** The fate of an event: its acknowledgement, and the ledger's answers after it was handled. */
export type Fate = {
  /** Undefined when the server refused it. */
  readonly seq: number | undefined
  readonly acknowledgement: string
  readonly reason: string | undefined
  readonly balance: string
  readonly isParked: boolean
}

const outcomeOf = ({ seq, reason, balance, isParked }: Fate): string => {
  if (seq === undefined) return 'refused'
  if (isParked) return `parked ${reason ?? ''}`.trim()
  return `${reason ?? 'applied'} ${balance}`
}

const outcomesOf = (gives: EventOutcome): readonly string[] => {
  switch (gives.tag) {
    case 'applied':
      return [`applied ${gives.balance}`]
    case 'letter':
      return [`${gives.reason} ${gives.balance}`]
    case 'applied or refused':
      return ['applied 1', 'refused']
    default:
      return [gives.tag]
  }
}

/** Judges an event by its fate. */
export const judgeEvent = (gives: EventOutcome, fate: Fate): string | undefined => {
  const [wanted, got] = [outcomesOf(gives), outcomeOf(fate)]
  return wanted.includes(got)
    ? undefined
    : `${got} instead of ${wanted.join(' or ')}; ${fate.acknowledgement}`
}
