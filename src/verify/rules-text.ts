/**
 * The text of a customer's terms, as an item keeps it in its attribute `account_rules`, and the digest of it that an event states:
 * the form is written a second time here (docs/adr/0048).
 */

import { createHash } from 'node:crypto'
import type { Terms } from './account.js'

/**
 * The first line has the time, the limit, the state, its end and its reason as JSON. Each open hold has a line: the id,
 * what remains, and the end; both numbers are to the base of 36. A blank separates the parts, and `-` is for what is absent.
 */
export const rulesTextOf = ({ time_ms, limit, state, reason, until_ms, holds }: Terms): string => {
  const is_restricted = state !== 'active'
  const parts = [
    time_ms,
    limit,
    is_restricted ? state : '-',
    until_ms ?? '-',
    is_restricted ? JSON.stringify(reason) : '-',
  ]
  const lines = [...holds].map(([id, open]) => [id, open.amount.toString(36), open.expires_ms.toString(36)])
  return [parts, ...lines].map(line => line.join(' ')).join('\n')
}

/** The first 16 hexadecimal digits of the SHA-256 of the text; undefined for a customer without terms. */
export const digestOf = (terms: Terms | undefined): string | undefined =>
  terms && createHash('sha256').update(rulesTextOf(terms)).digest('hex').slice(0, 16)
