/**
 * The rules of an account as one text: what a customer's item in a table keeps, and what the digest is made of.
 *
 * The first line is `<time> <limit> <state> <until> <reason as JSON>`, `-` for what is absent. Each further line is a hold:
 * `<id> <amount> <expires>`. Amounts and times of holds are to the base of 36, so that 256 holds with the longest ids stay
 * below 40 KB.
 */

import { sha256Hex } from '../digest.js'
import { E } from '../fp.js'
import { readJson } from '../json.js'
import { INT64_MAX } from './amount.js'
import { isToken, TRANSACTION_ID_CHARS_MAX } from './event-body.js'
import { type AccountRules, HOLDS_MAX, type Hold, RESTRICTED_STATES, type Restriction } from './rules.js'

const RADIX = 36
const NONE = '-'

/** A hold never changes, and an account with many of them writes all of them with each event. */
const lines = new WeakMap<Hold, string>()

const lineOf = (hold: Hold): string => {
  const known = lines.get(hold)
  if (known !== undefined) return known
  const { id, amount, expires_ms } = hold
  const line = `\n${id} ${amount.toString(RADIX)} ${expires_ms.toString(RADIX)}`
  lines.set(hold, line)
  return line
}

/** The rules as text. Equal rules have equal texts. */
export const rulesText = ({ time_ms, limit, restriction, holds }: AccountRules): string => {
  const { state = NONE, until_ms = NONE, reason } = restriction ?? {}
  let text = `${time_ms} ${limit} ${state} ${until_ms} ${reason === undefined ? NONE : JSON.stringify(reason)}`
  for (const hold of holds) text += lineOf(hold)
  return text
}

// s: JSON leaves some ends of lines, such as U+2028, as they are
const FIRST_LINE = /^(\d{1,15}) (\d{1,19}) (\S+) (-|\d{1,15}) (-|".*")$/s
const DIGITS = /^[0-9a-z]{1,13}$/

const wholeOf = (digits: string): bigint => {
  let value = 0n
  for (const digit of digits) value = value * BigInt(RADIX) + BigInt(Number.parseInt(digit, RADIX))
  return value
}

const holdOf = (line: string): Hold | undefined => {
  const [id, amount = '', expires = '', ...more] = line.split(' ')
  if (!isToken(id, TRANSACTION_ID_CHARS_MAX) || more.length > 0) return undefined
  if (!DIGITS.test(amount) || !DIGITS.test(expires)) return undefined
  const hold = { id, amount: wholeOf(amount), expires_ms: Number(wholeOf(expires)) }
  return hold.amount >= 1n && hold.amount <= INT64_MAX && Number.isSafeInteger(hold.expires_ms)
    ? hold
    : undefined
}

const reasonOf = (json: string): string | undefined => {
  const reason = readJson(json)
  return E.isRight(reason) && typeof reason.right === 'string' ? reason.right : undefined
}

/** The restriction in the first line; null when there is none, undefined when it cannot be read. */
const restrictionOf = (text: string, until: string, json: string): Restriction | null | undefined => {
  if (text === NONE) return until === NONE && json === NONE ? null : undefined
  const state = RESTRICTED_STATES.find(known => known === text)
  const reason = reasonOf(json)
  if (state === undefined || reason === undefined) return undefined
  return { state, reason, ...(until === NONE ? {} : { until_ms: Number(until) }) }
}

/** Reads rules back from their text; undefined for any text that `rulesText` does not give. */
export const readRules = (text: string): AccountRules | undefined => {
  const [first = '', ...lines] = text.split('\n')
  const [, time = '', limit = '', state = '', until = '', reason = ''] = FIRST_LINE.exec(first) ?? []
  const restriction = restrictionOf(state, until, reason)
  if (restriction === undefined || lines.length > HOLDS_MAX) return undefined
  const holds: Hold[] = []
  let held = 0n
  for (const line of lines) {
    const hold = holdOf(line)
    if (hold === undefined) return undefined
    holds.push(hold)
    held += hold.amount
  }
  const rules: AccountRules = {
    time_ms: Number(time),
    holds,
    held,
    limit: BigInt(limit),
    ...(restriction === null ? {} : { restriction }),
  }
  return rulesText(rules) === text ? rules : undefined
}

const DIGEST_HEX_CHARS = 16

/** Rules never change, so each digest is made once. */
const digests = new WeakMap<AccountRules, string>()

/**
 * 64 bits of the SHA-256 of an account's rules, as hexadecimal; undefined for a plain account. An event states it beside
 * the balance, so that a customer's item, whose rules anybody who may write to the table could have changed, is believed
 * only when the stream says the same (stream/proof.ts).
 */
export const rulesDigest = (rules: AccountRules | undefined): string | undefined => {
  if (rules === undefined) return undefined
  const known = digests.get(rules)
  if (known !== undefined) return known
  const digest = sha256Hex(rulesText(rules), DIGEST_HEX_CHARS)
  digests.set(rules, digest)
  return digest
}
